"""Standard output and error: what they cannot hold, and what happens when nobody reads on."""

import contextlib
import io
import os
import sys
import traceback
import warnings
from collections.abc import Iterator
from types import TracebackType
from typing import TextIO

from blurax.analysis.plain import message

CLOSED = 141
"""The exit status when the reader of a pipe is gone: 128 + SIGPIPE, which a shell shows for any
other tool that the signal ends. Python ignores the signal, for a broken socket would end it too."""


class OutputClosedError(Exception):
    """Nobody reads the output any more, as after `| head -1`."""


def replace_what_cannot_be_encoded() -> None:
    """Let a character that the terminal's encoding lacks be shown as ?, rather than an error."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def make_printable() -> None:
    """Let warnings and tracebacks, which quote names and files, steer no terminal and be short.

    Warnings are told as mistakes are: where in the code they come from helps no user.
    """
    warnings.showwarning = _show_warning
    sys.excepthook = _show_traceback


def _show_warning(
    warning: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    print(f"blurax: warning: {message(str(warning))}", file=file or sys.stderr)


def _show_traceback(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    for entry in traceback.format_exception(kind, error, trace):
        for line in entry.splitlines():
            print(message(line), file=sys.stderr)


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
