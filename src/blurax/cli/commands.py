"""The commands by name, how one is found in the arguments, and how a mistake is reported.

Only the command that is asked for is imported: `blurax --help` needs neither JAX nor tyro.
"""

import os
import sys

from blurax.analysis.plain import message
from blurax.cli import streams
from blurax.cli.interrupts import INTERRUPTED, interruptible
from blurax.errors import BluraxError, require
from blurax.version import __version__

COMMANDS = {
    "demo": (
        "Learn two rules on handwritten digits, then see what they can teach that they never met."
    ),
    "meta-train": "Find a rule: by gradient, evolution strategies, CMA-ES or random search.",
    "recipes": "List the recipes: named configurations for blurax meta-train --recipe.",
    "runs": "List the runs below a folder, the best first.",
    "tasks": "List all tasks, or draw some: blurax tasks show xor mnist:size=10.",
    "train": "Let a genome teach networks a task; writes their curve as JSON and PNG.",
    "show": "Draw a genome's matrices and gates in the terminal and as a picture; look inside it "
    "at work.",
    "compare": "Compare learners with baselines that are tuned for each number of steps.",
    "bench": "Rank learners on a fixed suite of tasks, among tuned rivals, with tests of "
    "significance.",
    "tables": "Rank genomes, regularisers and scikit-learn's models on small tables, by "
    "cross-validation.",
    "zoo": "List the genomes and learners that come with blurax, or show one: blurax zoo default.",
    "prune": "Put the numbers of a genome to rest that are least missed; write what is left as a "
    "genome.",
    "export": "Write a genome and one Python file that lets it teach networks with NumPy or "
    "PyTorch alone.",
    "figure": "Repeat a figure of the paper, or one of a related paper: measure, draw, judge what "
    "is said.",
    "report": "Write one self-contained HTML page about a meta-training run: it can be mailed as "
    "it is.",
}
"""What each does, the first line of its docstring. `blurax NAME` is a function of this name in the
module of this name."""


def dispatch(args: list[str]) -> None:
    """Parse the arguments and run the command they name.

    Raises:
        BluraxError: for a mistake of the user's.
        SystemExit: for the help of a command, and for values that cannot be parsed.
    """
    word = args[0] if args else ""
    if word in ("-h", "--help"):
        print(_help())
    elif word == "--version":
        print(f"blurax {__version__}")
    else:
        _check_name(word)
        from blurax.cli.parse import parsed

        call = parsed(word, args[1:])
        _check_backend()
        from blurax.io.compile_cache import keep_compiled
        from blurax.memory import exhaustion_told

        keep_compiled()

        with interruptible(), exhaustion_told():
            call()


def main(args: list[str] | None = None) -> int:
    """Run the command line; returns the exit status.

    That is 2 for a mistake of the user's and for output that cannot be written, 130 for Ctrl-C, and
    141 if nobody reads the output.
    """
    streams.replace_what_cannot_be_encoded()
    try:
        with streams.guarded():
            return _outcome(sys.argv[1:] if args is None else args)
    except streams.OutputClosedError as closed:
        return streams.report_closed(closed)


def _outcome(args: list[str]) -> int:
    """The exit status of a command; what is said of a mistake is printable and short."""
    try:
        dispatch(args)
    except BluraxError as error:
        print(f"blurax: {message(str(error))}", file=sys.stderr)
        return 2
    except OSError as error:
        if error.filename is None:
            raise
        # Of a file or folder that the user named: whatever asked, the system has refused.
        refusal = f"{error.filename} cannot be used: {error.strerror or type(error).__name__}."
        print(f"blurax: {message(refusal)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit as end:  # tyro's, after it has printed
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _check_name(word: str) -> None:
    if word in COMMANDS:
        return
    known = f"{', '.join(COMMANDS)}; blurax --help says what each does."
    require(word != "", f"A command is missing; there are {known}")
    if word.startswith("-"):
        raise BluraxError(f"There is no option {word} before a command; the commands are {known}")
    import difflib

    near = difflib.get_close_matches(word, COMMANDS, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {known}"
    raise BluraxError(f"There is no command {word!r}; {hint}")


def _help() -> str:
    """What `blurax --help` prints."""
    import shutil
    import textwrap

    margin = max(map(len, COMMANDS)) + 4
    width = max(margin + 20, min(100, shutil.get_terminal_size().columns))
    lines = []
    for name, about in COMMANDS.items():
        first, rest = f"  {name:{margin - 2}}", " " * margin
        lines += textwrap.wrap(about, width, initial_indent=first, subsequent_indent=rest)
    return "\n".join(
        (
            "usage: blurax [-h] [--version] COMMAND ...",
            "",
            "Learn a learning rule, and let it teach networks.",
            "",
            *lines,
            "",
            "blurax COMMAND --help lists the options of a command.",
        )
    )


def _check_backend() -> None:
    """Ask JAX for its devices before anything is written.

    Raises:
        BluraxError: if it has none.
    """
    import jax

    try:
        jax.devices()
    except Exception as error:  # which one differs from version to version, and with the platform
        named = os.environ.get("JAX_PLATFORMS")
        where = f"on the platform JAX_PLATFORMS={named}" if named else "at all"
        cause = str(error).partition(" (set JAX_PLATFORMS")[0].rstrip(".")
        reason = f" ({cause})" if cause else ""
        raise BluraxError(
            f"JAX finds no device {where}{reason}; install JAX for it, or set JAX_PLATFORMS=cpu."
        ) from error
