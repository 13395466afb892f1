"""All that a run needs to go on, at its start and after a validation."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax.engine import Evaluate
from blurax.outer.jobs import cut, joined
from blurax.outer.protocol import MetaTrainer
from blurax.outer.space import Space


class RunState(eqx.Module):
    """All that a run needs to go on."""

    trainer: Any
    best: Any
    """The meta-parameters with the best validation score so far, or the last (`keep_last`)."""
    best_score: Float[Array, ""]
    """Its score, the mean over tasks and networks; -1 before the first validation."""
    leader: Int[Array, ""]
    """The member that did best in the latest validation."""
    stale: Int[Array, ""]
    """Validations since the best one."""
    lost: Int[Array, ""]
    """Meta-steps in a row in which all members diverged or had no gradient."""


def first_state(trainer: MetaTrainer, space: Space, key: PRNGKeyArray) -> RunState:
    """The state before the first meta-step."""
    blank = space.zeros()
    state = trainer.init(jax.random.fold_in(key, 0))
    zeros = [jnp.zeros((), jnp.int32) for _ in range(3)]  # each a buffer of its own
    return RunState(state, blank, jnp.full((), -1.0, float), *zeros)


def validated(
    trainer: MetaTrainer,
    evaluate: Evaluate,
    state: RunState,
    key: PRNGKeyArray,
    job_size: int,
    keep_last: bool = False,
) -> tuple[RunState, Float[Array, "members pairs"]]:
    """Score all genomes, always on the same episodes, and keep the best one ever seen.

    Args:
        keep_last: keep the best of these in any case, unless it scores nothing, as what diverges.
    """
    genomes, episodes = trainer.genomes(state.trainer), jax.random.fold_in(key, 2)
    leaves = jax.tree.leaves(genomes)
    jobs = cut("scores", episodes, job_size, leaves, jax.random.key_data(episodes))
    scores = joined(evaluate(jobs))
    means = jnp.mean(scores, axis=1)
    leader = jnp.argmax(means).astype(jnp.int32)
    better = bool(means[leader] > state.best_score)
    better |= keep_last and bool(means[leader] > 0)
    best = jax.tree.map(lambda leaf: leaf[leader], genomes) if better else state.best
    return RunState(
        state.trainer,
        best,
        jnp.asarray(means[leader], float) if better else state.best_score,
        leader,
        jnp.asarray(0 if better else int(state.stale) + 1, jnp.int32),
        state.lost,
    ), scores
