"""What pages of text show: their blocks of code, run, and their commands, parsed."""

import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest

import blurax.cli.commands as cli

ROOT = Path(__file__).parent.parent


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.S)


def run(code: str, folder: Path) -> dict:
    """The names that the code leaves behind."""
    (folder / "page.py").write_text(code)
    return runpy.run_path(str(folder / "page.py"))


def commands(block: str) -> list[list[str]]:
    lines = block.replace("\\\n", "").splitlines()
    return [shlex.split(line) for line in lines if line]


def parse(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Parse a command; whatever it would do then is left."""
    assert words[0] == "blurax"
    for name in ("list_tasks", "find_runs", "make_figures"):
        monkeypatch.setattr(cli, name, _Recorder())
    rooms = {
        "compare": ("experiment",),
        "export": ("zoo",),
        "meta_train": ("run", "_new_directory"),
        "report": ("read_config", "write_report"),
        "show": ("zoo",),
        "train": ("zoo",),
        "zoo": ("zoo",),
    }
    for room, names in rooms.items():
        for name in names:
            monkeypatch.setattr(sys.modules[f"blurax.cli.{room}"], name, _Recorder())
    with pytest.raises(_ReachedError):
        cli.dispatch(words[1:])


class _ReachedError(Exception):
    """The command was parsed and began its work."""


class _Recorder:
    def __call__(self, *_: object) -> None:
        raise _ReachedError

    def __getattr__(self, name: str) -> "_Recorder":
        return self
