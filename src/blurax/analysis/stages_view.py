"""Tasks in sequence: what each stage leaves of the others, as a matrix, as curves, as numbers."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from rich.table import Table

from blurax.analysis import style
from blurax.analysis.comparison_view import PANEL, Panel, draw_curve, looks
from blurax.analysis.plain import message
from blurax.baselines import Record
from blurax.errors import require
from blurax.forgetting import FORWARD, MEASURES, measures
from blurax.targets import labelled, shown_as

WRITTEN = 12
"""Up to so many stages the numbers stand in the matrix."""


def measures_table(
    matrix: Float[np.ndarray, "seeds stages stages"], chance: float, what: str = "accuracy"
) -> Table:
    """Average accuracy, forgetting and transfer in per cent, mean ± std over the seeds.

    Args:
        what: the name of the score.

    Raises:
        BluraxError: for other than square matrices of two or more stages.
    """
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("all stages")
    table.add_column(shown_as(what)[1], justify="right")
    for name, values in measures(matrix, chance).items():
        spread = f" ± {100 * values.std(ddof=1):.1f}" if len(values) > 1 else ""
        table.add_row(name, f"{100 * values.mean():.1f}{spread}")
    return table


def stages_table(records: Sequence[Record], chance: float | None) -> Table:
    """The measures of each learner on a task in sequence, in per cent, means over the seeds.

    Args:
        chance: the score before anything is learned; None, where it is not known (older files):
            there is no forward transfer then.
    """
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("all stages")
    for name in MEASURES if chance is None else (*MEASURES, FORWARD):
        table.add_column(name, justify="right")
    for record in records:
        if record.stages:
            matrix = np.asarray(record.stages)
            known = {name: measure(matrix) for name, measure in MEASURES.items()}
            found = known if chance is None else measures(matrix, chance)
            cells = (f"{100 * values.mean():.1f}" for values in found.values())
            table.add_row(message(record.learner), *cells)
    return table


def draw_stages(
    scores: Float[np.ndarray, "seeds stops stages"],
    stops: Sequence[int],
    ends: Sequence[int],
    path: str | os.PathLike[str],
    title: str,
    what: str = "accuracy",
) -> Path:
    """Draw the matrix stage x stage beside the curve of each stage, means over the seeds.

    Args:
        scores: of each stage after some steps.
        stops: these steps, the ends of the stages among them.
        ends: after which steps stages end.
        what: the name of the score.

    Raises:
        BluraxError: if an end is none of the stops, or the file cannot be written.
    """
    places = [*stops]
    require(
        set(ends) <= {*places},
        f"The stages end after steps {tuple(ends)}, but the scores are those after {tuple(stops)}.",
    )
    mean = 100 * np.asarray(scores, float).mean(axis=0)
    figure = style.new_figure(1280, 560, title)
    left, right = style.side_by_side(figure, 1.0, 1.35)
    _draw_matrix(left.subplots(), mean[[places.index(end) for end in ends]], what)
    _draw_curves(right.subplots(), mean, places, ends, what)
    return style.save(figure, path)


def draw_compared(
    panels: Sequence[Panel], path: str | os.PathLike[str], title: str, what: str = "accuracy"
) -> Path:
    """Draw what learners know of the stages behind them, and of each stage at the end.

    A row for each task and network, with bands of one standard deviation over the seeds.

    Args:
        panels: of each a title and the learners, which were all measured on stages.
        what: the name of the score.

    Raises:
        BluraxError: if there is nothing to draw, or the file cannot be written.
    """
    require(
        bool(panels) and all(record.stages for _, records in panels for record in records),
        "There is nothing to draw: no learner was measured on stages.",
    )
    figure = style.new_figure(2 * PANEL[0], PANEL[1] * len(panels) + 150, title)
    grid = figure.subplots(len(panels), 2, squeeze=False, sharey="row")
    for (seen, last), (name, records) in zip(grid, panels, strict=True):
        _draw_row(seen, last, records, what)
        seen.set_title(name, loc="left", fontsize=style.SMALL, parse_math=False)
    style.legend_below(figure, grid[0, 0], 6)
    return style.save(figure, path)


def _draw_row(seen: Axes, last: Axes, records: Sequence[Record], what: str) -> None:
    style.tidy(seen, "after stage", f"of the stages so far the mean {labelled(what)}")
    style.tidy(last, "asked about stage, after the last one", "")
    for record, look in zip(records, looks(records), strict=True):
        matrix = 100 * np.asarray(record.stages, float)
        stages = np.arange(1, matrix.shape[-1] + 1)
        so_far = np.cumsum(matrix, axis=-1)[:, stages - 1, stages - 1] / stages
        draw_curve(seen, stages, so_far, record, *look)
        draw_curve(last, stages, matrix[:, -1], record, *look)
    for axes in (seen, last):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _draw_matrix(axes: Axes, matrix: Float[np.ndarray, "stages stages"], what: str) -> None:
    count = len(matrix)
    image = axes.imshow(matrix, cmap="Blues", vmin=0, vmax=100)
    if count <= WRITTEN:
        for i in range(count):
            for j in range(count):
                ink = "white" if matrix[i, j] > 60 else style.INK
                look = {"ha": "center", "va": "center", "color": ink, "fontsize": style.SMALL}
                axes.text(j, i, f"{matrix[i, j]:.0f}", **look)
    ticks = range(0, count, 1 if count <= 2 * WRITTEN else 5)
    axes.set_xticks(ticks, [str(n + 1) for n in ticks])
    axes.set_yticks(ticks, [str(n + 1) for n in ticks])
    axes.tick_params(labelsize=style.SMALL, length=0)
    axes.set_xlabel("asked about stage", fontsize=style.TEXT, color=style.INK)
    axes.set_ylabel("after stage", fontsize=style.TEXT, color=style.INK)
    axes.spines[:].set_visible(False)
    bar = axes.figure.colorbar(image, ax=axes, shrink=0.85)
    bar.set_label(labelled(what), fontsize=style.SMALL)
    bar.ax.tick_params(labelsize=style.SMALL)


def _draw_curves(
    axes: Axes,
    mean: Float[np.ndarray, "stops stages"],
    stops: Sequence[int],
    ends: Sequence[int],
    what: str,
) -> None:
    """A line for each stage from its first step on, the first ones darker; bold their mean."""
    style.tidy(axes, "steps", labelled(what))
    steps, count = np.asarray(stops), len(ends)
    for stage in range(count):
        begun = steps > (ends[stage - 1] if stage else 0)
        shade = 0.15 + 0.6 * stage / (count - 1)
        look = {"color": str(shade), "linewidth": style.THIN}
        axes.plot(steps[begun], mean[begun, stage], **look)
    seen = [int(np.searchsorted(ends, step)) + 1 for step in steps]
    so_far = [row[: min(many, count)].mean() for row, many in zip(mean, seen, strict=True)]
    axes.plot(steps, so_far, color=style.EMPHASIS, linewidth=style.BOLD)
    for end in ends[:-1]:
        axes.axvline(end, color=style.PALE, linewidth=1.0, linestyle=":")
    axes.set_ylim(0, 102)
    axes.set_title(
        "grey: each stage from its start on, the first darkest\nbold: the mean of those begun",
        loc="left",
        fontsize=style.SMALL,
    )
