"""Image tasks: MNIST and its kin, EMNIST, CIFAR-10; cropped, shrunk, by any of their classes."""

import dataclasses
import enum

import jax.numpy as jnp
import numpy as np

from blurax.bounds import check_count
from blurax.errors import BluraxError, require
from blurax.frozen import check_types
from blurax.scaling import scale
from blurax.targets import Classes
from blurax.tasks import fetch, pixels
from blurax.tasks.arrays import ArrayTask, divide
from blurax.tasks.base import Task
from blurax.tasks.holdings import Part, holdings
from blurax.tasks.in_time import By, show
from blurax.tasks.sources import TEST, TRAIN, Source


class Standardise(enum.StrEnum):
    """How bytes become inputs; means and deviations are those of the training examples."""

    GLOBAL = "global"
    """Less the mean of all pixels, by their standard deviation."""
    PIXEL = "pixel"
    """Each pixel by its own mean and deviation; one that never changes becomes 0."""
    NONE = "none"
    """0 to 1."""


@dataclasses.dataclass(frozen=True)
class ImageOptions:
    """What of an image data set a task takes.

    Raises:
        BluraxError: for a value out of range.
    """

    classes: tuple[int, ...] = ()
    """The labels to tell apart, such as 0-4 or 0-4/7; all if none is named."""
    crop: int | None = None
    """Keep this many pixels of each side, the middle ones."""
    size: int | None = None
    """Then shrink to this many pixels of each side."""
    grey: bool = False
    """Colours to grey; for CIFAR-10."""
    standardise: Standardise = Standardise.GLOBAL
    """How bytes become inputs."""
    train: int | None = None
    """Use this many of the training examples, the first ones; 0: none, and the test examples are
    divided in 60, 20 and 20 % instead."""
    test: int | None = None
    """Use this many of the test examples, the first ones; 0: none, and the training examples are
    divided instead."""
    by: By = By.WHOLE
    """How an image is shown: whole, or by rows, one at each time step from the top."""

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("crop", "size"):
            if (value := getattr(self, name)) is not None:
                check_count(f"The task option {name}", value)
        for name in ("train", "test"):
            if (value := getattr(self, name)) is not None:
                check_count(f"The task option {name}", value, least=0)
        require(
            len(set(self.classes)) == len(self.classes) != 1,
            f"The task option classes is {self.classes}; it takes two or more different labels.",
        )


