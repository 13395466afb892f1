"""CMA-ES (pycma), which needs no gradient: the loss may be the accuracy (paper, Fig. 7).

All candidates of a generation meet the same episodes, so that they differ by nothing but
themselves.
"""

import dataclasses
import math
import warnings
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray, UInt32

from blurax.bounds import check_counts
from blurax.engine import Evaluate, Evaluator
from blurax.errors import require
from blurax.footprint import number
from blurax.frozen import added, check_types
from blurax.outer.jobs import Losses, candidate_losses
from blurax.outer.methods.base import Config, Method
from blurax.outer.methods.es import check_sigma
from blurax.outer.numbers import flatten
from blurax.outer.problem import Problem
from blurax.outer.protocol import MetaInfo
from blurax.outer.space import alone, check_scales


@dataclasses.dataclass(frozen=True)
class Cma(Method):
    """CMA-ES (paper, Fig. 7).

    Raises:
        BluraxError: for a value out of range.
    """

    name = "cma-es"

    sigma: float = 0.3
    """The standard deviation at the start, in units of each number's scale."""
    scale: tuple[str, ...] = ()
    """Other scales than the usual ones, such as eta_tilde=0.01."""
    only: tuple[str, ...] = added(())
    """Leaves that are searched, such as eta_tilde; all others stay as they start. None: all."""
    bound: float | None = None
    """Keep every number within so many scales of 0."""
    restarts: int = 0
    """Begin anew, from another start, so many times when the search has come to rest."""
    chunk: int = 0
    """Candidates computed side by side, to fit memory; 0: all."""

    def __post_init__(self) -> None:
        check_types(self)
        check_sigma(self, self.sigma)
        require(
            self.bound is None or 0 < self.bound < math.inf,
            f"Cma.bound is {self.bound}; it takes a number above 0.",
        )
        check_counts(self, "restarts", "chunk", least=0)

    def check(self, config: Config) -> None:
        """A generation has 4 candidates or more."""
        super().check(config)
        require(
            config.population >= 4,
            f"MetaTrain.population is {config.population}; cma-es takes 4 candidates or more.",
        )

    def trainer(self, config: Config, problem: Problem, evaluator: Evaluator) -> "CmaEs":
        """One search."""
        check_scales(problem.space, self.scale)
        problem.space.places(self.only)  # refuses a name that no leaf has
        evaluate = evaluator.prepare(Losses(problem, self.chunk))
        shape = (config.population, config.meta_steps, self)
        return CmaEs(problem, *shape, config.episodes, config.job_size, evaluate)

    def at_once(self, config: Config) -> int:
        """Candidates, or a part of them."""
        return chunk_of(self.chunk, config)

    def validated(self, config: Config) -> int:
        """The centre of the distribution."""
        return 1

    def kept(self, config: Config, numbers: int) -> int:
        """The losses of all generations, and pycma's square matrices."""
        return 2 * config.meta_steps * config.population * number() + 24 * numbers**2


def chunk_of(chunk: int, config: Config) -> int:
    """The candidates that are computed side by side."""
    most = config.population
    return min(chunk or most, config.job_size or most * config.episodes, most)


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
    episodes: int = eqx.field(static=True, default=1)
    """Episodes over which a candidate's loss is averaged."""
    job_size: int = eqx.field(static=True, default=0)
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
        losses = candidate_losses(work, self.evaluate, vectors, key, self.job_size, self.episodes)
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
        return alone(state.mean, self.problem.space)

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
    """pycma by ask and tell, in a genome's own units, with restarts and randomness of its own."""

    def __init__(self, trainer: CmaEs, seed: np.ndarray) -> None:
        self._trainer, self._seed = trainer, seed
        space, options = trainer.problem.space, trainer.options
        self._places = space.places(options.only)
        self._scale = np.asarray(space.scales(options.scale))[self._places]
        self._restarts = 0
        self._asked: list[np.ndarray] = []
        self._es = self._begin()

    def _begin(self) -> Any:
        import cma  # not above: it imports pyplot, which only those should pay who ask for it

        trainer, options = self._trainer, self._trainer.options
        key = jax.random.fold_in(jax.random.wrap_key_data(jnp.asarray(self._seed)), self._restarts)
        first = trainer.problem.space.start(key, self._restarts)
        self._first = np.asarray(flatten(first), np.float64)
        start = self._first[self._places] / self._scale
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
        return self._whole(np.stack(self._asked))

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
        return self._whole(np.asarray(self._es.mean)[None])[0]

    def _whole(self, found: Float[np.ndarray, "many searched"]) -> Float[np.ndarray, "many size"]:
        """Genomes' vectors, with what is not searched as it was at the start."""
        whole = np.tile(self._first, (len(found), 1))
        whole[:, self._places] = found * self._scale
        return whole
