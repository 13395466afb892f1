"""The learning curve of one rule: a table for the terminal, a band over the seeds for a picture."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Array, Float
from matplotlib.axes import Axes
from rich.table import Table

from blurax.analysis import style
from blurax.errors import require

Curves = Float[Array, "*seeds steps"] | Float[np.ndarray, "*seeds steps"]
"""The accuracy after each step, for several seeds or for one."""


def curve_table(
    accuracy: Curves, steps: Sequence[int] | None = None, what: str = "accuracy"
) -> Table:
    """The accuracy in per cent, mean ± std over the seeds, at some steps.

    Args:
        steps: numbers from 1; those beyond the end are left out. None: 1, 2, 5, 10, ... and the
            last.
        what: the name of the score.

    Raises:
        BluraxError: if the curves are empty, or if none of the steps is on them.
    """
    curves = _curves(accuracy)
    seeds, last = curves.shape
    wanted = sorted({*style.round_steps(last), last} if steps is None else set(steps))
    shown = [step for step in wanted if 1 <= step <= last]
    require(len(shown) > 0, f"The curve has the steps 1 to {last}; ask for one of them.")
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("steps", justify="right")
    table.add_column(f"{what} (%)", justify="right")
    for step in shown:
        at = 100 * curves[:, step - 1]
        spread = f" ± {at.std(ddof=1):.1f}" if seeds > 1 else ""
        table.add_row(f"{step:,}", f"{at.mean():.1f}{spread}")
    return table


def draw_curve(
    accuracy: Curves, path: str | os.PathLike[str], title: str, what: str = "accuracy"
) -> Path:
    """Draw the curves of all seeds, their mean and their standard deviation.

    Raises:
        BluraxError: if the curves are empty, or if the file cannot be written.
    """
    figure = style.new_figure(1100, 680, title)
    axes = figure.subplots()
    draw_band(axes, accuracy, what)
    seeds = len(_curves(accuracy))
    many = f"mean of {seeds} seeds, band: one standard deviation"
    axes.set_title(many if seeds > 1 else "one seed", loc="left", fontsize=style.SMALL)
    return style.save(figure, path)


def draw_band(axes: Axes, accuracy: Curves, what: str = "accuracy") -> None:
    """The mean over the seeds with a band of one standard deviation, steps on a log axis.

    Raises:
        BluraxError: if the curves are empty.
    """
    curves = 100 * _curves(accuracy)
    seeds, last = curves.shape
    steps, mean = np.arange(1, last + 1), curves.mean(axis=0)
    style.tidy(axes, "steps", f"{what} (%)")
    style.band(axes, steps, curves, style.EMPHASIS, alpha=0.2)
    if seeds > 1:
        axes.plot(steps, curves.T, color=style.EMPHASIS, alpha=0.25, linewidth=1.0)
    marker = "o" if last == 1 else ""
    axes.plot(steps, mean, marker=marker, color=style.EMPHASIS, linewidth=style.BOLD)
    style.log_steps(axes, style.round_steps(last))


def _curves(accuracy: Curves) -> np.ndarray:
    curves = np.atleast_2d(np.asarray(accuracy, float))
    require(curves.ndim == 2 and curves.size > 0, "The learning curve is empty: no step was made.")
    return curves
