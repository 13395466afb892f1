"""The one loop that measures: a learner learns a task, and a query says how well.

An episode of a thousand steps need not evaluate a query of thousands of examples a thousand times:
it is evaluated after the steps that are wanted, and batches are drawn a few at a time. So an
episode costs little more than its learning, and its memory does not grow with its length. One
compiled program serves every length, learning rate and schedule; drawing, which compiles for longer
than most learners, is a program of its own that all learners of a task share.
"""

import dataclasses
import enum
import itertools
from collections.abc import Callable
from operator import itemgetter
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key, PRNGKeyArray

from blurax.batch import at
from blurax.capacity import check_episodes
from blurax.errors import described, require
from blurax.fit import check_fit, for_task
from blurax.learner import Batch, Blur, Learner
from blurax.network import Network
from blurax.programs import make_room
from blurax.spec import Rule
from blurax.stages import Stages
from blurax.tasks import EpisodeSpec, Split, Target, Task
from blurax.tasks.base import DEFAULT, check_kind, sizes_of
from blurax.unroll import asked, step_in_stage

AT_ONCE = 10
"""Steps whose batches are drawn together; a divisor of the usual budgets."""

Observe = Callable[[Any, Any, Any, Batch], Any]
"""What to keep of a step besides the query: a function of the state before it, the state after it,
its info and its batch. Defined once (it is part of a compiled program's name), it returns a pytree
of arrays."""

Judge = Callable[[Any, Any, Any], Any]
"""What else to keep of a query: a function of its predictions, its y and its mask. Defined once, it
returns a pytree of arrays."""


class Schedule(enum.StrEnum):
    """How a learning rate changes over an episode."""

    CONSTANT = "constant"
    COSINE = "cosine"
    """rate * (1 + cos(π t / T)) / 2 in step t = 0 ... T - 1 of T (Loshchilov and Hutter, "SGDR",
    ICLR 2017, without restarts)."""


class Curve(eqx.Module):
    """What the query said after some inner steps."""

    accuracy: Float[Array, "..."]
    """`[seeds, stops]`; for a task of numbers the share of their variance that is explained. 0
    where a prediction is not finite."""
    loss: Float[Array, "..."]
    """Cross-entropy, or squared error for numbers, of that shape."""
    seen: Any = None
    """What `observe` returned, with the same leading axes."""
    others: "dict[str, Curve]" = eqx.field(default_factory=dict)
    """Of the further queries of the task's episodes, by their names."""
    judged: Any = None
    """What `judge` returned, with the same leading axes."""
    stages: Float[Array, "... stages"] | None = None
    """The accuracy on each stage of a task in sequence, whose mean `accuracy` is; each stage's
    query is predicted by itself. None for a task without stages."""


