"""Outputs that mimic each other: each is told the label and what the others predict, or the latter.

Source: Li and Chen, "Dynamic hierarchical mimicking towards consistent optimization objectives",
CVPR 2020, arXiv 2003.10739. Of B outputs, most of them side branches, the loss there is

    Σ_a CE(y, p_a) + Σ_{a≠b} KL(p_b ‖ p_a),  p_b held fixed in the latter.

Its gradient in the logits of a is B (p_a - t_a) with the soft target t_a = (y + Σ_{b≠a} p_b) / B.
So mimicking is a matter of what outputs are told, and a rule can be told it like an optimiser.
`Told` has the choices.
"""

import dataclasses
import enum
from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax import inner
from blurax.batch import Batch
from blurax.choices import Signal
from blurax.errors import BluraxError, require, shown
from blurax.genome import Genome
from blurax.inner import StepInfo
from blurax.learner import Blur
from blurax.network import Network, NetworkState
from blurax.targets import Classes, Outputs, Target


class Told(enum.StrEnum):
    """What outputs that mimic each other are told."""

    BOTH = "both"
    """Each output the mean of the label and the others' shares, as in the paper."""
    OTHERS = "others"
    """A branch the mean of the others' shares alone, and the output that predicts the label alone.
    Not in the paper."""


@dataclasses.dataclass(frozen=True)
class SoftClasses(Classes):
    """Classes with shares between them: y is 2 t - 1, for a share t of each class.

    With +1 and -1 it is `Classes`.
    """

    def losses(self, outputs: Outputs, y: Array) -> Float[Array, "b ..."]:
        """The cross-entropy of each example."""
        shares = (1 + y) / 2
        if self.outputs == 1:
            return jax.nn.softplus(outputs) - outputs * shares
        return -jnp.sum(jax.nn.log_softmax(outputs) * shares, axis=-1)

    def feedback(self, signal: Signal, outputs: Outputs, y: Array) -> Outputs:
        """The shares, or the gradient that the rule names."""
        if signal is Signal.CROSS_ENTROPY:
            return probabilities(outputs) - (1 + y) / 2
        return super().feedback(signal, outputs, y)


def probabilities(outputs: Outputs) -> Outputs:
    """What outputs mean: softmax, or with one output the logistic function."""
    return jax.nn.sigmoid(outputs) if outputs.shape[-1] == 1 else jax.nn.softmax(outputs)


def soft_targets(
    said: Sequence[Outputs], y: Outputs, told: Told | str = Told.BOTH
) -> tuple[Outputs, ...]:
    """What each output is told: 2 t_a - 1, with t_a the shares that `told` names.

    Args:
        said: the logits of each output, two or more, that which predicts first.
        y: the labels, +1 for the right class and -1 for the others.

    Returns:
        An array like y for each output.

    Raises:
        BluraxError: for a single output, or a choice that is none.
    """
    check_told("told", told)
    require(len(said) > 1, f"said has {len(said)} outputs; it takes two or more.")
    shares = [2 * probabilities(each) - 1 for each in said]
    if told == Told.OTHERS:
        total = sum(shares[1:], shares[0])
        return y, *((total - own) / (len(said) - 1) for own in shares[1:])
    total = sum(shares, y)
    return tuple((total - own) / len(said) for own in shares)


def check_told(name: str, told: Told | str) -> None:
    """Raise `BluraxError` for what is no choice."""
    require(
        told in tuple(Told),
        f"{name} is {shown(told)}; it takes {' or '.join(f'Told.{each.name}' for each in Told)}.",
    )


def check_mimics(target: Target | None) -> None:
    """Raise `BluraxError` for a target that is not one of classes."""
    require(
        target is None or type(target) is Classes,
        f"The target is {target}; outputs that mimic each other take classes.",
    )


def check_branches(network: Network) -> None:
    """Raise `BluraxError` for a network with one output, which has no other to mimic."""
    require(
        len(network.outputs) > 1,
        f"The network {network} has one output; outputs that mimic each other take side branches, "
        "such as 64-64-64+b has.",
    )


class MimickingBlur(Blur):
    """A genome whose outputs are told the label and what the other outputs predict.

    Raises:
        BluraxError: for a network without side branches, or a choice that is none; in a step, for a
            target other than classes.
    """

    branches: Told = eqx.field(static=True)

    def __init__(
        self,
        genome: Genome,
        network: Network,
        target: Target | None = None,
        branches: Told | str = Told.BOTH,
    ) -> None:
        """Take a genome and a network with side branches.

        Args:
            target: of the task; classes if None.
            branches: what they are told.
        """
        check_told("branches", branches)
        super().__init__(genome, network, target)
        self.branches = Told(branches)

    def __check_init__(self) -> None:
        check_branches(self.network)

    def for_target(self, target: Target) -> "MimickingBlur":
        """With the feedback of the target."""
        return MimickingBlur(self.genome, self.network, target, self.branches)

    def for_time(self, time: int) -> Blur:
        """Refused."""
        raise BluraxError(
            f"The task has a time axis of {time} steps; outputs mimic each other without one."
        )

    def step(
        self,
        state: NetworkState,
        batch: Batch,
        *,
        rate: Float[Array, ""],
        key: PRNGKeyArray,
        index: Int[Array, ""],
    ) -> tuple[NetworkState, StepInfo]:
        """One inner step (sec. 3.2), after a forward sweep by which outputs predict."""
        check_mimics(self.target)
        groups = inner.activations(self.genome, state, batch.x)
        said = [groups[j] for j in self.network.outputs]
        y = soft_targets(said, batch.y.astype(said[0].dtype), self.branches)
        soft = SoftClasses(said[0].shape[-1])
        return inner.step(self.genome, state, batch.x, y, index, target=soft, mask=batch.mask)
