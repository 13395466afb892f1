"""Which code it is: a digest of what a class or function of the user's own is written in."""

import ast
import functools
import hashlib
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from blurax.errors import require


def code_digest(thing: Any) -> str:
    """The SHA-256 of the file that a class or function stands in, and of those that it imports.

    Of the latter those that lie beside it, or in its package, by the text of both: what is imported
    from elsewhere, or by a name that is computed, does not count. In a notebook, of its functions
    as they were typed; an empty text where no source can be found, in what was typed into a bare
    interpreter, say.
    """
    while isinstance(thing, functools.partial):
        thing = thing.func
    thing = inspect.unwrap(thing)
    if not isinstance(thing, type | FunctionType):
        thing = type(thing)
    module = sys.modules.get(thing.__module__)
    file = None if module is None else _file(module)
    if module is not None and file is not None:
        own = hashlib.sha256(file.read_bytes()).hexdigest()
        root = _root(module, file)
        others = sorted(
            f"{other.relative_to(root)} {hashlib.sha256(other.read_bytes()).hexdigest()}"
            for other in _imported(file, root)
        )
        return hashlib.sha256("\n".join([own, *others]).encode()).hexdigest() if others else own
    found = [thing] if isinstance(thing, FunctionType) else list(vars(thing).values())
    try:
        typed = [inspect.getsource(each) for each in found if isinstance(each, FunctionType)]
    except OSError:
        return ""
    return hashlib.sha256("\n".join(typed).encode()).hexdigest() if typed else ""


def check_imports(module: ModuleType) -> None:
    """Raise `BluraxError` if a module was given another file than one of that name beside it.

    So it is where two files with code of the user's own import helpers of one name from two
    folders, or a helper is called like a library: Python keeps one module of each name. Names of
    Python's own library are left to it.
    """
    file = _file(module)
    if file is None:
        return
    root = _root(module, file)
    for other in _imported(file, root):
        parts = other.relative_to(root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if parts[0] in sys.stdlib_module_names:
            continue
        taken = _file(sys.modules[name]) if name in sys.modules else None
        require(
            taken is None or taken.resolve() in (other.resolve(), file.resolve()),
            f"{file} imports {name}, and Python has {taken} under that name, not {other}, which "
            "lies beside it; call one of them otherwise.",
        )


def _file(module: ModuleType) -> Path | None:
    """The file of a module, if it has one."""
    name = getattr(module, "__file__", None)
    return Path(name) if name is not None and Path(name).is_file() else None


def _root(module: ModuleType, file: Path) -> Path:
    """The folder that absolute imports start from: the file's own, or that of its package."""
    package = getattr(module, "__package__", "") or ""
    levels = len(package.split(".")) if package else 0
    return file.parents[min(levels, len(file.parents) - 1)]


def _imported(file: Path, root: Path) -> set[Path]:
    """The files under a folder that a file imports, and that these import."""
    found: set[Path] = set()
    library = Path(__file__).parents[1]  # its version stands beside, where it counts
    waiting = [] if file.is_relative_to(library) else [file]
    while waiting:
        for other in _named(waiting.pop(), root):
            if other != file and other not in found:
                found.add(other)
                waiting.append(other)
    return found


def _named(file: Path, root: Path) -> Iterator[Path]:
    """The files under a folder that the text of a file names."""
    for level, name, members in _imports(file.read_bytes()):
        start = file.parents[level - 1] if 0 < level <= len(file.parents) else root
        parts = name.split(".") if name else []
        if parts[:1] == ["blurax"] or not (start == root or start.is_relative_to(root)):
            continue
        paths = [start.joinpath(*parts[:n]) for n in range(1, len(parts) + 1)]
        paths += [start.joinpath(*parts, member) for member in members]
        for path in paths:
            both = path.with_name(path.name + ".py"), path / "__init__.py"
            yield from (each for each in both if each.is_file())


@functools.lru_cache(maxsize=4096)
def _imports(text: bytes) -> tuple[tuple[int, str, tuple[str, ...]], ...]:
    """What a text imports, also within functions: level, module, and the names out of it."""
    try:
        nodes = [*ast.walk(ast.parse(text))]
    except (SyntaxError, ValueError, RecursionError):
        return ()  # it cannot be imported either; its own digest tells it apart
    found: list[tuple[int, str, tuple[str, ...]]] = []
    for node in nodes:
        if isinstance(node, ast.Import):
            found += [(0, each.name, ()) for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append((node.level, node.module or "", tuple(each.name for each in node.names)))
    return tuple(found)
