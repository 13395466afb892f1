"""What an engine is: jobs go in, results come out in the order of the jobs, whoever did them."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

from blurax.errors import BluraxError


@dataclasses.dataclass(frozen=True)
class Job:
    """Something to compute, wherever it is done: the same job gives the same result to the bit."""

    id: str
    """Says what it is and, by the key of the meta-step, when: a repeated run has the same ids."""
    arguments: tuple[Any, ...]
    """What the work is called with: arrays, keys as their data, in tuples, lists and dicts."""


Work = Callable[..., Any]
"""What is done in a job: called with its arguments, it returns arrays in tuples, lists and dicts.
As it is sent to workers, it holds arrays, settings and names of functions, but no open files."""

Done = Callable[[int, Any], None]
"""Called with the place of a job among all and its result, once for each."""


@runtime_checkable
class Evaluate(Protocol):
    """From jobs to their results, in the same order."""

    def __call__(self, jobs: Sequence[Job], done: Done | None = None, /) -> list[Any]:
        """Do all jobs.

        Args:
            done: told of each result as soon as it is there, in whichever order.
        """
        ...


def silent(place: int, result: Any) -> None:
    """Nobody is told of a result before all are there."""


@runtime_checkable
class Evaluator(Protocol):
    """An engine: it maps work over jobs, here or on other machines.

    How many workers there are, and which of them die, changes nothing in the results.
    """

    def prepare(self, work: Work) -> Evaluate:
        """Make work known to all workers, those to come included, before any job needs it."""
        ...

    def close(self) -> None:
        """Let the workers go."""
        ...


class PoisonedJobError(BluraxError):
    """A job that failed at every try, wherever it was tried."""

    def __init__(self, job: Job, tries: int, why: str) -> None:
        super().__init__(f"Job {job.id} failed {tries} times, the last time so: {why}")
        self.job = job


class NoWorkersError(BluraxError):
    """There is nobody to do the work, and nobody came in time."""
