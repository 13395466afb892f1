"""Which code it is: a digest of what a class or function of the user's own is written in."""

import ast
import hashlib
import importlib.util
import inspect
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

LIBRARIES = "site-packages", "dist-packages"
"""Folders of what is installed, and not written by the user."""


def code_digest(thing: Any) -> str:
    """The SHA-256 of the file that a class or function stands in, and of those that it imports.

    Of the latter only what the user wrote: neither installed libraries nor blurax, whose version
    stands beside. In a notebook, of its functions as they were typed; an empty text where no source
    can be found, in what was typed into a bare interpreter, say.
    """
    if not isinstance(thing, type | FunctionType):
        thing = type(thing)
    module = sys.modules.get(thing.__module__)
    file = None if module is None else _file(module)
    if module is not None and file is not None:
        own = hashlib.sha256(file.read_bytes()).hexdigest()
        others = sorted(hashlib.sha256(other.read_bytes()).hexdigest() for other in _used(module))
        if not others:
            return own
        return hashlib.sha256("\n".join([own, *others]).encode()).hexdigest()
    found = [thing] if isinstance(thing, FunctionType) else list(vars(thing).values())
    try:
        typed = [inspect.getsource(each) for each in found if isinstance(each, FunctionType)]
    except OSError:
        return ""
    return hashlib.sha256("\n".join(typed).encode()).hexdigest()


def _file(module: ModuleType) -> Path | None:
    """The file of a module, if it has one."""
    name = getattr(module, "__file__", None)
    return Path(name) if name is not None and Path(name).is_file() else None


def _used(module: ModuleType) -> set[Path]:
    """The files of the user's own that a module imports, and that these import."""
    seen, found, waiting = {module.__name__}, set(), [module]
    while waiting:
        for name in _imports(waiting.pop()):
            other = sys.modules.get(name)
            if other is None or name in seen:  # not imported here, or another file's
                continue
            seen.add(name)
            file = _file(other)
            if file is not None and _written_by_user(name, file):
                found.add(file)
                waiting.append(other)
    return found - {_file(module)}


def _imports(module: ModuleType) -> Iterator[str]:
    """The names that modules may have which a module imports, by its text."""
    file = _file(module)
    if file is None or file.suffix != ".py" or module.__name__.partition(".")[0] == "blurax":
        return
    try:
        tree = ast.parse(file.read_bytes())
    except SyntaxError:  # it has changed since it was imported; its own digest tells
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for each in node.names:
                yield from _with_parents(each.name)
        elif isinstance(node, ast.ImportFrom):
            dotted = "." * node.level + (node.module or "")
            package = getattr(module, "__package__", "") or ""
            if node.level and not package:
                continue
            base = importlib.util.resolve_name(dotted, package)
            yield from _with_parents(base)
            yield from (f"{base}.{each.name}" for each in node.names)


def _with_parents(name: str) -> Iterator[str]:
    """a, a.b and a.b.c for a.b.c: importing it runs them all."""
    parts = name.split(".")
    yield from (".".join(parts[:n]) for n in range(1, len(parts) + 1))


def _written_by_user(name: str, file: Path) -> bool:
    """Whether a module is neither of Python, nor installed, nor of blurax."""
    standard = Path(sysconfig.get_paths()["stdlib"]).resolve()
    place = file.resolve()
    installed = any(folder in place.parts for folder in LIBRARIES)
    return name.partition(".")[0] != "blurax" and not installed and standard not in place.parents
