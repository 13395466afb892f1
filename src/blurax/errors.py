"""The one exception that means "the caller got something wrong", and words for its sentence."""

import traceback
from collections.abc import Sequence
from pathlib import Path

_LONGEST = 200
"""Characters of a value in a sentence."""
_MOST = 5
"""Names in a sentence."""


class BluraxError(ValueError):
    """A mistake that the caller can mend; its message is one sentence that says how.

    The command line prints the message without a traceback and exits with status 2.
    """


def require(condition: bool, message: str) -> None:
    """Raise `BluraxError(message)` unless `condition` holds."""
    if not condition:
        raise BluraxError(message)


def some(names: Sequence[str]) -> str:
    """Names for a sentence, the first few of many: a file may hold any number of them."""
    shown = ", ".join(cut(name) for name in names[:_MOST]) or "nothing"
    return shown if len(names) <= _MOST else f"{shown} and {len(names) - _MOST:,} more"


def shown(value: object) -> str:
    """The `repr` of a value for a sentence, cut where it is long."""
    try:
        return cut(repr(value))
    except ValueError:  # Python writes out no whole number of several thousand digits
        return f"a {type(value).__name__} too long to be shown"


def reason(error: BaseException, file: str | None = None) -> str:
    """What an exception in code of the user's own says, in a line; and where, if in that file."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if file and frame.filename == file]
    if isinstance(error, SyntaxError):  # of a file that could not be read
        error, lines = SyntaxError(error.msg), [error.lineno]
    first = str(error).strip().partition("\n")[0].rstrip(".")
    where = f" ({Path(file).name}, line {lines[-1]})" if file and lines else ""
    kind = "" if isinstance(error, BluraxError) else f"{type(error).__name__}: "
    return f"{kind}{cut(first)}{where}"


def described(value: object) -> str:
    """What a value is, for a sentence: a class is perhaps one that was to be called."""
    made = isinstance(value, type)
    return f"the class {value.__name__}" if made else f"of type {type(value).__name__}"


def returned(value: object) -> str:
    """What a function of the user's own returned, for a sentence."""
    if value is None:
        return "None"
    if isinstance(value, list | tuple):
        return f"a {type(value).__name__} of {some([returned(each) for each in value])}"
    shape = getattr(value, "shape", None)
    return f"a {type(value).__name__}" if shape is None else f"an array of shape {shape}"


def cut(text: str) -> str:
    """A text for a sentence, cut where it is long."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
