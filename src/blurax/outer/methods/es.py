"""Evolution strategies: the gradient estimated from losses alone, of whole episodes or windows."""

import dataclasses
import math
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from blurax.bounds import check_counts
from blurax.engine import Evaluator
from blurax.errors import require
from blurax.footprint import Footprint
from blurax.frozen import check_types
from blurax.outer.descent import Descent
from blurax.outer.methods.base import Config, Following
from blurax.outer.numbers import flatten
from blurax.outer.ongoing import Ongoing, advance, begin, check_windows, is_new
from blurax.outer.problem import Problem
from blurax.outer.protocol import Estimator, Which
from blurax.outer.space import Space, check_scales
from blurax.tasks import EpisodeSpec


@dataclasses.dataclass(frozen=True)
class Es(Following):
    """Evolution strategies with antithetic pairs.

    Raises:
        BluraxError: for a value out of range.
    """

    name = "es"

    pairs: int = 8
    """Antithetic pairs of each member."""
    sigma: float = 0.05
    """The standard deviation of the noise, in units of each number's scale."""
    scale: tuple[str, ...] = ()
    """Other scales than the usual ones, such as eta_tilde=0.01."""

    def __post_init__(self) -> None:
        check_types(self)
        check_counts(self, "pairs")
        check_sigma(self, self.sigma)

    def estimator(self, problem: Problem) -> Estimator:
        """Of the whole episode."""
        return AntitheticES(problem, self.pairs, self.sigma, self.scale)

    def trainer(self, config: Config, problem: Problem, evaluator: Evaluator) -> Descent:
        """Independent descents."""
        check_scales(problem.space, self.scale)
        return super().trainer(config, problem, evaluator)

    def episode(
        self, config: Config, one: Footprint, spec: EpisodeSpec, query: int, numbers: int
    ) -> int:
        """The examples once, a network for each pair."""
        shared = spec.steps * spec.batch * one.example + query * one.example
        return shared + self.pairs * one.episode(0, spec.batch, query)


@dataclasses.dataclass(frozen=True)
class Pes(Es):
    """Persistent evolution strategies: windows, unbiased."""

    name = "pes"
    has_windows = True

    window: int = 5
    """Inner steps of a meta-step; a divisor of an episode's steps."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_counts(self, "window")

    def estimator(self, problem: Problem) -> "PersistentES":
        """Of a window, with the sum of the noises since the episode began."""
        return PersistentES(problem, self.pairs, self.sigma, self.window, scale=self.scale)

    def carried(self, config: Config, one: Footprint) -> int:
        """The networks of each pair, before and after."""
        return 4 * self.pairs * config.population * config.episodes * one.synapses

    def episode(
        self, config: Config, one: Footprint, spec: EpisodeSpec, query: int, numbers: int
    ) -> int:
        """The examples of a window once, a network for each pair."""
        part = dataclasses.replace(spec, steps=self.window)
        return super().episode(config, one, part, query, numbers)


@dataclasses.dataclass(frozen=True)
class Nres(Pes):
    """Noise-reuse evolution strategies: windows, unbiased, less variance."""

    name = "nres"

    def estimator(self, problem: Problem) -> "PersistentES":
        """Of a window, with the same noise all through an episode."""
        return PersistentES(problem, self.pairs, self.sigma, self.window, True, self.scale)


def check_sigma(method: Any, sigma: float) -> None:
    """Raise `BluraxError` if a standard deviation is not above 0."""
    name = type(method).__name__
    require(0 < sigma < math.inf, f"{name}.sigma is {sigma}; it takes a number above 0.")


class AntitheticES(eqx.Module):
    """Evolution strategies: differences of the loss along random directions, in pairs ±.

    It estimates the gradient of the loss smoothed by normal noise, so the loss needs no gradient.
    """

    adds: ClassVar[bool] = False
    problem: Problem
    pairs: int = eqx.field(static=True)
    sigma: float = eqx.field(static=True)
    """The deviation of the noise, in units of each number's scale."""
    scale: tuple[str, ...] = eqx.field(static=True, default=())

    def init(self, key: PRNGKeyArray) -> None:
        """Nothing."""

    def estimate(
        self, numbers: Any, carry: None, key: PRNGKeyArray, which: Which
    ) -> tuple[Float[Array, ""], Any, None]:
        """All candidates learn from the same episodes."""
        space, episodes = self.problem.space, jax.random.fold_in(key, 0)
        size, vector = self.sigma * space.scales(self.scale), flatten(numbers)
        noise = jax.random.normal(jax.random.fold_in(key, 1), (self.pairs, vector.size), float)

        def loss(vector: Array) -> Array:
            return self.problem.loss(space.from_vector(vector), episodes, which)

        up, down = (jax.vmap(loss)(vector + s * size * noise) for s in (1, -1))
        return *_from_pairs(up, down, noise / size, space), None


