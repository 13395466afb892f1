"""What pages of text show: their blocks of code, run, and their commands, parsed."""

import contextlib
import importlib
import re
import runpy
import shlex
from pathlib import Path

import pytest

import blurax.cli.commands as cli
from blurax.errors import BluraxError

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


def page(name: str) -> str:
    """The text of a page, by its path below the docs without `.md`."""
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.S)


def run(code: str, folder: Path) -> dict:
    """The names that the code leaves behind, and in the folder what it writes."""
    (folder / "page.py").write_text(code, encoding="utf-8")
    with contextlib.chdir(folder):
        return runpy.run_path(str(folder / "page.py"))


def commands(block: str) -> list[list[str]]:
    lines = block.replace("\\\n", "").splitlines()
    return [shlex.split(line) for line in lines if line]


def parse(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Parse a command; whatever it would do then is left."""
    assert words[0] == "blurax"
    rooms = {
        "bench": ("run_files",),
        "compare": ("run_files",),
        "export": ("zoo",),
        "figure": ("make_figures",),
        "meta_train": ("load_learner_class", "run", "_new_directory"),
        "prune": ("zoo",),
        "recipes": ("Terminal",),
        "report": ("read_config", "write_report"),
        "runs": ("find_runs",),
        "show": ("io",),
        "tables": ("called", "experiment"),
        "tasks": ("list_tasks",),
        "train": ("zoo",),
        "zoo": ("keeper",),
    }
    for room, names in rooms.items():
        for name in names:
            monkeypatch.setattr(importlib.import_module(f"blurax.cli.{room}"), name, _Recorder())
    # What a command asks of data sets comes after it is parsed; not everyone has them.
    with pytest.raises((_ReachedError, BluraxError), match=r"^$|is not at hand"):
        cli.dispatch(words[1:])


class _ReachedError(Exception):
    """The command was parsed and began its work."""


class _Recorder:
    RUN = "run"

    def __call__(self, *_: object) -> None:
        raise _ReachedError

    def __getattr__(self, name: str) -> "_Recorder":
        return self
