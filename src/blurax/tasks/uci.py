"""Nine tables of the UCI repository, from files: small real tables to compare on, with folds."""

import dataclasses
import enum
import warnings
from pathlib import Path
from typing import ClassVar

from blurax.errors import BluraxError, require
from blurax.frozen import check_types
from blurax.targets import TARGETS, Kind, Target
from blurax.tasks import csv_file, fetch
from blurax.tasks.arrays import ArrayTask
from blurax.tasks.base import Task
from blurax.tasks.csv_file import CsvFile
from blurax.tasks.folds import Fold, check_fold
from blurax.tasks.tabular import CsvOptions, Missing, Words, of_options

FOLDER = "uci"
"""Where the files lie in a data folder."""


@dataclasses.dataclass(frozen=True)
class Source:
    """A table: its file has no header, commas between cells, and the label last."""

    about: str
    rows: int
    columns: int
    """Of the file, the label's among them; words become more features than that."""
    kind: Kind = Kind.CLASSES
    classes: int = 2
    home: str = "https://archive.ics.uci.edu"


class Table(enum.StrEnum):
    """The tables by name."""

    ABALONE = "abalone"
    BREAST_CANCER_WISCONSIN = "breast-cancer-wisconsin"
    ECOLI = "ecoli"
    GERMAN = "german"
    IONOSPHERE = "ionosphere"
    PHONEME = "phoneme"
    SONAR = "sonar"
    WHEAT_SEEDS = "wheat-seeds"
    WINEQUALITY_RED = "winequality-red"


TABLES: dict[str, Source] = {
    Table.ABALONE: Source("rings of a shell by its sex, sizes and weights", 4177, 9, Kind.NUMBERS),
    Table.BREAST_CANCER_WISCONSIN: Source("tumours by nine marks from 1 to 10", 699, 10),
    Table.ECOLI: Source("where a protein stays in a cell", 336, 8, classes=8),
    Table.GERMAN: Source("credit risks by words and numbers", 1000, 21),
    Table.IONOSPHERE: Source("radar returns, good or bad", 351, 35),
    Table.PHONEME: Source(
        "nasal or oral vowels by five harmonics", 5404, 6, home="https://www.openml.org/d/1489"
    ),
    Table.SONAR: Source("mines and rocks by 60 echoes", 208, 61),
    Table.WHEAT_SEEDS: Source("three kinds of wheat by lengths of kernels", 210, 8, classes=3),
    Table.WINEQUALITY_RED: Source("grades of red wines by chemistry", 1599, 12, Kind.NUMBERS),
}
"""What each holds."""


@dataclasses.dataclass(frozen=True)
class UciOptions:
    """One of nine tables.

    Raises:
        BluraxError: for no table, or a fold that there is not.
    """

    word: ClassVar[str] = "table"

    table: Table | None = None
    """Which: uci:abalone is the same as uci:table=abalone."""
    fold: Fold = ()
    """One of some folds of cross-validation, 3/5: the third of five tests, the next one validates,
    the others train; without one 60 % of the rows train, 20 % validate and 20 % test."""

    def __post_init__(self) -> None:
        check_types(self)
        check_fold("UciOptions.fold", self.fold)
        require(
            self.table is not None,
            f"The task uci takes a table, such as uci:abalone; there are {', '.join(TABLES)}.",
        )


def target_of(options: dict[str, str]) -> type[Target]:
    """What the task of some options as written asks for."""
    named = {options.get("table", ""), *(key.replace("_", "-") for key in options)}
    kinds = [source.kind for name, source in TABLES.items() if name in named]
    return TARGETS[kinds[0] if kinds else Kind.CLASSES]


def find(name: str) -> tuple[Path, Path] | None:
    """The file of a table and the data folder that it is in, if it is at hand."""
    for root in fetch.roots():
        path = root / FOLDER / f"{name}.csv"
        if path.is_file():
            return path, root
    return None


def at_hand() -> str:
    """Whether the files are there, in a few words."""
    found = sum(find(name) is not None for name in TABLES)
    return "yes" if found == len(TABLES) else f"{found} of {len(TABLES)} files"


def load(options: UciOptions, text: str) -> Task:
    """The task of a table; rows that lack a value are left out, words become columns.

    Args:
        text: what to call the task.

    Raises:
        BluraxError: if its file is not at hand, damaged, or another one.
    """
    name = str(options.table)
    path = _checked(name)
    kind = TABLES[name].kind
    read = CsvOptions(str(path), "", kind, False, Words.ONEHOT, Missing.DROP, options.fold)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # which rows are left out is documented
        task: ArrayTask = of_options(read)
    return dataclasses.replace(task, name=text)


def _checked(name: str) -> Path:
    """The file of a table, which holds what it should."""
    source, found = TABLES[name], find(name)
    if found is None:
        named = fetch.data_folder()
        raise BluraxError(
            f"The task uci:{name} takes the file {FOLDER}/{name}.csv in the folder that "
            f"{fetch.VARIABLE} names ({named or 'not set'}) or in {fetch.cache_folder()}: "
            f"{source.rows:,} rows without a header, {source.columns} columns, the label last. It "
            f"is not downloaded; the table is published at {source.home}."
        )
    path, root = found
    fetch.check(path, root, None)
    table: CsvFile = csv_file.read(path, "", False)
    shape = len(table.rows), len(table.columns)
    require(
        shape == (source.rows, source.columns),
        f"{path} holds {shape[0]:,} rows of {shape[1]} columns; uci:{name} has {source.rows:,} of "
        f"{source.columns}, the label last and no header.",
    )
    labels = len({row[-1] for row in table.rows})
    require(
        source.kind is Kind.NUMBERS or labels == source.classes,
        f"{path} has {labels} different labels in its last column; uci:{name} has "
        f"{source.classes} classes.",
    )
    return path
