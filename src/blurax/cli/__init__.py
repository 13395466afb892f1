"""The command `blurax`; nothing is imported before a Ctrl-C would be quiet."""

import os
import signal

__all__ = ["main"]


def main(args: list[str] | None = None) -> int:
    """Run the command line as a process of its own; returns the exit status.

    Until a command begins its work, Ctrl-C ends the process as it ends any other: a
    KeyboardInterrupt in the middle of an import is a traceback, another error, or lost.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not under nohup
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from blurax.cli.commands import INTERRUPTED
    from blurax.cli.commands import main as run
    from blurax.cli.streams import make_printable, open_what_is_closed

    open_what_is_closed()
    make_printable()
    code = run(args)
    if code == INTERRUPTED:
        os._exit(code)  # JAX may compute on in its threads, under which Python cannot end in peace
    return code
