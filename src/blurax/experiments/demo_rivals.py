"""The demo's rivals: optimisers that are tuned beside all else that it does.

Tuning them is most of its work and takes no genome, so it begins while the rules are learned. Most
of that is compilation, which keeps one core busy; two threads use two, beside the one that learns.
"""

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
from jaxtyping import PRNGKeyArray

from blurax import io
from blurax.baselines import Record, Tuning, record_baseline
from blurax.errors import BluraxError, require
from blurax.fit import network_for
from blurax.frozen import Checked, from_json, to_json
from blurax.network import Network
from blurax.tasks import EpisodeSpec, Task, get
from blurax.version import __version__


def rivals_file(directory: Path, seeds: int) -> Path:
    """Where the optimisers of a demo with so many seeds are kept."""
    return directory / f"rivals-{seeds}.json"


@dataclasses.dataclass(frozen=True)
class Setting(Checked):
    """A task and a network in which learners are compared."""

    title: str
    task: str
    hidden: str

    @property
    def place(self) -> tuple[Task, Network]:
        """The task, and the network for it."""
        task = get(self.task)
        return task, network_for(task, self.hidden)

    @property
    def name(self) -> str:
        """It with its network, such as wine (64-32)."""
        return f"{self.title} ({self.hidden})"


def key_of(number: int) -> PRNGKeyArray:
    """The key of a setting, which all its learners share."""
    return jax.random.fold_in(jax.random.key(2021), number)


@dataclasses.dataclass(frozen=True)
class Plan(Checked):
    """What decides the numbers of the rivals, beside the code."""

    settings: tuple[Setting, ...]
    optimisers: tuple[str, ...]
    budgets: tuple[int, ...]
    seeds: int
    sizes: EpisodeSpec
    tuning: Tuning
    version: str = __version__
    """Of blurax: another one may give other numbers."""
    jax: str = jax.__version__
    """The version of JAX, which decides rounding."""


@dataclasses.dataclass(frozen=True)
class _Finished(Checked):
    """What one optimiser reached in one setting."""

    setting: int
    record: Record


@dataclasses.dataclass(frozen=True)
class _Kept(Checked):
    """What the file holds: a demo that was stopped goes on from there."""

    plan: Plan
    finished: tuple[_Finished, ...]


class Rivals:
    """The rivals at work in the background.

    Args:
        file: where each is kept as soon as it is finished; what it holds of this very plan is not
            measured again.

    Raises:
        BluraxError: if the file is damaged.
    """

    def __init__(self, plan: Plan, file: Path) -> None:
        self.plan, self._file = plan, file
        kept = _read(file)
        self._finished = list(kept.finished) if kept is not None and kept.plan == plan else []
        self._lock, self._stopped = threading.Lock(), False
        self._pool = ThreadPoolExecutor(max_workers=2)
        known = {(each.setting, each.record.learner): each.record for each in self._finished}
        places = [(n, each) for n in range(len(plan.settings)) for each in plan.optimisers]
        self._jobs = {
            place: _done(known[place]) if place in known else self.submit(self._measured, *place)
            for place in places
        }

    def check(self) -> None:
        """Raise what any of them has failed with, so that nobody waits for the others in vain."""
        for job in self._jobs.values():
            if job.done():
                job.result()

    def submit(self, work: Callable[..., Any], *args: Any) -> Future[Any]:
        """Let the same threads do something else, once the rivals are measured."""
        return self._pool.submit(work, *args)

    def of(self, setting: int) -> list[Future[Record]]:
        """What each optimiser reaches in a setting."""
        return [self._jobs[setting, each] for each in self.plan.optimisers]

    def close(self) -> None:
        """Stop: what has begun ends with the trial that it is at, and is not kept."""
        with self._lock:
            self._stopped = True
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _measured(self, number: int, optimiser: str) -> Record:
        plan, setting = self.plan, self.plan.settings[number]
        task, network = setting.place
        record = record_baseline(
            *(optimiser, network, task, key_of(number), plan.budgets),
            seeds=plan.seeds,
            sizes=plan.sizes,
            tuning=plan.tuning,
            log=self._go_on,
        )
        with self._lock:
            self._go_on()
            finished = [*self._finished, _Finished(number, record)]
            finished.sort(
                key=lambda each: (each.setting, plan.optimisers.index(each.record.learner))
            )
            io.write_json(self._file, to_json(_Kept(plan, tuple(finished))))
            self._finished = finished  # in one order, whoever is first: the same file at the end
        return record

    def _go_on(self, _: str = "") -> None:
        if self._stopped:
            raise CancelledError  # nobody wants the result any more


@contextlib.contextmanager
def tuned(plan: Plan, file: Path) -> Iterator[Rivals]:
    """Rivals at work until the end of the block.

    Raises:
        BluraxError: if the file is damaged.
    """
    rivals = Rivals(plan, file)
    try:
        yield rivals
    finally:
        rivals.close()


def _done(record: Record) -> Future[Record]:
    future: Future[Record] = Future()
    future.set_result(record)
    return future


def _read(file: Path) -> _Kept | None:
    """What the file holds; None if there is none, or one of another version."""
    if not io.exists(file):
        return None
    damaged = f"{file} is damaged; remove it, and the optimisers are tuned again."
    try:
        values = io.read_json(file)
        if values["plan"]["version"] != __version__:
            return None
        kept: _Kept = from_json(_Kept, values)
    except (BluraxError, LookupError, TypeError) as error:
        raise BluraxError(damaged) from error
    places = [(each.setting, each.record.learner) for each in kept.finished]
    require(len(places) == len(set(places)), damaged)
    require(all(_fits(each, kept.plan) for each in kept.finished), damaged)
    return kept


def _fits(finished: _Finished, plan: Plan) -> bool:
    """Whether it can be what an optimiser of the plan reached."""
    record = finished.record
    scores = [score for row in record.accuracy for score in row]
    return (
        finished.setting in range(len(plan.settings))
        and record.learner in plan.optimisers
        and record.budgets == plan.budgets
        and len(record.choices) == len(plan.budgets)
        and tuple(map(len, record.accuracy)) == (plan.seeds,) * len(plan.budgets)
        and all(0 <= score <= 1 for score in scores)
    )
