"""A table of findings: as a heat map in a picture, and as a table in the terminal."""

import numpy as np
from rich.table import Table as RichTable
from rich.text import Text

from blurax.analysis import style
from blurax.findings import Claim, Table


def draw_table(canvas: style.SubFigure, table: Table) -> None:
    """Numbers on colours that grow with them, shares in per cent; others by column."""
    style.heading(canvas, table.title)
    axes = canvas.subplots()
    unit = 100 if table.percent else 1
    values = unit * np.asarray(table.mean)
    spread = unit * np.asarray(table.spread) if table.spread else None
    if table.percent:
        axes.imshow(values, cmap="Blues", vmin=0, vmax=140, aspect="auto")
    else:
        low, high = values.min(axis=0), values.max(axis=0)
        shares = (values - low) / np.where(high > low, high - low, 1)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=2, aspect="auto")
    digits = ".1f" if table.percent else ".3g"
    for row, column in np.ndindex(values.shape):
        text = f"{values[row, column]:{digits}}"
        if spread is not None:
            text += f" ± {spread[row, column]:{digits}}"
        best = table.mark_best and values[row, column] == values[:, column].max()
        axes.text(
            column,
            row,
            text,
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
    """A long name in two lines."""
    return name.replace(" hidden", "\nhidden").replace(":", "\n")
