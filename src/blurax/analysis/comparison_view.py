"""Learners side by side: a table for the terminal, curves for a picture."""

import itertools
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from rich import box
from rich.table import Table
from rich.text import Text

from blurax.analysis import style
from blurax.analysis.plain import message
from blurax.baselines import Choice, Record, strongest
from blurax.curves import Schedule
from blurax.errors import require

EDGE = "†"
FOOTNOTE = (
    f"{EDGE} the tuned learning rate stood at the edge of the grid: a wider grid might do better"
)
LEGEND = (
    "Below an accuracy stand the learning rate and the network that the tuner chose; "
    "bn: batch normalisation (ln, gn, cn: over the layer, both, crosses), cos: cosine schedule."
)
PANEL = (620, 430)
"""Pixels of one panel."""

Panel = tuple[str, Sequence[Record]]
"""A title, and the learners on one task with one network."""


def comparison_table(title: str, records: Sequence[Record], full: bool = False) -> Table:
    """The test accuracy of each learner at each budget, in per cent, mean ± std over the seeds.

    The best mean of each column is bold; a tuned learning rate stands below its accuracy.

    Args:
        full: whether the network that the tuner chose stands there too, and in a last row, where
            there are several baselines, the one with the best validation.

    Raises:
        BluraxError: if there is nothing to compare, or if the budgets differ.
    """
    budgets = shared_budgets(records)
    at_edge = any(choice.at_edge for record in records for choice in record.choices)
    table = Table(
        title=Text(message(title), "bold"),
        title_justify="left",
        caption=Text(FOOTNOTE, "dim") if at_edge else None,
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        header_style="dim",
        pad_edge=False,
    )
    table.add_column("steps", no_wrap=True)
    for budget in budgets:
        # Where it is narrow, columns wrap, the widest first: what was chosen, and no name is cut.
        table.add_column(f"{budget:,}", justify="right", overflow="fold")
    for record in records:
        table.add_row(_name(record), *(_cell(b, record, records, full) for b in budgets))
    tuned = [record for record in records if not is_learned(record)]
    if full and len(tuned) > 1:
        table.add_row(best_name(), *(_best(budget, tuned) for budget in budgets))
    return table


def shared_budgets(records: Sequence[Record]) -> tuple[int, ...]:
    """The budgets of all learners.

    Raises:
        BluraxError: if there is no learner, or if the budgets differ.
    """
    require(len(records) > 0, "There is nothing to compare: no learner was measured.")
    budgets = records[0].budgets
    require(
        all(c.budgets == budgets for c in records),
        "The learners were measured at different step budgets; measure them at the same ones.",
    )
    return budgets


def is_learned(record: Record) -> bool:
    """Whether a learner is a genome, which has no learning rate to tune."""
    return not record.choices


def percent(mean: float, std: float | None = None) -> str:
    """An accuracy in per cent, such as 89.4 or 89.4±0.7: six of these fit into 80 columns.

    So beside a deviation 100.0 is 100, and a deviation of 10 and more has no decimals.
    """
    if std is None:
        return f"{100 * mean:.1f}"
    number, spread = f"{100 * mean:.1f}", f"{100 * std:.1f}"
    short = "100" if number == "100.0" else number
    return f"{short}±{spread if len(spread) < 4 else f'{100 * std:.0f}'}"


def _name(record: Record) -> Text:
    name = message(record.learner)
    if is_learned(record):
        return Text(name, "bold")
    if all(choice.rate is None for choice in record.choices):
        return Text(name)
    return Text.assemble(name, ("\n  at rate", "dim"))


def _cell(budget: int, record: Record, all_of_them: Sequence[Record], networks: bool) -> Text:
    place = record.budgets.index(budget)
    mean = record.mean(budget)
    several = len(record.accuracy[place]) > 1
    best = mean == max(c.mean(budget) for c in all_of_them)
    number = percent(mean, record.std(budget) if several else None)
    text = Text(number, "bold" if best else "")
    if record.choices:
        choice = record.choices[place]
        edge = EDGE if choice.at_edge else ""
        below = "" if choice.rate is None else f"\n{choice.rate:.2g}{edge}"
        text.append(f"{below}\n{_short(choice)}" if networks else below, "not bold dim")
    return text


