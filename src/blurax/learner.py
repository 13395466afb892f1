"""What learns from batches: a genome on a network, an optimiser, a rule of one's own.

A `Learner` is three functions of a state. Everything that measures, tunes, compares or
meta-trains speaks of it alone.
"""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax import inner
from blurax.genome import Genome
from blurax.inner import Remat, StepInfo
from blurax.network import Network, NetworkState
from blurax.targets import Target

Batch = tuple[Float[Array, "b ..."], Float[Array, "b ..."]]
"""Inputs and targets: +1 for the right class and -1 for the others, or the numbers to predict."""


class Learner(eqx.Module):
    """Something that learns. Its arrays of real numbers are its meta-parameters.

    A learner never changes: what changes while it learns is its state, a pytree of arrays. The
    functions are pure and run inside jit, vmap and scan.
    """

    network: eqx.AbstractVar[Network]
    """The sizes of the layers that it learns with."""

    @abc.abstractmethod
    def init(self, key: PRNGKeyArray, batch: int) -> Any:
        """The state before the first step.

        Args:
            batch: examples in each batch.
        """

    @abc.abstractmethod
    def step(
        self,
        state: Any,
        batch: Batch,
        *,
        rate: Float[Array, ""],
        key: PRNGKeyArray,
        index: Int[Array, ""],
    ) -> tuple[Any, Any]:
        """Learn from one batch.

        Args:
            rate: the learning rate of this step; a rule with a rate of its own ignores it.
            key: for a rule that draws; each step has another one.
            index: the number of this step, from 0.

        Returns:
            The new state, and whatever may be worth seeing of the step: nothing depends on it.
        """

    @abc.abstractmethod
    def predict(self, state: Any, x: Float[Array, "q features"]) -> Float[Array, "q outputs"]:
        """The outputs for some inputs; nothing is learned."""

    def inputs(self, x: Float[Array, "b ..."]) -> Float[Array, "b ..."]:
        """What `step` and `predict` are given of a task's inputs: one row for each example.

        So networks of fully connected layers learn images; a learner that has a use for their
        shape `[b, height, width, colours]` returns x as it is.
        """
        return x.reshape(len(x), -1)

    def for_target(self, target: Target) -> "Learner":
        """The learner as it learns a task of this target: itself, if the target is none of its.

        What measures or meta-trains a learner calls it before `init`.
        """
        return self

    def predict_few(
        self, state: Any, x: Float[Array, "q features"], batch: Float[Array, "b features"]
    ) -> Float[Array, "q outputs"]:
        """The outputs for fewer inputs than there are examples in a batch.

        Learners that normalise by the examples at hand do so by the batch just learned from.
        """
        return self.predict(state, x)


class Blur(Learner):
    """A network that a genome teaches. It has no learning rate and ignores the one given."""

    genome: Genome
    network: Network = eqx.field(static=True)
    target: Target | None = eqx.field(static=True)

    def __init__(self, genome: Genome, network: Network, target: Target | None = None) -> None:
        """Take a genome and a network that fit each other; `init` and `step` check it.

        Args:
            target: of the task, whose feedback the rule gets; classes if None.
        """
        self.genome, self.network, self.target = genome, network, target

    def for_target(self, target: Target) -> "Blur":
        """With the feedback of the target."""
        return Blur(self.genome, self.network, target)

    def init(self, key: PRNGKeyArray, batch: int) -> NetworkState:
        """An initial network."""
        return self.network.init(key, self.genome, batch)

    def step(
        self,
        state: NetworkState,
        batch: Batch,
        *,
        rate: Float[Array, ""],
        key: PRNGKeyArray,
        index: Int[Array, ""],
    ) -> tuple[NetworkState, StepInfo]:
        """One inner step (sec. 3.2)."""
        return inner.step(self.genome, state, *batch, index, target=self.target)

    def predict(
        self, state: NetworkState, x: Float[Array, "q features"]
    ) -> Float[Array, "q outputs"]:
        """State 1 of the last layer after a forward sweep."""
        return inner.predict(self.genome, state, x)

    def predict_few(
        self, state: NetworkState, x: Float[Array, "q features"], batch: Float[Array, "b features"]
    ) -> Float[Array, "q outputs"]:
        """The same, normalised by the batch."""
        return inner.predict_few(self.genome, state, x, batch)


def unroll(
    learner: Learner,
    state: Any,
    x: Float[Array, "steps b ..."],
    y: Float[Array, "steps b ..."],
    observe: Callable[[Any], Any],
    remat: Remat,
    first: int | Int[Array, ""],
    key: PRNGKeyArray,
) -> tuple[Any, Any]:
    """Many steps of a learner at rate 0, for rules that have their own; one `lax.scan`.

    Args:
        observe: called with the state after each step.
        remat: what a gradient through the unroll keeps.
        first: the number of the first step.
        key: each step's key comes of it and the number of the step.

    Returns:
        The state after the last step, and what `observe` returned, stacked over steps.
    """
    rate = jnp.zeros((), float)

    def body(state: Any, batch: tuple[Array, Array, Array]) -> tuple[Any, Any]:
        index, x, y = batch
        drawn = jax.random.fold_in(key, index)
        state, _ = learner.step(state, (learner.inputs(x), y), rate=rate, key=drawn, index=index)
        return state, observe(state)

    return inner.scan(body, state, (first + jnp.arange(x.shape[0]), x, y), remat)
