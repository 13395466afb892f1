"""Ctrl-C while a command works: never lost, never a traceback, and never long in coming."""

import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

INTERRUPTED = 130
"""The exit status after Ctrl-C: 128 + SIGINT, as shells have it."""

AGAIN = 0.05
"""Seconds after which an interrupt that was lost is raised anew."""

PATIENCE = 2.0
"""Seconds that compiled code, in which Python cannot raise anything, may still take."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_last_words: list[str] = []


@contextlib.contextmanager
def last_words(line: str) -> Iterator[None]:
    """In here Ctrl-C ends with this line on standard error."""
    _last_words.append(line)
    try:
        yield
    except KeyboardInterrupt:
        print(line, file=sys.stderr)
        raise
    finally:
        _last_words.remove(line)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """In here Ctrl-C and SIGTERM end in a KeyboardInterrupt, whatever becomes of the first one.

    It is raised wherever Python happens to be: in a callback of the garbage collector (JAX has
    one) Python can only report it, and goes on; an extension may turn it into an error of its own.
    Where Python is not reached at all, as in a long program of XLA's, the process ends; what is on
    the disk is whole at any moment. An ignored Ctrl-C stays ignored, as under nohup.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's
        return
    reached = threading.Event()

    def interrupt(number: int, frame: FrameType | None) -> None:
        reached.set()
        raise KeyboardInterrupt

    with _ended_if_not(reached), _handled(interrupt), _raised_anew():
        try:
            yield
        except Exception as error:
            if reached.is_set():
                raise KeyboardInterrupt from error
            raise


@contextlib.contextmanager
def _handled(handler: Any) -> Iterator[None]:
    before = {each: signal.getsignal(each) for each in _SIGNALS}
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
        main = threading.main_thread().ident
        timer = threading.Timer(AGAIN, signal.pthread_kill, (main, signal.SIGINT))
        timer.daemon = True
        timer.start()

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


@contextlib.contextmanager
def _ended_if_not(reached: threading.Event) -> Iterator[None]:
    """The process ends if a signal's handler is not reached in time: a thread looks after it."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)

    def watch() -> None:
        while number := ours.recv(1):
            if number[0] in _SIGNALS and not reached.wait(PATIENCE):
                _end()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        theirs.close()  # ends the thread
        watcher.join()
        ours.close()


def _end() -> None:
    """End the process from another thread than its main one."""
    cursor = "\x1b[?25h" if sys.stderr.isatty() else ""  # a progress bar hides it
    lines = "".join(f"{line}\n" for line in _last_words[-1:])
    os.write(2, f"{cursor}{lines}".encode(errors="replace"))
    os._exit(INTERRUPTED)
