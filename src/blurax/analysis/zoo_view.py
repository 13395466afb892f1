"""The zoo for a person to read: its genomes in a table, and the card of one."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from blurax.analysis.genome_parts import size
from blurax.analysis.plain import message
from blurax.genome import Genome
from blurax.io import Provenance
from blurax.zoo import Card, Row


def zoo_table(found: Iterable[tuple[str, Genome, Provenance, Card]]) -> Table:
    """One line for each genome: its name, size, and what it is."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("genome", no_wrap=True)
    for header in ("k", "numbers"):
        table.add_column(header, justify="right")
    table.add_column("what it is")
    table.add_column("learned on")
    for name, genome, provenance, card in found:
        tasks = ", ".join(provenance.tasks) or "nothing, it is written down"
        words = message(card.about), message(tasks)
        table.add_row(name, str(genome.rule.states), str(size(genome)), *words)
    return table


def learners_table(found: Iterable[tuple[str, str, Mapping[str, Any], Provenance, Card]]) -> Table:
    """One line for each learner: its name, class, size, and what it is."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("learner", no_wrap=True)
    table.add_column("class", no_wrap=True)
    table.add_column("numbers", justify="right")
    table.add_column("what it is")
    table.add_column("learned on")
    for name, kind, tensors, provenance, card in found:
        numbers = sum(tensor.size for tensor in tensors.values())
        words = message(card.about), message(", ".join(provenance.tasks))
        table.add_row(name, message(kind), str(numbers), *words)
    return table


def card_view(card: Card) -> Group:
    """What a genome reached in each cell, and under it the best tuned baseline.

    Wide enough for 80 columns: of long episodes only what comes after the first hundred steps.
    """
    pieces: list[RenderableType] = []
    for row in card.rows:
        pieces += [_title(row), _row_table(row), Text()]
    for row in map(_late, card.lasting):
        pieces += [
            Text.assemble(_title(row), f", over {row.budgets[-1]:,} steps"),
            _row_table(row),
            Text(),
        ]
    return Group(*pieces)


def _title(row: Row) -> Text:
    return Text(message(f"{row.task}, hidden layers {row.net}"), "bold")


def _late(row: Row) -> Row:
    """A row of a genome alone, from 100 steps on."""
    first = next(place for place, budget in enumerate(row.budgets) if budget >= 100)
    budgets, genome, std = row.budgets[first:], row.genome[first:], row.genome_std[first:]
    return dataclasses.replace(row, budgets=budgets, genome=genome, genome_std=std)


def _row_table(row: Row) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("steps", no_wrap=True)
    for budget in row.budgets:
        table.add_column(f"{budget:,}", justify="right", no_wrap=True)
    table.add_row("as it is", *_cells(row.genome, row.genome_std))
    if row.best:
        table.add_row("tuned", *_cells(row.best_mean, row.best_std))
        table.add_row("", *map(message, row.best))
    return table


def tally(card: Card, budget: int) -> tuple[int, int, float]:
    """In how many cells the genome is ahead, of how many, and its mean lead in points."""
    leads = [
        100 * (row.genome[row.budgets.index(budget)] - row.best_mean[row.budgets.index(budget)])
        for row in card.rows
        if row.best and budget in row.budgets
    ]
    return sum(lead > 0 for lead in leads), len(leads), sum(leads) / max(1, len(leads))


def tally_lines(card: Card) -> list[str]:
    """Ahead in how many cells at each budget, and by how much in the mean."""
    lines = []
    for budget in sorted({budget for row in card.rows for budget in row.budgets}):
        won, cells, lead = tally(card, budget)
        if cells:
            lines.append(f"{budget:,} steps: ahead in {won} of {cells} cells, {lead:+.1f} points")
    return lines


def _cells(mean: tuple[float, ...], std: tuple[float, ...]) -> list[str]:
    return [f"{100 * m:.1f} ± {100 * s:.1f}" for m, s in zip(mean, std, strict=True)]
