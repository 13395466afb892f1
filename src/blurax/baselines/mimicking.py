"""Gradient descent on networks whose outputs mimic each other, `mimicry.py`."""

from collections.abc import Sequence

import equinox as eqx
import jax
from jaxtyping import Array, Float

from blurax.baselines.descent import GradientDescent
from blurax.learner import Batch
from blurax.mimicry import (
    SoftClasses,
    Told,
    check_branches,
    check_mimics,
    check_told,
    soft_targets,
)


class Mimicking(GradientDescent):
    """`GradientDescent` in which each output also learns what the others predict.

    The gradient is that of Σ_a CE(y, p_a) + Σ_{a≠b} KL(p_b ‖ p_a), divided by the number of
    outputs. Where branches are told what the others predict alone (`Told.OTHERS`), it is that of
    CE(y, p_0) for the output that predicts, and of Σ_{b≠a} KL(p_b ‖ p_a) / (B - 1) for a branch.

    Raises:
        BluraxError: for a network without side branches, or a choice that is none; in a step, for a
            target other than classes.
    """

    branches: Told | str = eqx.field(static=True, default=Told.BOTH)
    """What they are told."""

    def __check_init__(self) -> None:
        check_branches(self.network)
        check_told("branches", self.branches)

    def loss(self, groups: Sequence[Array], batch: Batch) -> Float[Array, ""]:
        """The cross-entropy of each output with its soft target, added up."""
        said = [groups[j] for j in self.network.outputs]
        check_mimics(self.target)
        soft = SoftClasses(self.target.outputs)
        told = jax.lax.stop_gradient(soft_targets(said, batch.y, self.branches))
        losses = [soft.loss(a, y, batch.mask) for a, y in zip(said, told, strict=True)]
        return sum(losses[1:], losses[0])
