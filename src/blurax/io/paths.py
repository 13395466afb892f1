"""Paths as users give them; what is wrong with them, and what the system says, in one sentence."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from blurax.errors import BluraxError, require

AnyPath = str | os.PathLike[str]
_SHOWN = 300
"""Characters of a path in a message; of a longer one the middle is left out."""


def as_path(value: AnyPath, name: str = "path") -> Path:
    """What a user gave for a path, as one.

    Args:
        name: of the argument.

    Raises:
        BluraxError: for anything but a text or a path, or a text that no file can be called.
    """
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else value
    if not isinstance(text, str):
        kind = type(text).__name__
        raise BluraxError(f"{name} is {shown(repr(value))}, a {kind}; it takes a text or a path.")
    try:
        plain = b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        plain = False
    require(plain, f"{name} is {shown(repr(text))}, which no file can be called; it takes a path.")
    return Path(value)


def exists(path: AnyPath) -> bool:
    """Whether there is a file or a folder of this name.

    Raises:
        BluraxError: if the system does not tell.
    """
    with refusals(path, "read"):
        return as_path(path).exists()


def make_directory(path: AnyPath) -> None:
    """Make a directory, and those above it, unless there is one.

    Raises:
        BluraxError: if the system refuses.
    """
    with refusals(path, "made a directory"):
        as_path(path).mkdir(parents=True, exist_ok=True)


@contextlib.contextmanager
def made(directory: Path) -> Iterator[None]:
    """In here there is such a directory; those that had to be made go at the end if empty.

    Raises:
        BluraxError: if it cannot be made.
    """
    with refusals(directory, "made a directory"):
        missing = [each for each in (directory, *directory.parents) if not each.exists()]
    try:
        with refusals(directory, "made a directory"):
            directory.mkdir(parents=True, exist_ok=True)
        yield
    finally:
        for each in missing:
            with contextlib.suppress(OSError):  # not made, or there is something in it
                each.rmdir()


def followed(path: AnyPath) -> Path:
    """What a path leads to through links, which need not be there.

    Raises:
        BluraxError: for what is no path.
        OSError: for links in a circle.
    """
    target = Path(os.path.realpath(as_path(path)))
    if target.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return target


def read_bytes(path: AnyPath, limit: int) -> bytes:
    """What a file holds.

    Raises:
        BluraxError: if it cannot be read, or is larger than `limit` bytes.
    """
    with opened(path) as file:
        found = file.read(limit + 1) if os.fstat(file.fileno()).st_size <= limit else None
    if found is None or len(found) > limit:
        name = shown(os.fspath(path))
        raise BluraxError(f"{name} has more than {limit:,} bytes, the most it may; check the path.")
    return found


@contextlib.contextmanager
def opened(path: AnyPath) -> Iterator[BinaryIO]:
    """A file to read from; of a pipe or a device nobody knows when it ends.

    Raises:
        BluraxError: for anything but a regular file, and if it cannot be read in here.
    """
    file = as_path(path)
    with refusals(path, "read"):
        kind = file.stat().st_mode
        if not stat.S_ISREG(kind):
            found = "a folder" if stat.S_ISDIR(kind) else "a device or a pipe"
            raise OSError(errno.EINVAL, f"it is {found}, and not a file")
        with open(file, "rb") as handle:
            yield handle


@contextlib.contextmanager
def refusals(path: AnyPath, what: str) -> Iterator[None]:
    """In here the system's refusal becomes a `BluraxError`: `path` cannot be `what`."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        raise BluraxError(f"{shown(os.fspath(path))} cannot be {what}: {reason}.") from error


def shown(text: str) -> str:
    """A text as a message holds it."""
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN // 2]} [...] {text[-_SHOWN // 2 :]}"
