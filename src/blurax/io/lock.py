"""One writer to a directory: a lock that the operating system holds, and drops at any death.

The lock is on a hidden file in the directory, whose content says who holds it. A lock that a
killed process left behind is none: the file alone locks nothing, and the next writer takes it.
"""

import contextlib
import errno
import json
import os
import shutil
import socket
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from blurax.errors import BluraxError
from blurax.io.paths import as_path, exists, shown
from blurax.io.strict_json import parse_json

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None

LOCK = ".blurax-lock"
"""The file in a directory that is locked; it goes when the writer is done."""

_PAUSE = 0.2
"""Seconds between two looks at a lock that is waited for."""

_TRIES = 100
"""How often a directory is made that others remove."""

_BUSY = (errno.EWOULDBLOCK, errno.EAGAIN)
_UNABLE = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
"""What a file system says that knows no locks."""

_PER_HOST = ("fuse.", "cifs", "smb3", "smbfs", "afs", "beegfs")
"""Network file systems (their names begin so) that may keep a lock to the host that took it."""

_MOUNTS = "/proc/self/mounts"
"""Where Linux says what kind of file system is where."""

_handles: set[int] = set()
"""The open lock files of this process."""

_said: set[tuple[str, str]] = set()
"""Of which directories was said that they cannot be locked, and why: once is enough."""


class _Mine(threading.local):
    """The directories that this thread writes into: it may begin to do so again within."""

    def __init__(self) -> None:
        self.directories: set[str] = set()


_mine = _Mine()


def _forget() -> None:
    """A forked child holds no lock; closing its copies leaves the parent's as they are."""
    for handle in _handles:
        with contextlib.suppress(OSError):
            os.close(handle)
    _handles.clear()
    _mine.directories.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


@contextlib.contextmanager
def writing(directory: str | os.PathLike[str], what: str, wait: float = 0.0) -> Iterator[None]:
    """In here no other process, and no other thread of this one, writes into the directory.

    Missing directories are made; those that are empty at the end go again.
    Where the system cannot lock, a warning says so once, and the work goes on without.

    Args:
        what: the directory holds, for the sentence to whoever comes second: "run", say.
        wait: the most seconds to wait for another writer, which a warning names; 0 to refuse.

    Raises:
        BluraxError: if there is another writer, with its process id, or the file of the lock
            cannot be made.
    """
    directory = as_path(directory, "directory")
    place = os.path.realpath(directory)
    if place in _mine.directories:
        yield
        return
    made = [each for each in (directory, *directory.parents) if not exists(each)]
    owner, handle = os.getpid(), None
    try:
        handle = _acquired(directory, what, wait)
        _mine.directories.add(place)
        yield
    finally:
        if os.getpid() == owner:  # not in a child that was forked within
            _mine.directories.discard(place)
            _release(directory / LOCK, handle)
            for each in made:
                with contextlib.suppress(OSError):  # there is something in it
                    each.rmdir()


def clear(directory: Path) -> None:
    """Remove all that a directory holds but its lock, which the caller has.

    Raises:
        BluraxError: if something cannot be removed.
    """
    try:
        for path in directory.iterdir():
            if path.name == LOCK:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    except OSError as error:
        raise BluraxError(f"{directory} cannot be removed: {error.strerror or error}.") from error


def _acquired(directory: Path, what: str, wait: float) -> int | None:
    """The locked file, as its number; None where nothing can be locked."""
    path, until, noticed = directory / LOCK, time.monotonic() + wait, False
    while True:
        found = _tried(path)
        if not isinstance(found, str):
            return found
        if time.monotonic() >= until:
            raise BluraxError(
                f"The {what} in {directory} is being written by {found}; wait until that ends, or "
                "take another directory."
            )
        if not noticed:
            noticed = True
            message = f"Waiting for {found} to write the {what} in {directory}."
            warnings.warn(message, UserWarning, stacklevel=5)
        time.sleep(_PAUSE)


