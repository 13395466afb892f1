"""A table of findings: as a heat map in a picture, and as a table in the terminal."""

import dataclasses
import textwrap

import numpy as np
from rich.table import Table as RichTable
from rich.text import Text

from blurax.analysis import style
from blurax.findings import Claim, Table

CHARACTER = 0.6 * style.SMALL * style.DPI / 72
"""Pixels of a character, rather many."""
LABEL, GAP = 20, 18
"""Characters of a line of a column's name, and pixels between two columns."""
LINE = 24.0
"""Pixels of a line below a table."""


def fitted(table: Table, width: int) -> list[Table]:
    """A table that is too wide for so many pixels as several, each of some of its columns."""
    most = max(1, int((width - _beside(table)) // _column(table)))
    count = -(-len(table.columns) // most)
    each = -(-len(table.columns) // count)
    return [_part(table, first, first + each) for first in range(0, len(table.columns), each)]


def needed(table: Table) -> float:
    """The pixels that a table takes so that nothing in it stands over anything else."""
    title = 1.1 * CHARACTER * len(table.title) + style.MARGIN
    return max(title, _beside(table) + len(table.columns) * _column(table))


def height(table: Table) -> float:
    """The pixels from its heading to what its columns are."""
    lines = max(_broken(name).count("\n") for name in table.columns)
    tall = max(38.0 * len(table.rows), CHARACTER * len(table.row_label))
    return 150.0 + tall + LINE * max(0, lines - 1)


def _part(table: Table, first: int, end: int) -> Table:
    """Some of the columns."""
    return dataclasses.replace(
        table,
        title=table.title if first == 0 else f"{table.title} (continued)",
        columns=table.columns[first:end],
        mean=tuple(row[first:end] for row in table.mean),
        spread=tuple(row[first:end] for row in table.spread),
    )


def _beside(table: Table) -> float:
    """The pixels left of the columns."""
    return CHARACTER * max(map(len, table.rows)) + (2 * LINE if table.row_label else LINE)


def _column(table: Table) -> float:
    """The pixels of the widest column."""
    lines = [line for name in table.columns for line in _broken(name).split("\n")]
    cells = [text for row in _texts(table) for text in row]
    return CHARACTER * max(map(len, lines + cells)) + GAP


def _texts(table: Table) -> list[list[str]]:
    """What stands in the cells."""
    unit, digits = (100, ".1f") if table.percent else (1, ".3g")
    found = [[f"{unit * value:{digits}}" for value in row] for row in table.mean]
    for row, spread in zip(found, table.spread, strict=False):
        for n, value in enumerate(spread):
            row[n] += f" ± {unit * value:{digits}}"
    return found


def draw_table(canvas: style.SubFigure, table: Table) -> None:
    """Numbers on colours that grow with them, shares in per cent; others by column."""
    style.heading(canvas, table.title)
    axes = canvas.subplots()
    values, texts = (100 if table.percent else 1) * np.asarray(table.mean), _texts(table)
    if table.percent:
        axes.imshow(values, cmap="Blues", vmin=0, vmax=140, aspect="auto")
    else:
        low, high = values.min(axis=0), values.max(axis=0)
        shares = (values - low) / np.where(high > low, high - low, 1)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=2, aspect="auto")
    for row, column in np.ndindex(values.shape):
        best = table.mark_best and values[row, column] == values[:, column].max()
        axes.text(
            column,
            row,
            texts[row][column],
            ha="center",
            va="center",
            fontsize=style.SMALL,
            fontweight="bold" if best else "normal",
            color=style.INK,
        )
    axes.set_xticks(range(len(table.columns)), [_broken(name) for name in table.columns])
    axes.set_yticks(range(len(table.rows)), table.rows)
    axes.tick_params(labelsize=style.SMALL, length=0, colors=style.INK)
    axes.set_xlabel(table.column_label, fontsize=style.SMALL, color=style.INK)
    axes.set_ylabel(table.row_label, fontsize=style.SMALL, color=style.INK)
    axes.spines[:].set_visible(False)


def claims_table(claims: tuple[Claim, ...]) -> RichTable:
    """What the paper says, and what was found."""
    table = RichTable(box=None, header_style="dim", pad_edge=False)
    table.add_column("")
    table.add_column("what the paper says, and what was found")
    for claim in claims:
        verdict = Text("yes", "green") if claim.holds else Text("no", "bold red")
        table.add_row(verdict, Text.assemble(f"{claim.says}\n", (claim.numbers, "dim")))
    return table


def measures_table(table: Table) -> RichTable:
    """Numbers that are no shares, for the terminal."""
    made = RichTable(box=None, header_style="dim", pad_edge=False, title=table.title)
    made.add_column("", no_wrap=True)
    for name in table.columns:
        made.add_column(name, justify="right")
    for name, values in zip(table.rows, table.mean, strict=True):
        made.add_row(name, *(f"{value:.3g}" for value in values))
    return made


def _broken(name: str) -> str:
    """A long name in several lines."""
    lines = name.replace(" hidden", "\nhidden").replace(":", "\n").split("\n")
    return "\n".join(part for line in lines for part in textwrap.wrap(line, LABEL) or [""])
