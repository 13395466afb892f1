"""Tasks from coordinates to a signal: the colours of a picture, and sums of waves.

Coordinate networks (Sitzmann et al., NeurIPS 2020; Tancik et al., NeurIPS 2020; Cai et al., arXiv
2407.17834) are fitted to one signal. Here half of it is held apart, every second pixel or point as
on a checkerboard, one half of these to validate and the other to test; with the option fit all of
it is learned and evaluated in every split, as in those papers.
"""

import dataclasses
import enum
import math
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax.bounds import check_count, check_counts
from blurax.errors import require
from blurax.frozen import check_types
from blurax.targets import Signals, Target
from blurax.tasks.arrays import ArrayTask, batches
from blurax.tasks.base import Episode, EpisodeSpec, Split, Task, check_split
from blurax.tasks.orders import order
from blurax.tasks.photo import photo
from blurax.tasks.regressions import check_table

OCTAVES = 16
"""The most of a positional encoding: float32 tells no finer waves apart."""


class Sample(enum.StrEnum):
    """The pictures that scikit-learn carries, both CC BY 2.0."""

    CHINA = "china"
    FLOWER = "flower"


@dataclasses.dataclass(frozen=True)
class PictureOptions:
    """A picture to learn, from the place of a pixel to its colour.

    Raises:
        BluraxError: for no picture, or two; for a value out of range.
    """

    word: ClassVar[str] = "image"

    image: Sample | None = None
    """One of scikit-learn's: picture:china is the same as picture:image=china."""
    path: str = ""
    """Or a picture of your own: the file, any that Pillow reads, or .npy."""
    size: int = 64
    """The middle square of the picture, shrunk to this many pixels of each side."""
    encoding: int = 0
    """Octaves of the positional encoding beside the coordinates; 0: none."""
    fit: bool = False
    """Learn and evaluate all pixels; otherwise every second one is held apart."""

    def __post_init__(self) -> None:
        check_types(self)
        require(
            (self.image is None) != (self.path == ""),
            f"The task picture takes {' or '.join(Sample)}, or an option path, such as "
            "picture:path=my.png; one of them.",
        )
        check_count("The task option size", self.size, least=4)
        _check_encoding(self.encoding)


@dataclasses.dataclass(frozen=True)
class WavesOptions:
    """A sum of sines, each episode with other phases.

    Raises:
        BluraxError: for a value out of range, or more waves than the points can show.
    """

    frequencies: int = 8
    """How many sines, of one amplitude each."""
    spacing: int = 2
    """Wave n = 1, 2, ... goes up and down n times as often as this, from -1 to 1."""
    points: int = 256
    """An even grid from -1 to 1."""
    encoding: int = 0
    """Octaves of the positional encoding beside the coordinate; 0: none."""
    fit: bool = False
    """Learn and evaluate all points; otherwise every second one is held apart."""

    def __post_init__(self) -> None:
        check_types(self)
        check_counts(self, "frequencies", "spacing")
        check_counts(self, "points", least=16)
        _check_encoding(self.encoding)
        fastest, most = self.frequencies * self.spacing, (self.points - 1) // 4
        require(
            fastest <= most,
            f"The task waves has {self.points} points, whose halves show up to {most} waves; its "
            f"fastest sine has {fastest}, frequencies * spacing; take more points or fewer waves.",
        )

    @property
    def waves(self) -> np.ndarray:
        """The frequency of each sine: whole waves from -1 to 1."""
        return self.spacing * np.arange(1, self.frequencies + 1)


class FittedPicture(ArrayTask):
    """A picture of which every split learns and evaluates all pixels."""

    def indices(
        self, key: PRNGKeyArray, spec: EpisodeSpec, split: Split, first: int | Int[Array, ""] = 0
    ) -> tuple[Int[Array, "steps b"], Int[Array, " q"]]:
        """All pixels before any again; the query is all of them, at most as many as asked for."""
        check_split(split)
        pick, own = jax.random.split(key)
        size = spec.query if split is Split.TRAIN else spec.held_out
        query = order(pick, len(self.x), jnp.arange(min(size, len(self.x))))
        return batches(own, len(self.x), spec, first), query

    def pool(self, spec: EpisodeSpec, split: Split) -> int:
        """All of them."""
        return len(self.x)


