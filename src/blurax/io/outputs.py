"""Whether files can be written where they are to go: found out before the work, not after it."""

import errno
import os
import tempfile
from collections.abc import Iterable

from blurax.io.paths import AnyPath, as_path, followed, made, refusals


def check_directory(path: AnyPath, files: Iterable[str] = (), folders: Iterable[str] = ()) -> None:
    """Check that a directory can be made, or is one, and that files can be made in it.

    Nothing is left behind.

    Args:
        files: names in it that are to be written: what is there already must be a file.
        folders: names in it that are to be folders.

    Raises:
        BluraxError: naming what cannot be, and why.
    """
    directory = as_path(path, "directory")
    with made(directory):
        for folder in (directory, *(directory / name for name in folders)):
            if os.path.lexists(folder):
                with refusals(folder, "written to"), tempfile.TemporaryFile(dir=folder):
                    pass
        for name in files:
            check_file(directory / name)


def check_file(path: AnyPath) -> None:
    """Check that `write_bytes` can write a file; nothing is left behind.

    Raises:
        BluraxError: if it cannot, and why.
    """
    file = as_path(path)
    with refusals(path, "written"):
        target = followed(file)
        if not file.name or (target.exists() and not target.is_file()):
            raise OSError(errno.EINVAL, "it exists and is not a regular file")
    with made(target.parent), refusals(path, "written"):
        # Of the name that it has while it is written, which is longer.
        beside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        with open(beside, "ab"):
            pass
        beside.unlink()