def learning_curve(
    learner: Learner,
    task: Task,
    keys: Key[Array, " seeds"],
    stops: tuple[int, ...] | range,
    split: Split,
    *,
    rate: float = 0.0,
    schedule: Schedule = Schedule.CONSTANT,
    batch: int | None = None,
    sizes: EpisodeSpec | None = None,
    state: Any = None,
    first: int = 0,
    observe: Observe | None = None,
    judge: Judge | None = None,
) -> tuple[Any, Curve]:
    """Let a learner learn one episode for each seed, and evaluate it after some steps.

    Args:
        keys: each gives an initial state and an episode of its own; the same key gives every
            learner the same episode.
        stops: the numbers of the steps to evaluate after, growing, the first of them above
            `first`; a cosine schedule ends at the last of them.
        split: whose query is evaluated.
        rate: the learning rate, or that at the start.
        batch: examples in each step; 128 if None.
        sizes: those of an episode, in the place of `batch`; its steps do not count.
        state: where an earlier episode is continued, its state, each leaf `[seeds, ...]`; an
            initial one if None.
        first: the number of steps that `state` has behind it. Batches go on from there.
        observe: what else to keep of each step that is evaluated.
        judge: what else to keep of each query; of a sequence the mean over its stages.

    Returns:
        The states after the last step, each leaf `[seeds, ...]`, and the curve.

    Raises:
        BluraxError: if the learner's network does not fit the task, the stops do not grow, or there
            is too little memory, or both a batch and sizes are given.
    """
    require(
        isinstance(learner, Learner),
        f"learner is {described(learner)}; it takes a Learner, such as MyRule(network) or "
        "blurax.Blur(genome, network).",
    )
    make_room()
    check_kind(task)
    check_fit(learner.network, task)
    learner = for_task(learner, task)
    stops = tuple(stops)
    rising = all(early < late for early, late in itertools.pairwise((first, *stops)))
    require(
        bool(stops) and rising,
        f"stops is {stops}; it takes growing numbers of steps > {first}.",
    )
    rule = learner.genome.rule if isinstance(learner, Blur) else None
    sizes = dataclasses.replace(sizes_of(batch, sizes), steps=stops[-1])
    check_episodes(learner.network, rule or Rule.backprop(), task, sizes, len(keys), split, AT_ONCE)
    spec = dataclasses.replace(sizes, steps=AT_ONCE)
    # A horizon of 0 stands for a constant rate: data, so that one program serves both schedules.
    horizon = stops[-1] if schedule is Schedule.COSINE else 0
    rates = jnp.asarray([rate, horizon], float)
    queries = _queries(task, keys, spec, split)
    rows = learner.takes_rows
    if state is None:
        state = _init(learner, keys, spec.batch)
    due, parts = np.isin(np.arange(first, stops[-1]) + 1, stops), []
    for start in range(first, stops[-1], AT_ONCE):
        now = due[start - first : start - first + AT_ONCE]
        span = jnp.asarray([start, start + len(now)], jnp.int32)
        support = _support(task, keys, spec, split, span[0], rows)
        wanted = jnp.asarray(np.pad(now, (0, AT_ONCE - len(now))))
        state, seen = _advance(
            *(learner, state, keys, support, queries, rates, span, wanted),
            *(task.target, observe, judge, task.stages),
        )
        if now.any():
            parts.append(jax.tree.map(itemgetter((slice(None), now.nonzero()[0])), seen))
    return state, jax.tree.map(lambda *each: jnp.concatenate(each, axis=1), *parts)


