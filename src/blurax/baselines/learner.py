"""What learns in a comparison, and the one loop through which every learner is measured.

A lesson of a thousand steps would ask a query of thousands of examples a thousand times; here it
is asked only at the steps that are wanted, and batches are drawn a few at a time. So a lesson costs
little more than its learning, and its memory does not grow with its length. One compiled program
serves every length, learning rate and schedule; drawing, which compiles for longer than most
learners, is a program of its own that all learners of a task share.
"""

import abc
import enum
import itertools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, PRNGKeyArray

from blurax import inner
from blurax.errors import require
from blurax.fits import check_lessons
from blurax.genome import Genome
from blurax.network import Network, NetworkState
from blurax.spec import Rule
from blurax.tasks import EpisodeSpec, Kind, Split, Task
from blurax.teach import Curve, check_fit, curve_point

AT_ONCE = 10
"""Steps whose batches are drawn together; a divisor of the usual budgets."""

Examples = tuple[Float[Array, "*many b features"], Float[Array, "*many b outputs"]]
"""Examples and their labels."""


class Schedule(enum.StrEnum):
    """How a learning rate changes over a lesson."""

    CONSTANT = "constant"
    COSINE = "cosine"
    """rate * (1 + cos(π t / T)) / 2 in step t = 0 ... T - 1 of T (Loshchilov and Hutter, "SGDR",
    ICLR 2017, without restarts)."""


class Learner(eqx.Module):
    """Something that learns from batches: a genome in a network, an optimiser, a fixed rule."""

    network: eqx.AbstractVar[Network]
    """The sizes of its layers."""

    @abc.abstractmethod
    def born(self, key: PRNGKeyArray, batch: int) -> Any:
        """All that changes while it learns, at the start: a pytree."""

    @abc.abstractmethod
    def step(
        self,
        state: Any,
        x: Float[Array, "b features"],
        y: Float[Array, "b outputs"],
        rate: Float[Array, ""],
        index: Int[Array, ""],
    ) -> Any:
        """The state after learning from one batch.

        Args:
            y: labels, +1 for the right class and -1 for the others; or numbers.
            rate: the learning rate of this step.
            index: the number of this step, from 0.
        """

    @abc.abstractmethod
    def predict(self, state: Any, x: Float[Array, "q features"]) -> Float[Array, "q outputs"]:
        """What it says of examples; nothing is learned."""

    def predict_few(
        self, state: Any, x: Float[Array, "q features"], batch: Float[Array, "b features"]
    ) -> Float[Array, "q outputs"]:
        """What it says of fewer examples than it learns from at a time.

        Learners that normalise by the examples at hand do so by the batch just learned from.
        """
        return self.predict(state, x)


class Taught(Learner):
    """A network that a genome teaches; it has no learning rate and ignores the one given."""

    network: Network = eqx.field(static=True)
    genome: Genome

    def born(self, key: PRNGKeyArray, batch: int) -> NetworkState:
        """A newborn network."""
        return self.network.init(key, self.genome, batch)

    def step(
        self,
        state: NetworkState,
        x: Float[Array, "b features"],
        y: Float[Array, "b outputs"],
        rate: Float[Array, ""],
        index: Int[Array, ""],
    ) -> NetworkState:
        """One inner step."""
        return inner.step(self.genome, state, x, y, index)[0]

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


def follow(
    learner: Learner,
    task: Task,
    keys: Key[Array, " seeds"],
    stops: tuple[int, ...],
    split: Split,
    *,
    rate: float = 0.0,
    schedule: Schedule = Schedule.CONSTANT,
    batch: int = 128,
) -> Curve:
    """What the query says of newborn learners after some steps of one lesson.

    Args:
        keys: each gives a birth and an episode of its own; the same key gives every learner the
            same episode, which is that of `teach.teach`.
        stops: numbers of steps, growing; a cosine schedule ends at the last of them.
        rate: the learning rate, or that at the start.

    Returns:
        Accuracy and loss `[seeds, stops]`; accuracy is 0 where a prediction is not finite.

    Raises:
        BluraxError: if the learner's network does not fit the task, or the stops do not grow.
    """
    check_fit(learner.network, task)
    rising = all(early < late for early, late in itertools.pairwise((0, *stops)))
    require(bool(stops) and rising, f"stops is {stops}; it takes growing numbers of steps >= 1.")
    rule = learner.genome.rule if isinstance(learner, Taught) else None
    check_followed(learner.network, task, len(keys), stops, split, batch=batch, rule=rule)
    spec = EpisodeSpec(steps=AT_ONCE, batch=batch)
    rates = jnp.asarray(rate, float)
    # A horizon of 0 stands for a constant rate: data, so that one program serves both schedules.
    horizon = jnp.asarray(stops[-1] if schedule is Schedule.COSINE else 0, float)
    query = _query(task, keys, spec, split)
    states, points = _born(learner, keys, batch), []
    newest = query[0]  # until there is a batch
    for first, last in itertools.pairwise((0, *stops)):
        for start in range(first, last, AT_ONCE):
            span = jnp.asarray([start, min(start + AT_ONCE, last)], jnp.int32)
            support = _support(task, keys, spec, split, span[0])
            states = _advance(learner, states, support, rates, horizon, span)
            newest = support[0][:, min(AT_ONCE, last - start) - 1]
        points.append(_ask(learner, states, query, newest, task.kind))
    return jax.tree.map(lambda *each: jnp.stack(each, axis=-1), *points)


