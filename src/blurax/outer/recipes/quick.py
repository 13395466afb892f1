"""How the genome of the zoo with two states and blocks of examples is made."""

from blurax.outer.config import MetaTrain, Pairing
from blurax.outer.methods import Cma
from blurax.outer.objective import Loss, Objective, When
from blurax.outer.recipes.recipe import Recipe
from blurax.outer.start import Start
from blurax.outer.variants import CHEAP
from blurax.tasks import EpisodeSpec

_MNIST = "mnist:size=14+mnist:size=14,pattern=0.5"
_SCALES = {
    "f": 0.05,
    "eta": 0.15,
    "f_tilde": 0.1,
    "eta_tilde": 0.2,
    "nu": 0.05,
    "mu": 0.05,
    "nu_tilde": 0.05,
    "mu_tilde": 0.05,
    "forward_scale": 0.1,
    "forward_shift": 0.1,
    "backward_scale": 0.1,
    "backward_shift": 0.03,
    "saturation": 0.2,
    "decorrelation": 0.5,
    "input_size": 0.05,
    "decay_time": 0.3,
    "decay_power": 0.15,
    "trace_to_synapse": 0.02,
    "trace_of_synapse": 0.03,
    "trace_kept": 0.03,
    "trace_of_change": 0.05,
    "trace_in_sweeps": 0.05,
    "predict_synapse": 0.05,
    "predict_trace": 0.05,
}
"""All numbers, and how far a step of evolution moves each.

The zoo's genome was simplified by hand afterwards: half of these are back-propagation's there, and
its rule has two terms more, for errors that pass through and for outputs that become surer
(`benchmarks/quick_by_hand.py`; why: docs/explanation/decisions/0025-quick-taken-apart.md).
"""

QUICK: dict[str, Recipe] = {
    "quick": Recipe(
        "the zoo's quick, before it was simplified by hand: two states from back-propagation, "
        "evolved on the accuracy after 10 to 100 steps of images, deep networks, digits, tables",
        "half an hour on one CPU core",
        MetaTrain(
            tasks=(
                *(_MNIST, "mnist", _MNIST, _MNIST, "digits"),
                "clusters:features=20,classes=3+clusters:features=20,classes=3,rarest=0.06",
            ),
            hidden=("128-64", "256-128", "200", "128-128-128-128", "32", "64"),
            pairing=Pairing.IN_ORDER,
            rule=CHEAP,
            start=Start.BACKPROP,
            start_rate=1.0,
            start_coupling=0.7311,
            method=Cma(
                sigma=0.5,
                only=tuple(_SCALES),
                scale=tuple(f"{name}={scale}" for name, scale in _SCALES.items()),
                chunk=1,
            ),
            episode=EpisodeSpec(steps=100, batch=128, query=1024),
            objective=Objective(
                Loss.ACCURACY, When.HORIZONS, (10, 20, 50, 100), logarithm=True, floor=0.01
            ),
            population=16,
            meta_steps=100,
            validate_every=5,
            validation_episodes=4,
            validation_steps=20,
            seed=1,
        ),
    ),
}
"""By its name."""
