"""A table of findings: as a heat map in a picture, and as a table in the terminal."""

import numpy as np
from rich.table import Table as RichTable
from rich.text import Text

from blurax.analysis import style
from blurax.findings import Claim, Table


def draw_table(canvas: style.SubFigure, table: Table) -> None:
    """Numbers in per cent on colours that grow with them."""
    style.heading(canvas, table.title)
    axes = canvas.subplots()
    values = 100 * np.asarray(table.mean)
    spread = 100 * np.asarray(table.spread) if table.spread else None
    axes.imshow(values, cmap="Blues", vmin=0, vmax=140, aspect="auto")
    for row, column in np.ndindex(values.shape):
        text = f"{values[row, column]:.1f}"
        if spread is not None:
            text += f" ± {spread[row, column]:.1f}"
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


def _broken(name: str) -> str:
    """A long name in two lines."""
    return name.replace(" hidden", "\nhidden").replace(":", "\n")
