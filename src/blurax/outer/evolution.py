"""Meta-training by evolution: CMA-ES (pycma), and random search as the floor.

Neither needs a gradient: the objective may be the accuracy (paper, Fig. 7). All candidates of a
generation meet the same episodes, so that they differ by nothing but themselves.
"""

import dataclasses
import warnings
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, PRNGKeyArray, UInt32

from blurax.engine import Evaluate
from blurax.outer.jobs import Losses, candidate_losses
from blurax.outer.methods import Cma
from blurax.outer.problem import Problem
from blurax.outer.protocol import MetaInfo
from blurax.outer.space import Space, flatten


def _alone(vector: Array, problem: Problem) -> Any:
    """Meta-parameters as a population of one."""
    return jax.tree.map(lambda leaf: leaf[None], problem.space.from_vector(vector))


class CmaState(eqx.Module):
    """The losses of all generations so far: with them, CMA-ES can be led to the same point again.

    pycma's own state is a Python object that only pickle could store, and a checkpoint must not
    run code. Asking and telling again takes milliseconds a generation.
    """

    seed: UInt32[Array, "..."]
    """The data of the run's key."""
    losses: Float[Array, "generations candidates"]
    """Rows beyond `count` are 0."""
    count: Int[Array, ""]
    """Generations behind it."""
    mean: Float[Array, " size"]
    """The centre of the distribution, as a genome's vector: what is validated."""


class CmaEs(eqx.Module):
    """CMA-ES on the numbers of a genome, each in units of its scale."""

    problem: Problem
    candidates: int = eqx.field(static=True)
    generations: int = eqx.field(static=True)
    options: Cma = eqx.field(static=True)
    lessons: int = eqx.field(static=True, default=1)
    """Lessons over which a candidate's loss is averaged."""
    share: int = eqx.field(static=True, default=0)
    """Candidates in a job; 0: there are no jobs."""
    evaluate: Evaluate | None = eqx.field(static=True, default=None)
    """Who does the jobs, if there are any; this process if None."""
    _live: dict[bytes, "Search"] = eqx.field(static=True, default_factory=dict)
    """The search that belongs to the latest state, so that it need not be led there again."""

    def init(self, key: PRNGKeyArray) -> CmaState:
        """No generation yet."""
        seed = jax.random.key_data(key)
        return CmaState(
            seed,
            jnp.zeros((self.generations, self.candidates), float),
            jnp.zeros((), jnp.int32),
            jnp.asarray(self._search(np.asarray(seed)).mean(), float),
        )

    def step(self, state: CmaState, key: PRNGKeyArray) -> tuple[CmaState, MetaInfo]:
        """One generation."""
        search = self._led_to(state)
        vectors = jnp.asarray(search.ask(), float)
        work = Losses(self.problem, self.options.chunk)
        losses = candidate_losses(work, self.evaluate, vectors, key, self.share, self.lessons)
        search.tell(np.asarray(losses))
        count = int(state.count)
        moved = CmaState(
            state.seed,
            state.losses.at[count].set(losses),
            jnp.asarray(count + 1, jnp.int32),
            jnp.asarray(search.mean(), float),
        )
        self._live.clear()
        self._live[_fingerprint(moved)] = search
        return moved, MetaInfo(losses, None, ~jnp.isfinite(losses))

    def genomes(self, state: CmaState) -> Any:
        """The centre of the distribution, as a population of one."""
        return _alone(state.mean, self.problem)

    def synchronise(self, state: CmaState, best: Int[Array, ""], key: PRNGKeyArray) -> CmaState:
        """There is but one; it goes on."""
        return state

    def _search(self, seed: np.ndarray) -> "Search":
        return Search(self, seed)

    def _led_to(self, state: CmaState) -> "Search":
        """The search after the generations of a state."""
        found = self._live.pop(_fingerprint(state), None)
        if found is not None:
            return found
        search, losses = self._search(np.asarray(state.seed)), np.asarray(state.losses)
        for generation in range(int(state.count)):
            search.ask()
            search.tell(losses[generation])
        return search


def _fingerprint(state: CmaState) -> bytes:
    count = int(state.count)
    return b"".join(
        np.asarray(part).tobytes() for part in (state.seed, state.count, state.losses[:count])
    )


