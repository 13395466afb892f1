"""Ctrl-C while a command works: never lost, and never a traceback."""

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

AGAIN = 0.05
"""Seconds after which an interrupt that was lost is raised anew."""


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """In here Ctrl-C and SIGTERM end in a KeyboardInterrupt, whatever becomes of the first one.

    It is raised wherever Python happens to be: in a callback of the garbage collector (JAX has
    one) Python can only report it, and goes on; an extension may turn it into an error of its own.
    An ignored Ctrl-C stays ignored, as under nohup.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's
        return
    pressed: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        pressed.append(number)
        raise KeyboardInterrupt

    with _handled(interrupt), _raised_anew():
        try:
            yield
        except Exception as error:
            if pressed:
                raise KeyboardInterrupt from error
            raise


@contextlib.contextmanager
def _handled(handler: Any) -> Iterator[None]:
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    for each, was in before.items():
        if was is not signal.SIG_IGN:
            signal.signal(each, handler)
    try:
        yield
    finally:
        for each, was in before.items():
            signal.signal(each, was)


@contextlib.contextmanager
def _raised_anew() -> Iterator[None]:
    """A KeyboardInterrupt that Python could only report comes again a moment later."""
    before = sys.unraisablehook

    def hook(lost: Any) -> None:
        if not issubclass(lost.exc_type, KeyboardInterrupt):
            before(lost)
            return
        timer = threading.Timer(AGAIN, signal.raise_signal, (signal.SIGINT,))
        timer.daemon = True
        timer.start()

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before
