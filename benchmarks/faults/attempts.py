"""What a worker attempts: the command line or a function of blurax's, within one process.

A line of JSON comes in on standard input, one goes out on standard output.
"""

import contextlib
import hashlib
import importlib.util
import io
import json
import os
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import blurax
import blurax.cli.commands as cli
from blurax import export, tasks, zoo
from blurax.analysis.plain import message
from blurax.cli.streams import make_printable
from blurax.experiments import compare
from blurax.tasks import fetch, omniglot
from blurax.tasks.sources import File
from blurax.zoo import keeper
from faults.archives import CHARACTERS
from faults.victims import shorten_demo


def digest(arrays: dict[str, Any]) -> str:
    """What identifies arrays, and a rule among them."""
    total = hashlib.sha256()
    for name in sorted(arrays):
        value = arrays[name]
        plain = value.tobytes() if hasattr(value, "tobytes") else repr(value).encode()
        total.update(name.encode() + plain)
    return total.hexdigest()


def load(path: str) -> str:
    """A genome by the library."""
    from blurax.genome import leaves

    genome = blurax.load(path)
    found = {name: np.asarray(leaf) for name, leaf in leaves(genome).items()}
    return digest({**found, "rule": genome.rule})


def _outside(library: str) -> Callable[[str], str]:
    """A genome by the file that is exported for a library."""

    def read(path: str) -> str:
        space: dict[str, Any] = {"__name__": "exported"}
        exec(compile(export.Library(library).file.read_text("utf-8"), library, "exec"), space)
        rule, genes = space["load_genome"](path)
        return digest({**{k: np.asarray(v) for k, v in genes.items()}, "rule": rule})

    return read


def task(name: str) -> str:
    """A task by name; a weight or mixture is not meant."""
    found = tasks.get(name)
    return type(found).__name__


def card(folder: str) -> str:
    """The card of a genome in a zoo elsewhere, by the command that shows it."""
    before = keeper.HOME
    keeper.HOME = Path(folder)
    keeper.names.cache_clear()
    try:
        for name in zoo.names():
            zoo.card(name)
        return str(cli.main(["zoo"]) or cli.main(["zoo", *zoo.names()[:1]]))
    finally:
        keeper.HOME = before
        keeper.names.cache_clear()


def download(url: str, md5: str, size: str) -> str:
    """A file of a known size and checksum; bounds on time are some seconds instead of minutes."""
    bounds: Any = fetch
    if importlib.util.find_spec("blurax.tasks.transfer"):
        bounds = importlib.import_module("blurax.tasks.transfer")
        bounds.START = 10.0
    bounds.TIMEOUT = 3.0
    path = fetch.download(File("it.bin", url, md5, int(size) / 1e6), "set")
    return hashlib.md5(path.read_bytes()).hexdigest()


ATTEMPTS: dict[str, Callable[..., Any]] = {
    "cli": lambda *words: cli.main(list(words)),
    "load": load,
    "numpy": _outside("numpy"),
    "torch": _outside("torch"),
    "task": task,
    "download": download,
    "card": card,
    "comparison": lambda folder: str(len(compare.read(Path(folder)).panels)),
}
EXPECTED = {"numpy": (ValueError, OSError), "torch": (ValueError, OSError)}
"""What means that something was refused, where that is not a BluraxError."""


def _short(error: BaseException) -> str:
    """An exception in a line: what it is, and the innermost places it came through."""
    frames = traceback.extract_tb(error.__traceback__)[-5:]
    places = " > ".join(f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in frames)
    return f"{type(error).__name__}: {str(error)[:200]} ({places})"


def _memory(what: str) -> int:
    """Bytes of this process: VmRSS is what it holds, VmHWM the most since it was last forgotten."""
    for line in Path("/proc/self/status").read_text("utf-8").splitlines():
        if line.startswith(what):
            return int(line.split()[1]) * 1024
    return 0


def attempt(name: str, words: list[str]) -> dict[str, Any]:
    """One attempt: its exit status, what was shown, and the traceback, if there was one."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    code, trace, found = 0, "", None
    Path("/proc/self/clear_refs").write_text("5", "utf-8")  # forgets the peak
    held = _memory("VmRSS")
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        warnings.simplefilter("always")
        try:
            found = ATTEMPTS[name](*words)
        except EXPECTED.get(name, blurax.BluraxError) as error:
            code = 2
            print(message(str(error)), file=err)
        except BaseException as error:  # whatever it is, it was not expected
            trace = _short(error)
    if isinstance(found, int):
        code = found
    elif found is not None:
        print(found, file=out)
    printed = [each.buffer.getvalue().decode(errors="replace") for each in (out, err)]  # type: ignore[attr-defined]
    grown = _memory("VmHWM") - held
    return {"code": code, "out": printed[0], "err": printed[1], "trace": trace, "grown": grown}


def main() -> None:
    """Attempts until nobody asks any more."""
    shorten_demo()
    make_printable()  # as the command itself begins
    omniglot.PUBLISHED = CHARACTERS
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what compiled code prints is no answer
    for line in sys.stdin:
        request = json.loads(line)
        os.environ.update(request["variables"])
        print(json.dumps(attempt(request["name"], request["words"])), file=answers, flush=True)


if __name__ == "__main__":
    main()
