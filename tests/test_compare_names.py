"""What genomes are called in a comparison."""

import pytest

import blurax.cli.commands as cli
from blurax import zoo
from blurax.errors import BluraxError
from blurax.experiments.compare_names import called


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = ("runs/a/best", "runs/b/best", "old/a/best", "runs/a/other", "lr=1/best", "best")
    for name in made:
        path = tmp_path / f"{name}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["runs/a/best.safetensors", "runs/b/best.safetensors"], ["a", "b"]),
        (["runs/a/best.safetensors"], ["a"]),
        (["runs/a/best.safetensors", "old/a/best.safetensors"], ["runs-a", "old-a"]),
        (["runs/a/best.safetensors", "runs/a/other.safetensors"], ["a", "other"]),
        (["one=runs/a/best.safetensors", "old/a/best.safetensors"], ["one", "a"]),
        (["lr=1/best.safetensors", "x=lr=1/best.safetensors"], ["lr=1", "x"]),
        (["default", "mine=default", "my own.2=smooth"], ["default", "mine", "my own.2"]),
        ([], []),
        (["runs/a", "old/a", "x=runs/b"], ["runs-a", "old-a", "x"]),
        (["rules.py:Mine", "other/rules.py:Fast", "x=rules.py:Mine"], ["Mine", "Fast", "x"]),
        (["rules.py:Mine", "runs/a/other.safetensors"], ["Mine", "other"]),
    ],
)
@pytest.mark.usefixtures("files")
def test_names(words, names):
    assert list(called(words)) == names


def test_files(files):
    found = called(["default", "one=runs/a/best.safetensors"])
    assert found["default"] == zoo.find("default")
    assert found["one"].resolve() == files / "runs/a/best.safetensors"


def test_a_genome_in_this_folder_is_called_after_the_folder(files, monkeypatch):
    monkeypatch.chdir(files / "runs" / "b")
    assert list(called(["best.safetensors"])) == ["b"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["runs/a/best.safetensors"] * 2, "Two learners are called .*a.*otherwise: NAME=FILE"),
        (["x=default", "x=smooth"], "Two learners are called x, .*default.*smooth"),
        (["=default"], "gives the name '' to the file 'default'; it takes NAME=FILE"),
        (["a:b=default"], "gives the name 'a:b'"),
        (["x="], "to the file ''"),
        (["nobody"], "There is no genome or learner 'nobody' in the zoo"),
        (["x=nobody"], "There is no genome or learner 'nobody' in the zoo"),
    ],
)
@pytest.mark.usefixtures("files")
def test_names_that_are_none(words, said):
    with pytest.raises(BluraxError, match=said):
        called(words)


@pytest.mark.usefixtures("files")
def test_links_in_a_circle_are_no_learner(tmp_path, capsys):
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    words = ["compare", "circle", "--baselines", "sgd", "--tasks", "iris", "--directory", "out"]
    assert cli.main(words) == 2
    assert "circle" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
