"""Outputs for classes, divided by a temperature that validation rows choose.

A network that learns a small table for long is surer than it is right. Temperature scaling (Guo et
al., "On Calibration of Modern Neural Networks", ICML 2017) divides its outputs by the T with the
lowest validation loss. T < 1 is left out: where all of a few validation rows are told right, it
would make a network sure without end. The classes that are told stay the same.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from blurax.targets import Classes, Target

TEMPERATURES = tuple(2.0 ** (n / 4) for n in range(29))
"""From 1 to 128, a quarter of an octave apart."""


@dataclasses.dataclass(frozen=True)
class Tempered:
    """The mean loss of predictions at each of `TEMPERATURES`, as `learning_curve` takes it."""

    target: Target

    def __call__(self, prediction: Any, y: Any, mask: Any) -> Float[jax.Array, " temperatures"]:
        """Of the examples that count."""
        at = jax.vmap(lambda t: self.target.loss(prediction / t, y, mask))
        return at(jnp.asarray(TEMPERATURES))


def tempered(target: Target) -> Tempered | None:
    """What a target is judged by; None for numbers, which are no surer for being larger."""
    return Tempered(target) if isinstance(target, Classes) else None


def coolest(validation: Float[np.ndarray, "keys temperatures"]) -> Int[np.ndarray, " keys"]:
    """Which temperature has the lowest loss, the first of several; 1 where none is a number."""
    return np.argmin(np.where(np.isfinite(validation), validation, np.inf), axis=1)
