"""What meta-training sees of a state that learns: what is plastic in it, its size, its average."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax.average import kept
from blurax.batch import Batch
from blurax.learner import Learner
from blurax.network import Network, NetworkState
from blurax.terms.vectors import squared_length


def plastic(state: Any) -> Any:
    """What is averaged of a state: synapses, or all real numbers of a learner's own state."""
    if isinstance(state, NetworkState):
        return state.synapses
    return eqx.filter(state, eqx.is_inexact_array)


def with_plastic(state: Any, average: Any) -> Any:
    """The state with an average in the place of its `plastic` part."""
    if isinstance(state, NetworkState):
        return dataclasses.replace(state, synapses=average, neurons=None)
    return eqx.combine(average, state)


def log_size(state: Any) -> Float[Array, ""]:
    """The logarithm of the root mean square of all forward synapses, the mean over layers.

    Of a learner's own state: of all real numbers, the mean over its arrays.
    """
    if not isinstance(state, NetworkState):
        squares = [jnp.mean(leaf**2) for leaf in jax.tree.leaves(plastic(state))]
    else:
        squares = [
            jnp.mean(squared_length(*parts)) / sum(part.shape[1] for part in parts)
            for parts in state.forward_parts
        ]
    return jnp.mean(jnp.stack([0.5 * jnp.log(square + 1e-12) for square in squares]))


class Averaging(Learner):
    """A learner that predicts with an average of its synapses over recent steps.

    Its state is that of the learner, beside the average, which goes along from step to step: so an
    episode keeps one average, not the synapses of all its steps.
    """

    learner: Learner
    network: Network = eqx.field(static=True)
    most: float = eqx.field(static=True)

    def __init__(self, learner: Learner, most: float) -> None:
        """Take a learner as it learns the task, see `for_task`.

        Args:
            most: what the average so far counts at most, see `average.kept`.
        """
        self.learner, self.network, self.most = learner, learner.network, most

    def begin(self, state: Any) -> tuple[Any, Any]:
        """The state from one of the learner."""
        return state, plastic(state)

    def init(self, key: PRNGKeyArray, batch: int) -> tuple[Any, Any]:
        """Before the first step."""
        return self.begin(self.learner.init(key, batch))

    def step(
        self,
        state: tuple[Any, Any],
        batch: Batch,
        *,
        rate: Float[Array, ""],
        key: PRNGKeyArray,
        index: Int[Array, ""],
    ) -> tuple[tuple[Any, Any], Any]:
        """The learner's step; the average follows it."""
        moved, info = self.learner.step(state[0], batch, rate=rate, key=key, index=index)
        old = kept(index + 1, self.most)

        def followed(average: Array, new: Array) -> Array:
            return (old * average + (1 - old) * new).astype(new.dtype)

        return (moved, jax.tree.map(followed, state[1], plastic(moved))), info

    def told(self, state: tuple[Any, Any], stage: Int[Array, ""]) -> tuple[Any, Any]:
        """The learner is told; the average is what it was."""
        return self.learner.told(state[0], stage), state[1]

    def end_stage(self, state: tuple[Any, Any], batch: Batch, key: PRNGKeyArray) -> tuple[Any, Any]:
        """The learner's own; the average is what it was."""
        return self.learner.end_stage(state[0], batch, key), state[1]

    def predict(self, state: tuple[Any, Any], x: Any) -> Float[Array, "*time q outputs"]:
        """With the average."""
        return self.learner.predict(with_plastic(*state), x)

    def predict_after(
        self, state: tuple[Any, Any], x: Any, batch: Any
    ) -> Float[Array, "*time q outputs"]:
        """With the average."""
        return self.learner.predict_after(with_plastic(*state), x, batch)

    def takes(self, batch: Batch) -> Batch:
        """As the learner is given it."""
        return self.learner.takes(batch)

    def inputs(self, x: Any) -> Any:
        """As the learner is given them."""
        return self.learner.inputs(x)
