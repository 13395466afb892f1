"""How work travels to workers that may lack the code it is made of.

A class that somebody wrote in a file or a notebook exists in the driver alone. Its code travels by
value, over Ray's own protocol in memory; it is never written to a file.
"""

import dataclasses
import functools
import inspect
import io
import site
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
from ray import cloudpickle

HERE = Path(__file__).resolve().parent.parent
"""This package, which workers have."""


def packed(work: Any) -> tuple[bytes, list[np.ndarray]]:
    """Work with the code of the user's own that it takes; `pickle.loads` is the inverse.

    Returns:
        A pickle, and the buffers of its arrays, which workers on one machine share.
    """
    for module in own_modules(work):
        cloudpickle.register_pickle_by_value(module)
    file, buffers = io.BytesIO(), []
    _Pickler(file, protocol=5, buffer_callback=buffers.append).dump(work)
    return file.getvalue(), [np.asarray(buffer.raw()) for buffer in buffers]


class _Pickler(cloudpickle.CloudPickler):  # pyright: ignore[reportPrivateImportUsage]
    """Pickles classes of the user's own so that equinox finds their fields.

    Such a class is made empty and filled afterwards, for its methods may refer to it. equinox asks
    for the fields of a module when its class is made, so they have to be there from the start.
    """

    def reducer_override(self, obj: Any) -> Any:
        """The usual way, but for dataclasses that travel by value."""
        found = super().reducer_override(obj)
        if not (isinstance(obj, type) and dataclasses.is_dataclass(obj)):
            return found
        if not isinstance(found, tuple) or len(found) < 3:  # found by its name
            return found
        make, (kind, name, bases, namespace, *ids), *rest = found
        namespace = {**namespace, **_bare_fields(obj)}
        return make, (kind, name, bases, namespace, *ids), *rest


def _bare_fields(kind: Any) -> dict[str, Any]:
    """The fields of a class itself, without types and defaults, which follow."""
    own = [f for f in dataclasses.fields(kind) if f.name in inspect.get_annotations(kind)]
    bare: dict[str, Any] = {"__annotations__": dict.fromkeys((f.name for f in own), object)}
    for field in own:
        static = {"static": True} if field.metadata.get("static", False) else {}
        bare[field.name] = dataclasses.field(default=None, metadata=static)
    return bare


def own_modules(work: Any) -> set[ModuleType]:
    """The modules behind what work holds that belong to no installed package."""
    found: set[ModuleType] = set()
    for module in _modules(work, set()):
        _collect(module, found)
    return found


def _modules(thing: Any, seen: set[int]) -> Iterator[ModuleType]:
    """Those of the types and functions in a tree of objects."""
    if id(thing) in seen:
        return
    seen.add(id(thing))
    kinds = [thing] if isinstance(thing, FunctionType) else type(thing).__mro__
    for kind in kinds:
        if kind.__module__ in sys.modules:
            yield sys.modules[kind.__module__]
    for each in _inside(thing):
        yield from _modules(each, seen)


def _inside(thing: Any) -> list[Any]:
    """What an object holds."""
    if isinstance(thing, dict):
        return list(thing.values())
    if isinstance(thing, tuple | list):
        return list(thing)
    if isinstance(thing, functools.partial):
        return [thing.func, thing.args, thing.keywords]
    if isinstance(thing, MethodType):
        return [thing.__func__, thing.__self__]
    plain = not isinstance(thing, FunctionType | type | ModuleType)
    return list(getattr(thing, "__dict__", {}).values()) if plain else []


def _collect(module: ModuleType, found: set[ModuleType]) -> None:
    """Add a module, and what it imports, where they are the user's own."""
    if module in found or not _is_own(module):
        return
    found.add(module)
    for value in list(vars(module).values()):
        named = value if isinstance(value, ModuleType) else None
        other = named or sys.modules.get(str(getattr(value, "__module__", "")))
        if other is not None:
            _collect(other, found)


def _is_own(module: ModuleType) -> bool:
    """Whether workers may lack it; what stands in `__main__` travels by value as it is."""
    file = getattr(module, "__file__", None)
    if file is None or module.__name__ in ("__main__", "__mp_main__"):
        return False
    paths = sysconfig.get_paths()
    homes = [HERE, *(Path(paths[name]).resolve() for name in ("stdlib", "purelib", "platlib"))]
    homes.append(Path(site.getusersitepackages()).resolve())
    return not any(Path(file).resolve().is_relative_to(home) for home in homes)
