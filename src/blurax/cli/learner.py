"""A rule of the user's own, named on the command line: my_rules.py:MyRule.

The path is one that the user types, so it is code that the user runs. A name in a file, such as a
run's configuration, is never followed.
"""

import importlib.util
import sys
from pathlib import Path
from typing import Any

from blurax.errors import BluraxError, require
from blurax.learner import Learner
from blurax.network import Network


def load_learner_class(text: str, network: Network) -> Learner:
    """The learner that a text such as my_rules.py:MyRule names.

    Args:
        text: a Python file, and in it a learner, its class, or a function that makes one; the last
            two are called with a network.
        network: the first that it is to learn with.

    Raises:
        BluraxError: if there is no such file or name, the file cannot be run, or what it makes is
            no learner.
    """
    file, colon, name = text.rpartition(":")
    require(
        bool(colon and name and file.endswith(".py")),
        f"--learner is {text!r}; it takes a Python file and a name in it: my_rules.py:MyRule.",
    )
    path = Path(file)
    require(path.is_file(), f"--learner is {text!r}, but there is no file {file}.")
    found = getattr(_module(path), name, None)
    if found is None:
        raise BluraxError(f"{file} has no {name}.")
    learner: Any = found
    if not isinstance(found, Learner):
        require(callable(found), f"{name} in {file} is no learner, and nothing that makes one.")
        try:
            learner = found(network)
        except TypeError as error:
            raise BluraxError(
                f"{name} in {file} cannot be made of a network alone: {error}; give its other "
                "fields a default, or name a function that makes it."
            ) from error
    require(
        isinstance(learner, Learner),
        f"{name} in {file} makes a {type(learner).__name__}; it takes a blurax.Learner.",
    )
    return learner


def _module(path: Path) -> Any:
    """The module that a file is."""
    spec = importlib.util.spec_from_file_location(path.stem, path.resolve())
    require(spec is not None and spec.loader is not None, f"{path} is no file of Python.")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # dataclasses look for their module there
    spec.loader.exec_module(module)
    return module
