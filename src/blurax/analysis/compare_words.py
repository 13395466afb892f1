"""Who wins at each step budget and by how much, in one line."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from blurax.analysis.comparison_view import is_learned, shared_budgets
from blurax.baselines import Record, strongest
from blurax.errors import require


@dataclasses.dataclass(frozen=True)
class Win:
    """The best learner at one budget, and the one it is measured against."""

    budget: int
    winner: str
    best: str
    margin: float
    """By how much its mean is higher, from 0 to 1."""
    apart: bool
    """Whether the margin is more than the larger of the two standard deviations over the seeds."""


def wins(records: Sequence[Record]) -> list[Win]:
    """The winner of each budget.

    It is measured against the best learner of the other kind, a genome against the best tuned
    baseline and the reverse; where all are of one kind, against the second best. The best baseline
    is the best on the test examples, which favours the baselines.

    Raises:
        BluraxError: if there are fewer than two learners, or their budgets differ.
    """
    budgets = shared_budgets(records)
    require(len(records) > 1, "A winner needs a baseline; one learner was measured.")
    return [_win(records, budget) for budget in budgets]


def _win(records: Sequence[Record], budget: int) -> Win:
    first, *others = sorted(records, key=lambda c: c.mean(budget), reverse=True)
    of_other_kind = [c for c in others if is_learned(c) != is_learned(first)]
    second = (of_other_kind or others)[0]
    margin = first.mean(budget) - second.mean(budget)
    apart = margin > max(first.std(budget), second.std(budget))
    return Win(budget, first.learner, second.learner, margin, apart)


def winner_line(records: Sequence[Record]) -> str:
    """Who wins at each budget and by how many points, in one line; ~ marks what may be chance.

    Raises:
        BluraxError: if there are fewer than two learners, or their budgets differ.
    """
    return "; ".join(
        f"{win.budget:,} steps: {win.winner} {'' if win.apart else '~'}+{100 * win.margin:.1f} "
        f"over {win.best}"
        for win in wins(records)
    )


def overall_lines(panels: Sequence[Sequence[Record]]) -> list[str]:
    """How far each genome is from the best baseline, averaged over tasks and networks.

    The best baseline is the best on the test examples, which favours the baselines, or, where there
    are several, the one with the best validation.

    Args:
        panels: the same learners for each task and network.

    Returns:
        A line for each genome and each best; none where there is no baseline.

    Raises:
        BluraxError: if there is nothing to compare, or the budgets differ.
    """
    budgets = shared_budgets([record for panel in panels for record in panel])
    baselines = [[c for c in panel if not is_learned(c)] for panel in panels]
    if not all(baselines):
        return []
    bests = {
        "the best tuned baseline of each cell": lambda tuned, budget: max(
            tuned, key=lambda c: c.mean(budget)
        ),
        "the baseline with the best validation": strongest,
    }
    several = any(len(tuned) > 1 for tuned in baselines)
    lines = []
    for genomes in zip(*([c for c in panel if is_learned(c)] for panel in panels), strict=True):
        for words, best_of in list(bests.items())[: 2 if several else 1]:
            parts = []
            for budget in budgets:
                best = [best_of(tuned, budget).mean(budget) for tuned in baselines]
                ahead = np.array([genome.mean(budget) for genome in genomes]) - np.array(best)
                won = f"{int((ahead > 0).sum())} of {len(ahead)} won"
                parts.append(f"{budget:,} steps {100 * ahead.mean():+.1f} ({won})")
            lines.append(f"{genomes[0].learner} against {words}: {', '.join(parts)}")
    return lines
