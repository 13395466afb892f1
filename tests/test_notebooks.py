"""The notebooks run from top to bottom, and what is stored with them came from such a run."""

import json
import os

import matplotlib.pyplot as plt
import pytest

import pages

pytestmark = pytest.mark.long

NOTEBOOKS = sorted((pages.ROOT / "docs" / "start" / "notebooks").glob("*.ipynb"))


def cells(path, kind="code"):
    found = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in found if cell["cell_type"] == kind]


def test_there_are_notebooks():
    assert [path.stem for path in NOTEBOOKS] == [
        "inside-a-genome",
        "own-task-and-rule",
        "quickstart",
    ]


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """A folder of its own, and pictures that open no window."""
    monkeypatch.chdir(tmp_path)
    before = plt.get_backend()
    plt.switch_backend("agg")
    yield
    plt.close("all")
    plt.switch_backend(before)


@pytest.mark.usefixtures("float32", "unchecked", "outside", "own_tasks_forgotten")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path, capsys):
    names = {"__name__": "__main__"}
    for number, cell in enumerate(cells(path), 1):
        code = compile("".join(cell["source"]), f"{path.name}, cell {number}", "exec")
        exec(code, names)
        plt.close("all")
    stored = "".join(
        "".join(output["text"])
        for cell in cells(path)
        for output in cell["outputs"]
        if output.get("name") == "stdout"
    )
    said = capsys.readouterr().out
    assert len(said.split()) == len(stored.split())  # digits may differ on another machine
    scores = {
        "quickstart": lambda: names["classifier"].score(names["X"][400:], names["y"][400:]) > 0.85,
        "own-task-and-rule": lambda: names["losses"][-5:].mean() < names["losses"][:5].mean() - 0.1,
        "inside-a-genome": lambda: names["right"].mean() > 0.8,
    }
    assert scores[path.stem]()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_is_stored_came_from_a_run_from_top_to_bottom(path):
    code = cells(path)
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert {output["output_type"] for output in outputs} <= {"stream", "display_data"}
    assert {output.get("name", "stdout") for output in outputs} == {"stdout"}  # no warnings
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 2
    assert str(os.path.expanduser("~")) not in path.read_text(encoding="utf-8")
    assert path.stat().st_size < 1_000_000
