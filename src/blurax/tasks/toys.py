"""Toy tasks: endless 2-d examples with a class, and the sine, whose value is to be predicted."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax.bounds import check_counts
from blurax.errors import require
from blurax.frozen import check_types
from blurax.targets import Classes, Regression, Target, signed_one_hot
from blurax.tasks import worlds
from blurax.tasks.base import Episode, EpisodeSpec, Split, Task
from blurax.tasks.endless import endless


@dataclasses.dataclass(frozen=True)
class ToyOptions:
    """A toy as its authors drew it."""

    def __post_init__(self) -> None:
        check_types(self)


@dataclasses.dataclass(frozen=True)
class BlobsOptions:
    """Round clouds.

    Raises:
        BluraxError: for fewer than two classes.
    """

    classes: int = 5
    """How many clouds, each a class."""

    def __post_init__(self) -> None:
        check_types(self)
        check_counts(self, "classes", least=2)


@dataclasses.dataclass(frozen=True)
class SpiralOptions:
    """Arms that wind around each other.

    Raises:
        BluraxError: for fewer than two arms, or turns out of range.
    """

    arms: int = 3
    """How many arms, each a class."""
    turns: float = 1.25
    """How often each winds around the middle: above 0, at most 10."""

    def __post_init__(self) -> None:
        check_types(self)
        check_counts(self, "arms", least=2)
        require(
            0 < self.turns <= 10,
            f"SpiralOptions.turns is {self.turns}; it takes a number above 0, at most 10.",
        )


@dataclasses.dataclass(frozen=True)
class CheckerboardOptions:
    """Squares of two classes in turn.

    Raises:
        BluraxError: for fewer than two squares a side.
    """

    squares: int = 4
    """How many to a side."""

    def __post_init__(self) -> None:
        check_types(self)
        check_counts(self, "squares", least=2)


class Toy(Task):
    """A classification of points in the plane; every batch is new."""

    name: str = eqx.field(static=True)
    world: worlds.World = eqx.field(static=True)
    input_shape: tuple[int, ...] = eqx.field(static=True, init=False, default=(2,))
    target: Target = eqx.field(static=True, init=False)

    def __post_init__(self) -> None:
        self.target = Classes(self.world.classes)

    def sample(
        self, key: PRNGKeyArray, spec: EpisodeSpec, split: Split, first: int | Int[Array, ""] = 0
    ) -> Episode:
        """Draw an episode; query points are marked so that no support point can equal one."""
        theta = self.world.theta(jax.random.fold_in(key, 0))

        def examples(key: PRNGKeyArray, n: int, mark: int) -> tuple[Array, Array]:
            return self._examples(key, theta, n, mark)

        return endless(examples, key, spec, split, first)

    def grid(self, key: PRNGKeyArray, x: Float[Array, "n 2"]) -> Int[Array, " n"]:
        """The classes of any points in the world of the episode that `key` names."""
        theta = self.world.theta(jax.random.fold_in(key, 0))
        if self.world.coin:
            return jax.random.bernoulli(key, 0.5, (len(x),)).astype(jnp.int32)
        return self.world.label(theta, x)

    def _examples(
        self, key: PRNGKeyArray, theta: object, n: int, mark: int
    ) -> tuple[Float[Array, "n 2"], Float[Array, "n outputs"]]:
        world = self.world
        toss, place = jax.random.split(key)
        if world.cloud is not None:
            labels = jax.random.randint(toss, (n,), 0, world.classes, jnp.int32)
            x = marked(world.cloud(place, theta, labels), mark)
        else:
            x = marked(jax.random.uniform(place, (n, 2), float, -1, 1), mark)
            labels = world.label(theta, x)
        if world.coin:
            labels = jax.random.randint(toss, (n,), 0, world.classes, jnp.int32)
        return x, signed_one_hot(labels, world.classes)


class Sine(Task):
    """Regression: y = A sin x on [0, 2π], the amplitude A uniform up to 10 in each episode."""

    name: str = eqx.field(static=True, default="sine")
    input_shape: tuple[int, ...] = eqx.field(static=True, init=False, default=(1,))
    target: Target = eqx.field(static=True, init=False, default=Regression(1))

    def sample(
        self, key: PRNGKeyArray, spec: EpisodeSpec, split: Split, first: int | Int[Array, ""] = 0
    ) -> Episode:
        """Draw an episode."""
        amplitude = self.amplitude(key)

        def examples(key: PRNGKeyArray, n: int, mark: int) -> tuple[Array, Array]:
            x = marked(2 * jnp.pi * jax.random.uniform(key, (n, 1), float), mark)
            return x, amplitude * jnp.sin(x)

        return endless(examples, key, spec, split, first)

    def amplitude(self, key: PRNGKeyArray) -> Float[Array, ""]:
        """A of the episode that `key` names."""
        return 10 * jax.random.uniform(jax.random.fold_in(key, 0), (), float)


def marked(x: Float[Array, "n features"], mark: int) -> Float[Array, "n features"]:
    """Write a mark, 0 to 3, into the two lowest bits of every first feature.

    It moves a number by less than a millionth of itself, and two examples with different marks can
    never be equal: that keeps support and queries apart, which a random draw alone would not.
    """
    whole = jnp.uint64 if x.dtype == jnp.float64 else jnp.uint32
    first = jnp.where(
        jnp.abs(x[:, 0]) < 1e-20, 1e-20, x[:, 0]
    )  # the bits of 0 are no place to write
    bits = jax.lax.bitcast_convert_type(first, whole)
    kept = bits & ~jnp.asarray(3, whole) | jnp.asarray(mark, whole)
    return x.at[:, 0].set(jax.lax.bitcast_convert_type(kept, x.dtype))
