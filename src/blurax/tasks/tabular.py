"""Tables: the small real data sets that scikit-learn carries, and the user's own CSV files."""

import dataclasses
import decimal
import enum
import math
import os
import warnings
from pathlib import Path

import numpy as np
from jaxtyping import Float

from blurax.errors import BluraxError, require, some
from blurax.frozen import check_types
from blurax.targets import Kind
from blurax.tasks import csv_file, grammar
from blurax.tasks.arrays import ArrayTask, from_arrays
from blurax.tasks.base import Task
from blurax.tasks.csv_file import MISSING, CsvFile, is_number
from blurax.tasks.folds import Fold, check_fold
from blurax.tasks.in_time import By, show

FEATURE_WORDS = "; features that are words take words=onehot"
LABEL_WORDS = "; it is the label: classes take kind=classes, another column is named with label="
SHOWN = 40
"""Characters of a cell that a message shows."""


@dataclasses.dataclass(frozen=True)
class TableOptions:
    """A table as it is."""

    fold: Fold = ()
    """One of some folds of cross-validation, 3/5: the third of five tests, the next one validates,
    the others train; without one 60 % of the rows train, 20 % validate and 20 % test."""

    def __post_init__(self) -> None:
        check_types(self)
        check_fold(f"{type(self).__name__}.fold", self.fold)


@dataclasses.dataclass(frozen=True)
class DigitsOptions(TableOptions):
    """The table of digits, which are images."""

    by: By = By.WHOLE
    """How a digit is shown: whole, or by rows, one of 8 pixels at each time step from the top."""


class Words(enum.StrEnum):
    """What becomes of a feature that is not a number."""

    REFUSE = "refuse"
    """It is refused."""
    ONEHOT = "onehot"
    """Its column becomes a column for each of its words: 1 where it stands, 0 elsewhere."""


class Missing(enum.StrEnum):
    """What becomes of a row in which a value is missing."""

    REFUSE = "refuse"
    """It is refused."""
    DROP = "drop"
    """It is left out; a warning says how many were."""


@dataclasses.dataclass(frozen=True)
class CsvOptions:
    """A table in a file of comma-separated values."""

    path: str = ""
    """The file."""
    label: str = ""
    """The column to predict: classes, which may be words, or numbers; the last one if none is
    named."""
    kind: Kind = Kind.CLASSES
    """Whether the label is a class or a number."""
    header: bool | None = None
    """Whether the first row names the columns: no calls them 1, 2, 3, ... If it is not said, there
    is a header, and one that looks like data is refused."""
    words: Words = Words.REFUSE
    """What becomes of features that are words: onehot makes a column of each word of a column."""
    missing: Missing = Missing.REFUSE
    """What becomes of rows in which a value is missing (an empty cell, NA, nan, null or ?)."""
    fold: Fold = ()
    """One of some folds of cross-validation, 3/5: the third of five tests, the next one validates,
    the others train; without one 60 % of the rows train, 20 % validate and 20 % test."""

    def __post_init__(self) -> None:
        check_types(self)
        check_fold("CsvOptions.fold", self.fold)
        require(self.path != "", "The task csv takes an option path, such as csv:path=my.csv.")


BUNDLED = {
    "digits": "load_digits",
    "wine": "load_wine",
    "breast-cancer": "load_breast_cancer",
    "iris": "load_iris",
}
"""What scikit-learn carries, and the function that loads it: at hand without a network."""


def bundled(name: str, fold: Fold = ()) -> ArrayTask:
    """One of scikit-learn's data sets."""
    from sklearn import datasets  # imported when used: it takes a second

    found = getattr(datasets, BUNDLED[name])()
    x = found.images[..., None] if "images" in found else found.data
    task = from_arrays(x, found.target, name=name, fold=fold)
    return dataclasses.replace(task, class_names=tuple(map(str, found.target_names)))


def load(name: str, options: TableOptions, text: str) -> Task:
    """The task of a data set that scikit-learn carries; its examples are rows of a table.

    Args:
        text: what to call the task.
    """
    task = dataclasses.replace(bundled(name, options.fold), name=text)
    return show(task, options.by) if isinstance(options, DigitsOptions) else task


def from_csv(
    path: str | os.PathLike[str],
    label: str = "",
    *,
    kind: str = Kind.CLASSES,
    header: bool | None = None,
    words: Words | str = Words.REFUSE,
    missing: Missing | str = Missing.REFUSE,
    seed: int = 0,
) -> ArrayTask:
    """A task from a CSV file: one row an example, every column but the label a feature.

    Classes that are numbers are in their order, 1 and 1.0 being one class; then those that are
    words, sorted.

    Args:
        path: the file, in UTF-8, with commas between the cells.
        label: the name of the column to predict; the last column if empty.
        kind: classes, or regression for numbers to predict.
        header: whether the first row names the columns; without a header they are called 1, 2, 3,
            ... None: it does, and a first row that looks like data is refused.
        words: onehot makes a column of each word of a column of words; refuse wants numbers.
        missing: drop leaves out the rows in which a value is missing, and warns; refuse does not.
        seed: of the shuffle before the split.

    Raises:
        BluraxError: if the file cannot be read, or not without a guess: see `csv_file.read`; if it
            lacks the label's column, or has a cell that is no finite number, is missing, or is a
            word of its own in most rows; if `from_arrays` refuses what is in it.
    """
    given = {"path": path, "label": label, "kind": kind, "header": header}
    (options,) = grammar.build((CsvOptions,), {**given, "words": words, "missing": missing}, "csv")
    return of_options(options, seed)


