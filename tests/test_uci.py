"""Tables of the UCI repository from files, and folds of cross-validation."""

import warnings
from pathlib import Path

import jax
import numpy as np
import pytest

import blurax
from blurax.errors import BluraxError
from blurax.stages import Stages
from blurax.targets import Classes, Regression
from blurax.tasks import ArrayTask, EpisodeSpec, Split, uci
from blurax.tasks.arrays import from_arrays
from blurax.tasks.by_name import score_name
from blurax.tasks.folds import fold_of


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with a table of words, numbers and a value that is missing."""
    monkeypatch.setenv("BLURAX_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "uci").mkdir()
    return tmp_path


def _write(folder: Path, name: str, rows: int | None = None, columns: int | None = None) -> Path:
    """Rows as the table has them, or another number."""
    source, random = uci.TABLES[name], np.random.default_rng(0)
    lines = []
    for n in range(rows or source.rows):
        cells = [f"{v:.3f}" for v in random.normal(size=(columns or source.columns) - 1)]
        lines.append(",".join([*cells, str(n % source.classes)]))
    path = folder / "uci" / f"{name}.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.mark.parametrize("classes", [True, False])
@pytest.mark.parametrize(("n", "count"), [(100, 5), (103, 5), (17, 3)])
def test_folds_test_and_validate_every_row_once(n: int, count: int, classes: bool) -> None:
    """But for those that are left over, which teach; no row is twice in a fold."""
    labels = np.random.default_rng(1).integers(0, 3, n)
    tested, validated = [], []
    for number in range(1, count + 1):
        order, (first, second) = fold_of(labels, (number, count), classes)
        assert sorted(order) == list(range(n))
        assert (second - first, n - second) == (n // count, n // count)
        validated += order[first:second].tolist()
        tested += order[second:].tolist()
    assert len(set(tested)) == len(tested) == n // count * count
    assert sorted(validated) == sorted(tested)


def test_classes_are_dealt_to_all_folds() -> None:
    """Each fold has its share of a rare class, to one row."""
    labels = np.repeat([0, 1], [90, 10])
    for number in range(1, 6):
        order, (first, second) = fold_of(labels, (number, 5), classes=True)
        for part in (order[first:second], order[second:]):
            assert labels[part].sum() == 2


def test_only_rows_that_teach_say_how_columns_are_standardised() -> None:
    """Naively: means and deviations of those rows, for inputs and numbers to predict."""
    random = np.random.default_rng(2)
    x, y = random.normal(3, 2, (50, 4)), random.normal(5, 3, 50)
    task = from_arrays(x, y, kind="regression", fold=(2, 5))
    order, (first, _) = fold_of(y, (2, 5), classes=False)
    taught = order[:first]
    for right, found in ((x, task.x), (y[:, None], task.labels)):
        naive = (right - right[taught].mean(0)) / right[taught].std(0)
        np.testing.assert_allclose(naive[order], found, atol=1e-5)


def test_a_fold_of_a_bundled_table() -> None:
    """Splits do not share rows; other folds test other rows."""
    one, two = blurax.task("wine:fold=1/5"), blurax.task("wine:fold=2/5")
    assert one.name == "wine:fold=1/5"
    spec = EpisodeSpec(steps=2, batch=8, query=8)
    rows = [
        {row.tobytes() for row in np.asarray(task.sample(jax.random.key(0), spec, split).query_x)}
        for task in (one, two)
        for split in (Split.VALIDATE, Split.TEST)
    ]
    assert all(len(part) == 35 for part in rows)
    assert not rows[0] & rows[1]


@pytest.mark.parametrize("fold", [(0, 5), (6, 5), (1, 2), (1,), (1, 2, 3)])
def test_folds_that_there_are_not(fold: tuple[int, ...]) -> None:
    """Are refused by their numbers."""
    with pytest.raises(BluraxError, match="it takes one of three or more folds, such as 1/5"):
        from_arrays(np.zeros((20, 2)), np.zeros(20, int), fold=fold)


def test_more_folds_than_rows() -> None:
    """Are refused."""
    with pytest.raises(BluraxError, match="20 rows cannot be dealt to 21 folds"):
        from_arrays(np.ones((20, 2)), np.arange(20) % 2, fold=(1, 21))


def test_a_table_by_its_name(folder: Path) -> None:
    """With a fold, under the name that was typed, which can be typed again."""
    _write(folder, "wheat-seeds")
    task = blurax.task("uci:wheat-seeds,fold=2/5")
    assert (task.features, task.target) == (7, Classes(3))
    assert blurax.task(task.name).name == task.name == "uci:wheat-seeds,fold=2/5"
    assert blurax.task("uci", table="wheat-seeds").name == "uci:table=wheat-seeds"


def test_words_become_columns_and_rows_without_a_value_are_left_out(folder: Path) -> None:
    """Without a warning: the documentation says so."""
    path = _write(folder, "breast-cancer-wisconsin")
    firsts = ["?" if n < 48 and n % 3 == 0 else "ab"[n % 2] for n in range(699)]
    rows = [line.partition(",")[2] for line in path.read_text(encoding="utf-8").splitlines()]
    text = "\n".join(map(",".join, zip(firsts, rows, strict=True)))
    path.write_text(text, encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        task = blurax.task("uci:breast-cancer-wisconsin")
    assert (len(task.x), task.features) == (683, 10)


def test_numbers_to_predict(folder: Path) -> None:
    """Tables of numbers are regression, by their names alone."""
    _write(folder, "winequality-red")
    assert blurax.task("uci:winequality-red").target == Regression(1)
    assert score_name(("uci:winequality-red",)) == "variance explained"
    assert score_name(("uci:table=abalone,fold=1/5",)) == "variance explained"
    assert score_name(("uci:sonar",)) == "accuracy"


def test_bad_names(folder: Path) -> None:
    """Say what there is."""
    for name, says in {
        "uci": "takes a table, such as uci:abalone; there are abalone, breast-cancer",
        "uci:abalon": "has no option abalon; did you mean abalone",
        "uci:abalone,sonar": "has the option table twice",
        "uci:table=nothing": "takes abalone, breast-cancer-wisconsin",
    }.items():
        with pytest.raises(BluraxError, match=says):
            blurax.task(name)


def test_files_that_are_not_there_or_others(folder: Path) -> None:
    """The message says where to put which file, or what is wrong with it."""
    with pytest.raises(BluraxError, match=r"takes the file uci/sonar\.csv in the folder.*208 rows"):
        blurax.task("uci:sonar")
    assert uci.at_hand() == "0 of 9 files"
    _write(folder, "sonar", rows=207)
    with pytest.raises(BluraxError, match="holds 207 rows of 61 columns; uci:sonar has 208 of 61"):
        blurax.task("uci:sonar")
    path = _write(folder, "sonar")
    text = path.read_text(encoding="utf-8").replace(",1\n", ",2\n", 3)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BluraxError, match="3 different labels in its last column"):
        blurax.task("uci:sonar")
    path = _write(folder, "sonar")
    (folder / "MANIFEST.txt").write_text(f"0 {'0' * 64} 1 uci/sonar.csv\n", encoding="utf-8")
    with pytest.raises(BluraxError, match="another file or a damaged one"):
        blurax.task("uci:sonar")


PUBLISHED = {
    "breast-cancer-wisconsin": [444, 239],
    "ecoli": [143, 77, 2, 2, 35, 20, 5, 52],
    "german": [700, 300],
    "ionosphere": [126, 225],
    "phoneme": [3818, 1586],
    "sonar": [111, 97],
    "wheat-seeds": [70, 70, 70],
    "abalone": None,
    "winequality-red": None,
}
"""Rows of each class, less those that lack a value."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_tables(name: str) -> None:
    """Have these classes; only where their files are at hand."""
    if uci.find(name) is None:
        pytest.skip(f"uci:{name} is not at hand: set BLURAX_DATA to a folder that has it")
    counts, task = PUBLISHED[name], blurax.task(f"uci:{name},fold=1/5")
    assert isinstance(task, ArrayTask)
    assert counts is None or np.bincount(np.asarray(task.labels)).tolist() == counts
    assert len(task.x) == (sum(counts) if counts else uci.TABLES[name].rows)