def load(source: Source, options: ImageOptions, name: str) -> Task:
    """The task of an image data set.

    With both parts, a sixth of the training examples is kept for validation, by a shuffle that is
    always the same, and the test examples are the published ones.

    Raises:
        BluraxError: if the files are neither at hand nor downloadable, or bad, or if the options
            do not fit the data set.
    """
    _check(source, options)
    parts = [
        _part(source, part, wanted)
        for part, wanted in ((TRAIN, options.train), (TEST, options.test))
        if wanted != 0
    ]
    chosen = [_of_classes(source, part, options.classes) for part in parts]
    # The first part is shuffled before it is divided: some published files are sorted by class.
    first = len(chosen[0][0])
    shuffled = np.random.default_rng(0).permutation(first)
    chosen[0] = (chosen[0][0][shuffled], chosen[0][1][shuffled])
    bounds = divide(first) if len(chosen) == 1 else (first * 5 // 6, first)
    images = np.concatenate([_bytes(part[0], options) for part in chosen])
    labels = np.concatenate([part[1] for part in chosen])
    shift, factor = _standard(images[: bounds[0]], options.standardise)
    task = ArrayTask(
        x=jnp.asarray(images),
        labels=jnp.asarray(labels, jnp.int32),
        shift=jnp.asarray(shift, float),
        scale=jnp.asarray(factor, float),
        name=name,
        target=Classes(len(options.classes) or source.labels[1] - source.labels[0] + 1),
        bounds=bounds,
        input_shape=_shape(source, options),
        class_names=tuple(
            source.class_name(label)
            for label in options.classes or range(source.labels[0], source.labels[1] + 1)
        ),
    )
    return show(task, options.by)


def _check(source: Source, options: ImageOptions) -> None:
    first, last = source.labels
    strange = [c for c in options.classes if not first <= c <= last]
    require(
        not strange,
        f"The task option classes holds {strange}; the labels of {source.name} are {first} to "
        f"{last}.",
    )
    require(
        not options.grey or source.colour,
        f"The task option grey is for colours; {source.name} is grey already.",
    )
    for part, wanted in ((TRAIN, options.train), (TEST, options.test)):
        word, most = ("train" if part == TRAIN else "test"), source.count(part)
        require(
            wanted is None or wanted <= most,
            f"The task option {word} is {wanted}; {source.name} has {most:,} of them.",
        )
    require(
        (options.train, options.test) != (0, 0),
        "The task options train and test are both 0; there is nothing to learn from.",
    )
    require(
        options.crop is None or options.crop <= source.side,
        f"The task option crop is {options.crop}; images of {source.name} have "
        f"{source.side} pixels a side.",
    )


def _part(source: Source, part: str, wanted: int | None) -> Part:
    """The first `wanted` images and labels of a part: at hand, or else downloaded."""
    need = source.count(part) if wanted is None else wanted
    fewer: dict[int, str] = {}
    for holding in holdings(source, part):
        if holding.count >= need or holding.count == 0:  # 0: it is bad, and reading it says how
            images, labels = holding.read()
            return images[:need], labels[:need]
        fewer[holding.count] = str(holding.path)
    try:
        for file in source.files:
            if len(source.files) == 1 or file.name.startswith(part):
                fetch.download(file, source.folder)
    except BluraxError as error:
        word, other = ("train", TEST) if part == TRAIN else ("test", TRAIN)
        if not fewer and any(holdings(source, other)):
            raise BluraxError(f"{error} {source.name}:{word}=0 does without.") from error
        if not fewer:
            raise
        most = max(fewer)
        raise BluraxError(
            f"{fewer[most]} holds the first {most:,} of {source.count(part):,} examples; what is "
            f"at hand is {source.name}:{at_hand(source)}, and the others are not to be had: {error}"
        ) from error
    images, labels = next(h for h in holdings(source, part) if h.count >= need).read()
    return images[:need], labels[:need]


def at_hand(source: Source) -> str:
    """The options that take as much of a data set as is at hand."""
    counts = [
        min(max((h.count for h in holdings(source, part)), default=0), source.count(part))
        for part in (TRAIN, TEST)
    ]
    return f"train={counts[0]},test={counts[1]}"


def _of_classes(source: Source, part: Part, classes: tuple[int, ...]) -> Part:
    """The images of some classes, which are numbered from 0 in the order they are named in."""
    images, labels = part
    numbers = np.full(256, -1)
    wanted = classes or range(source.labels[0], source.labels[1] + 1)
    numbers[list(wanted)] = range(len(wanted))
    renamed = numbers[labels]
    kept = renamed >= 0
    absent = sorted(set(range(len(wanted))) - set(renamed[kept].tolist()))
    require(
        not absent,
        f"Task {source.name} has no example of label {wanted[absent[0]] if absent else ''} among "
        f"those it takes, which have the labels {_ranges(labels)}; name some of these as the "
        "option classes, or take more examples.",
    )
    return images[kept], renamed[kept]


def _ranges(labels: np.ndarray) -> str:
    """The labels there are, as the option classes takes them."""
    found = np.unique(labels).astype(int)
    runs = [r.tolist() for r in np.split(found, np.flatnonzero(np.diff(found) > 1) + 1)]
    return "/".join(f"{r[0]}-{r[-1]}" if len(r) > 1 else f"{r[0]}" for r in runs if r)


def _bytes(images: np.ndarray, options: ImageOptions) -> np.ndarray:
    """Images as rows of bytes, after what the options do to them."""
    if options.grey:
        images = pixels.grey(images)
    if options.crop is not None:
        images = pixels.crop(images, options.crop)
    if options.size is not None:
        images = pixels.shrink(images, options.size)
    return np.ascontiguousarray(images.reshape(len(images), -1))


def _shape(source: Source, options: ImageOptions) -> tuple[int, int, int]:
    """Height, width and colours of an image."""
    side = options.size or options.crop or source.side
    return side, side, 3 if source.colour and not options.grey else 1


def _standard(images: np.ndarray, how: Standardise) -> tuple[np.ndarray, np.ndarray]:
    """What to subtract from the bytes, and what then to multiply by."""
    if how is Standardise.NONE:
        return np.zeros(()), np.asarray(1 / 255)
    axis = None if how is Standardise.GLOBAL else 0
    mean = images.mean(axis=axis, dtype=np.float64)
    square = np.square(images, dtype=np.uint16).mean(axis=axis, dtype=np.float64)
    std = np.sqrt(np.maximum(square - mean**2, 0))
    return np.asarray(mean), scale(len(images), np.asarray(mean), np.asarray(std))
