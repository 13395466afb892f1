"""Standard output and error: what they cannot hold, and what happens when nobody reads on."""

import contextlib
import io
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, TextIO, cast

from blurax.analysis.plain import lines, message

CLOSED = 141
"""The exit status when the reader of a pipe is gone: 128 + SIGPIPE, which a shell shows for any
other tool that the signal ends. Python ignores the signal, for a broken socket would end it too."""


_FAILED = 2
"""The exit status when the output cannot be written for another reason, such as a full disk."""


class OutputClosedError(Exception):
    """The output cannot be written any more: nobody reads it, as after `| head -1`, or a full disk.

    Its cause is the system's refusal.
    """


class _Guarded:
    """Standard output or error; what the system refuses of it is no refusal of another file.

    After the first refusal it takes everything and writes nothing: what is still shown at the end,
    such as a bar, must not fail again.
    """

    def __init__(self, stream: Any, *, silent: bool) -> None:
        """Guard a stream.

        Args:
            silent: whether a refusal is passed over: a warning that cannot be shown stops no work.
        """
        self._stream, self._silent, self._failed = stream, silent, False

    def write(self, text: str) -> int:
        self._tried(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        self._tried(self._stream.flush)

    def _tried(self, act: Callable[[], object]) -> None:
        if self._failed:
            return
        try:
            act()
        except OSError as error:
            self._failed = True
            if not self._silent:
                raise OutputClosedError from error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def open_what_is_closed() -> None:
    """Let the process have an input, an output and an error, the null device where one is closed.

    Else the next file that is opened takes the place, and what a library writes to the output goes
    into it; Python itself has None there, on which tyro stumbles.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            mode = "w" if number else "r"
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def replace_what_cannot_be_encoded() -> None:
    """Let a character that the terminal's encoding lacks be shown as ?, rather than an error."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def make_printable() -> None:
    """Let warnings and tracebacks, which quote names and files, steer no terminal and be short.

    Warnings are printed as mistakes are: where in the code they come from helps no user.
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
    for line in lines("".join(traceback.format_exception(kind, error, trace))):
        print(line, file=sys.stderr)


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """In here output that cannot be written raises `OutputClosedError`; of errors it is dropped."""
    before = sys.stdout, sys.stderr
    sys.stdout = cast(TextIO, _Guarded(before[0], silent=False))
    sys.stderr = cast(TextIO, _Guarded(before[1], silent=True))
    try:
        yield
        sys.stdout.flush()
    finally:
        sys.stdout, sys.stderr = before
        _discard()


def report_closed(closed: OutputClosedError) -> int:
    """Say why the output cannot be written; returns the exit status."""
    if isinstance(closed.__cause__, BrokenPipeError):
        return CLOSED
    reason = getattr(closed.__cause__, "strerror", None) or str(closed.__cause__)
    with contextlib.suppress(OSError):  # the disk may be that of both
        print(f"blurax: the output cannot be written: {reason}.", file=sys.stderr, flush=True)
    _discard()
    return _FAILED


def _discard() -> None:
    """Drop what cannot be written, lest Python tries once more when it ends."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
