"""A pool of Ray actors: they come, begin, work, and die; plain Ray Core beneath."""

import dataclasses
import enum
import time
from typing import Any

import ray
import ray.exceptions as gone

from blurax.engine.dispatch import Event
from blurax.engine.protocol import Job, NoWorkersError
from blurax.engine.ray_worker import worker_class

LOOK = 5.0
"""Seconds between two looks at how large the cluster is."""
FAILED_STARTS = 3
"""Workers in a row that refuse to begin, after which the run is given up."""


class _Phase(enum.Enum):
    """What a worker's newest call is about."""

    ARRIVING = enum.auto()
    BEGINNING = enum.auto()
    IDLE = enum.auto()
    BUSY = enum.auto()


@dataclasses.dataclass
class _Worker:
    actor: Any
    phase: _Phase
    call: Any
    """The reference of the newest call, whose answer is waited for; None if idle."""
    node: str = ""
    slot: int = -1
    process: int | None = None


class RayPool:
    """Actors of one kind; as many as asked for, or as the cluster has room for."""

    def __init__(
        self,
        workers: int | None,
        cpus: int,
        gpus: int,
        settings: dict[str, Any],
        environment: dict[str, str],
    ) -> None:
        self._target, self._cpus, self._gpus = workers, cpus, gpus
        platform = "cuda" if gpus else "cpu"
        # Plain values: a class of ours would have the worker import this package, and jax, at once.
        self._promise = (cpus, platform, settings, environment)
        self._class = ray.remote(worker_class()).options(
            num_cpus=cpus, num_gpus=gpus, max_restarts=0, max_task_retries=0
        )
        self._workers: dict[int, _Worker] = {}
        self._works: dict[int, Any] = {}
        self._made = 0
        self._failed_starts = 0
        self._looked = -LOOK
        self._room = 0
        self.trouble = ""
        self._fill()

    def idle(self) -> list[int]:
        """Who is ready and has nothing to do."""
        return [number for number, w in self._workers.items() if w.phase is _Phase.IDLE]

    def processes(self) -> dict[int, int]:
        """The process of each worker that has begun, by its number; for tests and benchmarks."""
        return {n: w.process for n, w in self._workers.items() if w.process is not None}

    def submit(self, worker: int, work: int, job: Job) -> None:
        """Give a job to an idle worker."""
        found = self._workers[worker]
        found.phase, found.call = _Phase.BUSY, found.actor.run.remote(work, job.arguments)

    def prepare(self, number: int, work: Any) -> None:
        """Send work to all workers, and to those to come when they begin."""
        self._works[number] = ray.put(work)
        for worker in self._workers.values():
            if worker.phase in (_Phase.IDLE, _Phase.BUSY):
                worker.actor.prepare.remote(number, [self._works[number]])

    def forget(self, number: int) -> None:
        """Let go of work that nobody will ask for."""
        self._works.pop(number, None)
        for worker in self._workers.values():
            if worker.phase in (_Phase.IDLE, _Phase.BUSY):
                worker.actor.forget.remote(number)

    def wait(self, seconds: float) -> list[Event]:
        """What became of submissions; workers that arrive and begin are seen to on the way."""
        self._fill()
        calls = {w.call: n for n, w in self._workers.items() if w.call is not None}
        if not calls:
            time.sleep(min(seconds, 0.1))
            return []
        ready, rest = ray.wait(list(calls), num_returns=1, timeout=seconds)
        if ready and rest:  # whatever else has come meanwhile, in one more call
            ready += ray.wait(rest, num_returns=len(rest), timeout=0)[0]
        events = [self._answered(calls[reference]) for reference in ready]
        return [event for event in events if event is not None]

    def kill(self, worker: int) -> None:
        """End a worker; another takes its place."""
        ray.kill(self._workers.pop(worker).actor, no_restart=True)
        self._fill()

    def close(self) -> None:
        """End all workers."""
        for worker in self._workers.values():
            ray.kill(worker.actor, no_restart=True)
        self._workers.clear()
        self._works.clear()

    def _fill(self) -> None:
        """Have as many workers as asked for, or as there is room for."""
        while len(self._workers) < self._wanted():
            actor = self._class.remote()
            self._workers[self._made] = _Worker(actor, _Phase.ARRIVING, actor.where.remote())
            self._made += 1

    def _wanted(self) -> int:
        if self._target is not None:
            return self._target
        if time.monotonic() - self._looked > LOOK:
            self._looked = time.monotonic()
            has = ray.cluster_resources()
            rooms = [has.get("CPU", 0) // self._cpus] if self._cpus else []
            rooms += [has.get("GPU", 0) // self._gpus] if self._gpus else []
            self._room = max(1, int(min(rooms, default=1)))
        return self._room

    def _answered(self, number: int) -> Event | None:
        """Take a worker's answer."""
        worker = self._workers[number]
        try:
            answer: Any = ray.get(worker.call)
        except gone.RayTaskError as error:
            return self._failed(number, worker, _reason(error))
        except gone.RayError as error:
            return self._died(number, worker, str(error).splitlines()[0])
        if worker.phase is _Phase.BUSY:
            worker.phase, worker.call = _Phase.IDLE, None
            return Event(number, result=answer)
        if worker.phase is _Phase.ARRIVING:
            self._arrived(worker, answer)
        else:
            self._begun(worker, answer)
        return None

    def _arrived(self, worker: _Worker, node: str) -> None:
        taken = {w.slot for w in self._workers.values() if w.node == node}
        worker.node = node
        worker.slot = next(slot for slot in range(len(taken) + 1) if slot not in taken)
        begun = worker.actor.begin.remote(worker.slot, *self._promise)
        worker.phase, worker.call = _Phase.BEGINNING, begun

    def _begun(self, worker: _Worker, process: int) -> None:
        self._failed_starts = 0
        for number, work in list(self._works.items()):  # the collector of garbage may forget some
            worker.actor.prepare.remote(number, [work])
        worker.phase, worker.call, worker.process = _Phase.IDLE, None, process

    def _failed(self, number: int, worker: _Worker, why: str) -> Event | None:
        """A call raised: the worker lives, unless it could not even begin."""
        if worker.phase is _Phase.BUSY:
            worker.phase, worker.call = _Phase.IDLE, None
            return Event(number, error=why)
        self._failed_starts += 1
        if self._failed_starts >= FAILED_STARTS:
            raise NoWorkersError(f"{self._failed_starts} workers in a row could not begin: {why}.")
        return self._died(number, worker, why)

    def _died(self, number: int, worker: _Worker, why: str) -> Event | None:
        del self._workers[number]
        ray.kill(worker.actor, no_restart=True)  # if it is only out of reach, it is not missed
        if worker.phase is _Phase.BUSY:
            return Event(number, error=f"its worker died ({why})", died=True)
        self.trouble = f"a worker died while it began ({why})"
        return None


def _reason(error: Any) -> str:
    """What a job raised, in one line."""
    cause = getattr(error, "cause", None) or error
    lines = str(cause).strip().splitlines() or [""]
    return f"{type(cause).__name__}: {lines[0]}"
