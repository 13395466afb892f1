"""Where output goes is checked before the work: a sentence, and nothing is left behind."""

import json
import os
import shutil
import subprocess
import sys

import pytest

import blurax.cli.commands as cli
from blurax import api, io, zoo
from blurax.cli import show, train
from blurax.errors import BluraxError
from blurax.experiments import compare as comparisons
from blurax.experiments import demo as demos
from blurax.outer import run
from blurax.outer.config import MetaTrain
from blurax.tasks import EpisodeSpec

CONFIG = MetaTrain(tasks=("iris",), hidden=("3",), meta_steps=1, episode=EpisodeSpec(2, 8, 8))
TRAIN = ("train", "default", "--task", "iris", "--hidden", "3", "--steps", "2", "--seeds", "1")
DIRECTORIES = {
    "meta-train": ("meta-train", "--tasks", "digits", "--directory"),
    "demo": ("demo", "--directory"),
    "compare": ("compare", "--tasks", "iris", "--hidden", "3", "--directory"),
    "figure": ("figure", "3", "--budget", "smoke", "--directory"),
    "train": (*TRAIN, "--directory"),
    "tasks show": ("tasks", "show", "xor", "--directory"),
    "export": ("export",),
}
FILES = {
    "report": ("report", "finished", "--html"),
    "show": ("show", "default", "--png"),
    "show inside": ("show", "default", "--task", "iris", "--png"),
    "show two": ("show", "default", "steady", "--png"),
}
BAD = {
    "below a file": "file/x",
    "a file": "file",
    "proc": "/proc/x",
    "too long": "x" * 300,
    "too long below": f"new/{'x' * 300}/y",
    "a dangling link": "dangling",
    "links in a circle": "circle",
    "NUL": "a\0b",
    "empty": "",
}


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A folder with things in the way, in which all work is an error."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    (tmp_path / "dangling").symlink_to("nowhere/at/all")
    (tmp_path / "circle").symlink_to("circle")

    def work(*_, **__):
        raise AssertionError("the work was begun")

    monkeypatch.setattr(run.Scores, "__init__", work)
    monkeypatch.setattr(demos, "measure", work)
    monkeypatch.setattr(demos, "rivals", work)
    monkeypatch.setattr(comparisons, "CellWork", work)
    monkeypatch.setattr(show, "look", work)
    monkeypatch.setattr(train, "learning_curve", work)
    return tmp_path


def left(folder):
    return sorted(str(path) for path in folder.rglob("*"))


def refused(words, capsys, place):
    before = left(place)
    assert cli.main([*words]) == 2, words
    told = capsys.readouterr()
    assert told.err.startswith("blurax: ")
    assert told.err.count("\n") == 1
    assert len(told.err) < 1000
    assert left(place) == before
    return told.err


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("command", DIRECTORIES)
def test_a_directory_that_cannot_be(command, bad, capsys, place):
    refused((*DIRECTORIES[command], BAD[bad]), capsys, place)


@pytest.mark.parametrize(
    "bad", ["below a file", "proc", "too long", "NUL", "empty", "circle", "folder"]
)
@pytest.mark.parametrize("command", FILES)
def test_a_file_that_cannot_be(command, bad, capsys, place):
    if command == "report":
        run.start(CONFIG, place / "finished")
    refused((*FILES[command], BAD.get(bad, bad)), capsys, place)


NOBODY = """
import json, os, sys
import blurax.cli.commands as cli

commands = json.loads(sys.argv[1])
for words in commands:
    cli.main([*words, "file/x"])  # imports what nobody may be unable to read
os.setgid(65534)
os.setuid(65534)
print("nobody", file=sys.stderr, flush=True)
print(json.dumps([cli.main([*words, "locked/new"]) for words in commands]))
"""


@pytest.mark.skipif(sys.platform == "win32" or os.getuid() != 0, reason="takes another user")
def test_a_place_without_permission(place):
    """A child that is nobody asks for one that is root's."""
    run.start(CONFIG, place / "finished")
    (place / "locked").mkdir(mode=0o755)
    for folder in (place, *place.parents[:2]):
        folder.chmod(0o755)
    commands = [*DIRECTORIES.values(), *FILES.values()]
    asked = [sys.executable, "-c", NOBODY, json.dumps(commands)]
    done = subprocess.run(asked, capture_output=True, encoding="utf-8", check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [2] * len(commands)
    told = done.stderr.partition("nobody\n")[2]
    assert told.count("Permission denied.\n") == len(commands) == told.count("\n")
    assert not left(place / "locked")


@pytest.mark.parametrize("name", ["metrics.jsonl", "best.safetensors", "run.png", "checkpoints"])
def test_what_is_in_the_way_in_a_run(name, place, capsys):
    folder = place / "new"
    run.start(CONFIG, folder)
    path = folder / name
    path.symlink_to("no/folder") if name == "checkpoints" else path.mkdir()
    assert name in refused(("meta-train", "--resume", "new"), capsys, place)
    (folder / "config.json").unlink()
    assert name in refused((*DIRECTORIES["meta-train"], "new"), capsys, place)
    with pytest.raises(BluraxError, match=name):
        api.meta_train(CONFIG, folder)
    assert not (folder / "config.json").exists()


WAYS = {
    "plan.json": "compare",
    "comparison.json": "compare",
    "comparison.png": "compare",
    "demo.json": "demo",
    "demo.png": "demo",
    "rivals-5.json": "demo",
    "smoke/figure-3/findings.json": "figure",
    "smoke/figure-3/figure.png": "figure",
    "curve-default-iris-3.json": "train",
    "curve-default-iris-3.png": "train",
    "xor.png": "tasks show",
    "numpy_blur.py": "export",
}


@pytest.mark.parametrize("name", WAYS)
def test_a_directory_in_the_place_of_a_file(name, place, capsys):
    (place / "new" / name).mkdir(parents=True)
    assert name.rpartition("/")[2] in refused((*DIRECTORIES[WAYS[name]], "new"), capsys, place)


def test_a_file_in_the_place_of_a_folder(place, capsys):
    (place / "new").mkdir()
    (place / "new" / "genomes").write_text("in the way", encoding="utf-8")
    said = refused((*DIRECTORIES["compare"], "new"), capsys, place)
    assert "new/genomes cannot be written to: Not a directory." in said


def test_what_can_be_is_not_touched(place):
    for path in ("new/a/b", "folder", "folder/new"):
        io.check_directory(path, ("x", "y"), ("z",))
        io.check_file(f"{path}/x")
    io.check_file("file")
    assert (place / "file").read_text("utf-8") == "in the way"
    assert not (place / "new").exists()
    assert not list((place / "folder").iterdir())


@pytest.mark.parametrize(
    "bad", [BAD[name] for name in BAD if name not in ("a file", "a dangling link")]
)
def test_a_genome_is_saved_or_a_sentence_told(bad, place):
    genome, provenance = zoo.genome("default")
    before = left(place)
    with pytest.raises(BluraxError):
        io.save_genome(bad, genome, provenance)
    shutil.rmtree(place / "nowhere", ignore_errors=True)
    assert left(place) == before


@pytest.mark.parametrize("words", [("train", "default", "--task="), ("zoo", ""), ("runs", "")])
def test_an_empty_argument_is_told(words, capsys, place):
    assert "is empty" in refused(words, capsys, place)
