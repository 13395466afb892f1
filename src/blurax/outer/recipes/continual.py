"""How each genome of the zoo for tasks in sequence is made."""

import dataclasses

from blurax.outer.config import MetaTrain, Pairing
from blurax.outer.methods import Cma
from blurax.outer.objective import Loss, Objective, When
from blurax.outer.recipes.recipe import REJECTING, Recipe
from blurax.outer.variants import METAPLASTIC
from blurax.outer.vary import Draw, Vary
from blurax.tasks import EpisodeSpec

_LASTING = {
    "f": 0.05,
    "eta": 0.1,
    "f_tilde": 0.1,
    "eta_tilde": 0.15,
    "saturation": 0.1,
    "decorrelation": 0.7,
    "metaplastic_scale": 0.7,
    "metaplastic_power": 0.03,
    "forward_scale": 0.1,
    "backward_scale": 0.1,
    "mu_tilde": 0.1,
}
"""What trades keeping for learning, and how far a step of evolution moves each."""


def _scales(leaves: dict[str, float]) -> tuple[str, ...]:
    return tuple(f"{name}={scale}" for name, scale in leaves.items())


CONTINUAL: dict[str, Recipe] = {
    "metaplastic": Recipe(
        "the zoo's metaplastic: images, with synapses that slow down by what they changed, goes on "
        "with tasks in sequence: MNIST 14x14, five orders of pixels, and 0-4 then 5-9",
        "10 minutes on one CPU core",
        MetaTrain(
            tasks=(
                "sequence:mnist:size=14,by=permute,stages=5,steps=20",
                "sequence:mnist:size=14,by=classes,stages=2,steps=50",
            ),
            hidden=("128-64", "64"),
            pairing=Pairing.IN_ORDER,
            rule=METAPLASTIC,
            start="images",
            start_active=True,
            episode=EpisodeSpec(steps=100, batch=128, query=320),
            objective=Objective(when=When.LAST),
            optimiser=dataclasses.replace(REJECTING, learning_rate=3e-3),
            vary=Vary(draw=Draw.ONE),
            population=1,
            meta_steps=400,
            validate_every=50,
            validation_episodes=2,
            validation_steps=100,
            seed=1,
        ),
    ),
    "continual": Recipe(
        "the zoo's continual: metaplastic, eleven leaves evolved on whole sequences: MNIST 14x14, "
        "ten orders of pixels of 100 steps each, and 0-4 then 5-9",
        "35 minutes on one CPU core: 86.3 % and 91.7 % in validation",
        MetaTrain(
            tasks=(
                "sequence:mnist:size=14,by=permute,stages=10,steps=100",
                "sequence:mnist:size=14,by=classes,stages=2,steps=500,repeat",
            ),
            hidden=("256-128", "64"),
            pairing=Pairing.IN_ORDER,
            rule=METAPLASTIC,
            start="metaplastic",
            method=Cma(sigma=0.6, only=tuple(_LASTING), scale=_scales(_LASTING), chunk=1),
            episode=EpisodeSpec(steps=1000, batch=128, query=2000),
            objective=Objective(Loss.ACCURACY, When.LAST),
            population=8,
            meta_steps=24,
            validate_every=4,
            validation_episodes=1,
            validation_steps=1000,
            seed=1,
        ),
        version=2,
    ),
}
"""By the name of the genome."""
