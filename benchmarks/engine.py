"""What the engine on Ray costs and gains: one worker against two, and what the driver spends.

Run as `python benchmarks/engine.py`, on a machine that does nothing else: two workers of one core
each need two quiet cores. The wide network of the other benchmarks, a generation of CMA-ES cut into
jobs. One worker and two take turns in every round, on the same cluster, and the quotients are those
of a round.
"""

import argparse
import json
import os
import pickle
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console
from sizes import SIZES

from blurax.engine import Job, Patience, RayOptions, open_ray
from blurax.engine.dispatch import Dispatcher
from blurax.genome import flatten, random
from blurax.outer.jobs import Losses, cut
from blurax.outer.objective import Objective
from blurax.outer.problem import Problem
from blurax.outer.space import GenomeSpace
from blurax.tasks import EpisodeSpec

WIDE = next(size for size in SIZES if size.name.startswith("wide"))


def timed(losses: Losses) -> Callable[..., tuple[Any, np.ndarray]]:
    """Losses, and the seconds they took where they were computed."""

    def found(*arguments: Any) -> tuple[Any, np.ndarray]:
        begun = time.perf_counter()
        values = jax.block_until_ready(losses(*arguments))
        return values, np.asarray(time.perf_counter() - begun)

    return found


class Fewer:
    """A pool of which only the first workers are given anything."""

    def __init__(self, pool: Any, workers: int) -> None:
        self._pool, self._workers = pool, workers

    def idle(self) -> list[int]:
        """Of the first ones, those that are idle."""
        return [n for n in self._pool.idle() if n < self._workers]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)


def problem() -> Problem:
    """The wide network on random examples."""
    episode = EpisodeSpec(WIDE.steps, WIDE.batch, WIDE.batch)
    space = GenomeSpace(WIDE.rule("plain"))
    return Problem((WIDE.task(),), ((WIDE.network,),), space, episode, Objective())


def generation(candidates: int, share: int) -> list[Job]:
    """The jobs of a generation."""
    keys = jax.random.split(jax.random.key(1), candidates)
    vectors = jax.vmap(lambda key: flatten(random(key, WIDE.rule("plain"))))(keys)
    key = jax.random.key(2)
    return cut("losses", key, share, vectors, jax.random.key_data(key), None)


def measured(evaluate: Callable[[list[Job]], list[Any]], jobs: list[Job]) -> np.ndarray:
    """Seconds of a generation, those that workers computed, those of the driver's processor."""
    begun, spent = time.perf_counter(), time.process_time()
    results = evaluate(jobs)
    wall, own = time.perf_counter() - begun, time.process_time() - spent
    return np.array([wall, sum(float(seconds) for _, seconds in results), own])


def nothing(number: Any) -> Any:
    """A job without work."""
    return number


def empty_jobs(evaluate: Callable[[list[Job]], list[Any]], count: int) -> tuple[float, float]:
    """Microseconds of a job in which nothing is done: by the clock, and of the driver."""
    jobs = [Job(f"nothing-{n}", (np.float32(n),)) for n in range(count)]
    evaluate(jobs[:20])
    begun, spent = time.perf_counter(), time.process_time()
    evaluate(jobs)
    return (
        1e6 * (time.perf_counter() - begun) / count,
        1e6 * (time.process_time() - spent) / count,
    )


def main() -> None:
    """Print the quotients and the shares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candidates", type=int, default=WIDE.population)
    parser.add_argument("--job-size", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    console = Console()
    engine: Any = open_ray(RayOptions(workers=2))
    work = timed(Losses(problem(), 0))
    evaluate = engine.prepare(work)
    number = 0  # of the work, the first that the engine was given
    host = [engine.dispatcher, Dispatcher(Fewer(engine.pool, 1), Patience())]
    jobs = generation(arguments.candidates, arguments.job_size)
    evaluate(jobs)  # compiles, on both workers
    plain = [Job(job.id, jax.device_get(job.arguments)) for job in jobs]
    rounds = np.array(
        [
            [measured(lambda j, d=dispatcher: d(number, j), plain) for dispatcher in host]
            for _ in range(arguments.rounds)
        ]
    )
    two, one = rounds[:, 0], rounds[:, 1]
    clock, own = empty_jobs(engine.prepare(nothing), 500)
    result = jax.device_get(jnp.zeros(arguments.job_size))
    engine.close()
    found = {
        "jobs": len(jobs),
        "seconds with one worker": np.round(one[:, 0], 2).tolist(),
        "seconds with two workers": np.round(two[:, 0], 2).tolist(),
        "throughput, two to one": np.round(one[:, 0] / two[:, 0], 2).tolist(),
        "median": round(float(np.median(one[:, 0] / two[:, 0])), 2),
        "seconds of a job, one worker": round(float(np.median(one[:, 1])) / len(jobs), 3),
        "workers idle, % of a generation, one": round(_idle(one, 1), 2),
        "workers idle, % of a generation, two": round(_idle(two, 2), 2),
        "driver's processor, % of a generation, two": round(_driver(two), 2),
        "an empty job, µs by the clock": round(clock),
        "an empty job, µs of the driver": round(own),
        "bytes to a worker": len(pickle.dumps(plain[0].arguments)),
        "bytes from a worker": len(pickle.dumps(result)),
        "load before": os.getloadavg()[2],
    }
    console.print(json.dumps(found, indent=1, ensure_ascii=False))


def _idle(rounds: np.ndarray, workers: int) -> float:
    """What workers wait for: the driver, and the last job of a generation."""
    return float(np.median(100 * (1 - rounds[:, 1] / (workers * rounds[:, 0]))))


def _driver(rounds: np.ndarray) -> float:
    return float(np.median(100 * rounds[:, 2] / rounds[:, 0]))


if __name__ == "__main__":
    main()
