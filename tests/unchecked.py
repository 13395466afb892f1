"""Modules of blurax as a user imports them, without the type checks that the tests switch on.

Those checks would refuse a value of the wrong type before blurax can say what it takes instead.
"""

import importlib
import importlib.util
import sys
from types import ModuleType


def unchecked(name: str) -> ModuleType:
    """A second copy of the module `name`, loaded past the import hook of the type checks."""
    path = importlib.import_module(name).__file__
    alias = name.replace(".", "_unchecked_")
    spec = importlib.util.spec_from_file_location(alias, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[alias] = module
    spec.loader.exec_module(module)
    return module
