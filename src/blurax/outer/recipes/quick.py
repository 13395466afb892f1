"""How the genomes of the zoo with two states are made, with blocks of examples and without."""

import dataclasses
from typing import Any

from blurax.outer.config import MetaTrain, Pairing
from blurax.outer.methods import Cma
from blurax.outer.objective import Loss, Objective, When
from blurax.outer.recipes.recipe import Recipe
from blurax.outer.start import Start
from blurax.outer.variants import CHEAP, WHOLE
from blurax.tasks import EpisodeSpec

_MNIST = "mnist:size=14"
_SETTINGS = (
    (f"{_MNIST}+{_MNIST},pattern=0.5", "128-64"),
    (_MNIST, "16"),
    (_MNIST, "128-128-128-128"),
    ("mnist", "64"),
    ("digits", "32"),
    ("clusters:features=60,classes=40,rows=8000", "32"),
    ("clusters:rows=100,features=20,classes=3", "256-128"),
    ("steps-levels:rows=300", "128-64"),
    (f"{_MNIST},noise=2,train=2000", "64"),
    ("friedman-like+sines", "64-32"),
    ("teacher+linear-noise", "64"),
    ("spiral", "32-32"),
)
"""Tasks, each with its network: narrow and deep ones, many classes, few rows, noise, numbers to be
predicted. What the settings of an earlier recipe lacked, its genome lost at."""
_MORE = (
    (f"sequence:{_MNIST},by=permute,stages=5,steps=100", "128-64"),
    (_MNIST, "64-64-64-64-64-64"),
    ("clusters:features=20,classes=4,rarest=0.03", "64-32"),
)
"""A sequence, six layers, a rare class."""
_SCALES = {
    "eta": 0.15,
    "f_tilde": 0.1,
    "eta_tilde": 0.2,
    "forward_scale": 0.1,
    "forward_shift": 0.1,
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
    "pass_through": 0.15,
    "length_power": 0.15,
    "error_size": 0.1,
}
"""What is searched, and how far a step of evolution moves it. All else stays back-propagation's:
evolution leaves it near there, and what it leaves beside it harms narrow networks
(docs/explanation/decisions/0025-quick-taken-apart.md)."""
_SEARCH = Cma(
    sigma=0.5,
    only=tuple(_SCALES),
    scale=tuple(f"{name}={scale}" for name, scale in _SCALES.items()),
    chunk=1,
)
FROM_BACKPROP: dict[str, Any] = {
    "start": Start.BACKPROP,
    "start_rate": 1.0,
    "start_coupling": 0.7311,
    "start_noise": 0.0,
    "method": _SEARCH,
}
"""The search from there, and where it starts: exact back-propagation."""

_QUICK = MetaTrain(
    tasks=tuple(task for task, _ in _SETTINGS),
    hidden=tuple(hidden for _, hidden in _SETTINGS),
    pairing=Pairing.IN_ORDER,
    rule=CHEAP,
    **FROM_BACKPROP,
    episode=EpisodeSpec(steps=500, batch=128, query=1024),
    objective=Objective(
        Loss.ACCURACY,
        When.HORIZONS,
        (10, 20, 50, 100, 200, 500),
        logarithm=True,
        floor=0.01,
    ),
    population=16,
    job_size=12,
    meta_steps=50,
    validate_every=5,
    validation_episodes=4,
    validation_steps=500,
    seed=1,
)

QUICK: dict[str, Recipe] = {
    "quick": Recipe(
        "the zoo's quick: two states from back-propagation, evolved on the accuracy after 10 to "
        "500 steps of narrow, deep and wide networks, many classes, few rows, noise, regression",
        "half an hour on two CPU cores as two devices, see the zoo's page; not timed as one",
        _QUICK,
    ),
    "thorough": Recipe(
        "the zoo's thorough: like quick, but all examples of a batch act on each other; a sequence "
        "of tasks, six layers and a rare class more to learn from",
        "45 minutes on two CPU cores as two devices, see the zoo's page; not timed as one",
        dataclasses.replace(
            _QUICK,
            tasks=_QUICK.tasks + tuple(task for task, _ in _MORE),
            hidden=_QUICK.hidden + tuple(hidden for _, hidden in _MORE),
            rule=WHOLE,
            job_size=15,
            meta_steps=45,
            keep_last=True,
        ),
    ),
}
"""By its name."""
