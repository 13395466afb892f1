"""Estimators of the meta-gradient: exact ones, and those that see only a window or only values.

All estimate the gradient of a problem's loss at some meta-parameters. `Descent` follows whichever
it is given.
"""

from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax.outer.ongoing import Ongoing, advance, begin, check_windows, is_new
from blurax.outer.problem import Problem
from blurax.outer.space import Space, flatten

Which = int | Int[Array, ""] | None
"""The setting of a meta-step, from `Problem.draw`; a plain number is compiled for alone."""


@runtime_checkable
class Estimator(Protocol):
    """A way to estimate the meta-gradient; pure, and run inside jit and vmap."""

    def init(self, key: PRNGKeyArray) -> Any:
        """What it carries from one meta-step to the next."""
        ...

    def estimate(
        self, numbers: Any, carry: Any, key: PRNGKeyArray, which: Which
    ) -> tuple[Float[Array, ""], Any, Any]:
        """The loss, an estimate of its gradient (a pytree like `numbers`), and the new carry."""
        ...


class FullGradient(eqx.Module):
    """Reverse mode through the whole unrolled lesson (paper, sec. 3.3): exact for its episode."""

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

    problem: Problem
    chunk: int = eqx.field(static=True)
    """Tangents computed side by side."""

    def init(self, key: PRNGKeyArray) -> None:
        """Nothing."""

    def estimate(
        self, numbers: Any, carry: None, key: PRNGKeyArray, which: Which
    ) -> tuple[Float[Array, ""], Any, None]:
        """As many forward passes as there are meta-parameters, the lesson itself computed once."""
        vector, restore = ravel_pytree(numbers)

        def loss(vector: Array) -> Array:
            return self.problem.loss(restore(vector), key, which)

        def slope(tangent: Array) -> tuple[Array, Array]:
            return jax.jvp(loss, (vector,), (tangent,))

        basis = jnp.eye(vector.size, dtype=vector.dtype)
        values, gradient = jax.lax.map(slope, basis, batch_size=min(self.chunk, vector.size))
        return values[0], restore(gradient), None


class TruncatedGradient(eqx.Module):
    """Reverse mode through a window of an ongoing lesson: cheap, blind to what came before it."""

    problem: Problem
    window: int = eqx.field(static=True)

    def __check_init__(self) -> None:
        check_windows(self.problem, self.window)

    def init(self, key: PRNGKeyArray) -> Ongoing:
        """A lesson at its start."""
        return begin(self.problem, key)

    def estimate(
        self, numbers: Any, carry: Ongoing, key: PRNGKeyArray, which: Which
    ) -> tuple[Float[Array, ""], Any, Ongoing]:
        """The gradient of the next window, the networks at its start taken as given."""

        def loss(numbers: Any) -> tuple[Array, Ongoing]:
            return advance(self.problem, numbers, carry, self.window)

        (value, moved), gradient = jax.value_and_grad(loss, has_aux=True)(numbers)
        return value, gradient, moved


class AntitheticES(eqx.Module):
    """Evolution strategies: differences of the loss along random directions, in pairs ±.

    It estimates the gradient of the loss smoothed by normal noise, so the loss needs no gradient.
    """

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
    """Ongoing lessons of pairs ±, every leaf with a leading axis `pairs`."""

    up: Ongoing
    down: Ongoing
    noise: Float[Array, "pairs size"]
    """Of each pair since its lesson began: the sum of all (persistent), or the one (reused)."""


class PersistentES(eqx.Module):
    """Persistent evolution strategies (Vicol, Metz and Sohl-Dickstein, ICML 2021).

    Lessons go on between meta-steps, a window each, with new noise in each; what a window's loss
    owes to the noise of earlier ones is kept in the sum of the noises. Unbiased, where a window
    alone is not.
    """

    problem: Problem
    pairs: int = eqx.field(static=True)
    sigma: float = eqx.field(static=True)
    window: int = eqx.field(static=True)
    reuse: bool = eqx.field(static=True, default=False)
    """Noise-reuse ES (Li et al., NeurIPS 2023): the same noise all through a lesson; less
    variance, for a lesson's loss then depends on one draw."""
    scale: tuple[str, ...] = eqx.field(static=True, default=())

    def __check_init__(self) -> None:
        check_windows(self.problem, self.window)

    def init(self, key: PRNGKeyArray) -> PairState:
        """Lessons at their start; both of a pair are the same lesson."""
        lessons = jax.vmap(lambda key: begin(self.problem, key))(jax.random.split(key, self.pairs))
        size = flatten(self.problem.space.zeros()).size
        return PairState(lessons, lessons, jnp.zeros((self.pairs, size), float))

    def estimate(
        self, numbers: Any, carry: PairState, key: PRNGKeyArray, which: Which
    ) -> tuple[Float[Array, ""], Any, PairState]:
        """The next window of every lesson."""
        space = self.problem.space
        size, vector = self.sigma * space.scales(self.scale), flatten(numbers)
        fresh = jax.random.normal(key, carry.noise.shape, float)
        starts = jax.vmap(is_new)(carry.up)[:, None]
        if self.reuse:
            now = owed = jnp.where(starts, fresh, carry.noise)
        else:
            now, owed = fresh, jnp.where(starts, 0.0, carry.noise) + fresh

        def window(vector: Array, lesson: Ongoing) -> tuple[Array, Ongoing]:
            return advance(self.problem, space.from_vector(vector), lesson, self.window)

        up, up_lessons = jax.vmap(window)(vector + size * now, carry.up)
        down, down_lessons = jax.vmap(window)(vector - size * now, carry.down)
        loss, gradient = _from_pairs(up, down, owed / size, space)
        return loss, gradient, PairState(up_lessons, down_lessons, owed)


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
