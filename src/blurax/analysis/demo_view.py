"""The demo in words, as tables and as one picture: nothing is said that the numbers do not say."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import RenderableType
from rich.text import Text

from blurax.analysis import style
from blurax.analysis.comparison_view import (
    Panel,
    comparison_table,
    draw_panels,
    is_learned,
    percent,
    shared_budgets,
)
from blurax.analysis.curve_view import Curves, curve_table, draw_band
from blurax.analysis.run_view import draw_validations
from blurax.baselines import Record
from blurax.errors import require
from blurax.outer.metrics import read_metrics

Long = tuple[str, Curves, Sequence[int]]
"""A long episode: where it was, the accuracy, and the steps after which that was measured."""


def demo_tables(panels: Sequence[Panel], long: Long) -> list[RenderableType]:
    """A table for each setting, and one of the long episode.

    Raises:
        BluraxError: if a setting has no learner, or learners with different budgets.
    """
    tables = [comparison_table(f"{name}: test accuracy (%)", records) for name, records in panels]
    return [*tables, Text(long_title(*long), "bold"), curve_table(long[1], stops=long[2])]


def draw_demo(
    panels: Sequence[Panel],
    long: Long,
    runs: dict[str, Path],
    path: str | os.PathLike[str],
) -> Path:
    """Draw the whole demo as one picture.

    Args:
        runs: the directories in which rules were learned, by what is written above each.

    Raises:
        BluraxError: if the run's log is missing or damaged, if a setting lacks a learned rule or an
            optimiser, or if the file cannot be written.
    """
    figure = style.new_figure(1500, 1000, headline(panels))
    above, below = style.stacked(figure, 5.0, 2.4)
    left, right = style.side_by_side(above, 1.0, 2.2)
    parts = style.stacked(left, *[1.0] * len(runs))
    for part, (title, directory) in zip(parts, runs.items(), strict=True):
        axes = part.subplots()
        draw_validations(axes, read_metrics(directory), legend=False)
        axes.set_ylabel("validation (%)")  # all that a short picture has room for
        style.heading(part, title)
    across = 3 if len(panels) == 3 else 2
    draw_panels(right, [panels[n : n + across] for n in range(0, len(panels), across)], 4)
    style.heading(right, "They teach networks (mean and standard deviation over the seeds)")
    axes = below.subplots()
    draw_band(axes, long[1], stops=long[2])
    axes.set_ylabel("test accuracy (%)")
    style.heading(below, long_title(*long))
    return style.save(figure, path)


def verdict(panels: Sequence[Panel]) -> str:
    """How often the learned rule is ahead of the best tuned optimiser, behind, or neither.

    The best optimiser of a cell is the one with the best mean on the test examples, which favours
    the optimisers. Two means are apart if they differ by more than the larger of their standard
    deviations over the seeds.

    Raises:
        BluraxError: if a setting lacks a learned rule or an optimiser.
    """
    ahead = behind = cells = 0
    for _, records in panels:
        for budget in shared_budgets(records):
            learned, tuned = _best(records, budget)
            difference = learned.mean(budget) - tuned.mean(budget)
            apart = abs(difference) > max(learned.std(budget), tuned.std(budget))
            cells += 1
            ahead += apart and difference > 0
            behind += apart and difference < 0
    return (
        f"Of {cells} cells (setting × step budget), {_name(panels)} is ahead of the best tuned "
        f"optimiser in {ahead}, behind in {behind} and within one standard deviation in "
        f"{cells - ahead - behind}."
    )


def headline(panels: Sequence[Panel]) -> str:
    """What the pictures of the demo show, in one sentence.

    Raises:
        BluraxError: if a setting lacks a learned rule or an optimiser.
    """
    require(len(panels) > 0, "The demo measured nothing: it has no setting.")
    budgets = shared_budgets(panels[0][1])
    learned, tuned = zip(*(_means(panels, budget) for budget in budgets), strict=True)
    many = len(panels)
    where = "in the one setting" if many == 1 else f"means over {many} settings"
    steps = " / ".join(f"{budget:,}" for budget in budgets)
    ours, theirs = (" / ".join(map(percent, means)) for means in (learned, tuned))
    return (
        f"After {steps} steps {_name(panels)} reaches {ours} % and the best tuned optimiser "
        f"{theirs} % ({where})"
    )


def long_title(setting: str, accuracy: Curves, stops: Sequence[int]) -> str:
    """What became of the learned rule in the long episode."""
    mean = np.asarray(accuracy, float).mean(axis=0)
    return (
        f"The learned rule over {stops[-1]:,} steps of {setting}: "
        f"{percent(mean.max())} % at best, {percent(mean[-1])} % at the end"
    )


def _name(panels: Sequence[Panel]) -> str:
    """The first learned rule, which the words are about."""
    return next((c.learner for _, records in panels for c in records if is_learned(c)), "none")


def _best(records: Sequence[Record], budget: int) -> tuple[Record, Record]:
    """The first learned rule and the best tuned optimiser at a budget."""
    learned = [c for c in records if is_learned(c)]
    tuned = [c for c in records if not is_learned(c)]
    require(
        len(learned) > 0 and len(tuned) > 0,
        "A verdict needs a learned rule and a tuned optimiser in every setting.",
    )
    return learned[0], max(tuned, key=lambda c: c.mean(budget))


def _means(panels: Sequence[Panel], budget: int) -> tuple[float, float]:
    """The learned rule and the best tuned optimiser of each setting, averaged over the settings."""
    pairs = [_best(records, budget) for _, records in panels]
    means = np.mean([[c.mean(budget) for c in pair] for pair in pairs], axis=0)
    return float(means[0]), float(means[1])