def check_followed(
    network: Network,
    task: Task,
    seeds: int,
    stops: tuple[int, ...],
    split: Split,
    *,
    batch: int,
    rule: Rule | None = None,
) -> None:
    """Refuse what `follow` could not follow for lack of memory.

    Args:
        rule: of the genome that teaches; None for a learner without one.

    Raises:
        BluraxError: with an estimate, and the memory there is; for more examples in a lesson than
            can be numbered.
    """
    spec = EpisodeSpec(steps=stops[-1], batch=batch)
    check_lessons(network, rule or Rule.backprop(), task, spec, seeds, split, AT_ONCE)


def rate_at(
    rate: Float[Array, ""], horizon: Float[Array, ""], index: Int[Array, ""]
) -> Float[Array, ""]:
    """The learning rate in step `index`: cosine over `horizon` steps, constant if that is 0."""
    cosine = (1 + jnp.cos(jnp.pi * index / jnp.maximum(horizon, 1))) / 2
    return rate * jnp.where(horizon > 0, cosine, 1.0)


@eqx.filter_jit
def _born(learner: Learner, keys: Key[Array, " seeds"], batch: int) -> Any:
    return jax.vmap(lambda key: learner.born(jax.random.fold_in(key, 0), batch))(keys)


@eqx.filter_jit
def _support(
    task: Task, keys: Key[Array, " seeds"], spec: EpisodeSpec, split: Split, first: Int[Array, ""]
) -> Examples:
    """The batches from step `first` on, `[seeds, steps, b, ...]`."""

    def one(key: PRNGKeyArray) -> Examples:
        episode = task.sample(jax.random.fold_in(key, 1), spec, split, first)
        return episode.x, episode.y

    return jax.vmap(one)(keys)


@eqx.filter_jit
def _query(task: Task, keys: Key[Array, " seeds"], spec: EpisodeSpec, split: Split) -> Examples:
    """What every seed is asked, `[seeds, q, ...]`."""

    def one(key: PRNGKeyArray) -> Examples:
        episode = task.sample(jax.random.fold_in(key, 1), spec, split)
        return episode.query_x, episode.query_y

    return jax.vmap(one)(keys)


@eqx.filter_jit
def _advance(
    learner: Learner,
    states: Any,
    support: Examples,
    rate: Float[Array, ""],
    horizon: Float[Array, ""],
    span: Int[Array, "2"],
) -> Any:
    """All seeds from step `span[0]`, the first of `support`, to step `span[1]`."""

    def one(state: Any, x: Array, y: Array) -> Any:
        def body(index: Int[Array, ""], state: Any) -> Any:
            place = index - span[0]
            return learner.step(state, x[place], y[place], rate_at(rate, horizon, index), index)

        return jax.lax.fori_loop(span[0], span[1], body, state)

    return jax.vmap(one)(states, *support)


@eqx.filter_jit
def _ask(
    learner: Learner,
    states: Any,
    query: Examples,
    batches: Float[Array, "seeds batch features"],
    kind: Kind,
) -> Curve:
    """What the query says of every seed, `[seeds]`; `batches` are those just learned from."""

    def one(state: Any, x: Array, y: Array, batch: Array) -> Curve:
        few = inner.is_few(x, batch)
        said = learner.predict_few(state, x, batch) if few else learner.predict(state, x)
        return curve_point(said, y, kind)

    return jax.vmap(one)(states, *query, batches)
