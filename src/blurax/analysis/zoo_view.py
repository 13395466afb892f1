"""The zoo for a person to read: its genomes in a table, and the sheet of one."""

from collections.abc import Iterable

from rich.table import Table

from blurax.analysis.genome_parts import size
from blurax.genome import Genome
from blurax.io import Provenance
from blurax.zoo import Row, Sheet


def zoo_table(found: Iterable[tuple[str, Genome, Provenance, Sheet]]) -> Table:
    """One line for each genome: its name, size, and what it is."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("genome", no_wrap=True)
    for header in ("k", "numbers"):
        table.add_column(header, justify="right")
    table.add_column("what it is")
    table.add_column("learned on")
    for name, genome, provenance, sheet in found:
        tasks = ", ".join(provenance.tasks) or "nothing, it is written down"
        table.add_row(name, str(genome.rule.states), str(size(genome)), sheet.about, tasks)
    return table


def sheet_table(sheet: Sheet) -> Table:
    """What a genome reached in each cell, and under it the best tuned baseline."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("task, hidden layers")
    table.add_column("learner")
    budgets = sorted({budget for row in sheet.rows for budget in row.budgets})
    for budget in budgets:
        table.add_column(f"{budget:,}", justify="right", no_wrap=True)
    for row in sheet.rows:
        mine = _cells(row, budgets, row.genome, row.genome_std)
        table.add_row(f"{row.task}, {row.net}", "genome", *mine, style="bold")
        if row.rival:
            best = _cells(row, budgets, row.rival_mean, row.rival_std, row.rival)
            table.add_row("", "best baseline", *best)
    return table


def tally(sheet: Sheet, budget: int) -> tuple[int, int, float]:
    """In how many cells the genome is ahead, of how many, and its mean lead in points."""
    leads = [
        100 * (row.genome[row.budgets.index(budget)] - row.rival_mean[row.budgets.index(budget)])
        for row in sheet.rows
        if row.rival and budget in row.budgets
    ]
    return sum(lead > 0 for lead in leads), len(leads), sum(leads) / max(1, len(leads))


def tally_lines(sheet: Sheet) -> list[str]:
    """Ahead in how many cells at each budget, and by how much in the mean."""
    lines = []
    for budget in sorted({budget for row in sheet.rows for budget in row.budgets}):
        won, cells, lead = tally(sheet, budget)
        if cells:
            lines.append(f"{budget:,} steps: ahead in {won} of {cells} cells, {lead:+.1f} points")
    return lines


def _cells(
    row: Row,
    budgets: list[int],
    mean: tuple[float, ...],
    std: tuple[float, ...],
    who: tuple[str, ...] = (),
) -> list[str]:
    texts = []
    for budget in budgets:
        if budget not in row.budgets:
            texts.append("")
            continue
        place = row.budgets.index(budget)
        name = f" {who[place]}" if who else ""
        texts.append(f"{100 * mean[place]:.1f} ± {100 * std[place]:.1f}{name}")
    return texts
