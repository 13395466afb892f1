"""Writing files whole or not at all, and logs of JSON lines that survive a crash.

A file is written beside its target under a temporary name, flushed to the disk and only then
renamed: a full disk or a kill at any moment leaves the old file as it was. One process at a time
may write a given file.
"""

import contextlib
import errno
import io
import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from blurax.errors import BluraxError
from blurax.io.paths import AnyPath, as_path, followed, made, refusals


def write_bytes(path: AnyPath, data: bytes) -> None:
    """Write a file whole or not at all; missing directories above it are made.

    Raises:
        BluraxError: if the system refuses, say for a full disk; the old file is left untouched.
    """
    with refusals(path, "written"):
        target = followed(path)  # through a symbolic link, rather than over it
        temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp") if target.name else target
        if target.exists() and not target.is_file():
            # Renaming over a device or a pipe would put a plain file in its place.
            raise OSError(errno.EINVAL, "it exists and is not a regular file")
        with made(target.parent):
            remove_temporaries(target.parent, lambda name: name == target.name)
            try:
                with open(temporary, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(temporary, target)
            except BaseException:
                with contextlib.suppress(OSError):
                    temporary.unlink()
                raise
        _sync_directory(target.parent)


def write_text(path: AnyPath, text: str) -> None:
    """`write_bytes` of a text, as UTF-8.

    Raises:
        BluraxError: if the system refuses; the old file is left untouched.
    """
    write_bytes(path, text.encode())


def write_json(path: AnyPath, value: Any) -> None:
    """`write_bytes` of a value as indented JSON.

    Raises:
        BluraxError: if the system refuses, or if the value is not plain JSON: a number that is
            not finite has to be None.
    """
    write_bytes(path, _json_bytes(path, value, indent=2))


def append_lines(path: AnyPath, lines: Iterable[Mapping[str, Any]]) -> None:
    """Append one JSON line for each of `lines` and flush them to the disk.

    A half-written last line, left by a kill, is dropped first. If the system refuses, the file is
    cut back to what it was.

    Raises:
        BluraxError: if the system refuses, or if a value is not plain JSON: a number that is not
            finite has to be None.
    """
    data = b"".join(_json_bytes(path, dict(line)) for line in lines)
    with refusals(path, "written"):
        as_path(path).parent.mkdir(parents=True, exist_ok=True)
        # Unbuffered, lest closing the file write again what has just been cut off.
        with open(path, "ab+", buffering=0) as file:
            end = _drop_half_line(file)
            try:
                left = memoryview(data)
                while left:
                    left = left[file.write(left) :]
                os.fsync(file.fileno())
            except BaseException:
                with contextlib.suppress(OSError):
                    file.truncate(end)
                raise
        if end == 0:
            _sync_directory(Path(path).parent)


def remove_temporaries(directory: Path, is_target: Callable[[str], bool]) -> None:
    """Remove what killed writers left beside the files whose names `is_target` accepts."""
    for name in os.listdir(directory):
        target, _, pid = name.removeprefix(".").removesuffix(".tmp").rpartition(".")
        if name == f".{target}.{pid}.tmp" and pid.isdigit() and is_target(target):
            with contextlib.suppress(OSError):
                (directory / name).unlink()


def _json_bytes(path: AnyPath, value: Any, indent: int | None = None) -> bytes:
    try:
        text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
        return text.encode() + b"\n"
    except (TypeError, ValueError, RecursionError) as error:
        message = f"{path} cannot be written: its content is not plain JSON ({error})."
        raise BluraxError(message) from error


def _drop_half_line(file: io.FileIO) -> int:
    """Cut off what follows the last newline; returns the size of the file."""
    end = file.seek(0, os.SEEK_END)
    if end == 0:
        return 0
    file.seek(end - 1)
    if file.read(1) == b"\n":
        return end
    file.seek(0)
    return file.truncate(file.readall().rfind(b"\n") + 1)


def _sync_directory(directory: Path) -> None:
    """Make a rename last through a power cut, where the file system knows how."""
    if os.name == "nt":
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)
