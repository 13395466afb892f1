"""Omniglot: episodes of a few handwritten characters out of many, none of them seen before."""

import dataclasses
import enum
import io
import os
import zipfile
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray, UInt8

from blurax.errors import require
from blurax.frozen import check_types
from blurax.targets import Classes, Target
from blurax.tasks import fetch, formats, pixels
from blurax.tasks.arrays import batches
from blurax.tasks.base import Episode, EpisodeSpec, Split, Task, check_split
from blurax.tasks.orders import order
from blurax.tasks.sources import OMNIGLOT_FILES

SIDE, DRAWERS = 105, 20
PUBLISHED = (964, 659)
"""Characters of the background and the evaluation set."""
FOLDERS = ("omniglot", "omniglot-py")


class Characters(enum.StrEnum):
    """Which characters are met in meta-training, and which are kept for validation and test."""

    ALPHABETS = "alphabets"
    """By alphabet, as published: 25 of the 30 background alphabets to meta-train, the last 5 to
    validate, the 20 of the evaluation set to test."""
    RANDOM = "random"
    """1,200 characters of any alphabet to meta-train (paper, Fig. 9), 123 to validate, 300 to
    test."""


@dataclasses.dataclass(frozen=True)
class OmniglotOptions:
    """What an episode is made of.

    Raises:
        BluraxError: for a value out of range.
    """

    ways: int = 10
    """Characters in an episode, each a class."""
    shots: int = 15
    """Drawings of each character to learn from; the other ones of its 20 are the query."""
    size: int = 28
    """Pixels of a side, shrunk from 105."""
    split: Characters = Characters.ALPHABETS
    """Which characters are kept apart."""
    rotate: bool = False
    """In meta-training, a character turned by 90, 180 or 270° is a character of its own."""

    def __post_init__(self) -> None:
        check_types(self)
        for name, low, high in (("ways", 2, 100), ("shots", 1, DRAWERS - 1), ("size", 1, SIDE)):
            value = getattr(self, name)
            require(
                low <= value <= high,
                f"The task option {name} is {value}; it takes a whole number from {low} to {high}.",
            )


class Omniglot(Task):
    """Few-shot classification: each episode draws its own characters."""

    drawings: UInt8[Array, "characters 20 features"]
    """Ink as bytes, characters to meta-train first, then to validate, then to test."""
    shift: Float[Array, ""]
    scale: Float[Array, ""]
    bounds: tuple[int, int] = eqx.field(static=True)
    """Where the characters of validation and of test start."""
    options: OmniglotOptions = eqx.field(static=True)
    name: str = eqx.field(static=True)
    input_shape: tuple[int, ...] = eqx.field(static=True, init=False)
    target: Target = eqx.field(static=True, init=False)

    def __post_init__(self) -> None:
        self.input_shape = (self.options.size, self.options.size, 1)
        self.target = Classes(self.options.ways)

    def sample(
        self, key: PRNGKeyArray, spec: EpisodeSpec, split: Split, first: int | Int[Array, ""] = 0
    ) -> Episode:
        """Draw an episode.

        Its query holds all drawings that are not to learn from, at most as many as `spec` says.
        """
        drawn, turn = jax.random.split(key)
        support, query = self.indices(drawn, spec, split, first)
        turning = self.options.rotate and split is Split.TRAIN
        turns = jax.random.randint(turn, (self.options.ways,), 0, 4) if turning else None
        return Episode(*self._examples(support, turns), *self._examples(query, turns))

    def indices(
        self, key: PRNGKeyArray, spec: EpisodeSpec, split: Split, first: int | Int[Array, ""] = 0
    ) -> tuple[Int[Array, "steps b 3"], Int[Array, "q 3"]]:
        """What `sample` draws, support and query: class, character and drawing of each example."""
        check_split(split)
        who, which, own, query_key = jax.random.split(key, 4)
        ways, shots = self.options.ways, self.options.shots
        low, high = self._pool(split)
        require(
            ways <= high - low,
            f"Task {self.name} has {high - low} characters to {split.value}; it takes {ways}.",
        )
        characters = low + order(who, high - low, jnp.arange(ways))
        drawings = jax.vmap(lambda key: order(key, DRAWERS, jnp.arange(DRAWERS)))(
            jax.random.split(which, ways)
        )

        def cards(
            place: Int[Array, "*shape"], hand: Int[Array, "ways n"]
        ) -> Int[Array, "*shape 3"]:
            label = place // hand.shape[1]
            drawing = hand[label, place % hand.shape[1]]
            return jnp.stack([label, characters[label], drawing], axis=-1)

        rest = ways * (DRAWERS - shots)
        size = min(rest, spec.query if split is Split.TRAIN else spec.held_out)
        support = batches(own, ways * shots, spec, first)
        query = order(query_key, rest, jnp.arange(size))
        return cards(support, drawings[:, :shots]), cards(query, drawings[:, shots:])

    def _pool(self, split: Split) -> tuple[int, int]:
        """The first character of a split, and the one after its last."""
        validate, test = self.bounds
        ends = {
            Split.TRAIN: (0, validate),
            Split.VALIDATE: (validate, test),
            Split.TEST: (test, len(self.drawings)),
        }
        return ends[split]

    def _examples(
        self, cards: Int[Array, "*n 3"], turns: Int[Array, " ways"] | None
    ) -> tuple[Float[Array, "*n size size 1"], Float[Array, "*n ways"]]:
        label, character, drawing = (cards[..., c] for c in range(3))
        ink = self.drawings[character, drawing]
        if turns is not None:
            side = self.options.size
            pixel = jnp.arange(side * side).reshape(side, side)
            views = jnp.stack([jnp.rot90(pixel, quarter).reshape(-1) for quarter in range(4)])
            ink = jnp.take_along_axis(ink, views[turns[label]], axis=-1)
        x = (ink.astype(float) - self.shift) * self.scale
        return x.reshape(*label.shape, *self.input_shape), self.target.encode(label)