def test_tables_named_by_a_word_follow_each_other(folder: Path) -> None:
    """A word of its own stands before the options that all share."""
    _write(folder, "sonar")
    _write(folder, "ecoli")
    plain, both = (
        blurax.task("sequence:uci:sonar,by=permute"),
        blurax.task("sequence:uci:sonar/uci:sonar:steps=3"),
    )
    colon = blurax.task("sequence:uci:sonar:by=permute")
    assert colon.input_shape == plain.input_shape == both.input_shape == (60,)
    assert colon.stages == plain.stages == Stages(5, 100)
    assert both.stages == Stages(2, 3)
    assert both.name == "sequence:uci:sonar/uci:sonar:steps=3"
    assert blurax.task(both.name).stages == both.stages
    assert [task.name for task in both.tasks] == ["uci:sonar", "uci:sonar"]
    assert score_name(("sequence:uci:abalone:by=permute",)) == "variance explained"
    with pytest.raises(BluraxError, match="take tasks of one shape; uci:sonar has inputs"):
        blurax.task("sequence:uci:sonar/uci:ecoli")
    with pytest.raises(BluraxError, match="option table twice"):
        blurax.task("sequence:uci:sonar:ecoli,by=permute")
    with pytest.raises(BluraxError, match="has the option sonar twice"):
        blurax.task("sequence:uci:sonar:sonar,by=permute")
    with pytest.raises(BluraxError, match="Task digits has no option sonar"):
        blurax.task("sequence:digits:sonar:by=permute")
