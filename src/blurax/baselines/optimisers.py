"""The optimisers, through optax."""

from collections.abc import Callable

import optax

WEIGHT_DECAY = 1e-2
"""AdamW's, times the learning rate. With optax's own 1e-4 a thousand steps would be Adam's."""

OptaxFactory = Callable[..., optax.GradientTransformation]
"""Called with a learning rate, and the settings of a baseline of the user's own by name."""

OPTIMISERS: dict[str, OptaxFactory] = {
    "sgd": lambda rate: optax.sgd(rate),
    "momentum": lambda rate: optax.sgd(rate, momentum=0.9),
    "nesterov": lambda rate: optax.sgd(rate, momentum=0.9, nesterov=True),
    "adam": lambda rate: optax.adam(rate),
    "adamw": lambda rate: optax.adamw(rate, weight_decay=WEIGHT_DECAY),
    "rmsprop": lambda rate: optax.rmsprop(rate),
}
"""The optimisers by name, each made from a learning rate. None keeps the rate in its memory."""
