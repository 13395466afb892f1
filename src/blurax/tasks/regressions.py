"""Families of regression tasks: each episode is another random function, seen through a table.

What a table of numbers is to an estimator, an episode is here: a finite number of rows, shown again
and again; inputs of several shapes, some of them correlated; a target that holds noise. Inputs and
target are standardised by the table's own means and deviations.
"""

import dataclasses
import math
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax.bounds import check_counts
from blurax.errors import require
from blurax.footprint import number
from blurax.frozen import check_types
from blurax.memory import require_memory
from blurax.targets import Regression, Target
from blurax.tasks import orders
from blurax.tasks.base import Episode, EpisodeSpec, Split, Task, check_split
from blurax.tasks.endless import MARKS, SUPPORT
from blurax.tasks.toys import marked

Function = Callable[[Float[Array, "n features"]], Float[Array, " n"]]
Family = Callable[[PRNGKeyArray, int], Function]
"""A function of so many features that a key draws."""

CLIP = 5.0
"""Standardised inputs and targets reach so far at most, in deviations."""
_CORRELATED = 2
"""Hidden causes that correlated inputs share."""


@dataclasses.dataclass(frozen=True)
class RegressionOptions:
    """A family of regression tasks.

    Raises:
        BluraxError: for too few features or rows, or a negative noise.
    """

    features: int = 8
    """Inputs."""
    rows: int = 1000
    """Rows of the table that an episode repeats."""
    target_noise: float = 0.3
    """Each episode adds normal noise to the target, of a deviation between 0 and this, in units of
    the function's own."""
    coarse: float = 0.0
    """The share of columns that are seen as 2 to 5 whole numbers alone, as grades and words are."""

    def __post_init__(self) -> None:
        check_types(self)
        for name, least in (("features", 1), ("rows", 2)):
            check_counts(self, name, least=least)
        check_share("RegressionOptions.coarse", self.coarse)
        require(
            0 <= self.target_noise < math.inf,
            f"RegressionOptions.target_noise is {self.target_noise}; it takes a number >= 0.",
        )


class TableFamily(Task):
    """Numbers to predict from a table; an episode has its own function, inputs and noise."""

    name: str = eqx.field(static=True)
    family: Family = eqx.field(static=True)
    options: RegressionOptions = eqx.field(static=True)
    input_shape: tuple[int, ...] = eqx.field(static=True, init=False)
    target: Target = eqx.field(static=True, init=False, default=Regression(1))

    def __post_init__(self) -> None:
        rows, features = self.options.rows, self.options.features
        check_table(self.name, rows, features, 1)
        self.input_shape = (features,)

    def sample(
        self, key: PRNGKeyArray, spec: EpisodeSpec, split: Split, first: int | Int[Array, ""] = 0
    ) -> Episode:
        """Draw an episode; the query is of fresh rows, other ones for each split."""
        check_split(split)
        size = spec.query if split is Split.TRAIN else spec.held_out
        world, table, fresh, order = jax.random.split(key, 4)
        draw = self._world(world)
        x, y = draw(table, self.options.rows)
        query = draw(jax.random.fold_in(fresh, MARKS[split]), size)
        of_x, of_y = (x.mean(0), x.std(0)), (y.mean(0), y.std(0))
        query_x, query_y = standardised(query[0], *of_x, MARKS[split]), _unit(query[1], *of_y)
        x, y = standardised(x, *of_x, SUPPORT), _unit(y, *of_y)
        return Episode(*repeated(order, (x, y), spec, first), query_x, query_y)

    def _world(
        self, key: PRNGKeyArray
    ) -> Callable[[PRNGKeyArray, int], tuple[Float[Array, "n features"], Float[Array, "n 1"]]]:
        """How rows of this episode are drawn."""
        what, shape, level, probe = jax.random.split(key, 4)
        function = self.family(what, self.features)
        inputs = inputs_of(shape, self.features)
        values = function(inputs(probe, 512))
        mean, spread = values.mean(), values.std() + 1e-6
        noise = self.options.target_noise * jax.random.uniform(level, (), float)
        seen = coarsened(key, self.features, self.options.coarse)

        def draw(key: PRNGKeyArray, n: int) -> tuple[Array, Array]:
            place, chance = jax.random.split(key)
            x = inputs(place, n)
            y = (function(x) - mean) / spread + noise * jax.random.normal(chance, (n,), float)
            return seen(x), y[:, None]

        return draw


