"""A comparison in one call: learners and genomes next to tuned baselines."""

import dataclasses
import io as texts
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from blurax import io
from blurax.baselines import USUAL, Tuning, named
from blurax.engine import LOCAL, Evaluator
from blurax.errors import described, require
from blurax.experiments import compare as experiment
from blurax.experiments.compare import Compared
from blurax.experiments.compare_entrants import Entrant, entrant, found_file, read_entrant, sources
from blurax.experiments.compare_names import called
from blurax.experiments.compare_plan import Plan
from blurax.experiments.compare_tasks import own_tasks, task_sources
from blurax.experiments.compare_times import By, chosen
from blurax.experiments.compare_work import CellProgress
from blurax.frozen import to_json
from blurax.genome import Genome
from blurax.learner import Blur, Learner
from blurax.outer.space import name_of
from blurax.targets import labelled
from blurax.tasks import Task

WIDTH = 100
"""Columns of a comparison as text."""

Comparable = Genome | Learner | str | os.PathLike[str]
"""What can be compared: a genome, a learner, the name of a genome of the zoo, a file, or the
directory of a run."""

_THINGS = (Genome, Learner)

Points = tuple[tuple[int, ...], Float[np.ndarray, "seeds steps"]]
"""Numbers of steps, and the score of each seed after them."""