def spread_stops(steps: int) -> tuple[int, ...]:
    """Steps at which a curve shows what there is to see: each of the first 20, then ever fewer.

    From 20 on every 5th, from 200 on every 50th, and so on; the last step always.
    """
    gaps = (max(1, 10 ** (len(str(n // 2)) - 1) // 2) for n in range(1, steps))
    return (*tuple(n for n, gap in enumerate(gaps, start=1) if n % gap == 0), steps)


def stage_stops(steps: int, stages: Stages | None) -> tuple[int, ...]:
    """`spread_stops`, and of a sequence the last step of each stage and the first of the next.

    What falls in a new stage mostly falls at once, and is not to look as if it took ten steps.
    """
    ends = stages.ends if stages else ()
    turns = {step for end in ends for step in (end, end + 1) if step <= steps}
    return tuple(sorted({*spread_stops(steps), *turns}))


def check_memory(
    network: Network,
    task: Task,
    seeds: int,
    stops: tuple[int, ...],
    split: Split,
    *,
    batch: int,
    rule: Rule | None = None,
) -> None:
    """Refuse what `learning_curve` could not do for lack of memory.

    Args:
        rule: of the genome that teaches; None for a learner without one.

    Raises:
        BluraxError: with an estimate, and the memory there is; for more examples in an episode than
            can be numbered.
    """
    spec = EpisodeSpec(steps=stops[-1], batch=batch)
    check_episodes(network, rule or Rule.backprop(), task, spec, seeds, split, AT_ONCE)


def rate_at(
    rate: Float[Array, ""], horizon: Float[Array, ""], index: Int[Array, ""]
) -> Float[Array, ""]:
    """The learning rate in step `index`: cosine over `horizon` steps, constant if that is 0."""
    cosine = (1 + jnp.cos(jnp.pi * index / jnp.maximum(horizon, 1))) / 2
    return rate * jnp.where(horizon > 0, cosine, 1.0)


@eqx.filter_jit
def _init(learner: Learner, keys: Key[Array, " seeds"], batch: int) -> Any:
    return jax.vmap(lambda key: learner.init(jax.random.fold_in(key, 0), batch))(keys)


@eqx.filter_jit
def _support(
    task: Task,
    keys: Key[Array, " seeds"],
    spec: EpisodeSpec,
    split: Split,
    first: Int[Array, ""],
    rows: bool,
) -> Batch:
    """The batches from step `first` on, `[seeds, steps, b, ...]`.

    Args:
        rows: whether the learner is given rows: XLA need not form the images that they are of.
    """

    def one(key: PRNGKeyArray) -> Batch:
        found = task.sample(jax.random.fold_in(key, 1), spec, split, first).support
        if not (rows and isinstance(found.x, Array)):
            return found
        return Batch(found.x.reshape(*found.x.shape[:2], -1), found.y, found.mask)

    return jax.vmap(one)(keys)


@eqx.filter_jit
def _queries(
    task: Task, keys: Key[Array, " seeds"], spec: EpisodeSpec, split: Split
) -> dict[str, Batch]:
    """The queries of every seed, `[seeds, q, ...]`."""

    def one(key: PRNGKeyArray) -> dict[str, Batch]:
        return task.sample(jax.random.fold_in(key, 1), spec, split).queries

    return jax.vmap(one)(keys)


@eqx.filter_jit
def _advance(
    learner: Learner,
    states: Any,
    keys: Key[Array, " seeds"],
    support: Batch,
    queries: dict[str, Batch],
    rates: Float[Array, "2"],
    span: Int[Array, "2"],
    due: Bool[Array, " steps"],
    target: Target,
    observe: Observe | None,
    judge: Judge | None,
    stages: Stages | None,
) -> tuple[Any, Curve]:
    """All seeds from step `span[0]`, the first of `support`, to step `span[1]`.

    Returns:
        The states, and the curve `[seeds, steps]`, 0 where it is not `due`.
    """

    def learn(state: Any, key: PRNGKeyArray, batch: Batch, index: Int[Array, ""]) -> tuple:
        drawn = jax.random.fold_in(jax.random.fold_in(key, 2), index)
        rate = rate_at(rates[0], rates[1], index)
        return step_in_stage(learner, stages, state, batch, rate=rate, key=drawn, index=index)

    def point(state: Any, batch: Batch, query: Batch, stages: Stages | None = None) -> Curve:
        def said(state: Any, query: Batch) -> tuple[Array, Array, Any]:
            found = learner.predict_after(state, query.x, batch.x), query.y, query.mask
            more = None if judge is None else judge(*found)
            return target.finite_score(*found), target.loss(*found), more

        (score, loss, more), each = asked(learner, stages, state, learner.takes(query), said)
        return Curve(score, loss, judged=more, stages=None if each is None else each[0])

    def evaluate(
        before: Any, after: Any, info: Any, batch: Batch, queries: dict[str, Batch]
    ) -> Curve:
        seen = None if observe is None else observe(before, after, info, batch)
        others = {name: point(after, batch, q) for name, q in queries.items() if name != DEFAULT}
        whole = point(after, batch, queries[DEFAULT], stages)
        return dataclasses.replace(whole, seen=seen, others=others)

    def body(index: Int[Array, ""], carry: tuple[Any, Curve]) -> tuple[Any, Curve]:
        states, curve = carry
        place = index - span[0]
        batches = jax.vmap(learner.takes)(at(support, (slice(None), place)))
        after, info = jax.vmap(learn, (0, 0, 0, None))(states, keys, batches, index)

        def noted(curve: Curve) -> Curve:
            point = jax.vmap(evaluate)(states, after, info, batches, queries)
            return jax.tree.map(lambda many, one: many.at[:, place].set(one), curve, point)

        return after, jax.lax.cond(due[place], noted, lambda curve: curve, curve)

    def first_point(states: Any) -> Curve:
        batches = jax.vmap(learner.takes)(at(support, (slice(None), 0)))
        after, info = jax.vmap(learn, (0, 0, 0, None))(states, keys, batches, span[0])
        return jax.vmap(evaluate)(states, after, info, batches, queries)

    shapes = jax.eval_shape(first_point, states)
    blank = jax.tree.map(lambda s: jnp.zeros((s.shape[0], len(due), *s.shape[1:]), s.dtype), shapes)
    return jax.lax.fori_loop(span[0], span[1], body, (states, blank))
