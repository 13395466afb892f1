"""Standard output and error: what they cannot hold, and what happens when nobody reads on."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator

CLOSED = 141
"""The exit status when the reader of a pipe is gone: 128 + SIGPIPE, which a shell shows for any
other tool that the signal ends. Python ignores the signal, for a broken socket would end it too."""


class OutputClosedError(Exception):
    """Nobody reads the output any more, as after `| head -1`."""


def replace_what_cannot_be_encoded() -> None:
    """Let a character that the terminal's encoding lacks be shown as ?, rather than an error."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


@contextlib.contextmanager
def writing() -> Iterator[None]:
    """In here a broken pipe is one of the output's; other pipes break too.

    Raises:
        OutputClosedError: in its place.
    """
    try:
        yield
    except BrokenPipeError as error:
        raise OutputClosedError from error


def flush() -> None:
    """Write what is left.

    Raises:
        OutputClosedError: if nobody reads it.
    """
    with writing():
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:  # as it is where it was closed from the start
                stream.flush()


def discard() -> None:
    """Drop what is left, lest Python tries once more to write it when it ends."""
    for stream in (each for each in (sys.stdout, sys.stderr) if each is not None):
        try:
            stream.flush()
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
