"""What measuring a cell of a comparison takes, here or on a worker of an engine."""

import dataclasses
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
from jaxtyping import PRNGKeyArray

from blurax.baselines import (
    Baseline,
    Record,
    baseline,
    known_as,
    record_baseline,
    record_learner,
)
from blurax.engine import Evaluator, Job
from blurax.experiments.compare_entrants import Entrant
from blurax.experiments.compare_plan import Plan
from blurax.experiments.compare_tasks import OwnTasks
from blurax.fit import network_for
from blurax.frozen import from_json, to_json
from blurax.network import Network
from blurax.tasks import Task, get

Log = Callable[[str], None]
Place = tuple[int, int, str]
"""The number of the task and of the network in the plan, and the learner."""


@dataclasses.dataclass(frozen=True)
class Measure:
    """Measures cells; as the work of an engine it is called with a cell's place."""

    plan: Plan
    entrants: dict[str, Entrant]
    own: dict[str, Task]
    """Tasks of the user's own."""
    baselines: dict[str, Baseline]
    """Those of the user's own, which a worker does not know."""

    @classmethod
    def of(cls, plan: Plan, entrants: Sequence[Entrant], own: OwnTasks) -> "Measure":
        """For a comparison in this process."""
        known = {name: baseline(name) for name in plan.baselines}
        theirs = {name: each for name, each in known.items() if each.source}
        return cls(plan, {each.name: each for each in entrants}, dict(own), theirs)

    def __call__(self, t: int, n: int, learner: str) -> dict[str, Any]:
        """The record of a cell as JSON."""
        for name, each in self.baselines.items():
            known_as(name, each)
        name = self.plan.tasks[t]
        task = self.own[name] if name in self.own else get(name)
        network = network_for(task, self.plan.nets[n])
        key = cell_key(self.plan, t, n)
        return to_json(self.record(learner, task, network, key, lambda doing: None))

    def record(
        self, learner: str, task: Task, network: Network, key: PRNGKeyArray, log: Log
    ) -> Record:
        """What a learner reached on a task with a network.

        Args:
            log: called with what is being done.
        """
        plan = self.plan
        size: dict[str, Any] = {"seeds": plan.seeds, "batch": plan.batch}
        if learner in self.entrants:
            log("measuring on test examples")
            found = self.entrants[learner].learner(network, task)
            return record_learner(learner, found, task, key, plan.budgets, **size)
        return record_baseline(
            learner, network, task, key, plan.budgets, tuning=plan.tuning, log=log, **size
        )


def cell_key(plan: Plan, t: int, n: int) -> PRNGKeyArray:
    """One key for all learners of a task and network, whatever else the plan compares."""
    name = zlib.crc32(f"{plan.tasks[t]} {plan.nets[n]}".encode())
    return jax.random.fold_in(jax.random.key(plan.seed), name)


def measure_elsewhere(
    measure: Measure,
    cells: Mapping[Place, str],
    evaluator: Evaluator,
    keep: Callable[[Place, Record], None],
) -> None:
    """Measure cells on the workers of an engine; each is kept as soon as it is there.

    Args:
        cells: their places, and what they are called.
        keep: called in this thread with each, in whichever order.

    Raises:
        BluraxError: if the engine has no workers, or a cell fails wherever it is tried.
    """
    # What is tuned takes longest, and is not to be the last that one worker is at.
    places = sorted(cells, key=lambda place: place[2] in measure.entrants)
    jobs = [Job(cells[place], place) for place in places]
    if jobs:
        evaluator.prepare(measure)(jobs, lambda n, found: keep(places[n], from_json(Record, found)))
