"""The engine of one process: each job in its turn, or one for each of its devices at a time."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax

from blurax.engine.protocol import Evaluate, Job, Work


@dataclasses.dataclass(frozen=True)
class Local:
    """Jobs in this process; side by side within a job, as the work says.

    Where it has several devices they take turns: each has the work, and computes a job while the
    others compute theirs. A job is the same program wherever it runs, so the bits do not depend on
    how many devices there are.
    """

    def prepare(self, work: Work) -> Evaluate:
        """Give every device the work, where there are several."""
        devices = jax.local_devices()
        if len(devices) == 1:
            return lambda jobs: [work(*job.arguments) for job in jobs]
        works = [_at(work, device) for device in devices]

        def evaluate(jobs: Sequence[Job]) -> list[Any]:
            turns = [n % len(devices) for n in range(len(jobs))]
            pairs = zip(turns, jobs, strict=True)
            results = [works[n](*_at(job.arguments, devices[n])) for n, job in pairs]
            return jax.device_get(results)  # not before all have begun

        return evaluate

    def close(self) -> None:
        """Nothing to let go."""


def _at(tree: Any, device: Any) -> Any:
    """A pytree whose arrays lie on a device; what is no array stays as it is."""
    return jax.tree.map(
        lambda leaf: jax.device_put(leaf, device) if hasattr(leaf, "dtype") else leaf, tree
    )


LOCAL = Local()
