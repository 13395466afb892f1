"""What learns from batches: a genome on a network, an optimiser, a rule of one's own.

A `Learner` is three functions of a state. Everything that measures, tunes, compares or
meta-trains speaks of it alone.
"""

import abc
from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax import inner, over_time, plasticity
from blurax.batch import Batch, leading
from blurax.errors import BluraxError, require
from blurax.genome import Genome
from blurax.inner import StepInfo
from blurax.links import Indexed
from blurax.network import Network, NetworkState
from blurax.targets import Target


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
    def predict(self, state: Any, x: Any) -> Float[Array, "*time q outputs"]:
        """The outputs for some inputs, at every time step if they have any; nothing is learned."""

    def told(self, state: Any, stage: Int[Array, ""]) -> Any:
        """The state as it learns, and predicts, in a stage of an episode: as it is.

        What steps or predicts where an episode has stages calls it before. A learner that is to be
        told which stage it is in keeps the number; all others need not know.

        Args:
            stage: its number, from 0.
        """
        return state

    def end_stage(self, state: Any, batch: Batch, key: PRNGKeyArray) -> Any:
        """The state after a stage of an episode: as it is, unless a learner makes use of its end.

        Args:
            batch: the last one of the stage, as `step` was given it.
            key: for a rule that draws.
        """
        return state

    @property
    def takes_masks(self) -> bool:
        """Whether examples of a batch do not act on each other, so that some can be left out."""
        return True

    @property
    def takes_rows(self) -> bool:
        """Whether a task's inputs may as well be given as rows: `inputs` brings them into shape."""
        return type(self).inputs is Learner.inputs

    def inputs(self, x: Any) -> Any:
        """What `step` and `predict` are given of a task's inputs: of the shape of the first group.

        So networks of fully connected layers learn images from rows, and those of convolutions
        from `[b, height, width, colours]`; a learner of pytrees returns x as it is.

        Indices that travel with the inputs (`links.Travelling`) stay with them.

        Raises:
            BluraxError: if x is a pytree of several arrays.
        """
        if isinstance(x, Indexed):
            return Indexed(self.inputs(x.x), x.index)
        require(
            isinstance(x, jax.Array | jax.ShapeDtypeStruct),
            f"{type(self).__name__} learns from rows, but the task's inputs are a "
            f"{type(x).__name__}; a learner of these overrides Learner.inputs.",
        )
        first = self.network.groups[0]
        return x.reshape(len(x), *(first if len(first) > 1 else (-1,)))

    def takes(self, batch: Batch) -> Batch:
        """A task's batch as `step` is given it.

        Raises:
            BluraxError: for a mask, if the learner takes none.
        """
        require(
            batch.mask is None or self.takes_masks,
            f"The task has a mask, but {type(self).__name__} as it is lets examples of a batch act "
            "on each other (as normalisation over the batch does); take one that does not.",
        )
        return Batch(self.inputs(batch.x), batch.y, batch.mask)

    def for_target(self, target: Target) -> "Learner":
        """The learner as it learns a task of this target: itself, if the target is none of its.

        What measures or meta-trains a learner calls it before `init`.
        """
        return self

    def for_time(self, time: int) -> "Learner":
        """The learner as it learns sequences: batches whose x and y lead with a time axis.

        What measures or meta-trains a learner calls it before `init`, for tasks over time.

        Args:
            time: time steps of each example.

        Raises:
            BluraxError: for a learner of rows; one that overrides `inputs` takes them as they are.
        """
        require(
            not self.takes_rows,
            f"The task has a time axis of {time} steps, but {type(self).__name__} learns from rows;"
            " it takes a learner that overrides Learner.for_time, as a genome does.",
        )
        return self

    def predict_few(self, state: Any, x: Any, batch: Any) -> Float[Array, "*time q outputs"]:
        """The outputs for fewer inputs than `batch` holds, the inputs last learned from.

        Learners that normalise by the examples at hand do so by the batch just learned from.
        """
        return self.predict(state, x)

    def activations(self, state: Any, x: Any, batch: Any) -> list[Float[Array, "q ..."]]:
        """What the neurons of each group of the network say for some inputs, the input first.

        Optional: for looking inside (`specialisation.py`), nothing is learned by it.

        Args:
            batch: inputs by whose mean and variance learners normalise that do so.

        Raises:
            BluraxError: for a learner that does not show its neurons.
        """
        raise BluraxError(
            f"{type(self).__name__} does not show its neurons; it takes a learner that overrides "
            "Learner.activations."
        )

    def predict_after(self, state: Any, x: Any, batch: Any) -> Float[Array, "*time q outputs"]:
        """The outputs for a query after a step on a batch: `predict_few` for a smaller one."""
        few = leading(x) < leading(batch)
        return self.predict_few(state, x, batch) if few else self.predict(state, x)


