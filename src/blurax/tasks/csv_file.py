"""Files of comma-separated values, read strictly: what is doubtful is refused, not guessed."""

import collections
import csv
import dataclasses
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from blurax.errors import BluraxError, require

MISSING = frozenset({"", "?", "NA", "na", "N/A", "n/a", "#N/A", "<NA>", "None"}) | frozenset(
    {"nan", "NaN", "NAN", "-nan", "-NaN", "null", "NULL", "Null"}
)
"""What stands for a value that is not there, in this writing."""
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
LARGEST = 2**30
"""Bytes of a file that is read; its cells take about ten times as much memory."""
NO_HEADER = "if it has no header, say header=no"


@dataclasses.dataclass(frozen=True)
class CsvFile:
    """A table of texts."""

    path: Path
    columns: tuple[str, ...]
    """Their names, all different."""
    lines: tuple[int, ...]
    """The line of the file that each row starts on."""
    rows: tuple[tuple[str, ...], ...]
    """One cell for each column, without the blanks around it."""

    def where(self, row: int, column: int) -> str:
        """A cell's place, as messages begin."""
        return f"{self.path}, line {self.lines[row]}, column {self.columns[column]}:"


def is_number(cell: str) -> bool:
    """Whether a cell is a number, infinite ones included; 1_000 is one for Python alone."""
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell


def read(path: Path, label: str, header: bool | None) -> CsvFile:
    """A file as it is.

    Args:
        path: the file, in UTF-8.
        label: the column that is no feature; the last one if empty.
        header: whether the first row names the columns; None: it does, but a row that looks like
            data is refused. Without a header columns are called 1, 2, 3, ...

    Raises:
        BluraxError: if the file cannot be read, is no CSV file with commas, or has rows of
            different lengths; if a column has no name or that of another; if the first row holds
            numbers and nobody said what it is.
    """
    found = [(line, row) for line, row in _rows(path) if row not in ((), ("",))]
    if header is not False:
        require(len(found) >= 2, f"{path} holds {len(found)} rows; it takes a header and data.")
    require(len(found) >= 1, f"{path} holds no rows.")
    (_, first), *rest = found
    _check_separator(path, first)
    _check_end(path, first, [row for _, row in rest])
    if header is False:
        columns, rest = tuple(str(n + 1) for n in range(len(first))), found
    else:
        columns = first
        _check_names(path, columns)
        _check_header(path, columns, [row for _, row in rest], label, asserted=header is True)
    lines, rows = zip(*rest, strict=True)
    what = "line 1" if header is False else "the header"
    for line, row in rest:
        comma = " (it ends in a comma)" if len(row) > len(columns) and row[-1] == "" else ""
        require(
            len(row) == len(columns),
            f"{path}, line {line}: {len(row)} cells{comma} where {what} has {len(columns)}.",
        )
    return CsvFile(path, columns, lines, rows)


def _rows(path: Path) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Rows with the lines they start on."""
    line = 1
    try:
        _check_file(path)
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            for row in reader:
                yield line, tuple(cell.strip() for cell in row)
                line = reader.line_num + 1
    except OSError as error:
        raise BluraxError(f"{path} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise BluraxError(f"{path} is no CSV file in UTF-8: {error}.") from error
    except csv.Error as error:
        raise BluraxError(f"{path}, line {line}: this is no CSV file in UTF-8: {error}.") from error
    except BluraxError:
        raise
    except ValueError as error:
        raise BluraxError(f"{str(path)!r} is no path: {error}.") from error


def _check_file(path: Path) -> None:
    """Refuse what has no end: a device, a pipe, a file that cannot be a table in memory."""
    status = path.stat()
    require(
        stat.S_ISREG(status.st_mode),
        f"{path} cannot be read: it is a folder, a device or a pipe, not a file.",
    )
    require(
        status.st_size <= LARGEST,
        f"{path} has {status.st_size:,} bytes; a table takes at most {LARGEST:,}.",
    )


def _check_separator(path: Path, first: tuple[str, ...]) -> None:
    for mark, name in SEPARATORS.items():
        require(
            sum(cell.count(mark) for cell in first) < len(first),
            f"{path} seems to have {name} between its cells; it takes commas, and a point in "
            "numbers.",
        )
    require(
        len(first) >= 2,
        f"{path} has one column; it takes features and a label, with commas between them.",
    )


def _check_end(path: Path, first: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    empty = all(row[-1] == "" for row in rows if len(row) == len(first))
    require(
        first[-1] != "" or not empty,
        f"{path}: the first row ends in a comma, so that column {len(first)} has nothing in it; "
        "remove the commas at the ends of the lines.",
    )


def _check_names(path: Path, columns: tuple[str, ...]) -> None:
    for number, name in enumerate(columns, 1):
        require(
            name != "" and not re.fullmatch(r"Unnamed: \d+", name),
            f"{path}: column {number} has no name{f' but {name!r}' if name else ''}. Is it the "
            "index of a data frame, which tells where a row stood? Write the file without it "
            "(index=False), or give the column a name.",
        )


def _check_header(
    path: Path, columns: tuple[str, ...], rows: list[tuple[str, ...]], label: str, asserted: bool
) -> None:
    """Refuse a first row that looks like data, unless it is said to be a header."""
    for place, name in enumerate(columns):
        feature = name != (label or columns[-1])
        require(
            asserted or not feature or not (is_number(name) or name in MISSING),
            f"{path}: the first row holds {name!r} in the place of column {place + 1}'s name; "
            f"{NO_HEADER}; if this is a name, say header=yes.",
        )
    name, count = collections.Counter(columns).most_common(1)[0]
    require(
        count == 1,
        f"{path} has {count} columns called {name!r}; each takes a name of its own ({NO_HEADER}).",
    )
    data = [row for row in rows if len(row) == len(columns) and row != columns]
    found = [{row[c] for row in data} for c in range(len(columns))]
    require(
        asserted or not all(name in below for name, below in zip(columns, found, strict=True)),
        f"{path}: every cell of the first row is found again below it, as if it were data; "
        f"{NO_HEADER}; if these are names, say header=yes.",
    )
