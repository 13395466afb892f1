"""The outer loop: what finds genomes, and the run directory it works in."""

import importlib.util
from types import ModuleType


def __getattr__(name: str) -> ModuleType:
    """Import a module of this package where it is used for the first time."""
    if importlib.util.find_spec(f"{__name__}.{name}") is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
    return importlib.import_module(f"{__name__}.{name}")