class PairState(eqx.Module):
    """Ongoing episodes of pairs ±, every leaf with a leading axis `pairs`."""

    up: Ongoing
    down: Ongoing
    noise: Float[Array, "pairs size"]
    """Of each pair since its episode began: the sum of all (persistent), or the one (reused)."""


class PersistentES(eqx.Module):
    """Persistent evolution strategies (Vicol, Metz and Sohl-Dickstein, ICML 2021).

    Episodes go on between meta-steps, a window each, with new noise in each; what a window's loss
    owes to the noise of earlier ones is kept in the sum of the noises. Unbiased, where a window
    alone is not.
    """

    adds: ClassVar[bool] = False
    problem: Problem
    pairs: int = eqx.field(static=True)
    sigma: float = eqx.field(static=True)
    window: int = eqx.field(static=True)
    reuse: bool = eqx.field(static=True, default=False)
    """Noise-reuse ES (Li et al., NeurIPS 2023): the same noise all through an episode; less
    variance, for an episode's loss then depends on one draw."""
    scale: tuple[str, ...] = eqx.field(static=True, default=())

    def __check_init__(self) -> None:
        check_windows(self.problem, self.window)

    def init(self, key: PRNGKeyArray) -> PairState:
        """Episodes at their start; both of a pair are the same episode."""
        pairs = jax.vmap(lambda key: begin(self.problem, key))(jax.random.split(key, self.pairs))
        size = flatten(self.problem.space.zeros()).size
        return PairState(pairs, pairs, jnp.zeros((self.pairs, size), float))

    def estimate(
        self, numbers: Any, carry: PairState, key: PRNGKeyArray, which: Which
    ) -> tuple[Float[Array, ""], Any, PairState]:
        """The next window of every episode."""
        space = self.problem.space
        size, vector = self.sigma * space.scales(self.scale), flatten(numbers)
        fresh = jax.random.normal(key, carry.noise.shape, float)
        starts = jax.vmap(is_new)(carry.up)[:, None]
        if self.reuse:
            now = owed = jnp.where(starts, fresh, carry.noise)
        else:
            now, owed = fresh, jnp.where(starts, 0.0, carry.noise) + fresh

        def window(vector: Array, ongoing: Ongoing) -> tuple[Array, Ongoing]:
            return advance(self.problem, space.from_vector(vector), ongoing, self.window)

        up, went_up = jax.vmap(window)(vector + size * now, carry.up)
        down, went_down = jax.vmap(window)(vector - size * now, carry.down)
        loss, gradient = _from_pairs(up, down, owed / size, space)
        return loss, gradient, PairState(went_up, went_down, owed)


def _from_pairs(
    up: Float[Array, " pairs"],
    down: Float[Array, " pairs"],
    directions: Float[Array, "pairs size"],
    space: Space,
) -> tuple[Float[Array, ""], Any]:
    """The mean loss and the mean slope; a pair of which one is not finite counts for nothing."""
    good = jnp.isfinite(up) & jnp.isfinite(down)
    half = jnp.where(good, (up - down) / 2, 0.0)
    count = jnp.sum(good)
    slope = jnp.sum(half[:, None] * directions, axis=0) / count
    loss = jnp.sum(jnp.where(good, (up + down) / 2, 0.0)) / count
    return loss, space.from_vector(slope)
