"""How the genome of the zoo with two states and blocks of examples is made."""

from pathlib import Path

from blurax.outer.config import MetaTrain, Pairing
from blurax.outer.methods import Cma
from blurax.outer.objective import Loss, Objective, When
from blurax.outer.recipes.recipe import Recipe
from blurax.outer.start import Given
from blurax.tasks import EpisodeSpec

_MNIST = "mnist:size=14+mnist:size=14,pattern=0.5"
_HARD = "mnist:noise=2"  # as far from solved after a hundred steps as other images are
_SCALES = {
    "f": 0.05,
    "eta": 0.15,
    "f_tilde": 0.1,
    "eta_tilde": 0.2,
    "nu": 0.05,
    "mu": 0.05,
    "nu_tilde": 0.05,
    "mu_tilde": 0.05,
    "length_power": 0.15,
    "forward_scale": 0.1,
    "forward_shift": 0.1,
    "backward_scale": 0.1,
    "backward_shift": 0.03,
    "saturation": 0.2,
    "decorrelation": 0.5,
    "input_size": 0.05,
    "decay_time": 0.3,
    "decay_power": 0.15,
    "trace_of_synapse": 0.03,
    "trace_kept": 0.03,
    "trace_of_change": 0.05,
    "trace_in_sweeps": 0.05,
    "predict_synapse": 0.05,
    "predict_trace": 0.05,
}
"""How far a step of evolution moves each number.

That by which traces move synapses stays 0: with it both grow together without end, by a percent or
so a step, which the accuracy of a hundred steps does not show, and overflow after some thousands.
"""

_FIRST = Path(__file__).with_name("quick-start.safetensors")
"""What a first run found from back-propagation, with two decimals: docs/notes/zoo-search.md."""

QUICK: dict[str, Recipe] = {
    "quick": Recipe(
        "the zoo's quick: two states, evolved on the accuracy after 10 to "
        "100 steps of images, deep networks, digits and tables",
        "ten minutes on one CPU core",
        MetaTrain(
            tasks=(
                *(_MNIST, "mnist", _HARD, _MNIST, _HARD, "digits"),
                "clusters:features=20,classes=3+clusters:features=20,classes=3,rarest=0.06",
            ),
            hidden=("128-64", "256-128", "200", *["128-128-128-128"] * 2, "32", "64"),
            pairing=Pairing.IN_ORDER,
            start=Given.of(_FIRST, "quick-start"),
            method=Cma(
                sigma=0.15,
                only=tuple(_SCALES),
                scale=tuple(f"{name}={scale}" for name, scale in _SCALES.items()),
                chunk=1,
            ),
            episode=EpisodeSpec(steps=100, batch=128, query=1024),
            objective=Objective(
                Loss.ACCURACY, When.HORIZONS, (10, 20, 50, 100), logarithm=True, floor=0.01
            ),
            population=16,
            meta_steps=20,
            validate_every=5,
            validation_episodes=4,
            validation_steps=20,
            seed=1,
        ),
    ),
}
"""By its name."""