def best_name() -> Text:
    """What the row of the baselines' best is called."""
    return Text.assemble("best baseline", ("\n  by validation", "dim"))


def _best(budget: int, tuned: Sequence[Record]) -> Text:
    """The test accuracy of the baseline with the best validation, and its name."""
    found = strongest(tuned, budget)
    number = percent(found.mean(budget), found.std(budget))
    return Text.assemble(number, (f"\n{message(found.learner)}", "dim"))


def _short(choice: Choice) -> str:
    """A choice in few letters, such as tanh·bn·cos."""
    words = choice.arrangement.words("{0[0]}n")  # the first letter of what it goes over
    return "·".join((*words, "cos") if choice.schedule is Schedule.COSINE else words)


def draw_records(
    panels: Sequence[Sequence[Panel]], path: str | os.PathLike[str], title: str
) -> Path:
    """Draw all curves, with bands of one standard deviation over the seeds.

    Args:
        panels: a row for each task, and in it a panel for each network, as many in every row.

    Raises:
        BluraxError: if there is nothing to draw, or the file cannot be written.
    """
    require(
        bool(panels) and all(records for row in panels for _, records in row),
        "There is nothing to draw: no learner was measured.",
    )
    columns = max(len(row) for row in panels)
    figure = style.new_figure(PANEL[0] * columns, PANEL[1] * len(panels) + 150, title)
    draw_panels(figure, panels, 3 * columns + 1)
    return style.save(figure, path)


def draw_panels(canvas: style.Canvas, panels: Sequence[Sequence[Panel]], across: int) -> None:
    """Draw rows of panels, and below them their legend, so many names in a line of it."""
    grid = canvas.subplots(len(panels), max(len(row) for row in panels), squeeze=False)
    for row, line in zip(grid, panels, strict=True):
        for axes, panel in itertools.zip_longest(row, line):
            if panel is None:
                axes.remove()
            else:
                _draw_panel(axes, panel[0], panel[1])
    for axes in grid[:-1].flatten():
        axes.set_xlabel("")
    for axes in grid[:, 1:].flatten():
        axes.set_ylabel("")
    style.legend_below(canvas, grid[0, 0], across)


def _draw_panel(axes: Axes, name: str, records: Sequence[Record]) -> None:
    style.tidy(axes, "steps", "test score (%)")
    for record, look in zip(records, looks(records), strict=True):
        _draw_record(axes, record, look)
    style.log_steps(axes, sorted({1, *records[0].budgets}))
    axes.set_title(name, loc="left", fontsize=style.SMALL, parse_math=False)


Look = tuple[str, str, str]
"""A colour, a marker and a line."""


def looks(records: Sequence[Record]) -> list[Look]:
    """How each learner is drawn: none like another."""
    learned = (
        (style.EMPHASIS, marker, line)
        for marker in itertools.cycle(("o", *style.MARKERS))
        for line in ("-", "--", ":", "-.")
    )
    tuned = (
        (colour, marker, line)
        for line in itertools.cycle(("-", "--", ":"))
        for colour, marker in zip(style.PALETTE, style.MARKERS, strict=True)
    )
    return [next(learned if is_learned(record) else tuned) for record in records]


def _draw_record(axes: Axes, record: Record, look: Look) -> None:
    """A genome's episode as a curve; a baseline's tuned episodes joined from budget to budget."""
    if record.curve:
        steps, values = record.curve_steps, 100 * np.asarray(record.curve)
    else:
        steps, values = record.budgets, 100 * np.asarray(record.accuracy).T
    draw_curve(axes, np.array(steps, float), values, record, *look)


def draw_curve(
    axes: Axes,
    steps: np.ndarray,
    values: np.ndarray,
    record: Record,
    colour: str,
    marker: str,
    line: str,
) -> None:
    """The mean over the seeds and a band around it.

    Args:
        steps: or seconds.
        values: `[seeds, steps]`, in per cent.
    """
    bold = is_learned(record)
    above = 4 if bold else 3
    style.band(axes, steps, values, colour, alpha=0.22 if bold else 0.1, zorder=above - 2)
    axes.plot(
        steps,
        values.mean(axis=0),
        color=colour,
        linestyle=line,
        marker=marker,
        markersize=7 if bold else 5,
        linewidth=style.BOLD if bold else style.THIN,
        zorder=above,
        label=record.learner,
    )
