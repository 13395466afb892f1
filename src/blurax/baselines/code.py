"""Which code it is: a digest of what a class or function of the user's own is written in."""

import hashlib
import inspect
import sys
from pathlib import Path
from types import FunctionType
from typing import Any


def code_digest(thing: Any) -> str:
    """The SHA-256 of the file that a class or function stands in.

    In a notebook, of its functions as they were typed; an empty text where no source can be found,
    in what was typed into a bare interpreter, say.
    """
    if not isinstance(thing, type | FunctionType):
        thing = type(thing)
    module = sys.modules.get(thing.__module__)
    file = getattr(module, "__file__", None)
    if file is not None and Path(file).is_file():
        return hashlib.sha256(Path(file).read_bytes()).hexdigest()
    found = [thing] if isinstance(thing, FunctionType) else list(vars(thing).values())
    try:
        typed = [inspect.getsource(each) for each in found if isinstance(each, FunctionType)]
    except OSError:
        return ""
    return hashlib.sha256("\n".join(typed).encode()).hexdigest()