class Waves(Task):
    """Sums of sines on a grid; every episode draws its phases."""

    name: str = eqx.field(static=True)
    options: WavesOptions = eqx.field(static=True)
    input_shape: tuple[int, ...] = eqx.field(static=True, init=False)
    target: Target = eqx.field(static=True, init=False)

    def __post_init__(self) -> None:
        self.input_shape, self.target = (1 + 2 * self.options.encoding,), Signals(1)
        check_table(self.name, self.options.points, self.features, 1)

    def sample(
        self, key: PRNGKeyArray, spec: EpisodeSpec, split: Split, first: int | Int[Array, ""] = 0
    ) -> Episode:
        """Draw an episode; each point of the support is seen once before any is seen again."""
        check_split(split)
        phases, pick = jax.random.split(key)
        return self._table(phases).sample(pick, spec, split, first)

    def pool(self, spec: EpisodeSpec, split: Split) -> int | None:
        """How many points there are to learn from."""
        return self._table(jax.random.key(0)).pool(spec, split)

    def signal(self, key: PRNGKeyArray) -> ArrayTask:
        """All points, with their values in the episode that a key names."""
        return self._table(jax.random.split(key)[0])

    def _table(self, key: PRNGKeyArray) -> ArrayTask:
        """The points of an episode with their values, from -1 to 1."""
        x, bounds = _halves(grid(self.options.points)[:, None], np.arange(self.options.points))
        phase = 2 * jnp.pi * jax.random.uniform(key, (self.options.frequencies,), float)
        y = jnp.mean(jnp.sin(jnp.pi * x * self.options.waves + phase), axis=1, keepdims=True)
        given = encoded(x, self.options.encoding)
        return _task(given, y, bounds, self.name, self.options.fit)


def picture(options: PictureOptions, name: str) -> ArrayTask:
    """The task of a picture: coordinates from -1 to 1, and colours from -1 to 1.

    Raises:
        BluraxError: for a file that is no picture, or smaller than `size`.
    """
    colours = photo(options.image.value if options.image else None, options.path, options.size)
    side = grid(options.size)
    rows, columns = (a.ravel() for a in np.meshgrid(side, side, indexing="ij"))
    places = np.add.outer(np.arange(options.size), np.arange(options.size)).ravel()
    whole = np.column_stack([columns, rows, colours.reshape(len(places), -1) / 127.5 - 1])
    found, bounds = _halves(whole, places)
    given = encoded(found[:, :2], options.encoding)
    return _task(given, found[:, 2:], bounds, name, options.fit)


def places_of(task: ArrayTask) -> Int[np.ndarray, "side side"] | None:
    """Of a picture the number of the row for each pixel; None for any other task."""
    side = math.isqrt(len(task.x))
    if not isinstance(task.target, Signals) or side**2 != len(task.x) or task.features < 2:
        return None
    x, middles = np.asarray(task.x[:, :2]), grid(side)
    order = np.lexsort((x[:, 0], x[:, 1]))
    across = np.allclose(x[order, 0], np.tile(middles, side))
    down = np.allclose(x[order, 1], np.repeat(middles, side))
    return order.reshape(side, side) if across and down else None


def grid(points: int) -> Float[np.ndarray, " points"]:
    """The middles of so many equal parts of the way from -1 to 1."""
    return (2 * np.arange(points) + 1) / points - 1


def encoded(x: Float[np.ndarray, "n d"], octaves: int) -> Float[np.ndarray, "n _"]:
    """Coordinates with their positional encoding: sin and cos of 2^l π x, l = 0 ... L - 1.

    Mildenhall et al., "NeRF", ECCV 2020, equation (4), beside the coordinates themselves.
    """
    angles = [2.0**octave * np.pi * x for octave in range(octaves)]
    return np.concatenate([x, *(f(a) for a in angles for f in (np.sin, np.cos))], axis=1)


def _halves(
    rows: Float[np.ndarray, "n c"], places: Int[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, "n c"], tuple[int, int]]:
    """Rows of even places first; the others after them, in an order that is always the same.

    Returns:
        The rows, and where those to validate and to test start.
    """
    even, odd = rows[places % 2 == 0], rows[places % 2 == 1]
    odd = odd[np.random.default_rng(0).permutation(len(odd))]
    return np.concatenate([even, odd]), (len(even), len(even) + len(odd) // 2)


def _task(
    x: Float[np.ndarray, "n d"],
    y: Float[np.ndarray, "n o"] | Float[Array, "n o"],
    bounds: tuple[int, int],
    name: str,
    fit: bool,
) -> ArrayTask:
    kind = FittedPicture if fit else ArrayTask
    return kind(
        x=jnp.asarray(x, float),
        labels=jnp.asarray(y, float),
        shift=jnp.zeros((), float),
        scale=jnp.ones((), float),
        name=name,
        target=Signals(y.shape[1]),
        bounds=bounds,
    )


def _check_encoding(octaves: int) -> None:
    require(
        0 <= octaves <= OCTAVES,
        f"The task option encoding is {octaves}; it takes a whole number from 0 to {OCTAVES}.",
    )
