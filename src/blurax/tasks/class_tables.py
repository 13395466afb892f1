"""Families of tables with classes: an episode has its own table, few rows or many, rare classes.

As in `regressions.py` a finite number of rows is shown again and again, standardised by the table's
own means and deviations, and the query is of fresh rows.
"""

import dataclasses
import math
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax.bounds import check_counts
from blurax.errors import require
from blurax.frozen import check_types
from blurax.targets import Classes, Target, signed_one_hot
from blurax.tasks.base import Episode, EpisodeSpec, Split, Task, check_split
from blurax.tasks.endless import MARKS, SUPPORT
from blurax.tasks.regressions import (
    FAMILIES,
    Function,
    check_share,
    check_table,
    coarsened,
    inputs_of,
    repeated,
    standardised,
)

Rows = Callable[[PRNGKeyArray, int], tuple[Float[Array, "n features"], Int[Array, " n"]]]
"""So many rows of an episode, and their classes."""
Family = Callable[[PRNGKeyArray, int, tuple[float, ...]], Rows]
"""The rows of an episode that a key draws: of so many features, and classes of these shares."""

_RAREST = 1e-6


@dataclasses.dataclass(frozen=True)
class ClassTableOptions:
    """A family of tables with classes.

    Raises:
        BluraxError: for too few features, classes or rows, or a share that there cannot be.
    """

    features: int = 8
    """Inputs."""
    classes: int = 2
    """Classes."""
    rows: int = 1000
    """Rows of the table that an episode repeats."""
    rarest: float = 0.0
    """The share of the rarest class, the last; those of the others rise evenly from there, each by
    the same factor. At least 1e-6, or 0: all the same."""
    wrong: float = 0.01
    """The share of labels that are drawn by chance, in the query too."""
    coarse: float = 0.0
    """The share of columns that are seen as 2 to 5 whole numbers alone, as grades and words are."""

    def __post_init__(self) -> None:
        check_types(self)
        for name, least in (("features", 1), ("classes", 2), ("rows", 2)):
            check_counts(self, name, least=least)
        for name in ("wrong", "coarse"):
            check_share(f"ClassTableOptions.{name}", getattr(self, name))
        require(
            self.classes <= self.rows,
            f"ClassTableOptions.classes is {self.classes}; it takes at most as many as there are "
            f"rows, {self.rows}.",
        )
        require(
            self.rarest == 0 or _RAREST <= self.rarest <= 1 / self.classes,
            f"ClassTableOptions.rarest is {self.rarest}; it takes 0, for classes all alike, or a "
            f"share from {_RAREST:g} to {1 / self.classes:.4g}.",
        )


def shares_of(options: ClassTableOptions) -> tuple[float, ...]:
    """The share of each class, the rarest last."""
    count = options.classes
    if options.rarest == 0:
        return (1 / count,) * count
    steps = np.arange(count)

    def shares(slope: float) -> np.ndarray:
        sizes = np.exp(-slope * steps)
        return sizes / sizes.sum()

    low, high = 0.0, -math.log(options.rarest)  # where the class before the rarest alone has all
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if shares(middle)[-1] > options.rarest else (low, middle)
    return tuple(map(float, shares(high)))


class ClassTable(Task):
    """Classes to predict from a table; an episode has rows of its own kind."""

    name: str = eqx.field(static=True)
    family: Family = eqx.field(static=True)
    options: ClassTableOptions = eqx.field(static=True)
    input_shape: tuple[int, ...] = eqx.field(static=True, init=False)
    target: Target = eqx.field(static=True, init=False)

    def __post_init__(self) -> None:
        options = self.options
        check_table(self.name, options.rows, options.features, options.classes)
        self.input_shape = (options.features,)
        self.target = Classes(options.classes)

    def sample(
        self, key: PRNGKeyArray, spec: EpisodeSpec, split: Split, first: int | Int[Array, ""] = 0
    ) -> Episode:
        """Draw an episode; the query is of fresh rows, other ones for each split."""
        check_split(split)
        size = spec.query if split is Split.TRAIN else spec.held_out
        world, table, fresh, order = jax.random.split(key, 4)
        draw = self._rows(world)
        x, labels = draw(table, self.options.rows)
        query, wanted = draw(jax.random.fold_in(fresh, MARKS[split]), size)
        mean, spread = x.mean(0), x.std(0)
        x = standardised(x, mean, spread, SUPPORT)
        query = standardised(query, mean, spread, MARKS[split])
        y, query_y = (signed_one_hot(each, self.options.classes) for each in (labels, wanted))
        return Episode(*repeated(order, (x, y), spec, first), query, query_y)

    def _rows(self, key: PRNGKeyArray) -> Rows:
        """How rows of this episode are drawn; a few labels are wrong."""
        options = self.options
        seen = coarsened(key, options.features, options.coarse)
        right = self.family(key, options.features, shares_of(options))

        def draw(key: PRNGKeyArray, n: int) -> tuple[Array, Array]:
            rows, which, other = jax.random.split(key, 3)
            x, labels = right(rows, n)
            wrong = jax.random.bernoulli(which, options.wrong, (n,))
            drawn = jax.random.randint(other, (n,), 0, options.classes, labels.dtype)
            return seen(x), jnp.where(wrong, drawn, labels)

        return draw


