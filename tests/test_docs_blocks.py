"""What the pages show works: their Python runs, and their commands parse."""

import dataclasses

import equinox as eqx
import pytest

import blurax.cli.commands as cli
import pages
from blurax.outer.numbers import numbers_of
from blurax.tasks import TASKS, Augment
from blurax.tasks.entries import Family
from blurax.tasks.tabular import CsvOptions

PAGES = sorted(str(path.relative_to(pages.DOCS))[:-3] for path in pages.DOCS.rglob("*.md"))
PYTHON = {
    "start/quickstart": lambda names, out: (
        names["result"].curve.accuracy[-1] > 0.8 and names["more"].steps == 120
    ),
    "how-to/coordinates": lambda names, out: (
        float(out[1].split()[-1]) > float(out[0].split()[-1]) > 1
    ),
    "how-to/comparison": lambda names, out: names["found"].rows[0]["learner"] == "default",
    "how-to/own-rule-compared": lambda names, out: "MyRule" in names,
    "how-to/own-rule": lambda names, out: names["result"].score > 0.3 and len(out) >= 4,
    "how-to/own-task": lambda names, out: (
        names["same"].features == 3
        and min(names[name].curve.accuracy[-1] for name in ("heights", "result")) > 0.9
    ),
    "how-to/extending": lambda names, out: (
        float(out[-2].strip("[]")) > float(out[-3].strip("[]")) + 0.05
    ),
    "how-to/estimator": lambda names, out: (
        names["search"].param_grid == {"blurclassifier__genome": ["images", "steady"]}
    ),
    "how-to/sequences": lambda names, out: (
        names["matrix"].shape == (3, 2, 2)
        and min(names["scores"][0][0], names["scores"][1][1]) > 0.7
        and out[0].startswith("average accuracy")
    ),
    "how-to/theory": lambda names, out: (
        0 < float(out[0]) < 1 and names["curve"].seen.length.shape == (2, 2)
    ),
    "how-to/graphs": lambda names, out: (
        len(out) == 7
        and all(0 <= float(line) <= 1 for line in out[:3])
        and out[4:] == ["1", "3", "1"]
    ),
    "how-to/neural-graphs": lambda names, out: (
        out[0] == "(15, 1) (56, 1)"
        and out[2] == "56"
        and names["better"].network == names["start"].network
    ),
    "how-to/learned-rules": lambda names, out: (
        out == [f"PerParameter {names['result'].score}"]
        and bool(eqx.tree_equal(numbers_of(names["again"]), names["result"].numbers))
    ),
    "how-to/specialisation": lambda names, out: len(out) >= 3 and "nan" not in "".join(out),
    "how-to/networks": lambda names, out: (
        out[2:4] == ["True", "(2, 2)"] and min(float(out[1]), float(out[4])) > 0.6
    ),
    "how-to/export": lambda names, out: (
        names["rule"]["states"] == 4 and out[-2:] == ["[['conv', 3, 2, 'same']]", "(32, 10)"]
    ),
    "explanation/concepts": lambda names, out: len(out) >= 3,
    "reference/commands": lambda names, out: float(out[0]) > 0.8,
    "reference/zoo": lambda names, out: names["genome"].rule.states == 4,
}
"""The pages with Python, and what has to hold of the names and lines that it leaves behind."""


def commands(name: str) -> list[list[str]]:
    """The commands of blurax on a page."""
    shown = pages.blocks(pages.page(name), "sh")
    found = [words for block in shown for words in pages.commands(block)]
    return [words for words in found if words[0] == "blurax"]


def test_no_page_with_python_is_left_out():
    assert [name for name in PAGES if pages.blocks(pages.page(name), "python")] == sorted(PYTHON)


@pytest.mark.long
@pytest.mark.usefixtures("float32", "unchecked", "own_tasks_forgotten", "own_baselines_forgotten")
@pytest.mark.parametrize("name", PYTHON)
def test_the_python_of_a_page_runs(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code = "\n".join(pages.blocks(pages.page(name), "python"))
    if "import blurax" not in code:
        code = f"import blurax\n{code}"
    names = pages.run(code, tmp_path)
    assert PYTHON[name](names, capsys.readouterr().out.splitlines())


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in PAGES if commands(name)])
def test_the_commands_of_a_page_parse(name, monkeypatch):
    for words in commands(name):
        if words[-1] == "--help":
            assert cli.main(words[1:]) == 0
        else:
            pages.parse(words, monkeypatch)


def test_the_page_on_commands_names_them_all():
    page = pages.page("reference/commands")
    assert [name for name in cli.COMMANDS if f"| `blurax {name}` |" not in page] == []


def test_the_page_on_tasks_shows_every_toy_and_names_every_augmentation():
    page = pages.page("reference/tasks")
    toys = [name for name, entry in TASKS.items() if entry.family is Family.TOY]
    assert [name for name in toys if f"![{name}](tasks/{name}.png)" not in page] == []
    options = [field.name.replace("_", "-") for field in dataclasses.fields(Augment)]
    assert [option for option in options if f"`{option}" not in page] == []


def test_the_page_on_own_tasks_names_every_option_of_a_table():
    page = pages.page("how-to/own-task")
    names = [field.name for field in dataclasses.fields(CsvOptions)]
    assert [name for name in names if f"`{name}=" not in page] == []


def test_the_page_on_architecture_names_every_room():
    page = pages.page("architecture")
    source = pages.ROOT / "src" / "blurax"
    rooms = {path.name for path in source.glob("[a-z]*.py")}
    rooms |= {f"{path.parent.name}/" for path in source.glob("*/__init__.py")}
    assert len(rooms) > 20
    assert [room for room in sorted(rooms) if f"`{room}`" not in page] == []
