"""Genomes and learners next to tuned baselines, in a directory that can be resumed.

A cell is one learner on one task with one network. Each is written whole when it is finished, and
its random numbers depend on the seed, the task and the network alone: a comparison that is
interrupted anywhere goes on to the same bits.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType

from blurax import io
from blurax.baselines import Record, StepTime
from blurax.engine import LOCAL, Evaluator, Local
from blurax.engine.local import spread
from blurax.errors import require
from blurax.experiments.compare_cells import CELLS, read_as
from blurax.experiments.compare_entrants import GENOMES, Entrant, copy_path, read_entrant, sources
from blurax.experiments.compare_fit import check, check_sources, places
from blurax.experiments.compare_measure import Measure
from blurax.experiments.compare_plan import Plan
from blurax.experiments.compare_tasks import NONE, OwnTasks, check_tasks
from blurax.experiments.compare_times import TIMES, By
from blurax.experiments.compare_work import Callback, CellWork
from blurax.frozen import Checked, added, to_json
from blurax.learner import Learner
from blurax.version import __version__

PLAN, RESULT = "plan.json", "comparison.json"
PICTURE, TIME_PICTURE = "comparison.png", "comparison-by-time.png"
COMPARISON = "comparison"
"""What a directory of ours holds, for the sentence to a second writer."""


@dataclasses.dataclass(frozen=True)
class Panel(Checked):
    """What all learners reached on one task with one network."""

    task: str
    net: str
    score: str
    """What the score is called: accuracy, say."""
    records: tuple[Record, ...]
    times: tuple[StepTime, ...] = added(())
    """What the steps of each took; empty where they were not timed."""
    chance: float | None = added(None)
    """Of a task in stages the score of outputs that know nothing of the inputs."""


@dataclasses.dataclass(frozen=True)
class Compared(Checked):
    """A finished comparison."""

    plan: Plan
    panels: tuple[Panel, ...]

    def only(self, learners: Sequence[str]) -> "Compared":
        """The same of some learners alone, for a picture that can be read."""
        kept = [
            dataclasses.replace(
                panel,
                records=tuple(each for each in panel.records if each.learner in learners),
                times=tuple(each for each in panel.times if each.learner in learners),
            )
            for panel in self.panels
        ]
        return dataclasses.replace(self, panels=tuple(kept))


def start(plan: Plan, entrants: Sequence[Entrant], directory: Path, own: OwnTasks = NONE) -> None:
    """Make the directory of a comparison, or check that it holds this very one.

    Args:
        entrants: those of `plan.genomes`; their files are copied, so that the directory holds all
            numbers it needs; a copy that is lost or damaged is made again.
        own: tasks of the user's own, which the directory does not hold.

    Raises:
        BluraxError: as `check` does, and if the directory holds a comparison with other settings of
            which something is measured, another process writes into it, or the source of a learner
            cannot be found; nothing is written then.
    """
    check_sources(plan, entrants, own)
    check(plan, entrants, own)
    begin(plan, entrants, directory)


def begin(plan: Plan, entrants: Sequence[Entrant], directory: Path) -> None:
    """`start`, of a plan that has been checked."""
    with io.writing(directory, COMPARISON):
        # A plan of which nothing is measured holds nothing to lose.
        begun = io.exists(directory / CELLS)
        require(
            not begun or read_plan(directory) == plan,
            f"{directory} holds a comparison with other settings; name another with --directory.",
        )
        _check_places(directory)
        for each in entrants:
            copy = copy_path(directory, each.name)
            if not (copy.is_file() and copy.read_bytes() == each.file):
                io.write_bytes(copy, each.file)
        if not begun:
            io.write_json(directory / PLAN, to_json(plan))  # last: where it is, the rest is too


def read_plan(directory: Path) -> Plan:
    """The plan of the comparison in a directory.

    Raises:
        BluraxError: if there is none, or it is damaged.
    """
    path = directory / PLAN
    require(path.exists(), f"{directory} holds no comparison.")
    return read_as(Plan, path, f"{path} is damaged: it is not the plan of a comparison.")


def advance(
    directory: Path,
    callback: Callback = lambda progress: None,
    likes: Mapping[str, Learner] = MappingProxyType({}),
    own: OwnTasks = NONE,
    by: By = By.STEPS,
    evaluator: Evaluator = LOCAL,
) -> Compared:
    """Take a comparison to its end, cell by cell; cells that are there already are kept.

    Args:
        callback: called with what is done in each cell, and when it is finished.
        likes: learners of the classes of those in the comparison, by their name in it or by that of
            the class.
        own: the tasks of the user's own that it was started with.
        by: whether steps are timed too, in this process; what was timed before is kept either way.
        evaluator: the engine that measures cells; another one changes no result.

    Raises:
        BluraxError: if the directory holds no comparison, or a damaged one, another process writes
            into it, a learner's class is missing or not the one it was started with, or the engine
            has no workers.
    """
    read_plan(directory)  # before a lock makes the directory
    with io.writing(directory, COMPARISON):
        return _advance(directory, callback, likes, own, by, evaluator)


def _advance(
    directory: Path,
    callback: Callback,
    likes: Mapping[str, Learner],
    own: OwnTasks,
    by: By,
    evaluator: Evaluator,
) -> Compared:
    plan = read_plan(directory)
    require(
        plan.version == __version__,
        f"{directory} was started by blurax {plan.version}, this is {__version__}; "
        "name another directory.",
    )
    _check_places(directory)
    check_tasks(plan, own, directory)
    entrants = _entrants(plan, directory, likes)
    result = measure(plan, entrants, callback, directory, own, by, evaluator)
    io.write_json(directory / RESULT, to_json(result))
    return result


def measure(
    plan: Plan,
    entrants: Sequence[Entrant],
    callback: Callback = lambda progress: None,
    directory: Path | None = None,
    own: OwnTasks = NONE,
    by: By = By.STEPS,
    evaluator: Evaluator = LOCAL,
) -> Compared:
    """Measure the cells of a comparison; where there are several devices, a cell on each.

    Args:
        entrants: those of `plan.genomes`.
        directory: where cells are kept and found; nowhere if None.
        own: tasks of the user's own.
        by: whether steps are timed too.
        evaluator: the engine that measures cells.
    """
    work = CellWork(Measure.of(plan, entrants, own), directory, callback)
    found = list(places(plan, own))
    if not isinstance(evaluator, Local):
        work.elsewhere([place for place, _, _ in found], evaluator)
    records = spread([partial(work.cell, l, *place) for place in found for l in plan.learners])
    panels, each = [], len(plan.learners)
    for first, (place, task, network) in zip(range(0, len(records), each), found, strict=True):
        t, n = place
        own_records = tuple(records[first:][:each])
        times = work.times(place, own_records, task, network, by)  # nothing else is at work now
        score = task.target.score_name
        chance = task.target.chance if task.stages else None
        panels.append(Panel(plan.tasks[t], plan.nets[n], score, own_records, times, chance))
    return Compared(plan, tuple(panels))


def read(directory: Path) -> Compared:
    """Read what `advance` wrote at its end.

    Raises:
        BluraxError: if there is no such file, or not such a one.
    """
    path = directory / RESULT
    return read_as(Compared, path, f"{path} is not the result of a comparison.")


def _check_places(directory: Path) -> None:
    io.check_directory(directory, (PLAN, RESULT, PICTURE, TIME_PICTURE), (CELLS, GENOMES, TIMES))


def _entrants(plan: Plan, directory: Path, likes: Mapping[str, Learner]) -> list[Entrant]:
    """The genomes and learners of a comparison.

    Raises:
        BluraxError: if a copy is missing, or it or the code is not what the plan says.
    """
    entrants = []
    for file in plan.genomes:
        path = copy_path(directory, file.name)
        found = read_entrant(file.name, path, likes)
        require(file == found.stamp, f"{path} is not the genome that {directory} was started with.")
        entrants.append(found)
    now = {each.name: each.sha256 for each in sources(entrants, plan.baselines)}
    for name in plan.learners:
        require(
            now.get(name, "") == plan.source(name),
            f"The code of {name} is not that which {directory} was started with, and its cells "
            "would not be comparable; put it back, or name another directory.",
        )
    return entrants
