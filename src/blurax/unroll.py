"""A learner in an episode: its steps, many of them in one scan, and what it is asked after them.

Where the episode has stages, the learner is told each of them.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from blurax.batch import Batch, leading
from blurax.learner import Learner
from blurax.remat import Remat, scan
from blurax.stages import Stages, each_stage


def step_in_stage(
    learner: Learner,
    stages: Stages | None,
    state: Any,
    batch: Batch,
    *,
    rate: Float[Array, ""],
    key: PRNGKeyArray,
    index: Int[Array, ""],
) -> tuple[Any, Any]:
    """`Learner.step` in an episode that may have stages, of which the learner is told."""
    if stages is None:
        return learner.step(state, batch, rate=rate, key=key, index=index)
    told = learner.told(state, stages.at(index))
    state, info = learner.step(told, batch, rate=rate, key=key, index=index)
    if type(learner).end_stage is Learner.end_stage:
        return state, info

    def over(state: Any) -> Any:
        return learner.end_stage(state, batch, jax.random.fold_in(key, 1))

    return jax.lax.cond(stages.ends_with(index), over, lambda state: state, state), info


def asked(
    learner: Learner,
    stages: Stages | None,
    state: Any,
    query: Batch,
    evaluate: Callable[[Any, Batch], Any],
) -> tuple[Any, Any]:
    """What is said of a query, and of the part of each stage: the mean of these counts.

    Args:
        query: as the learner is given it.
        evaluate: called with a state, told the stage, and a query; it returns a pytree of numbers.

    Returns:
        The mean over the stages, and what was said of each, `[stages, ...]`; None where the episode
        has none.
    """
    if stages is None:
        return evaluate(state, query), None
    each = each_stage(stages, query, lambda n, part: evaluate(learner.told(state, n), part))
    return jax.tree.map(lambda leaf: jnp.mean(leaf, axis=0), each), each


def unroll(
    learner: Learner,
    state: Any,
    batches: Batch,
    observe: Callable[[Any], Any],
    remat: Remat,
    first: int | Int[Array, ""],
    key: PRNGKeyArray,
    ask: Callable[[Any], Any] | None = None,
    due: Bool[Array, " steps"] | None = None,
    stages: Stages | None = None,
) -> tuple[Any, Any, Any]:
    """Many steps of a learner at rate 0, for rules that have their own; one `lax.scan`.

    Args:
        batches: of a task, every leaf `[steps, b, ...]`.
        observe: called with the state after each step.
        remat: what a gradient through the unroll keeps.
        first: the number of the first step.
        key: each step's key comes of it and the number of the step.
        ask: called with the state before the steps that are `due`.
        due: before which it is called.
        stages: of the episode.

    Returns:
        The state after the last step, and what `observe` and `ask` returned, stacked over steps: 0
        where `ask` was not due.
    """
    rate = jnp.zeros((), float)
    batches = jax.vmap(learner.takes)(batches)  # here XLA need not form the images that rows are of

    def body(state: Any, numbered: tuple[Array, Batch]) -> tuple[Any, Any]:
        index, batch = numbered
        drawn = jax.random.fold_in(key, index)
        state, _ = step_in_stage(learner, stages, state, batch, rate=rate, key=drawn, index=index)
        return state, observe(state)

    numbered = first + jnp.arange(leading(batches.y)), batches
    return scan(body, state, numbered, remat, ask, due)
