"""A comparison as tables and as one picture, a panel for each task and network."""

import itertools
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from rich.table import Table

from blurax.analysis import style
from blurax.analysis.comparison_view import comparison_table
from blurax.baselines import Choice, Record
from blurax.curves import Schedule
from blurax.errors import require

LEGEND = (
    "Below an accuracy stand the learning rate and the network that the tuner chose; "
    "bn: batch normalisation, cos: cosine schedule."
)

PANEL = (620, 430)
"""Pixels of one panel."""


def record_table(title: str, records: Sequence[Record]) -> Table:
    """The test accuracy of each learner at each budget in per cent, and what the tuner chose.

    Raises:
        BluraxError: if there is no learner, or if the budgets differ.
    """
    notes = [[_short(choice) for choice in record.choices] for record in records]
    return comparison_table(title, records, notes)


def _short(choice: Choice) -> str:
    """A choice in few letters, such as tanh·bn·cos."""
    words = choice.arrangement.words("bn")
    return "·".join((*words, "cos") if choice.schedule is Schedule.COSINE else words)


def draw_records(
    panels: Sequence[Sequence[tuple[str, Sequence[Record]]]],
    path: str | os.PathLike[str],
    title: str,
) -> Path:
    """Draw all curves, with bands of one standard deviation over the seeds.

    Args:
        panels: a row for each task, and in it a title and the learners for each network, as many
            in every row.

    Raises:
        BluraxError: if there is nothing to draw, or the file cannot be written.
    """
    require(
        bool(panels) and all(records for row in panels for _, records in row),
        "There is nothing to draw: no learner was measured.",
    )
    rows, columns = len(panels), max(len(row) for row in panels)
    figure = style.new_figure(PANEL[0] * columns, PANEL[1] * rows + 150, title)
    grid = figure.subplots(rows, columns, squeeze=False)
    for row, line in zip(grid, panels, strict=True):
        for axes, (name, records) in zip(row, line, strict=True):
            _draw_panel(axes, name, records)
    for axes in grid[:-1].flatten():
        axes.set_xlabel("")
    for axes in grid[:, 1:].flatten():
        axes.set_ylabel("")
    curves, names = grid[0, 0].get_legend_handles_labels()
    figure.legend(
        curves,
        names,
        loc="outside lower center",
        ncols=3 * columns + 1,
        fontsize=style.SMALL,
        frameon=False,
    )
    return style.save(figure, path)


def _draw_panel(axes: Axes, name: str, records: Sequence[Record]) -> None:
    style.tidy(axes, "steps", "test score (%)")
    learned = ((style.EMPHASIS, "o", line) for line in itertools.cycle(("-", "--", ":", "-.")))
    tuned = (
        (colour, marker, line)
        for line in itertools.cycle(("-", "--", ":"))
        for colour, marker in zip(style.PALETTE, style.MARKERS, strict=True)
    )
    for record in records:
        _draw_record(axes, record, *next(tuned if record.choices else learned))
    style.log_steps(axes, sorted({1, *records[0].budgets}))
    axes.set_title(name, loc="left", fontsize=style.SMALL, parse_math=False)


def _draw_record(axes: Axes, record: Record, colour: str, marker: str, line: str) -> None:
    """A genome's episode as a curve; a baseline's tuned episodes joined from budget to budget."""
    if record.curve:
        steps, values = record.curve_steps, 100 * np.asarray(record.curve)
    else:
        steps, values = record.budgets, 100 * np.asarray(record.accuracy).T
    bold = not record.choices
    mean = values.mean(axis=0)
    std = values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros_like(mean)
    low, high = np.clip(mean - std, 0, 100), np.clip(mean + std, 0, 100)
    above = 4 if bold else 3
    axes.fill_between(
        steps, low, high, color=colour, alpha=0.22 if bold else 0.1, linewidth=0, zorder=above - 2
    )
    axes.plot(
        steps,
        mean,
        color=colour,
        linestyle=line,
        marker=marker,
        markersize=7 if bold else 5,
        linewidth=style.BOLD if bold else style.THIN,
        zorder=above,
        label=record.learner,
    )