def repeated(
    key: PRNGKeyArray, table: tuple[Array, Array], spec: EpisodeSpec, first: int | Int[Array, ""]
) -> tuple[Float[Array, "steps b features"], Float[Array, "steps b outputs"]]:
    """The batches of an episode: all rows of a table, again and again, in new orders."""
    batch, steps = spec.batch, 1 if spec.fixed_batch else spec.steps
    start = 0 if spec.fixed_batch else first * batch
    rows = orders.stream(key, len(table[0]), start, steps * batch).reshape(steps, batch)
    x, y = (jnp.broadcast_to(p[rows], (spec.steps, batch, p.shape[1])) for p in table)
    return x, y


def check_table(name: str, rows: int, features: int, outputs: int) -> None:
    """Raise `BluraxError` for a table that would not fit in memory."""
    require_memory(
        number() * rows * (features + outputs),
        f"The table of task {name}, {rows} rows of {features} inputs and {outputs} outputs,",
        "take fewer rows or features",
    )


def inputs_of(
    key: PRNGKeyArray, features: int
) -> Callable[[PRNGKeyArray, int], Float[Array, "n features"]]:
    """How the inputs of an episode are spread: some share causes, each column has a shape.

    Of every four columns two are normal, one is uniform and one is skewed, like a length or a
    price; in every second episode all columns depend on a few causes.
    """
    mixed, loaded, strength = jax.random.split(key, 3)
    kinds = jax.random.randint(mixed, (features,), 0, 4)
    loads = jax.random.normal(loaded, (_CORRELATED, features), float)
    loads = loads / jnp.linalg.norm(loads, axis=0)
    share = jnp.maximum(0.0, jax.random.uniform(strength, (), float, -0.9, 0.9))

    def draw(key: PRNGKeyArray, n: int) -> Float[Array, "n features"]:
        own, common = jax.random.split(key)
        z = jnp.sqrt(1 - share) * jax.random.normal(own, (n, features), float)
        z = z + jnp.sqrt(share) * jax.random.normal(common, (n, _CORRELATED), float) @ loads
        uniform = 12**0.5 * (jax.scipy.stats.norm.cdf(z) - 0.5)
        skewed = (jnp.exp(0.5 * z) - jnp.exp(0.125)) / 0.604  # its mean and deviation
        return jnp.where(kinds == 2, uniform, jnp.where(kinds == 3, skewed, z))

    return draw


def check_share(name: str, value: float) -> None:
    """Raise `BluraxError` for a number that is not from 0 to 1."""
    require(0 <= value <= 1, f"{name} is {value}; it takes a share from 0 to 1.")


_WIDE, _OFF = 3.0, 0.75
"""Whole numbers divide so many deviations, around a centre that is at most so far from 0."""


def coarsened(
    key: PRNGKeyArray, features: int, share: float
) -> Callable[[Float[Array, "n features"]], Float[Array, "n features"]]:
    """What is seen of the inputs of an episode: of some columns whole numbers, as of grades.

    A sex is one of two, a mark one of five: what a function says of such a column is known in part.

    Args:
        share: of the columns that are so, each by chance.
    """
    if share == 0:
        return lambda x: x
    which, counts, places = jax.random.split(jax.random.fold_in(key, 4), 3)
    few = jax.random.bernoulli(which, share, (features,))
    count = jax.random.randint(counts, (features,), 2, 6)
    centre = jax.random.uniform(places, (features,), float, -_OFF, _OFF)

    def seen(x: Float[Array, "n features"]) -> Float[Array, "n features"]:
        place = jnp.floor(count * ((x - centre) / _WIDE + 0.5))
        return jnp.where(few, jnp.clip(place, 0, count - 1), x)

    return seen


def standardised(
    x: Float[Array, "n features"], mean: Array, spread: Array, mark: int
) -> Float[Array, "n features"]:
    """In deviations of the table; a column of one value becomes 0.

    The mark keeps rows of the query apart from those of the table, as in `toys.marked`.
    """
    return marked(_unit(x, mean, spread), mark)


def _unit(values: Array, mean: Array, spread: Array) -> Array:
    unit = (values - mean) / jnp.where(spread > 1e-6, spread, jnp.inf)
    return jnp.clip(unit, -CLIP, CLIP)


