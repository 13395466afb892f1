"""Workers that are none: a pool whose bad days are drawn at random, on a clock of its own."""

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import numpy as np

from blurax.engine import Job, Patience
from blurax.engine.dispatch import Dispatcher, Event

Done = Callable[[int, Job], Any]


class FakePool:
    """Workers die, fail, are slow, join and leave, as chance has it; no job suffers `tries` times.

    Args:
        chance: decides everything.
        done: what a job of a work gives.
        workers: how many there are at the start.
        evil: the probability that a job fails or its worker dies.
        tries: harm that the dispatcher would take for poison.
    """

    def __init__(
        self,
        chance: random.Random,
        done: Done,
        workers: int = 2,
        evil: float = 0.3,
        tries: int = 3,
    ) -> None:
        self.chance, self.done, self.evil, self.tries = chance, done, evil, tries
        self.now, self.made = 0.0, workers
        self.free = set(range(workers))
        self.busy: dict[int, tuple[int, Job]] = {}
        self.harm: Counter[tuple[int, str]] = Counter()
        self.killed: list[int] = []
        self.trouble = ""

    def clock(self) -> float:
        return self.now

    def idle(self) -> list[int]:
        return sorted(self.free)

    def submit(self, worker: int, work: int, job: Job) -> None:
        self.free.remove(worker)
        self.busy[worker] = (work, job)

    def kill(self, worker: int) -> None:
        self.killed.append(worker)
        del self.busy[worker]
        self.join()

    def join(self) -> None:
        self.free.add(self.made)
        self.made += 1

    def wait(self, seconds: float) -> list[Event]:
        self.now += self.chance.uniform(0, 2 * seconds)
        if not (self.free or self.busy) or self.chance.random() < 0.1:
            self.join()
        if self.free and self.chance.random() < 0.1:
            self.free.remove(self.chance.choice(sorted(self.free)))
        answering = self.chance.sample(sorted(self.busy), self.chance.randint(0, len(self.busy)))
        return [self._event(worker) for worker in answering]

    def _event(self, worker: int) -> Event:
        work, job = self.busy.pop(worker)
        harmed = (work, job.id)
        if self.chance.random() < self.evil and self.harm[harmed] < self.tries - 1:
            self.harm[harmed] += 1
            if self.chance.random() < 0.5:
                return Event(worker, error="its worker died", died=True)
            self.free.add(worker)
            return Event(worker, error="it failed")
        self.free.add(worker)
        return Event(worker, result=self.done(work, job))


def _travelled(tree: Any) -> Any:
    """As from another process; plain things only, for equinox keeps all that is unpickled."""
    nodes = jax.tree.leaves(tree, is_leaf=lambda node: isinstance(node, eqx.Module))
    assert not any(isinstance(node, eqx.Module) for node in nodes)
    return jax.tree.map(np.array, jax.device_get(tree))


class FakeEngine:
    """An engine of such workers: they compute in this process, in whatever order."""

    def __init__(self, seed: int, workers: int) -> None:
        self.works: list[Any] = []
        self.pool = FakePool(random.Random(seed), self._done, workers)
        self.dispatcher = Dispatcher(self.pool, Patience(job_limit=1e6), self.pool.clock)

    def _done(self, work: int, job: Job) -> Any:
        result = self.works[work](*_travelled(job.arguments))
        return _travelled(jax.device_get(result))

    def prepare(self, work: Any) -> Any:
        number = len(self.works)
        self.works.append(work)
        return lambda jobs: self.dispatcher(number, jobs)

    def close(self) -> None:
        self.works.clear()