@dataclasses.dataclass(frozen=True)
class Comparison:
    """A finished comparison; `print` shows it as `blurax compare` does."""

    result: Compared
    """Every record, with the plan that it was measured by."""

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A row for each task, network, learner and number of steps, as a data frame takes it.

        `mean` and `std` are of the score on test examples over the seeds, from 0 to 1; `rate`,
        `schedule` and `network` are what the tuner chose, None for what is not tuned.
        """
        return [
            {
                "task": panel.task,
                "hidden": panel.net,
                "learner": record.learner,
                "steps": budget,
                "mean": record.mean(budget),
                "std": record.std(budget),
                "rate": choice.rate if choice else None,
                "schedule": choice.schedule.value if choice else None,
                "network": str(choice.arrangement) if choice else None,
            }
            for panel in self.result.panels
            for record in panel.records
            for budget, choice in zip(
                record.budgets, record.choices or (None,) * len(record.budgets), strict=True
            )
        ]

    @property
    def curves(self) -> dict[tuple[str, str, str], Points]:
        """The points of each curve by task, hidden layers and learner.

        A tuned baseline has a point for each budget, each of an episode of its own.
        """
        return {
            (panel.task, panel.net, record.learner): (
                (record.curve_steps, np.asarray(record.curve))
                if record.curve
                else (record.budgets, np.asarray(record.accuracy).T)
            )
            for panel in self.result.panels
            for record in panel.records
        }

    @property
    def stages(self) -> dict[tuple[str, str, str], Float[np.ndarray, "seeds stages stages"]]:
        """Of tasks in sequence, by task, hidden layers and learner: the score on stage j after i.

        What `blurax.forgetting` measures; without an entry for tasks that have no stages.
        """
        return {
            (panel.task, panel.net, record.learner): np.asarray(record.stages)
            for panel in self.result.panels
            for record in panel.records
            if record.stages
        }

    @property
    def times(self) -> list[dict[str, Any]]:
        """A row for each task, network and learner, and each network that was chosen for it.

        `seconds` is what a whole step takes, the median over the rounds in which all learners took
        turns; empty unless the comparison is by time.
        """
        return [
            {
                "task": panel.task,
                "hidden": panel.net,
                "learner": each.learner,
                "network": each.arrangement or None,
                "seconds": each.seconds,
                "machine": each.machine,
            }
            for panel in self.result.panels
            for each in panel.times
        ]

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain JSON: what `comparison.json` holds."""
        return to_json(self.result)

    def draw(self, path: str | os.PathLike[str], by: str = "steps") -> Path:
        """Draw all curves, with bands of one standard deviation over the seeds.

        On tasks in sequence alone: by stages, what is known of the stages so far, and of each one
        at the end.

        Args:
            by: steps, or time.

        Raises:
            BluraxError: if the file cannot be written, or no steps were timed.
        """
        # When used: they take half a second.
        from blurax.analysis.comparison_view import draw_records
        from blurax.analysis.stages_view import draw_compared
        from blurax.analysis.time_view import draw_times

        title = f"Mean and standard deviation over {self.result.plan.seeds} seeds, on test examples"
        rows = [
            [(f"{p.task} ({p.net})", p.records) for p in self.result.panels if p.task == task]
            for task in self.result.plan.tasks
        ]
        if chosen(by) is By.STEPS:
            panels = [panel for row in rows for panel in row]
            if all(record.stages for _, records in panels for record in records):
                return draw_compared(panels, path, title)
            return draw_records(rows, path, title)
        require(self.timed, "No steps were timed; compare by time: --by time.")
        timed = [
            [(f"{p.task} ({p.net})", p.records, p.times) for p in self.result.panels if p.task == t]
            for t in self.result.plan.tasks
        ]
        return draw_times(timed, path, title)

    @property
    def timed(self) -> bool:
        """Whether the comparison is also by time."""
        return all(panel.times for panel in self.result.panels)

    def __rich__(self) -> RenderableType:
        from blurax.analysis import time_view
        from blurax.analysis.compare_words import overall_lines, winner_line
        from blurax.analysis.comparison_view import LEGEND, comparison_table
        from blurax.analysis.plain import message
        from blurax.analysis.stages_view import stages_table

        parts: list[Table | Text] = []
        for panel in self.result.panels:
            title = f"{panel.task} ({panel.net}): test {labelled(panel.score)}"
            parts.append(comparison_table(title, panel.records, full=True))
            if any(record.stages for record in panel.records):
                parts.append(stages_table(panel.records, panel.chance))
            if len(panel.records) > 1:
                parts.append(Text(f"{message(winner_line(panel.records))}\n"))
            if panel.times:
                title = f"{panel.task} ({panel.net}): test {labelled(panel.score)} by time"
                parts.append(time_view.time_table(title, panel.records, panel.times))
        parts.append(Text(LEGEND, "dim"))
        lines = overall_lines([panel.records for panel in self.result.panels])
        if self.timed:
            parts.append(Text(time_view.LEGEND, "dim"))
            lines += time_view.ahead_lines([("", p.records, p.times) for p in self.result.panels])
        return Group(*parts, *(Text(message(line)) for line in lines))

    def __str__(self) -> str:
        file = texts.StringIO()
        Console(file=file, width=WIDTH).print(self)
        return file.getvalue()


