"""How each learner of the zoo that is no genome is made."""

import dataclasses

from blurax.outer.config import MetaTrain, Pairing
from blurax.outer.objective import Objective, When
from blurax.outer.recipes.recipe import REJECTING, Recipe
from blurax.outer.vary import Draw, Vary
from blurax.tasks import EpisodeSpec

LEARNERS: dict[str, Recipe] = {
    "per-parameter": Recipe(
        "the zoo's per-parameter: a tiny network in the place of an optimiser, learned on images, "
        "a table and toys",
        "half an hour on a busy core, half of it compiling: 93.6 % in validation after 50 steps",
        MetaTrain(
            learner="PerParameter",
            tasks=(
                "mnist:size=14+mnist:size=14,pattern=0.5",
                "digits",
                "clusters:features=20,classes=3",
                "checkerboard+spiral:arms=2,turns=1",
            ),
            hidden=("128-64", "64", "32-32", "32"),
            pairing=Pairing.IN_ORDER,
            episode=EpisodeSpec(steps=100, batch=128, query=256),
            objective=Objective(
                when=When.HORIZONS, horizons=(5, 10, 20, 50, 100), logarithm=True, floor=0.03
            ),
            optimiser=dataclasses.replace(REJECTING, learning_rate=1e-2),
            vary=Vary(draw=Draw.ONE),
            population=1,
            meta_steps=800,
            validate_every=50,
            validation_episodes=2,
            validation_steps=50,
            seed=1,
        ),
    ),
}
"""Each by its name in the zoo."""