class Blur(Learner):
    """A network that a genome teaches. It has no learning rate and ignores the one given."""

    genome: Genome
    network: Network = eqx.field(static=True)
    target: Target | None = eqx.field(static=True)
    over_time: bool = eqx.field(static=True)

    def __init__(
        self,
        genome: Genome,
        network: Network,
        target: Target | None = None,
        over_time: bool = False,
    ) -> None:
        """Take a genome and a network that fit each other; `init` and `step` check it.

        Args:
            target: of the task, whose feedback the rule gets; classes if None.
            over_time: whether batches are of sequences, see `over_time.py`.
        """
        self.genome, self.network = genome, network
        self.target, self.over_time = target, over_time

    def for_target(self, target: Target) -> "Blur":
        """With the feedback of the target."""
        return type(self)(self.genome, self.network, target, self.over_time)

    def for_time(self, time: int) -> "Blur":
        """Time step by time step; with a memory where edges have a delay or neurons are kept."""
        return type(self)(self.genome, self.network, self.target, over_time=True)

    @property
    def takes_rows(self) -> bool:
        """Unless there is a time axis."""
        return not self.over_time

    def inputs(self, x: Any) -> Any:
        """In the shape of the first group; sequences `[time, b, ...]` at every time step."""
        require(
            not (self.over_time and isinstance(x, Indexed)),
            "The task's inputs have a time axis, and indices travel with them; a genome takes "
            "one or the other.",
        )
        return jax.vmap(super().inputs)(x) if self.over_time else super().inputs(x)

    @property
    def takes_masks(self) -> bool:
        """Unless the rule normalises over the batch, or mixes examples in other ways."""
        return plasticity.takes_masks(self.genome.rule) and not self.network.is_delayed

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
        step = over_time.step if self.over_time else inner.step
        x, y, mask = batch.x, batch.y, batch.mask
        return step(self.genome, state, x, y, index, target=self.target, mask=mask)

    def predict(
        self, state: NetworkState, x: Float[Array, "..."] | Indexed
    ) -> Float[Array, "*time q outputs"]:
        """State 1 of the last layer after a forward sweep."""
        way: Any = over_time if self.over_time else inner
        return way.predict(self.genome, state, x)

    def predict_few(
        self,
        state: NetworkState,
        x: Float[Array, "..."] | Indexed,
        batch: Float[Array, "..."] | Indexed,
    ) -> Float[Array, "*time q outputs"]:
        """The same, normalised by the batch."""
        way: Any = over_time if self.over_time else inner
        return way.predict_few(self.genome, state, x, batch)

    def activations(
        self,
        state: NetworkState,
        x: Float[Array, "q ..."] | Indexed,
        batch: Float[Array, "b ..."] | Indexed,
    ) -> list[Float[Array, "q ..."]]:
        """State 1 of each group.

        Raises:
            BluraxError: over time, where neurons say something else at each step.
        """
        require(not self.over_time, "Neurons over time are not shown; take a task without time.")
        known = inner.observe_moments(self.genome, state, batch)
        return inner.activations(self.genome, state, x, known)

    def predict_after(
        self,
        state: NetworkState,
        x: Float[Array, "..."] | Indexed,
        batch: Float[Array, "..."] | Indexed,
    ) -> Float[Array, "*time q outputs"]:
        """By the number of examples, which sequences have second."""
        axis = 1 if self.over_time else 0
        sizes = [jax.tree.leaves(each)[0].shape[axis] for each in (x, batch)]
        few = sizes[0] < sizes[1]
        return self.predict_few(state, x, batch) if few else self.predict(state, x)
