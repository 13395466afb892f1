"""What the README shows works."""

import dataclasses
import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest

import blurax
import blurax.cli.commands as cli
from blurax.tasks import TASKS, Augment
from blurax.tasks.registry import Family

README = (Path(__file__).parent.parent / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


def run_block(number: int, folder: Path) -> dict:
    (folder / "readme.py").write_text(blocks("python")[number])
    return runpy.run_path(str(folder / "readme.py"))


@pytest.mark.usefixtures("float32", "unchecked")
def test_the_estimator_learns(tmp_path, capsys):
    run_block(0, tmp_path)
    assert float(capsys.readouterr().out) > 0.95


def test_the_python_runs(tmp_path, capsys):
    names = run_block(1, tmp_path)
    assert float(capsys.readouterr().out) > 0.8
    assert names["lesson"].curve.accuracy[-1] > 0.8


def test_the_commands_parse(monkeypatch):
    commands = [line for line in blocks("sh")[2].replace("\\\n", "").splitlines() if line]
    assert len(commands) == 12
    called = []
    for name in ("io", "zoo", "run", "_new_directory", "list_tasks", "find_runs"):
        monkeypatch.setattr(cli, name, _Recorder(called))
    monkeypatch.setattr(sys.modules["blurax.cli.compare"], "experiment", _Recorder(called))
    for room in ("zoo", "export"):
        monkeypatch.setattr(sys.modules[f"blurax.cli.{room}"], "zoo", _Recorder(called))
    for command in commands[:-1]:
        words = shlex.split(command)
        assert words[0] == "blurax"
        with pytest.raises(_ReachedError):
            cli.dispatch(words[1:])
    with pytest.raises(SystemExit) as caught:
        cli.main(shlex.split(commands[-1])[1:])
    assert caught.value.code == 0


class _ReachedError(Exception):
    """The command was parsed and began its work."""


class _Recorder:
    def __init__(self, called: list) -> None:
        self.called = called

    def __call__(self, *_: object) -> None:
        raise _ReachedError

    def __getattr__(self, name: str) -> "_Recorder":
        return self


def test_links_lead_somewhere():
    root = Path(__file__).parent.parent
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert len(links) >= 6
    assert [link for link in links if not (root / link).exists()] == []


def test_every_public_name_is_documented():
    assert [name for name in blurax.__all__ if not getattr(blurax, name).__doc__] == []


DOCS = sorted((Path(__file__).parent.parent / "docs").rglob("*.md"))


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_links_of_the_docs_lead_somewhere(page):
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", page.read_text()) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_python_of_the_page_on_tasks_runs(tmp_path):
    page = next(page for page in DOCS if page.name == "tasks.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.S)
    (tmp_path / "own.py").write_text(code)
    lesson = runpy.run_path(str(tmp_path / "own.py"))["lesson"]
    assert lesson.curve.accuracy[-1] > 0.9


def test_the_page_on_tasks_shows_every_toy_and_names_every_disguise():
    page = next(page for page in DOCS if page.name == "tasks.md").read_text()
    toys = [name for name, entry in TASKS.items() if entry.family is Family.TOY]
    assert [name for name in toys if f"![{name}](tasks/{name}.png)" not in page] == []
    options = [field.name.replace("_", "-") for field in dataclasses.fields(Augment)]
    assert [option for option in options if f"`{option}" not in page] == []
