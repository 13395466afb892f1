"""From a comparison to the card that a genome of the zoo carries."""

import dataclasses

from blurax.baselines import BASELINES, Record
from blurax.errors import require
from blurax.experiments.compare import Compared, Panel
from blurax.zoo import Card, Row

DIGITS = 4
"""Decimals of a score: a hundredth of a point."""


def card_of(compared: tuple[Compared, ...], learner: str, about: str, recipe: str) -> Card:
    """What a genome reached in comparisons, next to the best tuned baseline of each cell.

    Args:
        compared: comparisons of as many seeds, each with the genome among its learners.
        learner: the genome's name there.

    Raises:
        BluraxError: if the genome is missing in one, or they differ in their seeds.
    """
    seeds = {each.plan.seeds for each in compared}
    require(len(seeds) == 1, f"The comparisons have {sorted(seeds)} seeds; they take the same.")
    for each in compared:
        have = [genome.name for genome in each.plan.genomes]
        require(learner in have, f"A comparison has no genome {learner}; it has {', '.join(have)}.")
    rows = tuple(_row(panel, learner) for each in compared for panel in each.panels)
    return Card(about, recipe, seeds.pop(), rows)


def with_known_baselines(card: Card, other: Card) -> Card:
    """A card whose rows without baselines take over those of another genome's card.

    Baselines depend on the task, the network, the budgets and the seeds alone, so that they need
    not be tuned anew for each genome.

    Raises:
        BluraxError: if the cards differ in their seeds.
    """
    require(
        card.seeds == other.seeds,
        f"The cards have {card.seeds} and {other.seeds} seeds; they take the same.",
    )
    known = {(row.task, row.net, row.budgets): row for row in other.rows if row.best}

    def filled(row: Row) -> Row:
        theirs = known.get((row.task, row.net, row.budgets))
        if row.best or theirs is None:
            return row
        names = ("best", "best_mean", "best_std", "baselines")
        return dataclasses.replace(row, **{name: getattr(theirs, name) for name in names})

    return dataclasses.replace(card, rows=tuple(map(filled, card.rows)))


def with_baselines(card: Card, compared: tuple[Compared, ...]) -> Card:
    """A card whose rows with baselines also meet the baselines of other comparisons.

    At each budget the better stands in the row: the baseline that stood there, or the best of the
    baselines on the same task with the same network.

    Raises:
        BluraxError: if they differ in their seeds, or a comparison lacks a budget of its row.
    """
    seeds = {each.plan.seeds for each in compared} | {card.seeds}
    require(len(seeds) == 1, f"The card has {card.seeds} seeds, and all have {sorted(seeds)}.")
    panels = [panel for each in compared for panel in each.panels]
    return dataclasses.replace(card, rows=tuple(_against(row, panels) for row in card.rows))


def _against(row: Row, panels: list[Panel]) -> Row:
    records = [r for p in panels if (p.task, p.net) == (row.task, row.net) for r in p.records]
    baselines = [record for record in records if record.learner in BASELINES]
    if not row.best or not baselines:
        return row
    for baseline in baselines:
        missing = sorted(set(row.budgets) - set(baseline.budgets))
        require(not missing, f"{baseline.learner} on {row.task}, {row.net} lacks {missing} steps.")
    best = list(zip(row.best_mean, row.best_std, row.best, strict=True))
    for baseline in baselines:
        theirs = zip(*_numbers([baseline] * len(best), row.budgets), strict=True)
        pairs = zip(best, ((*numbers, baseline.learner) for numbers in theirs), strict=True)
        best = [max(pair, key=lambda one: one[0]) for pair in pairs]  # by the mean
    mean, std, names = zip(*best, strict=True)
    met = {*row.baselines, *(baseline.learner for baseline in baselines)}
    return dataclasses.replace(
        row, best=names, best_mean=mean, best_std=std, baselines=_ordered(met)
    )


def measured_again(card: Card, learner: str, compared: tuple[Compared, ...]) -> Card:
    """A card whose rows are replaced where the same was measured again, baselines and all.

    The same is the task, the network and the budgets, with this genome among the learners. Long
    episodes stay those of the genome alone.

    Args:
        learner: the genome's name in the comparisons.

    Raises:
        BluraxError: if they differ in their seeds.
    """
    seeds = {each.plan.seeds for each in compared} | {card.seeds}
    require(len(seeds) == 1, f"The card has {card.seeds} seeds, and all have {sorted(seeds)}.")
    panels = [panel for each in compared for panel in each.panels]
    new = [_row(p, learner) for p in panels if learner in [r.learner for r in p.records]]
    known = {(row.task, row.net, row.budgets): row for row in new}

    def replaced(rows: tuple[Row, ...]) -> tuple[Row, ...]:
        return tuple(known.get((row.task, row.net, row.budgets), row) for row in rows)

    lasting = tuple(map(alone, replaced(card.lasting)))
    return dataclasses.replace(card, rows=replaced(card.rows), lasting=lasting)


def alone(row: Row) -> Row:
    """The row without its baselines."""
    return dataclasses.replace(row, best=(), best_mean=(), best_std=(), baselines=())


def _ordered(names: set[str]) -> tuple[str, ...]:
    """Baselines in the order in which they are listed everywhere."""
    return tuple(name for name in BASELINES if name in names)


def _row(panel: Panel, learner: str) -> Row:
    found = {record.learner: record for record in panel.records}
    mine = found[learner]
    baselines = [found[name] for name in BASELINES if name in found]
    best = [
        max(baselines, key=lambda baseline: baseline.mean(b)) for b in mine.budgets if baselines
    ]
    mean, std = _numbers([mine] * len(mine.budgets), mine.budgets)
    best_mean, best_std = _numbers(best, mine.budgets)
    return Row(
        panel.task,
        panel.net,
        panel.score,
        mine.budgets,
        mean,
        std,
        tuple(baseline.learner for baseline in best),
        best_mean,
        best_std,
        _ordered({baseline.learner for baseline in baselines}),
    )


def _numbers(
    learners: list[Record], budgets: tuple[int, ...]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The mean and deviation of one learner for each budget."""
    pairs = list(zip(learners, budgets, strict=bool(learners)))
    means = tuple(round(one.mean(budget), DIGITS) for one, budget in pairs)
    return means, tuple(round(one.std(budget), DIGITS) for one, budget in pairs)
