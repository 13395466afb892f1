"""Tables: the small real data sets that scikit-learn carries, and the user's own CSV files."""

import csv
import dataclasses
import math
import os
from pathlib import Path

import numpy as np

from blurax.errors import BluraxError, require
from blurax.frozen import check_types
from blurax.tasks.arrays import ArrayTask, from_arrays


@dataclasses.dataclass(frozen=True)
class TableOptions:
    """A table as it is."""

    def __post_init__(self) -> None:
        check_types(self)


@dataclasses.dataclass(frozen=True)
class CsvOptions:
    """A table in a file of comma-separated values, its first row the names of the columns."""

    path: str = ""
    """The file."""
    label: str = ""
    """The column of the classes, numbers or words; the last one if none is named."""

    def __post_init__(self) -> None:
        check_types(self)
        require(self.path != "", "The task csv takes an option path, such as csv:path=my.csv.")


BUNDLED = {
    "digits": "load_digits",
    "wine": "load_wine",
    "breast-cancer": "load_breast_cancer",
    "iris": "load_iris",
}
"""What scikit-learn carries, and the function that loads it: at hand without a network."""


def bundled(name: str) -> ArrayTask:
    """One of scikit-learn's data sets."""
    from sklearn import datasets  # imported when used: it takes a second

    found = getattr(datasets, BUNDLED[name])()
    task = from_arrays(found.data, found.target, name=name)
    return dataclasses.replace(task, class_names=tuple(map(str, found.target_names)))


def from_csv(path: str | os.PathLike[str], label: str = "", *, seed: int = 0) -> ArrayTask:
    """A task from a CSV file: a header, one row an example, every column but the label a number.

    The classes are numbered in the sorted order of what stands in the label column.

    Args:
        path: the file, in UTF-8.
        label: the name of the column with the classes; the last column if empty.
        seed: of the shuffle before the split.

    Raises:
        BluraxError: if the file cannot be read, lacks the column, has rows of other lengths or
            a cell that is no finite number, or if `from_arrays` refuses what is in it.
    """
    header, rows = _rows(Path(path).expanduser())
    label = label or header[-1]
    require(
        header.count(label) == 1,
        f"{path} has {header.count(label)} columns called {label!r}; there are "
        f"{', '.join(header)}.",
    )
    column = header.index(label)
    classes = [row[column] for _, row in rows]
    names = sorted(set(classes))
    x = [
        [_number(cell, path, line, header[c]) for c, cell in enumerate(row) if c != column]
        for line, row in rows
    ]
    require(
        len(names) <= len(rows) / 2,
        f"{path}, column {label}: {len(names)} different classes in {len(rows)} rows; a class "
        "takes a few examples: name another column as the label.",
    )
    labels = np.array([names.index(c) for c in classes], np.int64)
    task = from_arrays(np.array(x, np.float64), labels, Path(path).stem, seed=seed)
    return dataclasses.replace(task, class_names=tuple(names))


def _rows(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header, and the other rows with the lines they end on; empty lines do not count."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            numbered = [(reader.line_num, [c.strip() for c in row]) for row in reader if row]
    except OSError as error:
        raise BluraxError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise BluraxError(f"{path} is no CSV file in UTF-8: {error}.") from error
    require(len(numbered) >= 2, f"{path} holds {len(numbered)} rows; it takes a header and data.")
    (_, header), *rows = numbered
    require(
        len(header) >= 2,
        f"{path} has one column; it takes numbers and a label, with commas between them.",
    )
    require(
        not all(_is_number(cell) for cell in header),
        f"{path} starts with a row of numbers; its first row takes the names of the columns.",
    )
    for line, row in rows:
        require(
            len(row) == len(header),
            f"{path}, line {line}: {len(row)} cells where the header has {len(header)}.",
        )
    return header, rows


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _number(cell: str, path: str | os.PathLike[str], line: int, column: str) -> float:
    require(
        _is_number(cell) and math.isfinite(float(cell)),
        f"{path}, line {line}, column {column}: {cell!r} is no finite number.",
    )
    return float(cell)
