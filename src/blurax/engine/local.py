"""The engine of one process: each job in its turn, or one for each of its devices at a time."""

import dataclasses
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

import jax

from blurax.engine.protocol import Done, Evaluate, Job, Work, silent

Result = TypeVar("Result")


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
            return partial(_one_by_one, work)
        works = {device: at_device(work, device) for device in devices}

        def one(job: Job, device: Any) -> Any:
            return jax.device_get(works[device](*at_device(job.arguments, device)))

        def evaluate(jobs: Sequence[Job], done: Done | None = None, /) -> list[Any]:
            results = spread([partial(one, job) for job in jobs])
            for place, result in enumerate(results):
                (done or silent)(place, result)
            return results

        return evaluate

    def close(self) -> None:
        """Nothing to let go."""


def _one_by_one(work: Work, jobs: Sequence[Job], done: Done | None = None, /) -> list[Any]:
    results = []
    for place, job in enumerate(jobs):
        results.append(work(*job.arguments))
        (done or silent)(place, results[-1])
    return results


def spread(parts: Sequence[Callable[[Any], Result]]) -> list[Result]:
    """Call functions with a device each, None if there is but one; results are in their order.

    Where this process has several devices, each that is free takes the next function. All that a
    function makes lies on its device; what it is given from elsewhere it puts there itself. Where
    one fails, those that have begun are waited for.
    """
    devices = jax.local_devices()
    if len(devices) == 1:
        return [part(None) for part in parts]
    free: SimpleQueue[Any] = SimpleQueue()
    for device in devices:
        free.put(device)

    def taken(part: Callable[[Any], Result]) -> Result:
        device = free.get()
        try:
            with jax.default_device(device):
                return part(device)
        finally:
            free.put(device)

    pool = ThreadPoolExecutor(max_workers=len(devices))
    try:
        return [future.result() for future in [pool.submit(taken, part) for part in parts]]
    finally:
        pool.shutdown(cancel_futures=True)


def at_device(tree: Any, device: Any) -> Any:
    """A pytree whose arrays lie on a device, where they are if None; all else stays as it is."""
    if device is None:
        return tree
    return jax.tree.map(
        lambda leaf: jax.device_put(leaf, device) if hasattr(leaf, "dtype") else leaf, tree
    )


LOCAL = Local()
