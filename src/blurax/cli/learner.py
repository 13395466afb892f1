"""Code of the user's own, named on the command line: my_rules.py:MyRule.

The path is one that the user types, so it is code that the user runs. A name in a file, such as a
run's configuration, is never followed.
"""

import hashlib
import importlib.util
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from blurax.baselines.code import check_imports
from blurax.errors import BluraxError, reason, require
from blurax.learned import LEARNED, learned
from blurax.learner import Learner
from blurax.network import Network
from blurax.outer.space import name_of

SPELLING = re.compile(r"(?:(?P<name>[^/:=]+)=)?(?P<file>.+\.py)(?::(?P<what>[^:/]+))?")
"""[NAME=]my_rules.py[:MyRule]"""


def load_learner_class(text: str, network: Network) -> Learner:
    """The learner that a text such as my_rules.py:MyRule names.

    Args:
        text: a Python file, and in it a learner, its class, or a function that makes one; the last
            two are called with a network. Or the name of a learner of the library's.
        network: the first that it is to learn with.

    Raises:
        BluraxError: if there is no such file or name, the file cannot be run, or what it makes is
            no learner.
    """
    own = learned(text, network)
    if own is not None:
        return own
    file, colon, name = text.rpartition(":")
    require(
        bool(colon and name and file.endswith(".py")),
        f"--learner is {text!r}; it takes a Python file and a name in it: my_rules.py:MyRule; or "
        f"one of the library's: {', '.join(LEARNED)}.",
    )
    found = getattr(run_file(file), name, None)
    if found is None:
        raise BluraxError(f"{file} has no {name}.")
    learner: Any = found
    if not isinstance(found, Learner):
        require(callable(found), f"{name} in {file} is no learner, and nothing that makes one.")
        lacking = ", ".join(sorted(getattr(found, "__abstractmethods__", ())))
        require(
            not lacking,
            f"{name} in {file} lacks {lacking}; a learner defines init, step and predict.",
        )
        try:
            learner = found(network)
        except Exception as error:  # code of the user's own may raise anything
            raise BluraxError(
                f"{name} in {file} cannot be made of the network {network} alone: "
                f"{reason(error, str(Path(file).resolve()))}; give its other fields a default, or "
                "name a function that makes it."
            ) from error
    require(
        isinstance(learner, Learner),
        f"{name} in {file} makes a {type(learner).__name__}; it takes a blurax.Learner.",
    )
    return learner


def load_learners(words: Sequence[str], network: Network) -> dict[str, Learner]:
    """The learners that several words name, by NAME, or by the name of their class.

    Args:
        words: each [NAME=]my_rules.py[:MyRule]; a file alone is run for the baselines and tasks
            that it adds.
        network: the first that they are to learn with.

    Raises:
        BluraxError: as `load_learner_class` does, or if two go by one name.
    """
    found: dict[str, Learner] = {}
    given: dict[str, str] = {}
    for parts in map(_parts, words):
        if parts["what"] is None:
            continue
        code = f"{parts['file']}:{parts['what']}"
        learner = load_learner_class(code, network)
        name = parts["name"] or name_of(learner)
        require(
            given.setdefault(name, code) == code,
            f"--learner gives {name} twice, {given[name]} and {code}; say which of the learners "
            "compared each is for: NAME=my_rules.py:MyRule.",
        )
        found[name] = learner
    return found


def run_files(words: Sequence[str]) -> None:
    """Run the files of such words, each once: they may add tasks and baselines.

    Raises:
        BluraxError: if a word is of another form, or there is no such file.
    """
    for word in words:
        run_file(_parts(word)["file"])


def _parts(word: str) -> re.Match[str]:
    parts = SPELLING.fullmatch(word)
    if parts is None:
        raise BluraxError(
            f"--learner is {word!r}; it takes a Python file and a name in it: my_rules.py:MyRule, "
            "or NAME=my_rules.py:MyRule."
        )
    return parts


def run_file(file: str) -> ModuleType:
    """The module that a Python file is; it is run once in a process.

    It may import what lies beside it, as a script may.

    Raises:
        BluraxError: if there is no such file, it cannot be run, or what it imports from beside it
            has the name of another module.
    """
    path = Path(file)
    require(path.is_file(), f"There is no file {file} with code of your own; check the path.")
    # A name that shadows no other module, whatever the file is called.
    place = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]
    stem = re.sub(r"\W", "_", path.stem)
    name = f"{stem}_{place}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look for their module there
    beside = str(path.resolve().parent)
    if beside not in sys.path:
        sys.path.append(beside)  # at the end: a file called like a library shadows none
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if not isinstance(error, Exception) or isinstance(error, BluraxError):
            raise
        raise BluraxError(f"{file} cannot be run: {reason(error, str(path.resolve()))}.") from error
    try:
        check_imports(module)
    except BluraxError:
        del sys.modules[name]
        raise
    return module
