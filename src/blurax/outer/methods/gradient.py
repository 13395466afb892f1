"""The gradient of the loss itself: through the whole episode, in either mode, or a window of it."""

import dataclasses
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PRNGKeyArray

from blurax.bounds import check_counts
from blurax.footprint import Footprint
from blurax.frozen import check_types
from blurax.outer.methods.base import Config, Following
from blurax.outer.objective import When
from blurax.outer.ongoing import Ongoing, advance, begin, check_windows
from blurax.outer.problem import Problem
from blurax.outer.protocol import Which
from blurax.tasks import EpisodeSpec


@dataclasses.dataclass(frozen=True)
class Gradient(Following):
    """Reverse mode through the whole episode (paper, sec. 3.3)."""

    name = "gradient"
    needs_gradient = True

    def estimator(self, problem: Problem) -> "FullGradient":
        """Of the whole episode."""
        return FullGradient(problem)

    def episode(
        self, config: Config, one: Footprint, spec: EpisodeSpec, query: int, numbers: int
    ) -> int:
        """All steps are kept for the backward pass."""
        return _backward(config, one, spec, query, spec.steps)


@dataclasses.dataclass(frozen=True)
class Forward(Following):
    """The same gradient by forward mode: slower, but memory is flat in the episode's length.

    Raises:
        BluraxError: for a value out of range.
    """

    name = "forward"
    needs_gradient = True

    chunk: int = 16
    """Tangents computed side by side: more are quicker and take more memory."""

    def __post_init__(self) -> None:
        check_types(self)
        check_counts(self, "chunk")

    def estimator(self, problem: Problem) -> "ForwardGradient":
        """A tangent for each number."""
        return ForwardGradient(problem, self.chunk)

    def episode(
        self, config: Config, one: Footprint, spec: EpisodeSpec, query: int, numbers: int
    ) -> int:
        """A state for each tangent."""
        side = min(self.chunk, numbers)
        plain = one.episode(spec.steps, spec.batch, query)
        return plain + side * one.episode(0, spec.batch, query)


@dataclasses.dataclass(frozen=True)
class Truncated(Following):
    """Reverse mode through a window of an ongoing episode.

    Raises:
        BluraxError: for a value out of range.
    """

    name = "truncated"
    needs_gradient = has_windows = True

    window: int = 5
    """Inner steps of a meta-step; a divisor of an episode's steps."""

    def __post_init__(self) -> None:
        check_types(self)
        check_counts(self, "window")

    def estimator(self, problem: Problem) -> "TruncatedGradient":
        """Of a window."""
        return TruncatedGradient(problem, self.window)

    def carried(self, config: Config, one: Footprint) -> int:
        """The networks, before and after."""
        return 2 * config.population * config.episodes * one.synapses

    def episode(
        self, config: Config, one: Footprint, spec: EpisodeSpec, query: int, numbers: int
    ) -> int:
        """The steps of a window are kept for the backward pass."""
        return _backward(config, one, spec, query, self.window)


def _backward(config: Config, one: Footprint, spec: EpisodeSpec, query: int, steps: int) -> int:
    """Bytes of reverse mode through some steps."""
    objective = config.objective
    averaged = steps * one.synapses if objective.average else 0
    often = objective.when is When.MEAN
    return one.gradient(steps, spec.batch, query, objective.remat, often) + averaged


class FullGradient(eqx.Module):
    """Reverse mode through the whole unrolled episode (paper, sec. 3.3): exact for its episode."""

    adds: ClassVar[bool] = True
    problem: Problem

    def init(self, key: PRNGKeyArray) -> None:
        """Nothing."""

    def estimate(
        self, numbers: Any, carry: None, key: PRNGKeyArray, which: Which
    ) -> tuple[Float[Array, ""], Any, None]:
        """One backward pass."""
        loss, gradient = jax.value_and_grad(self.problem.loss)(numbers, key, which)
        return loss, gradient, None


class ForwardGradient(eqx.Module):
    """Forward mode: one tangent for each meta-parameter, so memory is flat in the unroll.

    The same gradient as `FullGradient`, to rounding.
    """

    adds: ClassVar[bool] = True
    problem: Problem
    chunk: int = eqx.field(static=True)
    """Tangents computed side by side."""

    def init(self, key: PRNGKeyArray) -> None:
        """Nothing."""

    def estimate(
        self, numbers: Any, carry: None, key: PRNGKeyArray, which: Which
    ) -> tuple[Float[Array, ""], Any, None]:
        """As many forward passes as there are meta-parameters, the episode itself computed once."""
        vector, restore = ravel_pytree(numbers)

        def loss(vector: Array) -> Array:
            return self.problem.loss(restore(vector), key, which)

        def slope(tangent: Array) -> tuple[Array, Array]:
            return jax.jvp(loss, (vector,), (tangent,))

        basis = jnp.eye(vector.size, dtype=vector.dtype)
        values, gradient = jax.lax.map(slope, basis, batch_size=min(self.chunk, vector.size))
        return values[0], restore(gradient), None


class TruncatedGradient(eqx.Module):
    """Reverse mode through a window of an ongoing episode: cheap, blind to what came before it."""

    adds: ClassVar[bool] = False
    problem: Problem
    window: int = eqx.field(static=True)

    def __check_init__(self) -> None:
        check_windows(self.problem, self.window)

    def init(self, key: PRNGKeyArray) -> Ongoing:
        """An episode at its start."""
        return begin(self.problem, key)

    def estimate(
        self, numbers: Any, carry: Ongoing, key: PRNGKeyArray, which: Which
    ) -> tuple[Float[Array, ""], Any, Ongoing]:
        """The gradient of the next window, the networks at its start taken as given."""

        def loss(numbers: Any) -> tuple[Array, Ongoing]:
            return advance(self.problem, numbers, carry, self.window)

        (value, moved), gradient = jax.value_and_grad(loss, has_aux=True)(numbers)
        return value, gradient, moved