_CLOUDS = 2
"""Of each class in `clusters`."""
_APART = 1.5
"""The distance of a cloud's centre from 0 in each column that tells, in deviations."""
_TELLING = 5
"""The columns that tell, at most."""


def clusters(key: PRNGKeyArray, features: int, shares: tuple[float, ...]) -> Rows:
    """Two stretched clouds a class around corners of a cube in five columns; others are noise.

    As `sklearn.datasets.make_classification` draws them (Guyon, 2003).
    """
    corners, stretch = jax.random.split(key)
    telling, count = min(_TELLING, features), (len(shares), _CLOUDS)
    signs = jax.random.rademacher(corners, (*count, telling), float)
    mixing = jax.random.uniform(stretch, (*count, telling, telling), float, -1, 1)

    def draw(key: PRNGKeyArray, n: int) -> tuple[Array, Array]:
        which, cloud, place = jax.random.split(key, 3)
        labels = jax.random.categorical(which, jnp.log(jnp.asarray(shares)), shape=(n,))
        of = labels, jax.random.randint(cloud, (n,), 0, _CLOUDS)
        x = jax.random.normal(place, (n, features), float)
        near = _APART * signs[of] + jnp.einsum("ni,nij->nj", x[:, :telling], mixing[of])
        return x.at[:, :telling].set(near), labels.astype(jnp.int32)

    return draw


_SLOPE = 0.02


def levels(of: Callable[[PRNGKeyArray, int], Function]) -> Family:
    """Classes are the levels of a random function, cut where shares want."""

    def family(key: PRNGKeyArray, features: int, shares: tuple[float, ...]) -> Rows:
        what, shape, probe, tilt = jax.random.split(key, 4)
        function, inputs = of(what, features), inputs_of(shape, features)
        slope = _SLOPE * jax.random.normal(tilt, (features,), float)

        def value(x: Float[Array, "n features"]) -> Float[Array, " n"]:
            return function(x) + x @ slope  # a flat piece of it could not be cut

        cuts = jnp.quantile(value(inputs(probe, 4096)), jnp.cumsum(jnp.asarray(shares))[:-1])

        def draw(key: PRNGKeyArray, n: int) -> tuple[Array, Array]:
            x = inputs(key, n)
            return x, jnp.searchsorted(cuts, value(x)).astype(jnp.int32)

        return draw

    return family


_ROUND = 10
"""The columns that a distance is of, at most."""


def distance(key: PRNGKeyArray, features: int) -> Function:
    """How far a row is from a place near the middle, in up to ten columns.

    As `sklearn.datasets.make_gaussian_quantiles` and `make_hastie_10_2` draw classes.
    """
    few = min(_ROUND, features)
    centre = 0.5 * jax.random.normal(key, (few,), float)
    return lambda x: jnp.sum((x[:, :few] - centre) ** 2, axis=1)


CLASS_FAMILIES: dict[str, tuple[str, Family]] = {
    "clusters": ("two clouds a class at random corners, columns of noise", clusters),
    **{
        f"{name}-levels": (f"levels of {what}", levels(FAMILIES[family][1]))
        for name, family, what in (
            ("teacher", "teacher", "a random network of tanh or relu"),
            ("sines", "sines", "sines of up to three columns"),
            ("linear", "linear-noise", "a weighted sum of columns"),
            ("friedman", "friedman-like", "a wave, a square and a line of some columns"),
            ("steps", "steps", "a sum of boxes of three columns each"),
        )
    },
    "rings": ("distances from a place near the middle", levels(distance)),
}
"""What each family is, and its rows."""
