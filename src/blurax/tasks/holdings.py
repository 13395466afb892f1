"""What of an image data set lies in a folder, in whichever form it was put there."""

import dataclasses
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from blurax.errors import BluraxError, require
from blurax.tasks import fetch, formats
from blurax.tasks.sources import TEST, TRAIN, File, Source

Part = tuple[np.ndarray, np.ndarray]
"""Images `[n, side, side]` or `[n, side, side, 3]` and labels `[n]`, bytes."""


@dataclasses.dataclass(frozen=True)
class Holding:
    """One part of a data set in a folder."""

    path: Path
    """The file the images are in."""
    count: int
    """How many examples it holds."""
    read: Callable[[], Part]
    """Read and check it."""


def holdings(source: Source, part: str) -> Iterator[Holding]:
    """All copies of a part that are at hand, those of the user's own folder first."""
    for root in fetch.roots():
        for folder in dict.fromkeys((*source.folders, source.name)):
            if os.path.isdir(root / folder):  # without an error, whatever the root is called
                for form in (_idx, _npz, _cifar, _emnist_zip):
                    yield from form(source, part, root, root / folder)


def _known(source: Source, path: Path) -> File | None:
    return next((file for file in source.files if file.name == path.name), None)


def _idx(source: Source, part: str, root: Path, folder: Path) -> Iterator[Holding]:
    """MNIST's pair of files, gzipped or not; EMNIST's official ones hold the images transposed."""
    official = {TRAIN: "train", TEST: "test"}[part]
    stems = [(part, False)]
    if source.member:
        stems.append((f"{source.member}-{official}", True))
    for stem, transposed in stems:
        for ending in (".gz", ""):
            images = folder / f"{stem}-images-idx3-ubyte{ending}"
            labels = folder / f"{stem}-labels-idx1-ubyte{ending}"
            if images.is_file():
                if not labels.is_file() and root == fetch.cache_folder():
                    continue  # a download that was stopped halfway: it goes on
                require(
                    labels.is_file(),
                    f"{images} is there, but {labels.name} with its labels is not.",
                )

                def read(images: Path = images, labels: Path = labels, turn: bool = transposed):
                    for path in (images, labels):
                        fetch.check(path, root, _known(source, path))
                    return _checked(
                        source,
                        _turned(_read_idx(images, 3), turn),
                        _read_idx(labels, 1),
                        images,
                        labels,
                    )

                counts = {formats.idx_count(path) for path in (images, labels)}
                # Counts that differ are bad; 0 says so, and reading the files says how.
                yield Holding(images, counts.pop() if len(counts) == 1 else 0, read)


def _read_idx(path: Path, dimensions: int) -> np.ndarray:
    with formats.reading(f"{path} cannot be read"), open(path, "rb") as file:
        return formats.read_idx(file, str(path), dimensions)


def _npz(source: Source, part: str, root: Path, folder: Path) -> Iterator[Holding]:
    """One NumPy archive with x_train, y_train, x_test and y_test."""
    found = sorted(folder.glob("*.npz"))
    require(
        len(found) <= 1,
        f"{folder} holds {len(found)} npz files; it takes one.",
    )
    which = {TRAIN: "train", TEST: "test"}[part]
    for path in found:

        def read(path: Path = path) -> Part:
            fetch.check(path, root, None)
            arrays = formats.read_npz(path, (f"x_{which}", f"y_{which}"))
            labels = arrays[f"y_{which}"].reshape(-1)
            return _checked(source, arrays[f"x_{which}"], labels, path)

        count = formats.read_npz(path, (f"y_{which}",))[f"y_{which}"].size
        yield Holding(path, count, read)


def _cifar(source: Source, part: str, root: Path, folder: Path) -> Iterator[Holding]:
    """The binary version, as it is published."""
    path = folder / "cifar-10-binary.tar.gz"
    if source.name == "cifar10" and path.is_file():
        batches = [f"data_batch_{n}" for n in range(1, 6)] if part == TRAIN else ["test_batch"]
        members = tuple(f"cifar-10-batches-bin/{name}.bin" for name in batches)

        def read() -> Part:
            fetch.check(path, root, _known(source, path))
            return _checked(source, *formats.read_cifar_binary(path, members), path)

        yield Holding(path, source.count(part), read)


def _emnist_zip(source: Source, part: str, root: Path, folder: Path) -> Iterator[Holding]:
    """All of EMNIST in one zip of gzipped idx files, as it is published."""
    if not source.member:
        return
    for name in ("emnist-gzip.zip", "gzip.zip"):
        path = folder / name
        if path.is_file():
            which = {TRAIN: "train", TEST: "test"}[part]
            stem = f"gzip/{source.member}-{which}"

            def read(path: Path = path, stem: str = stem) -> Part:
                fetch.check(path, root, source.files[0])
                with formats.open_zip(path) as archive:
                    images, labels = (
                        formats.read_idx(
                            io.BytesIO(formats.read_member(archive, f"{stem}-{end}.gz", str(path))),
                            f"{path}: {stem}-{end}.gz",
                            dimensions,
                        )
                        for end, dimensions in (("images-idx3-ubyte", 3), ("labels-idx1-ubyte", 1))
                    )
                return _checked(source, _turned(images, True), labels, path)

            yield Holding(path, source.count(part), read)


def _turned(images: np.ndarray, transposed: bool) -> np.ndarray:
    return images.transpose(0, 2, 1) if transposed else images


def _checked(
    source: Source,
    images: np.ndarray,
    labels: np.ndarray,
    where: Path,
    marks: Path | None = None,
) -> Part:
    """Images and labels that belong together and to their data set.

    Args:
        where: the file of the images.
        marks: that of the labels, if it is another.
    """
    marks = marks or where
    shape = (source.side, source.side, 3) if source.colour else (source.side, source.side)
    size = "x".join(map(str, images.shape[1:])) or "no size in"
    require(
        images.dtype == np.uint8 and images.shape[1:] == shape,
        f"{where} holds images of {size} {images.dtype}; "
        f"{source.name} has {'x'.join(map(str, shape))} bytes.",
    )
    require(
        len(images) == len(labels),
        f"{where} holds {len(images)} images, but {marks.name} {len(labels)} labels; "
        f"{formats.REMEDY}.",
    )
    first, last = source.labels
    require(
        np.issubdtype(labels.dtype, np.integer),
        f"{marks} holds labels of {labels.dtype}; {source.name} has whole numbers.",
    )
    if len(labels) and not (first <= labels.min() and labels.max() <= last):
        raise BluraxError(
            f"{marks} holds labels from {labels.min()} to {labels.max()}; {source.name} has "
            f"{first} to {last}."
        )
    return images, labels.astype(np.uint8)
