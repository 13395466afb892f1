"""Random search: what all else has to beat."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, PRNGKeyArray

from blurax.bounds import check_counts
from blurax.engine import Evaluate, Evaluator
from blurax.frozen import check_types
from blurax.outer.jobs import Losses, candidate_losses
from blurax.outer.methods.base import Config, Method
from blurax.outer.methods.cma_es import chunk_of
from blurax.outer.numbers import flatten
from blurax.outer.problem import Problem
from blurax.outer.protocol import MetaInfo
from blurax.outer.space import Space, alone


@dataclasses.dataclass(frozen=True)
class RandomSearch(Method):
    """Random starts only; what all else has to beat.

    Raises:
        BluraxError: for a value out of range.
    """

    name = "random-search"

    chunk: int = 0
    """Candidates computed side by side, to fit memory; 0: all."""

    def __post_init__(self) -> None:
        check_types(self)
        check_counts(self, "chunk", least=0)

    def trainer(self, config: Config, problem: Problem, evaluator: Evaluator) -> "Sampler":
        """One search."""
        evaluate = evaluator.prepare(Losses(problem, self.chunk))
        shape = (config.population, self.chunk, config.episodes, config.job_size)
        return Sampler(problem, *shape, evaluate)

    def at_once(self, config: Config) -> int:
        """Candidates, or a part of them."""
        return chunk_of(self.chunk, config)

    def validated(self, config: Config) -> int:
        """The best candidate."""
        return 1


class BestState(eqx.Module):
    """The best candidate so far."""

    vector: Float[Array, " size"]
    loss: Float[Array, ""]


class Sampler(eqx.Module):
    """Candidates from the start, each generation others; the best is kept."""

    problem: Problem
    candidates: int = eqx.field(static=True)
    chunk: int = eqx.field(static=True)
    episodes: int = eqx.field(static=True, default=1)
    """Episodes over which a candidate's loss is averaged."""
    job_size: int = eqx.field(static=True, default=0)
    """Candidates in a job; 0: there are no jobs."""
    evaluate: Evaluate | None = eqx.field(static=True, default=None)
    """Who does the jobs, if there are any; this process if None."""

    def init(self, key: PRNGKeyArray) -> BestState:
        """An initial genome that anything beats."""
        return BestState(self._initial(key[None])[0], jnp.full((), jnp.inf, float))

    def step(self, state: BestState, key: PRNGKeyArray) -> tuple[BestState, MetaInfo]:
        """One generation."""
        if self.job_size == 0:
            return dataclasses.replace(self, evaluate=None)._whole(state, key)
        return self._generation(state, key)

    @eqx.filter_jit
    def _whole(self, state: BestState, key: PRNGKeyArray) -> tuple[BestState, MetaInfo]:
        """A generation as one program."""
        return self._generation(state, key)

    def _generation(self, state: BestState, key: PRNGKeyArray) -> tuple[BestState, MetaInfo]:
        vectors = self._initial(jax.random.split(jax.random.fold_in(key, 2), self.candidates))
        work = Losses(self.problem, self.chunk)
        losses = candidate_losses(work, self.evaluate, vectors, key, self.job_size, self.episodes)
        ranked = jnp.where(jnp.isfinite(losses), losses, jnp.inf)
        winner = jnp.argmin(ranked)
        better = ranked[winner] < state.loss
        moved = BestState(
            jnp.where(better, vectors[winner], state.vector),
            jnp.where(better, ranked[winner], state.loss),
        )
        return moved, MetaInfo(losses, None, ~jnp.isfinite(losses))

    def genomes(self, state: BestState) -> Any:
        """The best candidate, as a population of one."""
        return alone(state.vector, self.problem.space)

    def synchronise(self, state: BestState, best: Int[Array, ""], key: PRNGKeyArray) -> BestState:
        """The losses of the stage before say nothing of this one: any candidate may be better."""
        return BestState(state.vector, jnp.full((), jnp.inf, float))

    def _initial(self, keys: Key[Array, " candidates"]) -> Float[Array, "candidates size"]:
        return _start_vectors(keys, self.problem.space)


@eqx.filter_jit
def _start_vectors(
    keys: Key[Array, " candidates"], space: Space
) -> Float[Array, "candidates size"]:
    return jax.vmap(lambda key, n: flatten(space.start(key, n)))(keys, jnp.arange(len(keys)))