def compare(
    learners: Comparable | Mapping[str, Comparable] | Sequence[Comparable] = (),
    *,
    tasks: str | Task | Sequence[str | Task] = ("digits",),
    hidden: str | Sequence[str] = ("128",),
    baselines: str | Sequence[str] = "rivals",
    budgets: Sequence[int] = (10, 20, 50, 100),
    seeds: int = 5,
    seed: int = 0,
    batch: int = 128,
    tuning: Tuning = USUAL,
    like: Learner | Mapping[str, Learner] | None = None,
    directory: str | os.PathLike[str] | None = None,
    by: str = "steps",
    callback: Callable[[CellProgress], None] = lambda progress: None,
    evaluator: Evaluator = LOCAL,
) -> Comparison:
    """Compare learners and genomes with baselines that are tuned for each number of steps.

    Learners and genomes are measured as they are, on test examples. For a learner whose learning
    rate or settings are to be tuned there is `blurax.add_baseline`.

    Args:
        learners: by the name that each is to have; in a list, a file is called after itself or its
            run, and a learner after its class.
        tasks: names, such as mnist:size=10, or tasks; of a task that no name stands for a directory
            holds a digest of its code and data, by which the same call finds out that it is the
            same one.
        hidden: the networks by their hidden layers, such as 256-128, 0 for none, or c8k5s2-16.
        baselines: names, or one, those of `blurax.add_baseline` among them; or a group: rivals (all
            that descend the gradient itself), feedback (those with feedback of another kind), all.
        budgets: the numbers of steps after which all are compared, growing.
        seeds: initial networks for each number, at least 2.
        seed: random seed.
        batch: examples in each step.
        tuning: what the tuner may choose from.
        like: of learner files a learner of the class, which gets their numbers; where there are
            several classes, by the name of the class, or by that of the learner in the comparison.
        directory: where cells are kept, so that the same call goes on where an earlier one stopped;
            in memory if None.
        by: steps; or time, for which the steps of all learners are timed in turns at the end.
        callback: called with what is done in each cell, and when it is finished; where there are
            several devices in threads of theirs, by one at a time.
        evaluator: the engine that measures cells, such as `blurax.engine.open_ray()`; another one
            changes no result.

    Raises:
        BluraxError: if something does not exist or does not fit, or the directory holds another
            comparison.
    """
    way = chosen(by)
    likes = {name_of(like): like} if isinstance(like, Learner) else dict(like or {})
    entrants = _entrants(learners, likes)
    several = (tasks,) if isinstance(tasks, str | Task) else tuple(tasks)
    own = own_tasks(several)
    met = named(_several(baselines))
    plan = Plan(
        tasks=tuple(task.name if isinstance(task, Task) else task for task in several),
        nets=_several(hidden),
        genomes=tuple(each.stamp for each in entrants),
        baselines=met,
        budgets=tuple(budgets),
        seeds=seeds,
        seed=seed,
        batch=batch,
        tuning=tuning,
        sources=sources(entrants, met) + task_sources(own),
    )
    if directory is None:
        experiment.check(plan, entrants, own)
        return Comparison(
            experiment.measure(plan, entrants, callback, own=own, by=way, evaluator=evaluator)
        )
    where = io.as_path(directory, "directory")
    mine = {each.name: each.learned for each in entrants if isinstance(each.learned, Learner)}
    with io.writing(where, experiment.COMPARISON):
        experiment.start(plan, entrants, where, own)
        found = Comparison(experiment.advance(where, callback, mine, own, way, evaluator))
        found.draw(where / experiment.PICTURE)
        if found.timed:
            found.draw(where / experiment.TIME_PICTURE, "time")
    return found


def _several(names: str | Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _entrants(
    learners: Comparable | Mapping[str, Comparable] | Sequence[Comparable],
    likes: Mapping[str, Learner],
) -> list[Entrant]:
    """What is compared, each with its name."""
    if isinstance(learners, Mapping):
        return [_entrant(name, each, likes) for name, each in learners.items()]
    one = isinstance(learners, (*_THINGS, str, os.PathLike))
    several: Sequence[Comparable] = [learners] if one else learners
    files = iter(called([str(each) for each in several if not isinstance(each, _THINGS)]))
    names = [_own_name(each) if isinstance(each, _THINGS) else next(files) for each in several]
    return [_entrant(name, each, likes) for name, each in zip(names, several, strict=True)]


def _own_name(learned: Genome | Learner) -> str:
    genome = isinstance(learned, Genome) or type(learned) is Blur
    return "genome" if genome else type(learned).__name__


def _entrant(name: str, learned: Comparable, likes: Mapping[str, Learner]) -> Entrant:
    if not isinstance(learned, _THINGS):
        require(
            isinstance(learned, str | os.PathLike),
            f"{name} is {described(learned)}; it takes a blurax.Genome, a blurax.Learner, or the "
            "name of a file.",
        )
        return read_entrant(name, found_file(io.as_path(learned, "learners")), likes)
    return entrant(name, learned)
