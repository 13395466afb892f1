"""Kills workers of Ray with SIGKILL at random moments: do runs end with the same bits?

Run as `python benchmarks/kill_workers.py --kills 20`: CMA-ES and the gradient, two workers, small
runs. A kill comes a random time after a random meta-step and meets one of the workers that live.
The undisturbed run is one of the engine local, without Ray.
"""

import argparse
import contextlib
import dataclasses
import os
import random
import shutil
import signal
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import kill_runs
from rich.console import Console

from blurax.engine import RayOptions, open_ray
from blurax.outer import run
from blurax.outer.config import MetaTrain
from blurax.outer.curriculum import Curriculum
from blurax.outer.methods import Method

WORKERS = 2


def config_of(method: Method, meta_steps: int) -> MetaTrain:
    """A run of small jobs; validations and checkpoints among them."""
    return dataclasses.replace(
        kill_runs.config_of(method),
        curriculum=Curriculum(),
        lessons=2,
        share=1,
        meta_steps=meta_steps,
        validate_every=20,
    )


class Killer:
    """Kills a worker at random moments of a run: some time into meta-steps drawn by chance."""

    def __init__(self, engine: Any, kills: int, meta_steps: int, seed: str) -> None:
        self._engine, self._chance = engine, random.Random(seed)
        steps = range(2, meta_steps - 1)  # compiled by then, and something left to do
        self._moments = set(self._chance.sample(steps, kills))
        self._timers: list[threading.Timer] = []
        self.kills = 0

    def __call__(self, progress: run.Progress) -> None:
        """Called after each meta-step."""
        if progress.step in self._moments:
            timer = threading.Timer(self._chance.uniform(0.0, 0.03), self._kill)
            self._timers.append(timer)
            timer.start()

    def _kill(self) -> None:
        """One of those that live; after a kill the run may wait for another to begin."""
        alive: list[int] = []
        while not alive:
            found = list(self._engine.pool.processes().values())
            alive = [process for process in found if Path(f"/proc/{process}").exists()]
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._chance.choice(alive), signal.SIGKILL)
            self.kills += 1

    def join(self) -> None:
        """Wait for kills that are still to come."""
        for timer in self._timers:
            timer.join()


def torn(directory: Path, kills: int, meta_steps: int, seed: str) -> str:
    """Take a run to its end while workers are killed; what became of it."""
    engine: Any = open_ray(RayOptions(workers=WORKERS))
    killer, begun = Killer(engine, kills, meta_steps, seed), time.monotonic()
    try:
        run.advance(directory, killer, engine)
        killer.join()
        again = engine.dispatcher.resubmitted
        return f"{killer.kills} kills, {again} jobs done again, {time.monotonic() - begun:.0f} s"
    finally:
        engine.close()


def main() -> None:
    """Print a line for each method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--meta-steps", type=int, default=200)
    methods = [Method.CMA_ES, Method.GRADIENT]
    parser.add_argument("methods", nargs="*", type=Method, default=methods)
    arguments = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["JAX_COMPILATION_CACHE_DIR"] = f"{folder}/xla"  # workers are born all the time
        for method in arguments.methods:
            whole, ragged = Path(folder) / f"{method}-whole", Path(folder) / f"{method}-torn"
            run.start(config_of(method, arguments.meta_steps), whole)
            shutil.copytree(whole, ragged)
            run.advance(whole)
            told = torn(ragged, arguments.kills, arguments.meta_steps, method.value)
            same = kill_runs.files(whole) == kill_runs.files(ragged)
            console.print(f"{method.value}: {told}; {'bit-identical' if same else 'DIFFERENT'}")


if __name__ == "__main__":
    main()
