"""The demo as tables, as one picture and as one honest sentence."""

import os
from pathlib import Path

import numpy as np
from rich.console import RenderableType
from rich.text import Text

from blurax.analysis import style
from blurax.analysis.comparison_view import comparison_table, draw_comparison
from blurax.analysis.curve_view import curve_table, draw_band
from blurax.analysis.demo_words import DemoResult, headline, long_title, name, verdict
from blurax.analysis.run_view import draw_validations
from blurax.outer.metrics import read_metrics

__all__ = ["DemoResult", "demo_tables", "draw_demo", "verdict"]


def demo_tables(result: DemoResult) -> list[RenderableType]:
    """A table for each setting, and one of the long episode.

    Raises:
        BluraxError: if a setting has no learner, or learners with different budgets.
    """
    tables: list[RenderableType] = [
        comparison_table(f"{name(each.setting)}: test accuracy (%)", each.records)
        for each in result.settings
    ]
    long = curve_table(np.asarray(result.long_run))
    title = Text(f"The learned rule over {long_title(result)}", "bold")
    return [*tables, title, long]


def draw_demo(result: DemoResult, metrics_directory: Path, path: str | os.PathLike[str]) -> Path:
    """Draw the whole demo as one picture.

    Args:
        metrics_directory: the run directory in which the rule was learned.

    Raises:
        BluraxError: if the run's log is missing or damaged, if a setting lacks a learned rule or an
            optimiser, or if the file cannot be written.
    """
    figure = style.new_figure(1500, 1000, headline(result))
    above, below = style.stacked(figure, 5.0, 2.4)
    left, right = style.side_by_side(above, 1.0, 2.2)
    learning = left.subplots()
    draw_validations(learning, read_metrics(metrics_directory))
    style.heading(left, "The rule is learned")
    _draw_settings(right, result)
    long = below.subplots()
    draw_band(long, np.asarray(result.long_run))
    long.set_ylabel("test accuracy (%)")
    style.heading(below, f"The learned rule over {long_title(result)}")
    return style.save(figure, path)


def _draw_settings(canvas: style.SubFigure, result: DemoResult) -> None:
    columns = min(2, len(result.settings))
    rows = -(-len(result.settings) // columns)
    grid = canvas.subplots(rows, columns, squeeze=False)
    for number, axes in enumerate(grid.flatten()):
        if number >= len(result.settings):
            axes.remove()
            continue
        setting = result.settings[number].setting
        draw_comparison(axes, result.settings[number].records, legend=False)
        axes.set_title(name(setting), loc="left", fontsize=style.SMALL, parse_math=False)
        axes.set_xlabel("steps" if number >= len(result.settings) - columns else "")
        axes.set_ylabel("test accuracy (%)" if number % columns == 0 else "")
    style.heading(canvas, "It teaches networks (mean and standard deviation over the seeds)")
    curves, names = grid[0, 0].get_legend_handles_labels()
    canvas.legend(
        curves, names, loc="outside lower center", ncols=4, fontsize=style.SMALL, frameon=False
    )
