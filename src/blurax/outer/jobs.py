"""What workers compute in meta-training, and how a meta-step is cut into jobs.

How it is cut depends on the configuration and never on the workers: so the results, to the bit, do
not depend on who they are.
"""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, UInt32

from blurax.engine import LOCAL, Evaluate, Job
from blurax.outer.problem import Problem
from blurax.outer.protocol import Estimator, Which
from blurax.outer.space import Space


class Losses(eqx.Module):
    """The losses of candidates on the same episodes."""

    problem: Problem
    chunk: int = eqx.field(static=True)
    """Candidates computed side by side; 0: all."""

    @eqx.filter_jit
    def __call__(
        self, vectors: Float[Array, "candidates size"], seed: UInt32[Array, "..."], which: Which
    ) -> Float[Array, " candidates"]:
        """The loss of each genome, given as a vector.

        Args:
            seed: of the episodes: the data of a key.
        """
        episodes = jax.random.wrap_key_data(seed)

        def one(vector: Array) -> Array:
            return self.problem.loss(self.problem.space.from_vector(vector), episodes, which)

        size = min(self.chunk, len(vectors)) if self.chunk else len(vectors)
        return jax.lax.map(one, vectors, batch_size=size)


class Estimates(eqx.Module):
    """Estimates of meta-gradients, side by side; leaves lead with a batch axis `n`."""

    estimator: Estimator

    @eqx.filter_jit
    def __call__(
        self, batch: tuple[Any, Any, UInt32[Array, "n ..."]], which: Which
    ) -> tuple[Float[Array, " n"], Any, Any]:
        """Losses, gradients, and what the estimator carries on.

        Args:
            batch: genomes, what was carried, and the data of a key for each.
        """

        def one(numbers: Any, carry: Any, seed: Array) -> tuple[Array, Any, Any]:
            key = jax.random.wrap_key_data(seed)
            return self.estimator.estimate(numbers, carry, key, which)

        if len(batch[2]) == 1:
            first = jax.tree.map(lambda leaf: leaf[0], batch)
            return jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], one(*first))
        return jax.vmap(one)(*batch)


class EstimateJobs(eqx.Module):
    """`Estimates` as workers compute them: what travels are lists of leaves.

    Not the modules themselves: equinox remembers for ever each one that is unpickled.
    """

    estimates: Estimates
    space: Space
    """Of the meta-parameters."""

    @eqx.filter_jit
    def __call__(
        self, batch: tuple[list[Array], list[Array], UInt32[Array, "n ..."]], which: Which
    ) -> tuple[Float[Array, " n"], list[Array], list[Array]]:
        """Losses, and the leaves of gradients and of what is carried on.

        Args:
            batch: the leaves of genomes and of what was carried, and the data of a key for each.
        """
        numbers, carried, seeds = batch
        init = self.estimates.estimator.init
        blank = jax.eval_shape(lambda key: init(key), jax.random.key(0))  # see Space.template
        carry = jax.tree.unflatten(jax.tree.structure(blank), carried)
        known = (self.space.from_leaves(numbers), carry, seeds)
        losses, gradients, carry = self.estimates(known, which)
        return losses, jax.tree.leaves(gradients), jax.tree.leaves(carry)


class Scores(eqx.Module):
    """The validation scores of genomes."""

    problem: Problem
    episodes: int = eqx.field(static=True)

    @eqx.filter_jit
    def __call__(
        self, leaves: list[Array], seed: UInt32[Array, "..."]
    ) -> Float[Array, "genomes pairs"]:
        """The score of each genome for each task and network.

        Args:
            leaves: of the genomes, each leading with `genomes`.
            seed: the data of a key.
        """
        key, many = jax.random.wrap_key_data(seed), self.problem.space.from_leaves(leaves)
        return jax.vmap(lambda one: self.problem.validate(one, key, self.episodes))(many)


def cut(name: str, key: PRNGKeyArray, job_size: int, batch: Any, *rest: Any) -> list[Job]:
    """Jobs of `job_size` items each, of all if 0.

    Args:
        name: what is computed.
        key: whose data goes into the jobs' ids.
        batch: a pytree whose leaves lead with a batch axis.
        rest: further arguments, the same in all jobs.
    """
    count = jax.tree.leaves(batch)[0].shape[0]
    tag = f"{name}-{np.asarray(jax.random.key_data(key)).tobytes().hex()}"
    if job_size in (0, count):
        return [Job(tag, (batch, *rest))]
    batch = jax.device_get(batch)  # slices of NumPy arrays cost nothing
    parts = [slice(start, start + job_size) for start in range(0, count, job_size)]
    return [Job(f"{tag}-{part.start}", (_part(batch, part), *rest)) for part in parts]


def _part(batch: Any, part: slice) -> Any:
    return jax.tree.map(lambda leaf: leaf[part], batch)


def joined(parts: Sequence[Any]) -> Any:
    """The results of jobs as those of one; leaves lead with the batch axis of all."""
    if len(parts) == 1:
        return jax.tree.map(jnp.asarray, parts[0])
    return jax.tree.map(lambda *leaves: jnp.asarray(np.concatenate(leaves)), *parts)


def candidate_losses(
    work: Losses,
    evaluate: Evaluate | None,
    vectors: Float[Array, "candidates size"],
    key: PRNGKeyArray,
    job_size: int,
    episodes: int,
) -> Float[Array, " candidates"]:
    """The loss of each genome, the mean over episodes; all candidates meet the same episodes.

    Args:
        evaluate: who does the jobs; this process if None.
        job_size: candidates in a job; 0: there are no jobs.
    """
    which = work.problem.draw(jax.random.fold_in(key, 1))
    first = jax.random.fold_in(key, 0)
    keys = [first] if episodes == 1 else [jax.random.fold_in(first, n) for n in range(episodes)]
    if job_size == 0:
        losses = [work(vectors, jax.random.key_data(k), which) for k in keys]
    else:
        lots = [cut("losses", k, job_size, vectors, jax.random.key_data(k), which) for k in keys]
        results = (evaluate or LOCAL.prepare(work))([job for lot in lots for job in lot])
        each = len(lots[0])
        losses = [joined(results[n : n + each]) for n in range(0, len(results), each)]
    return losses[0] if episodes == 1 else jnp.mean(jnp.stack(losses), axis=0)


def numbers_of_job(job: Job, space: Space) -> list[Any]:
    """The meta-parameters that a job is about."""
    batch = job.arguments[0]
    if not isinstance(batch, tuple | list):
        return [space.from_vector(jnp.asarray(vector)) for vector in batch]
    leaves = batch[0] if isinstance(batch, tuple) else batch
    count = len(leaves[0])
    return [space.from_leaves([jnp.asarray(leaf[n]) for leaf in leaves]) for n in range(count)]