def _tried(path: Path) -> int | str | None:
    """The number of the locked file, in words who holds it, or None where none can be locked."""
    if fcntl is None:
        _say(path.parent, "this system has no lock for files")
        return None
    while True:
        handle = _opened(path)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _BUSY:
                holder = _holder(handle)
                _close(handle)
                return holder
            _release(path, handle)
            if error.errno not in _UNABLE:
                raise BluraxError(f"{path} cannot be locked: {error.strerror}.") from error
            _say(path.parent, f"its file system knows no lock ({error.strerror})")
            return None
        if _is_at(handle, path):
            _sign(handle)
            _say_if_per_host(path.parent)
            return handle
        _close(handle)  # its holder has removed it in between


def _opened(path: Path) -> int:
    try:
        for left in reversed(range(_TRIES)):
            # A writer that made the directory and leaves it empty may remove it at any moment.
            with contextlib.suppress(*((FileNotFoundError, FileExistsError) if left else ())):
                path.parent.mkdir(parents=True, exist_ok=True)
                # Not through a link: what it leads to would be overwritten.
                handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
                _handles.add(handle)
                return handle
        raise AssertionError("the last try returns or raises")
    except OSError as error:
        what = "written to" if path.parent.is_dir() else "made a directory"
        message = f"{shown(str(path.parent))} cannot be {what}: {error.strerror or error}."
        raise BluraxError(message) from error


def _close(handle: int) -> None:
    _handles.discard(handle)
    os.close(handle)


def _release(path: Path, handle: int | None) -> None:
    """Remove the file while it is locked: who has opened it meanwhile sees that it is another."""
    if handle is None:
        return
    with contextlib.suppress(OSError):  # a file that cannot be removed locks nothing
        if _is_at(handle, path):
            path.unlink()
    _close(handle)


def _is_at(handle: int, path: Path) -> bool:
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(handle), there)


def _sign(handle: int) -> None:
    """Write down who holds the lock; on a full disk the lock holds without a name."""
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    holder = {"process": os.getpid(), "host": socket.gethostname(), "since": since}
    with contextlib.suppress(OSError):
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(holder).encode() + b"\n", 0)


def _holder(handle: int) -> str:
    """Who holds the lock, as its file says: read with care, for anybody may write there."""
    found: dict[str, Any] = {}
    with contextlib.suppress(OSError, BluraxError):
        found = parse_json(os.pread(handle, 1000, 0), LOCK)
    if not isinstance(found.get("process"), int):
        return "another process"
    host, since = (
        "".join(c for c in str(found.get(name)) if c.isascii() and c.isprintable())[:64]
        for name in ("host", "since")
    )
    own = found["process"] == os.getpid() and host == socket.gethostname()
    who = f"process {found['process']}" + (" (this one)" if own else "")
    return f"{who} on {host} since {since}"


def _say_if_per_host(directory: Path) -> None:
    kind, options = _file_system(directory)
    local = {"nolock", "local_lock=all", "local_lock=flock"} & options
    if kind.startswith(_PER_HOST) or (kind.startswith("nfs") and local) or "localflock" in options:
        _say(directory, f"it is on a network folder ({kind}), whose locks may end at this machine")


def _file_system(directory: Path) -> tuple[str, set[str]]:
    """The type of the file system a directory is on, and its options, where Linux says them."""
    place, best, found = os.path.realpath(directory), "", ("", set[str]())
    with contextlib.suppress(OSError), open(_MOUNTS, encoding="utf-8", errors="replace") as file:
        for fields in (line.split(" ") for line in file):
            point = fields[1].replace("\\040", " ")
            inside = place == point or place.startswith(point.rstrip("/") + "/")
            if inside and len(point) >= len(best):
                best, found = point, (fields[2], set(fields[3].split(",")))
    return found


def _say(directory: Path, why: str) -> None:
    place = os.path.realpath(directory)
    if (place, why) not in _said:
        _said.add((place, why))
        warnings.warn(
            f"{directory} cannot be kept for one writer: {why}; let no second process write there.",
            UserWarning,
            stacklevel=6,
        )
