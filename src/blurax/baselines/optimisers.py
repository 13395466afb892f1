"""The optimisers, through optax."""

from collections.abc import Callable

import optax

OptaxFactory = Callable[..., optax.GradientTransformation]
"""Called with a learning rate, and the settings of a baseline by name."""


WEIGHT_DECAY = 1e-2
"""AdamW's, times the learning rate. With optax's own 1e-4 a thousand steps would be Adam's."""

OPTIMISERS: dict[str, OptaxFactory] = {
    "sgd": lambda rate, momentum=None: optax.sgd(rate, momentum),
    "momentum": lambda rate, momentum=0.9: optax.sgd(rate, momentum),
    "nesterov": lambda rate, momentum=0.9: optax.sgd(rate, momentum, nesterov=True),
    "adam": optax.adam,
    "adamw": lambda rate, weight_decay=WEIGHT_DECAY: optax.adamw(rate, weight_decay=weight_decay),
    "nadam": optax.nadam,
    "rmsprop": optax.rmsprop,
    "lion": optax.lion,
    "schedule-free": optax.contrib.schedule_free_adamw,
    "muon": optax.contrib.muon,
}
"""The optimisers by name, each made anew from the learning rate of each step, with the constants
that optax documents. Their memory does not hold that rate."""

TUNING_FREE: dict[str, OptaxFactory] = {
    "prodigy": lambda rate: optax.contrib.prodigy(),
    "mechanic": lambda rate: optax.contrib.mechanize(optax.adam(1.0)),
}
"""Those that find their learning rate themselves, with the constants that optax documents."""