class Search:
    """pycma asked and told, in a genome's own units, with restarts and randomness of its own."""

    def __init__(self, trainer: CmaEs, seed: np.ndarray) -> None:
        self._trainer, self._seed = trainer, seed
        self._scale = np.asarray(trainer.problem.space.scales(trainer.options.scale))
        self._restarts = 0
        self._asked: list[np.ndarray] = []
        self._es = self._begin()

    def _begin(self) -> Any:
        import cma  # not above: it imports pyplot, which only those should pay who ask for it

        trainer, options = self._trainer, self._trainer.options
        key = jax.random.fold_in(jax.random.wrap_key_data(jnp.asarray(self._seed)), self._restarts)
        first = trainer.problem.space.start(key)
        start = np.asarray(flatten(first), np.float64) / self._scale
        bound = options.bound
        if bound is not None:
            start = np.clip(start, -bound, bound)
        words = [int(word) for word in np.asarray(jax.random.key_data(key)).ravel()]
        draw = np.random.default_rng(words)
        settings = {
            "popsize": trainer.candidates,
            "bounds": [None, None] if bound is None else [-bound, bound],
            # A generator of its own: pycma would seed and use NumPy's global one.
            "randn": lambda *shape: draw.standard_normal(shape),
            "seed": np.nan,
            "verbose": -9,
            "verb_log": 0,
            "maxiter": np.inf,
            "maxfevals": np.inf,
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about options of ours that it finds unusual
            return cma.CMAEvolutionStrategy(start, options.sigma, settings)

    def ask(self) -> Float[np.ndarray, "candidates size"]:
        """The candidates of a generation, as genomes' vectors."""
        self._asked = self._es.ask()
        return np.stack(self._asked) * self._scale

    def tell(self, losses: np.ndarray) -> None:
        """Their losses, of which any that is not finite counts as the worst."""
        values = np.asarray(losses, np.float64)
        good = np.isfinite(values)
        worst = values[good].max() + 1.0 if good.any() else 1.0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a generation of equal losses is no reason to talk
            self._es.tell(self._asked, np.where(good, values, worst).tolist())
        if self._restarts < self._trainer.options.restarts and self._es.stop():
            self._restarts += 1
            self._es = self._begin()

    def mean(self) -> Float[np.ndarray, " size"]:
        """The centre of the distribution, as a genome's vector."""
        return np.asarray(self._es.mean) * self._scale


class BestState(eqx.Module):
    """The best candidate so far."""

    vector: Float[Array, " size"]
    loss: Float[Array, ""]


class RandomSearch(eqx.Module):
    """Newborn genomes, each generation others; the best is kept. What all else has to beat."""

    problem: Problem
    candidates: int = eqx.field(static=True)
    chunk: int = eqx.field(static=True)
    lessons: int = eqx.field(static=True, default=1)
    """Lessons over which a candidate's loss is averaged."""
    share: int = eqx.field(static=True, default=0)
    """Candidates in a job; 0: there are no jobs."""
    evaluate: Evaluate | None = eqx.field(static=True, default=None)
    """Who does the jobs, if there are any; this process if None."""

    def init(self, key: PRNGKeyArray) -> BestState:
        """A newborn genome that anything beats."""
        return BestState(self._newborn(key[None])[0], jnp.full((), jnp.inf, float))

    def step(self, state: BestState, key: PRNGKeyArray) -> tuple[BestState, MetaInfo]:
        """One generation."""
        if self.share == 0:
            return dataclasses.replace(self, evaluate=None)._whole(state, key)
        return self._generation(state, key)

    @eqx.filter_jit
    def _whole(self, state: BestState, key: PRNGKeyArray) -> tuple[BestState, MetaInfo]:
        """A generation as one program."""
        return self._generation(state, key)

    def _generation(self, state: BestState, key: PRNGKeyArray) -> tuple[BestState, MetaInfo]:
        vectors = self._newborn(jax.random.split(jax.random.fold_in(key, 2), self.candidates))
        work = Losses(self.problem, self.chunk)
        losses = candidate_losses(work, self.evaluate, vectors, key, self.share, self.lessons)
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
        return _alone(state.vector, self.problem)

    def synchronise(self, state: BestState, best: Int[Array, ""], key: PRNGKeyArray) -> BestState:
        """The losses of the stage before say nothing of this one: any candidate may be better."""
        return BestState(state.vector, jnp.full((), jnp.inf, float))

    def _newborn(self, keys: Key[Array, " candidates"]) -> Float[Array, "candidates size"]:
        return _start_vectors(keys, self.problem.space)


@eqx.filter_jit
def _start_vectors(
    keys: Key[Array, " candidates"], space: Space
) -> Float[Array, "candidates size"]:
    return jax.vmap(lambda key: flatten(space.start(key)))(keys)
