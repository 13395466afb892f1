"""Who does which job: retries, deaths and stragglers, apart from what the workers are made of.

A pool says who is idle and what has happened; the dispatcher decides. It knows neither Ray nor
time but through what it is given, so that every bad day can be played through in a test.
"""

import dataclasses
import math
import statistics
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

from blurax.bounds import check_counts
from blurax.engine.protocol import Done, Job, NoWorkersError, PoisonedJobError, silent
from blurax.errors import require
from blurax.frozen import check_types


@dataclasses.dataclass(frozen=True)
class Patience:
    """How long is waited, and how often tried.

    Raises:
        BluraxError: for a value out of range.
    """

    tries: int = 3
    """A job that has failed so often, or seen so many workers die, is given up, and the run."""
    job_limit: float = 1800.0
    """Seconds after which a worker that has not answered counts as dead."""
    start_limit: float = 300.0
    """Seconds without any worker after which the run is given up."""
    straggler: float = 3.0
    """When nothing else is to do, idle workers repeat jobs that take so many times the median."""

    def __post_init__(self) -> None:
        check_types(self)
        check_counts(self, "tries")
        for name in ("job_limit", "start_limit"):
            value = getattr(self, name)
            require(value > 0, f"Patience.{name} is {value}; it takes seconds above 0.")
        require(
            self.straggler >= 1, f"Patience.straggler is {self.straggler}; it takes a number >= 1."
        )


@dataclasses.dataclass(frozen=True)
class Event:
    """What became of a submission."""

    worker: int
    result: Any = None
    error: str | None = None
    """Why there is no result."""
    died: bool = False
    """Whether the worker is gone."""


@runtime_checkable
class Pool(Protocol):
    """The workers. A worker has one job at a time; its number is never used again."""

    trouble: str
    """What went wrong lately with workers that have no job; empty if nothing did."""

    def idle(self) -> list[int]:
        """Who is ready and has nothing to do."""
        ...

    def submit(self, worker: int, work: int, job: Job) -> None:
        """Give a job to an idle worker."""
        ...

    def wait(self, seconds: float) -> list[Event]:
        """What has happened; at least one thing, or the time is over. Workers come back by it."""
        ...

    def kill(self, worker: int) -> None:
        """End a worker that no longer answers; another takes its place. No event tells of it."""
        ...


@dataclasses.dataclass(frozen=True)
class _Running:
    place: int | None
    """The job's place among those asked for; None if its result is no longer wanted."""
    since: float


TICK = 1.0
"""Seconds after which one looks up even if nothing has happened."""
SHORTEST = 1.0
"""Seconds below which no job counts as straggling."""


class Dispatcher:
    """Carries out jobs on a pool."""

    def __init__(
        self, pool: Pool, patience: Patience, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._pool, self._patience, self._clock = pool, patience, clock
        self._running: dict[int, _Running] = {}
        self._durations: deque[float] = deque(maxlen=200)
        self._lonely_since: float | None = None
        self.repeated = 0
        """Jobs given to a second worker because the first was slow."""
        self.resubmitted = 0
        """Jobs given away again after a failure or a death."""

    def __call__(self, work: int, jobs: Sequence[Job], done: Done = silent) -> list[Any]:
        """The results of jobs, in their order.

        Args:
            done: told of each result as soon as it is there.

        Raises:
            PoisonedJobError: for a job that has failed as often as it may.
            NoWorkersError: if there is nobody to do them.
        """
        results: dict[int, Any] = {}
        failures = [0] * len(jobs)
        pending = deque(range(len(jobs)))
        try:
            while len(results) < len(jobs):
                self._give_out(work, jobs, pending)
                for event in self._events():
                    place = self._take(event, jobs, results, failures, pending)
                    if place is not None:
                        done(place, results[place])
        finally:
            for place in range(len(jobs)):  # of an interrupted call something may still run
                self._drop(place)
        return [results[place] for place in range(len(jobs))]

    def _give_out(self, work: int, jobs: Sequence[Job], pending: deque[int]) -> None:
        for worker in self._pool.idle():
            place = pending.popleft() if pending else self._straggling()
            if place is None:
                return
            self._running[worker] = _Running(place, self._clock())
            self._pool.submit(worker, work, jobs[place])

    def _straggling(self) -> int | None:
        """A job that one worker alone has had for much longer than jobs take."""
        if not self._durations:
            return None
        long = max(SHORTEST, self._patience.straggler * statistics.median(self._durations))
        wanted = [r for r in self._running.values() if r.place is not None]
        for running in sorted(wanted, key=lambda r: r.since):
            alone = sum(r.place == running.place for r in wanted) == 1
            if alone and self._clock() - running.since > long:
                self.repeated += 1
                return running.place
        return None

    def _events(self) -> list[Event]:
        events = self._pool.wait(TICK)
        now, limit = self._clock(), self._patience.job_limit
        answered = {event.worker for event in events}
        for worker, running in self._running.items():
            if worker not in answered and now - running.since > limit:
                self._pool.kill(worker)
                why = f"no answer within {limit:g} s"
                events.append(Event(worker, error=why, died=True))
        self._check_company(now)
        return events

    def _check_company(self, now: float) -> None:
        """Give up if nobody has been there for long."""
        if self._running or self._pool.idle():
            self._lonely_since = None
            return
        since = self._lonely_since = now if self._lonely_since is None else self._lonely_since
        limit = self._patience.start_limit
        if now - since > limit:
            why = self._pool.trouble or "the cluster has no room for one, or cannot be reached"
            raise NoWorkersError(f"No worker has been ready for {limit:g} s: {why}.")

    def _take(
        self,
        event: Event,
        jobs: Sequence[Job],
        results: dict[int, Any],
        failures: list[int],
        pending: deque[int],
    ) -> int | None:
        """Note what became of a job; the place of one whose result is new."""
        running = self._running.pop(event.worker, None)
        place = None if running is None else running.place
        if running is None or place is None or place in results:
            return None
        if event.error is None:
            results[place] = event.result
            self._durations.append(self._clock() - running.since)
            self._drop(place)
            return place
        failures[place] += 1
        if failures[place] >= self._patience.tries:
            raise PoisonedJobError(jobs[place], failures[place], event.error)
        self.resubmitted += 1
        if all(r.place != place for r in self._running.values()):
            pending.appendleft(place)
        return None

    def _drop(self, place: int) -> None:
        """Whoever still does this job does it for nobody."""
        for worker, running in self._running.items():
            if running.place == place:
                self._running[worker] = dataclasses.replace(running, place=None)

    @property
    def median(self) -> float:
        """The median of the seconds that recent jobs took; nan before the first."""
        return statistics.median(self._durations) if self._durations else math.nan
