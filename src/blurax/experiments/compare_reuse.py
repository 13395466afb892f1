"""Cells of an earlier comparison that a new one need not measure again."""

from pathlib import Path

from blurax import io
from blurax.errors import require
from blurax.experiments.compare import COMPARISON, read_plan
from blurax.experiments.compare_cells import cell_path, read_cell
from blurax.experiments.compare_plan import Plan
from blurax.experiments.compare_tasks import same_task

DECISIVE = ("budgets", "seeds", "seed", "batch", "tuning", "version")
"""What the number in a cell depends on beside its task, network and learner."""


def reuse(plan: Plan, directory: Path, other: Path) -> int:
    """Copy the finished cells of another comparison that this one shares.

    A genome's cell is shared where its file is the same, to the byte, and that of code of the
    user's own where the code is the same too.

    Args:
        plan: of the comparison in `directory`, which has been started.
        other: the directory of another comparison, finished or not.

    Returns:
        How many were copied.

    Raises:
        BluraxError: if there is no comparison in `other`, or one with other settings, whose
            numbers would not be comparable, or a damaged cell; or if another process writes into
            `directory`.
    """
    theirs = read_plan(other)
    for name in DECISIVE:
        mine, its = getattr(plan, name), getattr(theirs, name)
        require(
            mine == its,
            f"The comparison in {other} has {name} {its}, this one {mine}; their cells differ.",
        )
    copied = 0
    with io.writing(directory, COMPARISON):
        for task, net, learner in _shared(plan, theirs):
            source = cell_path(other, theirs, task, net, learner)
            target = cell_path(directory, plan, task, net, learner)
            if io.exists(source) and not io.exists(target):
                read_cell(source, theirs, learner)
                io.write_bytes(target, source.read_bytes())
                copied += 1
    return copied


def _shared(mine: Plan, theirs: Plan) -> list[tuple[str, str, str]]:
    same = {*mine.baselines} & {*theirs.baselines}
    same |= {genome.name for genome in mine.genomes if genome in theirs.genomes}
    return [
        (task, net, learner)
        for task in mine.tasks
        for net in mine.nets
        for learner in mine.learners
        if learner in same
        and same_task(task, mine, theirs)
        and mine.source(learner) == theirs.source(learner)
        and task in theirs.tasks
        and net in theirs.nets
    ]
