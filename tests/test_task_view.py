"""What tasks look like: the table has every task, and a sheet shows what it should."""

import io

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

import blurax.cli.commands as cli
from blurax.analysis import style
from blurax.analysis.task_view import WIDE, draw_task, task_table
from blurax.cli.tasks import file_name
from blurax.tasks import TASKS, from_arrays, get
from fake_data import images, labels, write_cifar


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """No data folder, an empty cache, and files only in a temporary folder."""
    monkeypatch.delenv("BLURAX_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def printed(width: int) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(task_table(TASKS.values(), width))
    return console.export_text()


@pytest.mark.parametrize("width", [80, WIDE, 200])
def test_the_table_names_every_task_whole(width):
    text = printed(width)
    assert all(any(line.startswith(name + " ") for line in text.splitlines()) for name in TASKS)
    assert max(map(len, text.splitlines())) <= width
    assert ("handwritten digits" in text) == (width >= WIDE)
    assert "60,000 +" in text


def test_the_table_tells_what_is_at_hand(tmp_path, monkeypatch):
    assert "no: 12 MB to download" in " ".join(printed(200).split())
    folder = tmp_path / "data" / "cifar10"
    monkeypatch.setenv("BLURAX_DATA", str(tmp_path / "data"))
    folder.mkdir(parents=True)
    x, y = images(60, 32, 3), labels(60)
    np.savez(folder / "x.npz", x_train=x[:40], y_train=y[:40], x_test=x[40:], y_test=y[40:])
    assert "in part: train=40, test=20" in printed(200)
    (folder / "x.npz").unlink()
    write_cifar(folder / "cifar-10-binary.tar.gz", x, y, {"test_batch": slice(0, 60)})
    line = next(line for line in printed(200).splitlines() if line.startswith("cifar10"))
    assert line.rstrip().endswith("yes")


def pixels(path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"), int)


def share(picture: np.ndarray, colour: str) -> float:
    """The share of the pixels that have a colour."""
    wanted = np.round(255 * np.array(style.rgb(colour))).astype(int)
    return float((np.abs(picture - wanted).max(axis=-1) <= 2).mean())


def test_a_toy_has_its_data_left_and_its_grid_right(tmp_path):
    picture = pixels(draw_task(get("square"), tmp_path / "square.png"))
    left, right = np.split(picture, 2, axis=1)
    blue, green = style.PALETTE[:2]
    # The square is a 25th of the domain: few green points and a small green patch in the blue.
    assert 0.01 < share(left, blue) < 0.2
    assert 10 < share(right, blue) / share(right, green) < 40


def test_what_differs_between_episodes_is_shown_thrice(tmp_path):
    one, three = (pixels(draw_task(get(n), tmp_path / "x.png")) for n in ("xor", "random-xor"))
    assert three.shape[0] > 2.5 * one.shape[0]
    rows = np.array_split(three[60:], 3)
    assert abs(rows[0][:300] - rows[1][:300]).mean() > 1


@pytest.mark.parametrize(
    "name",
    [
        "sine",
        "wine",
        "digits",
        "digits:permute-inputs",
        "xor:project=1",
        "digits:noise=1",
        "digits:by=rows",
        "digits:by=rows,permute-labels",
        "adding",
        "text",
        "delayed-bit+delayed-bit:delay=10",
        "xor+or",
    ],
)
def test_every_kind_of_task_has_a_sheet(name, tmp_path):
    picture = pixels(draw_task(get(name), tmp_path / "x.png"))
    assert (picture < 200).any(axis=-1).mean() > 0.005  # something is drawn


def test_images_stand_in_the_row_of_their_class(tmp_path):
    """Each row of the sheet of digits is as bright as the images of its class are."""
    picture = pixels(draw_task(get("digits"), tmp_path / "digits.png"))
    assert picture.shape[1] == 1100
    dark = (picture.max(axis=-1) < 60).mean(axis=1)
    assert (dark > 0.05).mean() > 0.6  # rows of images, black where there is no ink


def test_the_command_lists_and_shows(tmp_path, capsys):
    assert cli.main(["tasks"]) == 0
    listed = capsys.readouterr().out
    assert "emnist-byclass" in listed
    assert "BLURAX_DATA (not set)" in listed
    assert cli.main(["tasks", "show", "blobs:classes=3", "xor@2+and", "--directory", "out"]) == 0
    out = capsys.readouterr().out
    assert "How many clouds, each a class." in out  # the options with what they mean
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "blobs_classes=3.png",
        "xor_2+and.png",
    }


def test_graphs_are_drawn_and_only_options_of_labels_offered(tmp_path, capsys):
    names = ["graphs:csl,count=20,permute-labels", "graphs:long-rings,count=12,nodes=8"]
    assert cli.main(["tasks", "show", *names, "--directory", "out"]) == 0
    out = capsys.readouterr().out
    assert "permute-labels" in out
    assert "permute-inputs" not in out
    assert len([*(tmp_path / "out").iterdir()]) == 2
    assert cli.main(["tasks", "show", names[0], "xor", "--directory", "both"]) == 0
    assert "tasks of graphs take permute-labels and outputs alone" in capsys.readouterr().out


def test_a_task_that_cannot_be_had_does_not_stop_the_others(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("BLURAX_DATA", str(tmp_path))
    (tmp_path / "own.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    assert cli.main(["tasks", "show", "csv:path=own.csv", "xor"]) == 2
    captured = capsys.readouterr()
    assert "xor.png" in captured.out
    assert captured.err.startswith("blurax: own.csv")
    assert (tmp_path / "xor.png").exists()


def test_words_of_classes_stand_in_the_picture(tmp_path):
    """The same table with longer words has a wider legend."""
    rows = "".join(f"{n},{n % 5},{{{n % 2}}}\n" for n in range(30))
    widths = []
    for words in (("a", "b"), ("a long word", "another word")):
        (tmp_path / "own.csv").write_text("x,y,kind\n" + rows.format(*words), encoding="utf-8")
        task = get("csv:path=own.csv")
        assert task.class_names == words
        picture = pixels(draw_task(task, tmp_path / "x.png"))
        ink = (picture < 100).all(axis=-1)[:200, 450:]
        widths.append(np.flatnonzero(ink.any(axis=0)).size)
    assert widths[1] > widths[0] + 40


@pytest.mark.parametrize("outputs", [1, 3])
def test_a_table_of_numbers_to_predict_shows_each_output_once(outputs, tmp_path):
    x = np.random.default_rng(0).normal(size=(100, 4))
    task = from_arrays(x, x[:, :outputs], "numbers", kind="regression")
    picture = pixels(draw_task(task, tmp_path / "x.png"))
    seen = [share(picture, colour) > 1e-4 for colour in style.PALETTE[:4]]
    assert seen == [number < outputs for number in range(4)]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["tasks", "show"], "takes the name of a task"),
        (["tasks", "xor"], "blurax tasks xor is not understood; blurax tasks lists"),
        (["tasks", "show", "xro"], "did you mean xor?"),
        (["tasks", "show", "xor:size=3"], "Task xor has no option size"),
    ],
)
def test_mistakes_are_told_in_a_sentence(words, message, capsys):
    assert cli.main(words) == 2
    error = capsys.readouterr().err.strip()
    assert message in error
    assert error.startswith("blurax: ")
    assert "\n" not in error


def test_names_of_files_are_plain():
    assert file_name("mnist:classes=0-4/7,size=10+xor") == "mnist_classes=0-4_7_size=10+xor"
    assert file_name("../../etc") == "etc"
    assert file_name("csv:path=" + "a" * 300).startswith("csv_path=aaa")
    assert len(file_name("csv:path=" + "a" * 300)) == 80
    long = "csv:path=" + "a" * 80
    assert file_name(long + ",kind=regression") != file_name(long + ",kind=classes")


def test_a_task_of_images_shows_their_shape(tmp_path, capsys):
    assert cli.main(["tasks", "show", "digits", "--directory", str(tmp_path)]) == 0
    assert "inputs 64 (8x8x1), outputs 10" in capsys.readouterr().out
