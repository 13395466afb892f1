"""A comparison on tables: ranks in the terminal and as a picture."""

import os
import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.table import Table
from rich.text import Text

from blurax.analysis import style
from blurax.analysis.plain import printable
from blurax.baselines.reached import Ranking, Reached

WIDTH = 1500
UPRIGHT = 12
"""Columns of scores beyond which their names would run into each other, and stand upright."""
LINE = 34
"""Letters in a line of an upright name."""
NAMES = 210
"""The height of upright names, beyond that of others."""
SCORES = "Mean score over the folds (%): accuracy, or variance explained"
LEGEND = (
    "rank: by the mean loss over the folds, 1 is the best; mean and standard deviation over the "
    "tables. p: Wilcoxon's signed-rank test against {against}, with Holm's correction. Below each "
    "table: the mean score over the folds (%), and the mean loss."
)
TEMPERED = " Outputs for classes are divided by a temperature that validation chose."
CHOSEN = " any-genome, any-baseline: in each fold the one with the lowest validation loss."
TITLE = "Ranks on tables, and what was reached"


def ranking_table(found: Ranking, reached: Sequence[Reached]) -> Table:
    """A row for each method, the best first."""
    by = {(each.method, each.task): each for each in reached}
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("method", no_wrap=True)
    for name in ("rank", "p", *map(_short, found.tasks)):
        table.add_column(Text(printable(name)), justify="right")
    for m, method in enumerate(found.methods):
        rank = f"{found.mean[m]:.2f} ± {found.spread[m]:.2f}"
        p = "-" if np.isnan(found.p[m]) else f"{found.p[m]:.3f}"
        cells = (_cell(by[method, task]) for task in found.tasks)
        table.add_row(Text(printable(method)), rank, p, *cells)
    return table


def _cell(reached: Reached) -> str:
    loss = float(np.mean(reached.loss))
    return f"{100 * np.mean(reached.score):.1f}\n{loss:.3g}"


def _short(task: str) -> str:
    return task.removeprefix("uci:")


def draw_ranking(
    found: Ranking,
    reached: Sequence[Reached],
    path: str | os.PathLike[str],
    title: str = TITLE,
) -> Path:
    """Draw mean ranks with those on each table, and the scores; written as PNG.

    Raises:
        BluraxError: if the file cannot be written.
    """
    figure, upper, lower = ranks_and_scores(title, found, 42)
    _draw_ranks(upper, found)
    draw_scores(lower, found, reached)
    return style.save(figure, path)


def ranks_and_scores(
    title: str, found: Ranking, row: int
) -> tuple[style.Figure, style.SubFigure, style.SubFigure]:
    """A picture, its part for ranks, and below that one with room for `draw_scores`.

    Args:
        row: the height of a method.
    """
    height = 190 + row * len(found.methods)
    scores = height + (NAMES if len(found.tasks) > UPRIGHT else 0)
    figure = style.new_figure(WIDTH, height + scores, title)
    upper, lower = style.stacked(figure, 1.0, scores / height)
    return figure, upper, lower


def _draw_ranks(canvas: style.SubFigure, found: Ranking) -> None:
    style.heading(canvas, "Rank by loss: each table, and the mean (lower is better)")
    axes = canvas.subplots()
    rows = np.arange(len(found.methods))
    for t, task in enumerate(found.tasks):
        colour, marker = style.look(t)
        axes.plot(
            found.ranks[:, t],
            rows + 0.25 * (t / max(1, len(found.tasks) - 1) - 0.5),
            linestyle="",
            marker=marker,
            color=colour,
            markersize=6,
            label=_short(task),
        )
    axes.plot(found.mean, rows, "|", color=style.INK, markersize=26, markeredgewidth=3)
    axes.set_yticks(rows, found.methods)
    axes.set_ylim(len(rows) - 0.5, -0.5)  # the best at the top
    style.tidy(axes, "rank", "")
    style.legend_below(canvas, axes, 5, style.SMALL - 1)


def draw_scores(
    canvas: style.SubFigure, found: Ranking, reached: Sequence[Reached], words: str = SCORES
) -> None:
    """Scores on colours that compare within a table.

    Args:
        words: what they are.
    """
    style.heading(canvas, words)
    axes = canvas.subplots()
    by = {(each.method, each.task): 100 * float(np.mean(each.score)) for each in reached}
    values = np.array([[by[m, t] for t in found.tasks] for m in found.methods])
    low, high = values.min(axis=0), values.max(axis=0)
    shades = (values - low) / np.where(high > low, high - low, 1.0)
    axes.imshow(shades, cmap="Blues", vmin=0, vmax=1.6, aspect="auto")
    for row, column in np.ndindex(values.shape):
        best = values[row, column] == high[column]
        axes.text(
            column,
            row,
            f"{values[row, column]:.1f}",
            ha="center",
            va="center",
            fontsize=style.SMALL,
            fontweight="bold" if best else "normal",
            color=style.INK,
        )
    names = [_short(task) for task in found.tasks]
    if len(names) > UPRIGHT:
        axes.set_xticks(range(len(names)), [_in_lines(name) for name in names], rotation=90)
    else:
        axes.set_xticks(range(len(names)), [_broken(name) for name in names])
    axes.set_yticks(range(len(found.methods)), found.methods)
    axes.tick_params(labelsize=style.SMALL, length=0, colors=style.INK)
    axes.spines[:].set_visible(False)


def _in_lines(name: str) -> str:
    """A long name in lines of much the same length."""
    return textwrap.fill(
        name.replace(",", ", "), LINE, break_long_words=False, break_on_hyphens=False
    )


def _broken(name: str) -> str:
    """A long name in several lines; where it has words or options, one for each."""
    if " " in name or "," in name:
        return name.replace(" ", "\n").replace(":", ":\n").replace(",", ",\n")
    return name.replace("-", "-\n")
