"""Learners side by side: a table for the terminal, curves for a picture."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from rich import box
from rich.table import Table
from rich.text import Text

from blurax.analysis import style
from blurax.analysis.plain import message
from blurax.baselines import Record
from blurax.errors import require

EDGE = "†"
FOOTNOTE = (
    f"{EDGE} the tuned learning rate stood at the edge of the grid: a wider grid might do better"
)


def comparison_table(
    title: str, records: Sequence[Record], notes: Sequence[Sequence[str]] = ()
) -> Table:
    """The test accuracy of each learner at each budget, in per cent, mean ± std over the seeds.

    The best mean of each column is bold; a tuned learning rate stands below its accuracy.

    Args:
        notes: what else stands below, for each learner and budget.

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
        table.add_column(f"{budget:,}", justify="right", no_wrap=True)
    nothing: Sequence[Sequence[str]] = [()] * len(records)
    for record, below in zip(records, notes or nothing, strict=True):
        cells = [_cell(b, record, records) for b in budgets]
        for cell, note in zip(cells, below, strict=False):
            cell.append(f"\n{note}", "not bold dim")
        table.add_row(_name(record), *cells)
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
    """An accuracy in per cent, such as 89.4 or 89.4±0.7: six of them fit into 80 columns."""
    return f"{100 * mean:.1f}" if std is None else f"{100 * mean:.1f}±{100 * std:.1f}"


def _name(record: Record) -> Text:
    name = message(record.learner)
    if is_learned(record):
        return Text(name, "bold")
    return Text.assemble(name, ("\n  at rate", "dim"))


def _cell(budget: int, record: Record, all_of_them: Sequence[Record]) -> Text:
    place = record.budgets.index(budget)
    mean = record.mean(budget)
    several = len(record.accuracy[place]) > 1
    best = mean == max(c.mean(budget) for c in all_of_them)
    number = percent(mean, record.std(budget) if several else None)
    text = Text(number, "bold" if best else "")
    if record.choices:
        choice = record.choices[place]
        text.append(f"\n{choice.rate:.2g}{EDGE if choice.at_edge else ''}", "not bold dim")
    return text


def draw_comparison(axes: Axes, records: Sequence[Record], legend: bool = True) -> None:
    """Accuracy against steps; an error bar is one standard deviation over the seeds.

    Raises:
        BluraxError: if there is nothing to compare, or if the budgets differ.
    """
    budgets = shared_budgets(records)
    style.tidy(axes, "steps", "test accuracy (%)")
    looks = iter(zip(style.PALETTE, style.MARKERS, strict=True))
    for place, record in enumerate(records):
        learned = is_learned(record)
        colour, marker = (style.EMPHASIS, "o") if learned else next(looks, (style.QUIET, "."))
        # Side by side, so that the error bars of learners alike can be told apart.
        shift = 1.035 ** (place - (len(records) - 1) / 2)
        axes.errorbar(
            np.asarray(budgets) * shift,
            [100 * record.mean(b) for b in budgets],
            [100 * record.std(b) for b in budgets],
            color=colour,
            marker=marker,
            markersize=9 if learned else 6,
            linewidth=style.BOLD if learned else style.THIN,
            elinewidth=style.THIN,
            capsize=3,
            zorder=4 if learned else 3,
            label=record.learner,
        )
    style.log_steps(axes, budgets)
    if legend:
        axes.legend(loc="lower right", fontsize=style.SMALL, framealpha=0.85, edgecolor="white")
