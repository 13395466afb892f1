"""Learners side by side by the seconds they learned: a table, a line, a picture."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from rich import box
from rich.table import Table
from rich.text import Text

from blurax.analysis import style
from blurax.analysis.comparison_view import (
    PANEL,
    best_name,
    draw_curve,
    is_learned,
    looks,
    percent,
)
from blurax.analysis.plain import message
from blurax.baselines import Mark, Record, StepTime, Timed, marks, strongest_at, timed

LEGEND = (
    "Seconds of learning alone: without drawing batches, predicting and compiling. Each column is "
    "the time that the baseline with the best validation needs for so many steps. Scores between "
    "measured steps are interpolated over the logarithm of the time; after the last the last one "
    "stands, before the first –."
)

TimedPanel = tuple[str, Sequence[Record], Sequence[StepTime]]
"""A title, the learners on one task with one network, and what their steps took."""


def time_table(title: str, records: Sequence[Record], times: Sequence[StepTime]) -> Table:
    """The test score of each learner after some seconds, in per cent, mean ± std over the seeds.

    Args:
        times: of all learners.

    Raises:
        BluraxError: if there is nothing to compare, or if the budgets differ.
    """
    several = [timed(record, times) for record in records]
    columns = marks(records, times)
    table = Table(
        title=Text(message(title), "bold"),
        title_justify="left",
        caption=Text(f"Steps timed in turns on {message(times[0].machine)}", "dim"),
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        header_style="dim",
        pad_edge=False,
    )
    table.add_column("after", no_wrap=True)
    table.add_column("ms a step", justify="right")  # wraps rather than cuts, as the scores do
    for mark in columns:
        name = f"{mark.seconds:.3g} s\n{mark.budget:,} of {message(mark.learner)}"
        table.add_column(name, justify="right", overflow="fold")
    best = [max((_mean(each, mark) for each in several), default=-1.0) for mark in columns]
    for each in several:
        cells = (_cell(each, mark, top) for mark, top in zip(columns, best, strict=True))
        table.add_row(_name(each), _milliseconds(each), *cells)
    if sum(not is_learned(record) for record in records) > 1:
        table.add_row(best_name(), "", *(_best(several, mark) for mark in columns))
    return table


def ahead_lines(panels: Sequence[TimedPanel]) -> list[str]:
    """How far each genome is from the baseline with the best validation at each time.

    Returns:
        A line for each genome, averaged over tasks and networks; none where there is no baseline.
    """
    leads: dict[str, dict[int, list[float]]] = {}
    for _, records, times in panels:
        several = [timed(record, times) for record in records]
        for mark in marks(records, times):
            rival = strongest_at(several, mark.seconds)
            for each in several:
                if rival and is_learned(each.record) and _mean(each, mark) >= 0:
                    own = leads.setdefault(each.record.learner, {})
                    own.setdefault(mark.budget, []).append(_mean(each, mark) - _mean(rival, mark))
    return [
        f"{name} against the baseline with the best validation, by time: "
        + ", ".join(
            f"time of {budget:,} steps {100 * np.mean(own):+.1f} "
            f"({sum(lead > 0 for lead in own)} of {len(own)} won)"
            for budget, own in sorted(budgets.items())
        )
        for name, budgets in leads.items()
    ]


def draw_times(
    panels: Sequence[Sequence[TimedPanel]], path: str | os.PathLike[str], title: str
) -> Path:
    """Draw all curves over the seconds, with bands of one standard deviation over the seeds.

    Args:
        panels: a row for each task, and in it a panel for each network.

    Raises:
        BluraxError: if the file cannot be written.
    """
    columns = max(len(row) for row in panels)
    figure = style.new_figure(PANEL[0] * columns, PANEL[1] * len(panels) + 150, title)
    grid = figure.subplots(len(panels), columns, squeeze=False)
    for axes, panel in zip(grid.flatten(), (p for row in panels for p in row), strict=True):
        _draw_panel(axes, *panel)
    style.legend_below(figure, grid[0, 0], 3 * columns + 1)
    return style.save(figure, path)


def _draw_panel(
    axes: Axes, name: str, records: Sequence[Record], times: Sequence[StepTime]
) -> None:
    style.tidy(axes, "seconds of learning", "test score (%)")
    for record, look in zip(records, looks(records), strict=True):
        each = timed(record, times)
        draw_curve(axes, each.seconds, 100 * each.scores, record, *look)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda seconds, _: f"{seconds:g}")
    axes.set_title(name, loc="left", fontsize=style.SMALL, parse_math=False)


def _name(each: Timed) -> Text:
    return Text(message(each.record.learner), "bold" if is_learned(each.record) else "")


def _milliseconds(each: Timed) -> str:
    low, high = (f"{1e3 * seconds:.3g}" for seconds in each.step)
    return low if low == high else f"{low} to {high}"


def _mean(each: Timed, mark: Mark) -> float:
    """The mean score; -1 where nothing was measured."""
    found = each.at(mark.seconds)
    return -1.0 if found is None else float(found.mean())


def _cell(each: Timed, mark: Mark, best: float) -> Text:
    found = each.at(mark.seconds)
    if found is None:
        return Text("–", "dim")
    std = float(found.std(ddof=1)) if len(found) > 1 else None
    return Text(percent(float(found.mean()), std), "bold" if found.mean() == best else "")


def _best(several: Sequence[Timed], mark: Mark) -> Text:
    found = strongest_at(several, mark.seconds)
    if found is None:
        return Text("–", "dim")
    name = message(found.record.learner)
    return Text.assemble(_cell(found, mark, -1.0), (f"\n{name}", "dim"))
