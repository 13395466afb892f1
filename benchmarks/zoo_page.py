"""The page of the documentation with every cell in which a genome of the zoo was measured."""

from collections.abc import Iterable

from blurax.analysis.zoo_view import tally
from blurax.zoo import Card, Row

INTRODUCTION = """\
# Every cell of the zoo

This page lists what each genome of [the zoo](zoo.md), and the learner `per-parameter`, reaches,
cell by cell.
Numbers are accuracy on test examples in %, mean and standard deviation over 5 initial networks,
batch size 128.

A genome runs as it is. "Best tuned" is the best of several baselines, each tuned for that column
alone ([how](../how-to/comparison.md)), and picked on the test examples, which favours it. Bold:
the genome is ahead. `blurax zoo NAME` prints the cells of one genome; `python benchmarks/keep.py`
makes this page.

"""


def cells_page(cards: Iterable[tuple[str, Card]]) -> str:
    """The page as Markdown: a section for each genome, by name, that was measured anywhere."""
    parts = [section(name, card) for name, card in cards if card.rows]
    return INTRODUCTION + "\n".join(parts)


def section(name: str, card: Card) -> str:
    """The cells of one genome, under what they come to in all."""
    budgets = sorted({budget for row in card.rows for budget in row.budgets})
    headers = " | ".join(f"{budget:,}" for budget in budgets)
    lines = [f"## `{name}`\n", f"{card.about[0].upper()}{card.about[1:]}.\n"]
    lines += _met(card) + _tallies(card, budgets) + _leads(card, budgets)
    lines += [f"| task | hidden layers | learner | {headers} |", "|---" * (3 + len(budgets)) + "|"]
    for row in _by_task(card.rows):
        lines.append(f"| `{row.task}` | {row.net} | `{name}` | {_mine(row, budgets)} |")
        if row.best:
            lines.append(f"| | | best tuned | {_baselines(row, budgets)} |")
    return "\n".join(lines + _lasting(card.lasting)) + "\n"


def _met(card: Card) -> list[str]:
    """The baselines of which the best is shown; where cells differ, in how many of them."""
    sets = [row.baselines for row in card.rows if row.best]
    counts = {names: sets.count(names) for names in sets}
    each = [
        ", ".join(names) + (f" in {count} of {len(sets)}" if len(counts) > 1 else "")
        for names, count in counts.items()
    ]
    return [f"Best tuned: the best of {'; of '.join(each)}.\n"] if each else []


def _tallies(card: Card, budgets: list[int]) -> list[str]:
    """A table of the cells it is ahead in, and the mean of its lead."""
    lines = ["| steps | ahead in | mean lead in points |", "|---|---|---|"]
    for budget in budgets:
        won, cells, lead = tally(card, budget)
        if cells:
            lines.append(f"| {budget:,} | {won} of {cells} | {lead:+.1f} |")
    return [*lines, ""] if len(lines) > 2 else []


def _leads(card: Card, budgets: list[int]) -> list[str]:
    """A matrix of tasks and networks: the lead over the best tuned at each number of steps."""
    rows = {(row.task, row.net): row for row in card.rows if row.best}
    if not rows:
        return []
    tasks, nets = (list(dict.fromkeys(names)) for names in zip(*rows, strict=True))
    steps = " / ".join(f"{budget:,}" for budget in budgets)
    lines = [f"Lead in points at {steps} steps, by hidden layers:\n"]
    lines += [f"| task | {' | '.join(nets)} |", "|---" * (1 + len(nets)) + "|"]
    for task in tasks:
        cells = [_lead(rows[task, net], budgets) if (task, net) in rows else "" for net in nets]
        lines.append(f"| `{task}` | {' | '.join(cells)} |")
    return [*lines, ""]


def _lead(row: Row, budgets: list[int]) -> str:
    """+4.5 / +3.2 / ...: in points, bold where the genome is ahead, a dash where unmeasured."""
    pairs = zip(row.genome, row.best_mean, strict=True)
    leads = {b: 100 * (m - r) for b, (m, r) in zip(row.budgets, pairs, strict=True)}
    said = {b: f"**{lead:+.1f}**" if lead > 0 else f"{lead:+.1f}" for b, lead in leads.items()}
    return " / ".join(said.get(budget, "–") for budget in budgets)


def _lasting(rows: tuple[Row, ...]) -> list[str]:
    """A table of long runs, with how far the end lies below the best of the row."""
    if not rows:
        return []
    budgets = sorted({budget for row in rows for budget in row.budgets})
    headers = " | ".join(f"{budget:,}" for budget in budgets)
    lines = [
        f"\nOver {budgets[-1]:,} steps, the genome alone, and how far its end is below its best:\n"
    ]
    lines += [f"| task | hidden layers | {headers} | below |", "|---" * (3 + len(budgets)) + "|"]
    for row in _by_task(rows):
        cells = zip(row.budgets, row.genome, row.genome_std, strict=True)
        columns = _columns({budget: _cell(m, std) for budget, m, std in cells}, budgets)
        below = 100 * (max(row.genome) - row.genome[-1])
        lines.append(f"| `{row.task}` | {row.net} | {columns} | {below:.1f} |")
    return lines


def _by_task(rows: tuple[Row, ...]) -> list[Row]:
    """The rows of each task together, tasks as they first appear."""
    tasks = list(dict.fromkeys(row.task for row in rows))
    return sorted(rows, key=lambda row: tasks.index(row.task))


def _mine(row: Row, budgets: list[int]) -> str:
    cells = []
    for place, budget in enumerate(row.budgets):
        ahead = bool(row.best) and row.genome[place] > row.best_mean[place]
        cells.append((budget, _cell(row.genome[place], row.genome_std[place], ahead)))
    return _columns(dict(cells), budgets)


def _baselines(row: Row, budgets: list[int]) -> str:
    each = zip(row.budgets, row.best, row.best_mean, row.best_std, strict=True)
    cells = {budget: f"{_cell(mean, std)} {who}" for budget, who, mean, std in each}
    return _columns(cells, budgets)


def _columns(cells: dict[int, str], budgets: list[int]) -> str:
    return " | ".join(cells.get(budget, "") for budget in budgets)


def _cell(mean: float, std: float, bold: bool = False) -> str:
    mark = "**" if bold else ""
    return f"{mark}{100 * mean:.1f} ± {100 * std:.1f}{mark}"
