"""The cells of a comparison at work: measured here or by workers, kept, and told of."""

import dataclasses
import threading
from collections.abc import Callable
from functools import partial
from itertools import starmap
from pathlib import Path
from typing import Any

from blurax import io
from blurax.baselines import Record, StepTime, entries, time_steps
from blurax.engine import Evaluator
from blurax.engine.local import at_device
from blurax.experiments.compare_cells import cell_path, read_cell, write_cell
from blurax.experiments.compare_measure import Measure, Place, cell_key, measure_elsewhere
from blurax.experiments.compare_times import By, kept_times, times_path
from blurax.network import Network
from blurax.tasks import Task


@dataclasses.dataclass(frozen=True)
class CellProgress:
    """How far a comparison is."""

    done: int
    """Finished cells."""
    cells: int
    where: str
    """The cell at work."""
    doing: str
    """What is done in it; empty when it is finished."""


Callback = Callable[[CellProgress], None]


@dataclasses.dataclass(frozen=True)
class CellWork:
    """What measuring a cell takes."""

    measure: Measure
    directory: Path | None
    callback: Callback
    finished: list[str] = dataclasses.field(default_factory=list)
    kept: dict[Place, Record] = dataclasses.field(default_factory=dict)
    """What workers have measured, where there is no directory."""
    lock: Any = dataclasses.field(default_factory=threading.Lock)
    """Cells may be measured side by side; the callback is called by one at a time."""

    def cell(
        self, learner: str, place: tuple[int, int], task: Task, network: Network, device: Any
    ) -> Record:
        """The record of a learner on a task with a network, measured unless it is there already."""
        plan, (t, n) = self.measure.plan, place
        where = self._called(t, n, learner)

        def measured() -> Record:
            here, key = at_device((task, cell_key(plan, t, n)), device)
            return self.measure.record(learner, here, network, key, partial(self._tell, where))

        if self.directory is None:
            kept = self.kept.get((t, n, learner))
            record = measured() if kept is None else kept
        else:
            path = cell_path(self.directory, plan, plan.tasks[t], plan.nets[n], learner)
            if not io.exists(path):
                write_cell(path, measured())
            # Read back, so that a resumed comparison cannot differ from one that ran through.
            record = read_cell(path, plan, learner)
        if where not in self.finished:  # a worker's is told when it comes
            self._tell(where, "")
        return record

    def elsewhere(self, found: list[tuple[int, int]], evaluator: Evaluator) -> None:
        """Measure what is missing on the workers of an engine."""
        plan, directory = self.measure.plan, self.directory
        every = [(t, n, learner) for t, n in found for learner in plan.learners]

        def path(t: int, n: int, learner: str) -> Path | None:
            if directory is None:
                return None
            return cell_path(directory, plan, plan.tasks[t], plan.nets[n], learner)

        def keep(place: Place, record: Record) -> None:
            file = path(*place)
            if file is None:
                self.kept[place] = record
            else:
                write_cell(file, record)
            self._tell(self._called(*place), "")

        missing = {
            place: self._called(*place)
            for place, file in zip(every, starmap(path, every), strict=True)
            if file is None or not io.exists(file)
        }
        measure_elsewhere(self.measure, missing, evaluator, keep)

    def _called(self, t: int, n: int, learner: str) -> str:
        plan = self.measure.plan
        return f"{plan.tasks[t]}, {plan.nets[n]}, {learner}"

    def _tell(self, where: str, doing: str) -> None:
        with self.lock:
            self.finished.extend(() if doing else (where,))
            self.callback(CellProgress(len(self.finished), self.measure.plan.cells, where, doing))

    def times(
        self,
        place: tuple[int, int],
        records: tuple[Record, ...],
        task: Task,
        network: Network,
        by: By,
    ) -> tuple[StepTime, ...]:
        """What the steps take on a task with a network, timed unless it is there or not asked."""
        plan, (t, n) = self.measure.plan, place

        def measured() -> tuple[StepTime, ...]:
            self._tell(f"{plan.tasks[t]}, {plan.nets[n]}", "timing all steps in turns")
            entrants = self.measure.entrants.items()
            learned = {name: each.learner(network, task) for name, each in entrants}
            several = entries(records, learned, network, task)
            return time_steps(several, task, cell_key(plan, t, n), plan.batch)

        path = None if self.directory is None else times_path(self.directory, t, n)
        return kept_times(path, measured if by is By.TIME else tuple)
