"""What an experiment found: curves, tables and points that can be written, read and drawn.

Experiments make findings, analysis draws them, and neither knows the other. Numbers are kept to
five digits, so that a file stays small and two machines that differ in the last bit write the same.
"""

import dataclasses
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from jaxtyping import Float

from blurax import io
from blurax.errors import BluraxError, require
from blurax.frozen import Checked, added, check_types, from_json, to_json

Item = TypeVar("Item")

OFF_SCALE = 1e12
"""What stands for a size that is larger, or no longer a number; it is not drawn."""


@dataclasses.dataclass(frozen=True)
class Curve:
    """One line of a chart."""

    label: str
    x: tuple[float, ...]
    mean: tuple[float, ...]
    """`[points]`: the mean over the seeds, or the value itself."""
    spread: tuple[float, ...] = ()
    """`[points]`: the standard deviation over the seeds; empty where there is one value."""

    def __post_init__(self) -> None:
        check_types(self)
        sizes = {len(self.x), len(self.mean), len(self.spread or self.mean)}
        require(len(sizes) == 1, f"Curve {self.label!r} has {sizes} numbers; its parts differ.")

    def at(self, x: float) -> float:
        """The mean at a point of the curve.

        Raises:
            BluraxError: if the curve has no such point.
        """
        require(x in self.x, f"Curve {self.label!r} has no point at {x}.")
        return self.mean[self.x.index(x)]


@dataclasses.dataclass(frozen=True)
class Chart(Checked):
    """Curves over one axis."""

    title: str
    x_label: str
    y_label: str
    curves: tuple[Curve, ...]
    ours: tuple[str, ...] = ()
    """The labels of the curves that the chart is about."""
    log_x: bool = False
    log_y: bool = False
    marks: tuple[float, ...] = ()
    """Places on the x axis that are marked: where something changes."""
    dashed: tuple[str, ...] = added(())
    """The labels of curves drawn dashed, over all others: what theory predicts of them, say."""

    def curve(self, label: str) -> Curve:
        """The curve of this label."""
        return _named(self.curves, "label", label)


@dataclasses.dataclass(frozen=True)
class Table:
    """Numbers by row and column."""

    title: str
    row_label: str
    column_label: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    mean: tuple[tuple[float, ...], ...]
    """`[rows][columns]`"""
    spread: tuple[tuple[float, ...], ...] = ()
    """`[rows][columns]`: the standard deviation over the seeds; empty where there is one value."""
    mark_best: bool = added(True)
    """Whether the largest of each column is marked."""
    percent: bool = added(True)
    """Whether numbers are shares, shown in per cent."""

    def __post_init__(self) -> None:
        check_types(self)
        for values in (self.mean, self.spread or self.mean):
            fits = len(values) == len(self.rows) and {len(r) for r in values} == {len(self.columns)}
            require(fits, f"Table {self.title!r} has not a number for each row and column.")

    def at(self, row: str, column: str) -> float:
        """The mean in a row and column."""
        for name, names in ((row, self.rows), (column, self.columns)):
            require(name in names, f"Table {self.title!r} has no {name!r}.")
        return self.mean[self.rows.index(row)][self.columns.index(column)]


@dataclasses.dataclass(frozen=True)
class Group(Checked):
    """Points of one look."""

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class Scatter(Checked):
    """Points on two axes."""

    title: str
    x_label: str
    y_label: str
    groups: tuple[Group, ...]


@dataclasses.dataclass(frozen=True)
class Image(Checked):
    """A matrix that is looked at as a whole."""

    title: str
    values: tuple[tuple[float, ...], ...]
    """`[rows][columns]`"""
    bar: str = ""
    """What the colours mean; empty for a picture of grey levels from 0 to 1."""


@dataclasses.dataclass(frozen=True)
class Fact(Checked):
    """A number with a name."""

    name: str
    value: float


@dataclasses.dataclass(frozen=True)
class Findings(Checked):
    """All that one figure shows."""

    figure: str
    """Such as 8."""
    title: str
    budget: str
    version: str
    """Of blurax."""
    setting: str
    """What was run, in a sentence."""
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()
    scatters: tuple[Scatter, ...] = ()
    images: tuple[Image, ...] = ()
    facts: tuple[Fact, ...] = ()

    def chart(self, title: str) -> Chart:
        """The chart of this title."""
        return _named(self.charts, "title", title)

    def table(self, title: str) -> Table:
        """The table of this title."""
        return _named(self.tables, "title", title)

    def fact(self, name: str) -> float:
        """The number of this name."""
        return _named(self.facts, "name", name).value


@dataclasses.dataclass(frozen=True)
class Claim:
    """Something that the paper says, and whether the findings bear it out."""

    says: str
    holds: bool
    numbers: str
    """The numbers that it was judged by."""


def _named(items: Sequence[Item], field: str, name: str) -> Item:
    names = [getattr(item, field) for item in items]
    require(name in names, f"There is no {name!r} among {', '.join(names) or 'nothing'}.")
    return items[names.index(name)]


def rounded(value: float) -> float:
    """A number to five digits; one that is not finite is written as 1e99."""
    number = float(value)
    if math.isnan(number):
        return 1e99
    return float(f"{max(-1e99, min(1e99, number)):.5g}")


def numbers(values: Float[np.ndarray, " n"]) -> tuple[float, ...]:
    """A row of numbers to five digits."""
    return tuple(rounded(v) for v in np.asarray(values).tolist())


def curve(
    label: str, x: Sequence[float] | Sequence[int], values: Float[np.ndarray, "*seeds points"]
) -> Curve:
    """A curve of the mean over the seeds, with their standard deviation if there are several."""
    rows = np.atleast_2d(values)
    spread = numbers(rows.std(axis=0, ddof=1)) if len(rows) > 1 else ()
    return Curve(label, tuple(float(v) for v in x), numbers(rows.mean(axis=0)), spread)


def table(
    title: str,
    labels: tuple[str, str],
    rows: Sequence[str],
    columns: Sequence[str],
    values: Float[np.ndarray, "rows columns seeds"],
) -> Table:
    """A table of means over the seeds, with their standard deviation if there are several.

    Args:
        labels: what rows and columns are.
    """
    mean = tuple(numbers(row) for row in values.mean(axis=2))
    several = values.shape[2] > 1
    spread = tuple(numbers(row) for row in values.std(axis=2, ddof=1)) if several else ()
    return Table(title, *labels, tuple(rows), tuple(columns), mean, spread)


def write(path: Path, findings: Findings) -> None:
    """Write findings as JSON, whole or not at all; compact, for most of it is long rows."""
    io.write_text(path, json.dumps(to_json(findings), separators=(",", ":")) + "\n")


def read(path: Path) -> Findings:
    """Read what `write` wrote.

    Raises:
        BluraxError: if there is no such file, or not such a one.
    """
    try:
        values = io.read_json(path, finite=False)
    except BluraxError as error:
        raise BluraxError(f"{path} holds no findings.") from error
    return from_json(Findings, values)
