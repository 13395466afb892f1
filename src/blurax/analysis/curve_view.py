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
from blurax.targets import labelled

Curves = Float[Array, "*seeds stops"] | Float[np.ndarray, "*seeds stops"]
"""The accuracy in the course of an episode, for several seeds or for one."""


def curve_table(
    accuracy: Curves,
    steps: Sequence[int] | None = None,
    what: str = "accuracy",
    stops: Sequence[int] | None = None,
) -> Table:
    """The accuracy in per cent, mean ± std over the seeds, at some steps.

    Args:
        steps: numbers from 1; those that are not on the curve are left out. None: 1, 2, 5, 10, ...
            and the last.
        what: the name of the score.
        stops: the steps after which the accuracy was measured; after each if None.

    Raises:
        BluraxError: if the curves are empty, or if none of the steps is on them.
    """
    curves, measured = _curves(accuracy, stops)
    seeds, last = len(curves), measured[-1]
    wanted = sorted({*style.round_steps(last), last} if steps is None else set(steps))
    shown = [step for step in wanted if step in measured]
    require(len(shown) > 0, f"The curve has the steps 1 to {last}; ask for one of them.")
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("steps", justify="right")
    table.add_column(labelled(what), justify="right")
    for step in shown:
        at = 100 * curves[:, measured.index(step)]
        spread = f" ± {at.std(ddof=1):.1f}" if seeds > 1 else ""
        table.add_row(f"{step:,}", f"{at.mean():.1f}{spread}")
    return table


def draw_curve(
    accuracy: Curves,
    path: str | os.PathLike[str],
    title: str,
    what: str = "accuracy",
    stops: Sequence[int] | None = None,
) -> Path:
    """Draw the curves of all seeds, their mean and their standard deviation.

    Args:
        what: the name of the score.
        stops: as in `curve_table`.

    Raises:
        BluraxError: if the curves are empty, or if the file cannot be written.
    """
    figure = style.new_figure(1100, 680, title)
    axes = figure.subplots()
    draw_band(axes, accuracy, what, stops)
    seeds = len(np.atleast_2d(accuracy))
    many = f"mean of {seeds} seeds, band: one standard deviation"
    axes.set_title(many if seeds > 1 else "one seed", loc="left", fontsize=style.SMALL)
    return style.save(figure, path)


def draw_band(
    axes: Axes, accuracy: Curves, what: str = "accuracy", stops: Sequence[int] | None = None
) -> None:
    """The mean over the seeds with a band of one standard deviation, steps on a log axis.

    Args:
        what: the name of the score.
        stops: as in `curve_table`.

    Raises:
        BluraxError: if the curves are empty.
    """
    shares, steps = _curves(accuracy, stops)
    curves = 100 * shares
    mean = curves.mean(axis=0)
    style.tidy(axes, "steps", labelled(what))
    style.band(axes, steps, curves, style.EMPHASIS, alpha=0.2)
    if len(curves) > 1:
        axes.plot(steps, curves.T, color=style.EMPHASIS, alpha=0.25, linewidth=1.0)
    marker = "o" if len(steps) == 1 else ""
    axes.plot(steps, mean, marker=marker, color=style.EMPHASIS, linewidth=style.BOLD)
    style.log_steps(axes, style.round_steps(steps[-1]))


def _curves(accuracy: Curves, stops: Sequence[int] | None) -> tuple[np.ndarray, list[int]]:
    """The curves `[seeds, stops]` and their stops."""
    curves = np.atleast_2d(np.asarray(accuracy, float))
    require(curves.ndim == 2 and curves.size > 0, "The learning curve is empty: no step was made.")
    return curves, list(stops or range(1, curves.shape[1] + 1))