def teacher(key: PRNGKeyArray, features: int) -> Function:
    """A random network of one hidden layer: 2 to 32 neurons, of tanh or relu."""
    wide, bent, weights, biases, outer = jax.random.split(key, 5)
    width = 2.0 ** jax.random.uniform(wide, (), float, 1, 5)
    used = jnp.arange(_WIDEST) < width
    relu = jax.random.bernoulli(bent)
    w = 1.5 * jax.random.normal(weights, (features, _WIDEST), float) / features**0.5
    b = jax.random.normal(biases, (_WIDEST,), float)
    v = jax.random.normal(outer, (_WIDEST,), float) * used

    def function(x: Float[Array, "n features"]) -> Float[Array, " n"]:
        z = x @ w + b
        return jnp.where(relu, jax.nn.relu(z), jnp.tanh(1.5 * z)) @ v

    return function


_WIDEST = 32


def friedman_like(key: PRNGKeyArray, features: int) -> Function:
    """A sine of a product, a square, and a linear rest, of columns drawn by chance, as Friedman's.

    The other columns say nothing.
    """
    places, sizes, middle, slopes = jax.random.split(key, 4)
    a, b, c = (jax.random.randint(places, (3,), 0, features)[i] for i in range(3))
    size = jax.random.uniform(sizes, (3,), float, 0.3, 1.0)
    centre = jax.random.uniform(middle, (), float, 0.2, 0.8)
    few = jax.random.bernoulli(jax.random.fold_in(slopes, 1), 0.4, (features,))
    slope = few * jax.random.normal(slopes, (features,), float)

    def function(x: Float[Array, "n features"]) -> Float[Array, " n"]:
        unit = x / 12**0.5 + 0.5  # a uniform column from 0 to 1
        wave = jnp.sin(jnp.pi * unit[:, a] * unit[:, b])
        square = 4 * (unit[:, c] - centre) ** 2
        return 2 * size[0] * wave + 2 * size[1] * square + size[2] * (x @ slope)

    return function


def sines(key: PRNGKeyArray, features: int) -> Function:
    """A sum of sines of up to three columns, each of a frequency, phase and height of its own."""
    rates, phases, heights = jax.random.split(key, 3)
    few = min(3, features)
    rate = jax.random.uniform(rates, (few,), float, 0.7, 3.0)
    phase = jax.random.uniform(phases, (few,), float, 0, 2 * jnp.pi)
    height = jax.random.uniform(heights, (few,), float)

    def function(x: Float[Array, "n features"]) -> Float[Array, " n"]:
        return jnp.sin(x[:, :few] * rate + phase) @ height

    return function


def linear(key: PRNGKeyArray, features: int) -> Function:
    """A weighted sum, in which about half of the columns have no part."""
    which, weights = jax.random.split(key)
    weight = jax.random.normal(weights, (features,), float)
    weight = weight * jax.random.bernoulli(which, 0.5, (features,)).at[0].set(True)
    return lambda x: x @ weight


_BOXES, _SIDES = 8, 3


def steps(key: PRNGKeyArray, features: int) -> Function:
    """A sum of boxes, each of up to three columns above or below a bound: what trees learn best."""
    where, bounds, signs, heights = jax.random.split(key, 4)
    columns = jax.random.randint(where, (_BOXES, _SIDES), 0, features)
    bound = 0.7 * jax.random.normal(bounds, (_BOXES, _SIDES), float)
    sign = jax.random.rademacher(signs, (_BOXES, _SIDES), float)
    height = jax.random.normal(heights, (_BOXES,), float)

    def function(x: Float[Array, "n features"]) -> Float[Array, " n"]:
        inside = jnp.all(sign * (x[:, columns] - bound) > 0, axis=-1)
        return inside @ height

    return function


FAMILIES: dict[str, tuple[str, Family]] = {
    "teacher": ("a random network of tanh or relu: regression", teacher),
    "friedman-like": ("a wave, a square and a line of some columns: regression", friedman_like),
    "sines": ("sines of up to three columns: regression", sines),
    "linear-noise": ("a weighted sum of columns: regression", linear),
    "steps": ("a sum of boxes of three columns each: regression", steps),
}
"""What each family is, and its functions."""
