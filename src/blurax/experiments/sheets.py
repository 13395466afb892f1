"""From a comparison to the sheet that a genome of the zoo carries."""

import dataclasses

from blurax.baselines import BASELINES, Record
from blurax.errors import require
from blurax.experiments.compare import Compared, Panel
from blurax.zoo import Row, Sheet

DIGITS = 4
"""Decimals of a score: a hundredth of a point."""


def sheet_of(compared: tuple[Compared, ...], learner: str, about: str, recipe: str) -> Sheet:
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
    return Sheet(about, recipe, seeds.pop(), rows)


def with_rivals(sheet: Sheet, other: Sheet) -> Sheet:
    """A sheet whose rows without baselines take over those of another genome's sheet.

    Baselines depend on the task, the network, the budgets and the seeds alone, so that they need
    not be tuned anew for each genome.

    Raises:
        BluraxError: if the sheets differ in their seeds.
    """
    require(
        sheet.seeds == other.seeds,
        f"The sheets have {sheet.seeds} and {other.seeds} seeds; they take the same.",
    )
    known = {(row.task, row.net, row.budgets): row for row in other.rows if row.rival}

    def filled(row: Row) -> Row:
        theirs = known.get((row.task, row.net, row.budgets))
        if row.rival or theirs is None:
            return row
        names = ("rival", "rival_mean", "rival_std", "baselines")
        return dataclasses.replace(row, **{name: getattr(theirs, name) for name in names})

    return dataclasses.replace(sheet, rows=tuple(map(filled, sheet.rows)))


def with_baselines(sheet: Sheet, compared: tuple[Compared, ...]) -> Sheet:
    """A sheet whose rows with rivals also meet the baselines of other comparisons.

    At each budget the better stands in the row: the rival that stood there, or the best of the
    baselines on the same task with the same network.

    Raises:
        BluraxError: if they differ in their seeds, or a comparison lacks a budget of its row.
    """
    seeds = {each.plan.seeds for each in compared} | {sheet.seeds}
    require(len(seeds) == 1, f"The sheet has {sheet.seeds} seeds, and all have {sorted(seeds)}.")
    panels = [panel for each in compared for panel in each.panels]
    return dataclasses.replace(sheet, rows=tuple(_against(row, panels) for row in sheet.rows))


def _against(row: Row, panels: list[Panel]) -> Row:
    records = [r for p in panels if (p.task, p.net) == (row.task, row.net) for r in p.records]
    rivals = [record for record in records if record.learner in BASELINES]
    if not row.rival or not rivals:
        return row
    for rival in rivals:
        missing = sorted(set(row.budgets) - set(rival.budgets))
        require(not missing, f"{rival.learner} on {row.task}, {row.net} lacks {missing} steps.")
    best = list(zip(row.rival_mean, row.rival_std, row.rival, strict=True))
    for rival in rivals:
        theirs = zip(*_numbers([rival] * len(best), row.budgets), strict=True)
        pairs = zip(best, ((*numbers, rival.learner) for numbers in theirs), strict=True)
        best = [max(pair, key=lambda one: one[0]) for pair in pairs]  # by the mean
    mean, std, names = zip(*best, strict=True)
    met = {*row.baselines, *(rival.learner for rival in rivals)}
    return dataclasses.replace(
        row, rival=names, rival_mean=mean, rival_std=std, baselines=_ordered(met)
    )


def measured_again(sheet: Sheet, learner: str, compared: tuple[Compared, ...]) -> Sheet:
    """A sheet whose rows are replaced where the same was measured again, rivals and all.

    The same is the task, the network and the budgets, with this genome among the learners. Long
    lessons stay those of the genome alone.

    Args:
        learner: the genome's name in the comparisons.

    Raises:
        BluraxError: if they differ in their seeds.
    """
    seeds = {each.plan.seeds for each in compared} | {sheet.seeds}
    require(len(seeds) == 1, f"The sheet has {sheet.seeds} seeds, and all have {sorted(seeds)}.")
    panels = [panel for each in compared for panel in each.panels]
    new = [_row(p, learner) for p in panels if learner in [r.learner for r in p.records]]
    known = {(row.task, row.net, row.budgets): row for row in new}

    def replaced(rows: tuple[Row, ...]) -> tuple[Row, ...]:
        return tuple(known.get((row.task, row.net, row.budgets), row) for row in rows)

    lasting = tuple(map(alone, replaced(sheet.lasting)))
    return dataclasses.replace(sheet, rows=replaced(sheet.rows), lasting=lasting)


def alone(row: Row) -> Row:
    """The row without its rivals."""
    return dataclasses.replace(row, rival=(), rival_mean=(), rival_std=(), baselines=())


def _ordered(names: set[str]) -> tuple[str, ...]:
    """Baselines in the order in which they are listed everywhere."""
    return tuple(name for name in BASELINES if name in names)


def _row(panel: Panel, learner: str) -> Row:
    found = {record.learner: record for record in panel.records}
    mine = found[learner]
    rivals = [found[name] for name in BASELINES if name in found]
    best = [max(rivals, key=lambda rival: rival.mean(b)) for b in mine.budgets if rivals]
    mean, std = _numbers([mine] * len(mine.budgets), mine.budgets)
    rival_mean, rival_std = _numbers(best, mine.budgets)
    return Row(
        panel.task,
        panel.net,
        panel.score,
        mine.budgets,
        mean,
        std,
        tuple(rival.learner for rival in best),
        rival_mean,
        rival_std,
        _ordered({rival.learner for rival in rivals}),
    )


def _numbers(
    learners: list[Record], budgets: tuple[int, ...]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The mean and deviation of one learner for each budget."""
    pairs = list(zip(learners, budgets, strict=bool(learners)))
    means = tuple(round(one.mean(budget), DIGITS) for one, budget in pairs)
    return means, tuple(round(one.std(budget), DIGITS) for one, budget in pairs)