def of_options(options: CsvOptions, seed: int = 0) -> ArrayTask:
    """The task of a CSV file; errors as of `from_csv`."""
    path = Path(os.path.expanduser(options.path))  # ~ of nobody stays, and is no file
    table = csv_file.read(path, options.label, options.header)
    label = options.label or table.columns[-1]
    require(
        label in table.columns,
        f"{path} has 0 columns called {label!r}; there are {some(table.columns)}.",
    )
    column = table.columns.index(label)
    table = _complete(table, options.missing)
    features = [c for c in range(len(table.columns)) if c != column]
    x = np.concatenate([_feature(table, c, options.words) for c in features], axis=1)
    if options.kind is Kind.NUMBERS:
        y = np.array([_number(table, r, column, LABEL_WORDS) for r in range(len(table.rows))])
        return from_arrays(x, y, path.stem, kind=Kind.NUMBERS, seed=seed, fold=options.fold)
    labels, names = _classes([row[column] for row in table.rows])
    require(
        len(names) <= len(table.rows) / 2,
        f"{path}, column {label}: {len(names)} different classes in {len(table.rows)} rows; a "
        "class takes a few examples: name another column as the label, or say kind=regression if "
        "it holds numbers to predict.",
    )
    task = from_arrays(x, labels, path.stem, seed=seed, fold=options.fold)
    return dataclasses.replace(task, class_names=names)


def _complete(table: CsvFile, missing: Missing) -> CsvFile:
    """The table without its rows that lack a value."""
    kept = [r for r, row in enumerate(table.rows) if MISSING.isdisjoint(row)]
    dropped = sorted(set(range(len(table.rows))) - set(kept))
    if not dropped:
        return table
    if missing is Missing.REFUSE:
        row = dropped[0]
        column = next(c for c, cell in enumerate(table.rows[row]) if cell in MISSING)
        others = f" ({len(dropped)} rows lack one)" if len(dropped) > 1 else ""
        raise BluraxError(
            f"{table.where(row, column)} {table.rows[row][column]!r} is a missing value{others}; "
            "fill it in, or leave out such rows with missing=drop."
        )
    said = f"{table.path}: {len(dropped)} of {len(table.rows)} rows lack a value"
    require(len(kept) > 0, f"{said}; missing=drop leaves none.")
    warnings.warn(f"{said} and are left out.", UserWarning, stacklevel=4)
    return dataclasses.replace(
        table,
        lines=tuple(table.lines[r] for r in kept),
        rows=tuple(table.rows[r] for r in kept),
    )


def _feature(table: CsvFile, column: int, words: Words) -> Float[np.ndarray, "n _"]:
    """A column of numbers, or one for each of its words."""
    cells = [row[column] for row in table.rows]
    if words is Words.REFUSE or all(map(is_number, cells)):
        return np.array([[_number(table, r, column)] for r in range(len(cells))])
    found = sorted(set(cells))
    strange = next(r for r, cell in enumerate(cells) if not is_number(cell))
    require(
        len(found) <= len(cells) / 2,
        f"{table.where(strange, column)} {_short(cells[strange])} is no number, and the column has "
        f"{len(found)} different words in {len(cells)} rows, too many for a column of each; mend "
        "the cell, or leave out the column.",
    )
    return np.array([[cell == word for word in found] for cell in cells], np.float64)


def _number(table: CsvFile, row: int, column: int, words: str = FEATURE_WORDS) -> float:
    cell = table.rows[row][column]
    if is_number(cell) and math.isfinite(float(cell)):
        return float(cell)
    remedy = "" if is_number(cell) else words
    remedy = ", but commas stand between the cells of the table" if ";" in cell else remedy
    raise BluraxError(f"{table.where(row, column)} {_short(cell)} is no finite number{remedy}.")


def _short(cell: str) -> str:
    return repr(cell if len(cell) <= SHOWN else f"{cell[:SHOWN]}...")


def _exact(cell: str) -> decimal.Decimal:
    try:
        return decimal.Decimal(cell)
    except decimal.InvalidOperation:  # an exponent of twenty digits, which a float takes for 0
        return decimal.Decimal(float(cell))


def _classes(cells: list[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """The number of each label's class, and the shortest writing of each class."""

    def key(cell: str) -> tuple[bool, decimal.Decimal, str]:
        if is_number(cell) and math.isfinite(float(cell)):
            return False, _exact(cell), ""
        return True, decimal.Decimal(0), cell

    keys = {cell: key(cell) for cell in set(cells)}
    order = {k: number for number, k in enumerate(sorted(set(keys.values())))}
    names: dict[int, str] = {}
    for cell in sorted(keys, key=lambda c: (len(c), c), reverse=True):
        names[order[keys[cell]]] = cell
    labels = np.array([order[keys[cell]] for cell in cells], np.int64)
    return labels, tuple(names[number] for number in range(len(names)))