def load(options: OmniglotOptions, name: str) -> Omniglot:
    """Omniglot from the zips its authors publish.

    Raises:
        BluraxError: if they are neither at hand nor downloadable, or bad.
    """
    background, evaluation = (_read(number, options.size) for number in (0, 1))
    drawings = np.concatenate([background.drawings, evaluation.drawings])
    if options.split is Characters.ALPHABETS:
        later = sorted(set(background.alphabets))[25:]
        bounds = (sum(a not in later for a in background.alphabets), len(background.drawings))
    else:
        drawings = drawings[np.random.default_rng(0).permutation(len(drawings))]
        bounds = (1200, 1323)
    seen = drawings[: bounds[0]]
    return Omniglot(
        drawings=jnp.asarray(drawings),
        shift=jnp.asarray(seen.mean(dtype=np.float64), float),
        scale=jnp.asarray(1 / seen.std(dtype=np.float64), float),
        bounds=bounds,
        options=options,
        name=name,
    )


@dataclasses.dataclass(frozen=True)
class _Set:
    """One zip: characters in the order of their alphabets' names."""

    drawings: np.ndarray
    """`[characters, 20, size * size]`, bytes; ink is 255."""
    alphabets: tuple[str, ...]
    """Of each character."""


def find(number: int) -> Path | None:
    """Where a zip is at hand: 0 is the background set, 1 the evaluation set."""
    for root in fetch.roots():
        for folder in FOLDERS:
            path = root / folder / OMNIGLOT_FILES[number].name
            if os.path.isfile(path):  # without an error, whatever the root is called
                return path
    return None


def _read(number: int, size: int) -> _Set:
    published = OMNIGLOT_FILES[number]
    path = find(number) or fetch.download(published, FOLDERS[0])
    fetch.check(path, path.parents[1], published)
    with formats.open_zip(path) as archive:
        files = _drawings(archive, path)
        counts = sorted({len(names) for names in files.values()})
        require(
            len(files) == PUBLISHED[number] and counts == [DRAWERS],
            f"{path} holds {len(files)} characters of {counts[:3]} drawings each; Omniglot has "
            f"{PUBLISHED[number]} of {DRAWERS}; {formats.REMEDY}.",
        )
        ink = [np.stack([_ink(archive, name, path) for name in names]) for names in files.values()]
    shrunk = pixels.shrink(np.concatenate(ink), size)
    return _Set(
        shrunk.reshape(len(files), DRAWERS, size * size), tuple(alphabet for alphabet, _ in files)
    )


def _drawings(archive: zipfile.ZipFile, path: Path) -> dict[tuple[str, str], list[str]]:
    """The names of the drawings of each character, by its alphabet and its name."""
    files: dict[tuple[str, str], list[str]] = {}
    for name in sorted(archive.namelist()):
        if name.endswith(".png"):
            parts = name.split("/")
            require(
                len(parts) == 4,
                f"{path} holds {name!r}; it takes set/alphabet/character/drawing.png.",
            )
            files.setdefault((parts[1], parts[2]), []).append(name)
    return files


def _ink(archive: zipfile.ZipFile, name: str, path: Path) -> UInt8[np.ndarray, "105 105"]:
    """A drawing, white on black as in MNIST."""
    from PIL import Image  # imported when used, as few tasks are

    data = formats.read_member(archive, name, str(path))
    with (
        formats.reading(f"{path}: {name} is no readable PNG"),
        Image.open(io.BytesIO(data), formats=("PNG",)) as image,
    ):
        require(  # by its header: nothing larger is unpacked
            image.size == (SIDE, SIDE),
            f"{path}: {name} has {'x'.join(map(str, image.size))} pixels, not {SIDE}x{SIDE}.",
        )
        found = np.asarray(image if image.mode == "1" else image.convert("1"))
    return np.where(found, np.uint8(0), np.uint8(255))
