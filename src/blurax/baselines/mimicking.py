"""Gradient descent on networks whose outputs mimic each other, `mimicry.py`."""

from collections.abc import Sequence

import jax
from jaxtyping import Array, Float

from blurax.baselines.descent import GradientDescent
from blurax.learner import Batch
from blurax.mimicry import SoftClasses, check_branches, check_mimics, soft_targets


class Mimicking(GradientDescent):
    """`GradientDescent` in which each output also learns what the others predict.

    The gradient is that of Σ_a CE(y, p_a) + Σ_{a≠b} KL(p_b ‖ p_a), divided by the number of
    outputs.

    Raises:
        BluraxError: for a network without side branches; in a step, for a target other than
            classes.
    """

    def __check_init__(self) -> None:
        check_branches(self.network)

    def loss(self, groups: Sequence[Array], batch: Batch) -> Float[Array, ""]:
        """The cross-entropy of each output with its soft target, added up."""
        said = [groups[j] for j in self.network.outputs]
        check_mimics(self.target)
        soft = SoftClasses(self.target.outputs)
        told = jax.lax.stop_gradient(soft_targets(said, batch.y))
        losses = [soft.loss(a, y, batch.mask) for a, y in zip(said, told, strict=True)]
        return sum(losses[1:], losses[0])
