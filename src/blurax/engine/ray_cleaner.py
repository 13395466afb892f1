"""A process that outlives the driver of a cluster of one's own, and leaves nothing of it behind.

Run as a script, without any import of this package: `ray_cleaner.py FOLDER VARIABLE`. It waits for
its input to close, which the system does however the driver ends. Then it ends the processes in
whose environment VARIABLE is FOLDER (Ray's agents would look for their cluster for a minute; where
there is no /proc, they do), and removes the folder.
"""

import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

PATIENCE = 20.0
"""Seconds for processes to end and the folder to go; killed ones may still write for a moment."""


def clean(folder: str, variable: str) -> None:
    """End the processes of a cluster and remove its folder."""
    end = time.monotonic() + PATIENCE
    mark = f"{variable}={folder}".encode()
    while time.monotonic() < end:
        left = list(_marked(mark))
        for process in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)
        if not left and not os.path.exists(folder):
            return
        time.sleep(0.1)


def _marked(mark: bytes) -> Iterator[int]:
    """The processes that have this line in their environment; none where there is no /proc."""
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            environment = path.read_bytes()
        except OSError:  # it has just ended, or is somebody else's
            continue
        if mark in environment.split(b"\0"):
            yield int(path.parent.name)


if __name__ == "__main__":
    sys.stdin.buffer.read(1)
    clean(*sys.argv[1:])
