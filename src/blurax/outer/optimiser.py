"""The optimiser of the genome: optax by name."""

import dataclasses
import enum
import math
from typing import Any

import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float

from blurax.errors import require
from blurax.frozen import added, check_types


class Optax(enum.StrEnum):
    """Optimisers of optax, at their own defaults but for the learning rate."""

    ADAM = "adam"
    ADAMW = "adamw"
    SGD = "sgd"
    MOMENTUM = "momentum"
    RMSPROP = "rmsprop"
    LION = "lion"


_MAKE = {
    Optax.ADAM: optax.adam,
    Optax.ADAMW: optax.adamw,
    Optax.SGD: optax.sgd,
    Optax.MOMENTUM: lambda rate: optax.sgd(rate, momentum=0.9),
    Optax.RMSPROP: optax.rmsprop,
    Optax.LION: optax.lion,
}


class MetaSchedule(enum.StrEnum):
    """How the learning rate changes over the run."""

    CONSTANT = "constant"
    COSINE = "cosine"
    """Falls to a hundredth along half a cosine."""


@dataclasses.dataclass(frozen=True)
class Optimiser:
    """How a genome follows its gradient; the defaults are the paper's.

    Raises:
        BluraxError: for a learning rate, a clip or a limit that is not positive.
    """

    name: Optax = Optax.ADAM
    """Which optimiser."""
    learning_rate: float = 5e-4
    """Its step size."""
    clip: float = 10.0
    """The global norm to which a gradient is clipped."""
    reject: float | None = added(None)
    """A gradient of a larger norm counts for nothing, and neither genome nor moments move: it came
    out of an episode that is chaotic, and points nowhere. None: all count, clipped."""
    schedule: MetaSchedule = MetaSchedule.CONSTANT
    """How the learning rate changes over the run."""

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("learning_rate", "clip", "reject"):
            value = getattr(self, name)
            require(
                value is None or 0 < value < math.inf,
                f"Optimiser.{name} is {value}; it takes a number above 0.",
            )

    def rejects(self, norm: Float[Array, ""]) -> Bool[Array, ""]:
        """Whether a gradient of that norm counts for nothing."""
        return jnp.asarray(False) if self.reject is None else norm > self.reject

    def transformation(self, meta_steps: int) -> optax.GradientTransformation:
        """The optax transformation for a run of so many meta-steps."""
        rate: Any = self.learning_rate
        if self.schedule is MetaSchedule.COSINE:
            rate = optax.cosine_decay_schedule(self.learning_rate, meta_steps, alpha=0.01)
        return optax.chain(optax.clip_by_global_norm(self.clip), _MAKE[self.name](rate))
