"""How each learner of the zoo that is no genome is made."""

import dataclasses

from blurax.outer.config import MetaTrain, Pairing
from blurax.outer.curriculum import Curriculum
from blurax.outer.methods import Truncated
from blurax.outer.objective import Objective, When
from blurax.outer.optimiser import MetaSchedule, Optimiser
from blurax.outer.recipes.recipe import REJECTING, Recipe
from blurax.outer.vary import Draw, Vary
from blurax.remat import Remat
from blurax.tasks import EpisodeSpec

_LETTERS = "+".join(
    f"emnist-letters:train=0,test=14800,classes={group},size=14,standardise=none,outputs=47,"
    "permute-labels"
    for group in ("1-5", "6-10", "11-15")
)
"""Five letters at a time, told by five of 47 outputs, as in the paper."""

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
    "ten-terms": Recipe(
        "the zoo's ten-terms: a plasticity rule for fixed random feedback, of whose terms few are "
        "to do something, learned on letters one by one",
        "10 minutes on a busy core, most of it compiling: 54.5 % in validation",
        MetaTrain(
            learner="TenTerms",
            tasks=(_LETTERS,),
            hidden=("100-80-60-40",),
            episode=EpisodeSpec(steps=250, batch=1, query=50),
            objective=Objective(sparse=0.003),
            optimiser=Optimiser(learning_rate=2e-4, reject=1000.0, schedule=MetaSchedule.COSINE),
            population=1,
            meta_steps=800,
            validate_every=100,
            validation_episodes=8,
        ),
    ),
    "vsml": Recipe(
        "the zoo's vsml: small LSTMs in the place of synapses, which learn MNIST of 36 inputs in a "
        "forward pass, example by example",
        "15 minutes on a busy core, half of it compiling; best after 1,100 meta-steps",
        MetaTrain(
            learner="Vsml",
            tasks=("mnist:size=6", "mnist:size=14,project=36"),
            hidden=("0",),
            method=Truncated(window=10),
            episode=EpisodeSpec(steps=10, batch=5, query=8, held_out=200),
            episodes=2,
            curriculum=Curriculum(add=90, every=500, most=190),
            objective=Objective(when=When.MEAN, remat=Remat.STEP),
            optimiser=Optimiser(learning_rate=5e-3, clip=1.0),
            population=1,
            meta_steps=1500,
            validate_every=100,
            validation_episodes=2,
            validation_steps=100,
        ),
    ),
}
"""Each by its name in the zoo."""
