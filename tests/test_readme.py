"""What the README shows works."""

import dataclasses
import re

import pytest

import blurax
import blurax.cli.commands as cli
import pages
from blurax.tasks import TASKS, Augment
from blurax.tasks.registry import Family
from blurax.tasks.tabular import CsvOptions

README = (pages.ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = (pages.ROOT / "docs" / "commands.md").read_text(encoding="utf-8")


def test_it_fits_on_two_screens():
    assert len(README.split()) <= 700


@pytest.mark.usefixtures("float32", "unchecked")
def test_the_rule_learns_its_numbers(tmp_path):
    code = pages.blocks(README, "python")[0]
    assert "meta_steps=60" in code  # which takes a minute
    names = pages.run(code.replace("meta_steps=60", "meta_steps=12"), tmp_path)
    assert names["losses"][-1] < names["losses"][0] - 0.5
    task, keys = names["task"], names["jax"].random.split(names["jax"].random.key(0), 2)
    before, after = (
        blurax.learning_curve(names[rule], task, keys, (10,), blurax.Split.TEST)[1].accuracy.mean()
        for rule in ("rule", "learned")
    )
    assert after > before + 0.3


@pytest.mark.usefixtures("float32", "unchecked")
def test_the_estimator_learns(tmp_path, capsys):
    pages.run(pages.blocks(README, "python")[1], tmp_path)
    assert float(capsys.readouterr().out) > 0.95


def test_the_python_runs(tmp_path, capsys):
    names = pages.run(pages.blocks(COMMANDS, "python")[0], tmp_path)
    assert float(capsys.readouterr().out) > 0.8
    assert names["lesson"].curve.accuracy[-1] > 0.8


def test_the_commands_parse(monkeypatch):
    commands = pages.commands(pages.blocks(COMMANDS, "sh")[0])
    assert len(commands) == 14
    for words in commands[:-1]:
        pages.parse(words, monkeypatch)
    assert cli.main(commands[-1][1:]) == 0


def test_links_lead_somewhere():
    links = [link for link in re.findall(r"\]\(([^)#]+)", README) if "://" not in link]
    assert len(links) >= 6
    assert [link for link in links if not (pages.ROOT / link).exists()] == []


def test_every_public_name_is_documented():
    assert [name for name in blurax.__all__ if not getattr(blurax, name).__doc__] == []


DOCS = sorted((pages.ROOT / "docs").rglob("*.md"))


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_links_of_the_docs_lead_somewhere(page):
    links = [
        link
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
        if "://" not in link
    ]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_python_of_the_page_on_tasks_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = (pages.ROOT / "docs" / "tasks.md").read_text(encoding="utf-8")
    own, table = pages.blocks(page, "python")
    names = pages.run(table, tmp_path)
    assert (names["task"].features, names["same"].features) == (3, 3)
    assert names["lesson"].curve.accuracy[-1] > 0.9
    assert pages.run(own, tmp_path)["lesson"].curve.accuracy[-1] > 0.9


def test_the_page_on_tasks_names_every_option_of_a_table():
    page = (pages.ROOT / "docs" / "tasks.md").read_text(encoding="utf-8")
    names = [field.name for field in dataclasses.fields(CsvOptions)]
    assert [name for name in names if f"`{name}=" not in page] == []


def test_the_page_on_tasks_shows_every_toy_and_names_every_disguise():
    page = (pages.ROOT / "docs" / "tasks.md").read_text(encoding="utf-8")
    toys = [name for name, entry in TASKS.items() if entry.family is Family.TOY]
    assert [name for name in toys if f"![{name}](tasks/{name}.png)" not in page] == []
    options = [field.name.replace("_", "-") for field in dataclasses.fields(Augment)]
    assert [option for option in options if f"`{option}" not in page] == []
