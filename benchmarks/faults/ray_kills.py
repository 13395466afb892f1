"""SIGKILL of workers and drivers on Ray: the bits of the engine local, and no process left.

The undisturbed run is one without Ray.
"""

import contextlib
import dataclasses
import importlib.util
import json
import os
import random
import re
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from blurax.outer import run
from blurax.outer.config import MetaTrain
from blurax.outer.curriculum import Curriculum
from blurax.outer.methods import Cma, Gradient, Method
from faults.outcome import Case, Outcome, of_a_kill
from faults.process import Ended, begin, descendants, kill, wait
from faults.scene import Scene, command
from faults.victims import config_of, differing, files

SECTION = "kills"
WORKERS, META_STEPS, DRIVERS = 2, 200, 5
COLOUR = r"\x1b\[\d*m"
GONE = 60.0
"""Seconds after which no process may be left of a driver that was killed."""
METHODS = (Cma(), Gradient())


def ray_config(method: Method, meta_steps: int = META_STEPS) -> MetaTrain:
    """A run of small jobs; validations and checkpoints among them."""
    return dataclasses.replace(
        config_of(method, meta_steps),
        curriculum=Curriculum(),
        episodes=2,
        job_size=1,
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


def attack(scene: Scene, chance: random.Random, kills: int) -> Iterator[Case]:
    """Kills of workers, and of some drivers, for each method."""
    for method in METHODS:
        names = f"ray workers {method.name}", f"ray driver {method.name}"
        if not any(map(scene.wants, names)):
            continue
        if importlib.util.find_spec("ray") is None:
            yield Case(SECTION, names[0], "killed", Outcome.SKIPPED, "Ray is not installed")
            continue
        whole = scene.fresh() / "it"
        run.start(ray_config(method), whole)
        copies = [scene.fresh() / "it" for _ in names]
        for copy in copies:
            shutil.copytree(whole, copy)
        _ended(command("meta-train", "--resume", whole), scene)
        if scene.wants(names[0]):
            yield from _workers(scene, names[0], copies[0], whole, kills, chance)
        if scene.wants(names[1]):
            yield from _drivers(scene, names[1], copies[1], whole, chance)


def _workers(
    scene: Scene, name: str, directory: Path, whole: Path, kills: int, chance: random.Random
) -> Iterator[Case]:
    """Workers die one after another under a driver that goes on."""
    seed = str(chance.random())
    child = [sys.executable, "-m", "faults.ray_kills", str(directory), str(kills), seed]
    ended = _ended(child, scene)
    outcome, said = ended.outcome()
    printed = [line for line in ended.out.splitlines() if line.startswith("{")]  # Ray prints more
    met = json.loads(printed[0])["kills"] if outcome is Outcome.HELD else kills
    _ended(command("meta-train", "--resume", directory), scene)  # draws the picture
    outcome, said = of_a_kill(outcome, said, differing(files(directory), files(whole)))
    for number in range(met):
        yield Case(SECTION, name, f"kill {number + 1}", outcome, said)


def _drivers(
    scene: Scene, name: str, directory: Path, whole: Path, chance: random.Random
) -> Iterator[Case]:
    """The driver dies; the directory goes on with another one, and nothing of the first is left."""
    left = []
    for _ in range(DRIVERS):
        process = begin(
            [sys.executable, "-m", "faults.ray_kills", str(directory), "0", ""], scene.folder
        )
        assert process.stdout is not None
        for _ in range(chance.randint(1, META_STEPS // DRIVERS)):
            if not process.stdout.readline():
                break
        kill(process)
        left.append(_left(scene.folder))
    words = command("meta-train", "--resume", directory, "--engine", "ray", "--workers", WORKERS)
    outcome, said = _ended(words, scene).outcome()
    outcome, said = of_a_kill(outcome, said, differing(files(directory), files(whole)))
    for number, processes in enumerate(left, 1):
        if processes and outcome is Outcome.HELD:
            words = f"{processes} processes {GONE:.0f} s after the driver's end"
            yield Case(SECTION, name, f"kill {number}", Outcome.LEFT, words)
        else:
            yield Case(SECTION, name, f"kill {number}", outcome, said)


def _ended(words: list[str], scene: Scene) -> Ended:
    """How a process ends; the colours are those of Ray, which paints what it tells everywhere."""
    ended = wait(begin(words, scene.folder))
    out, err = (re.sub(COLOUR, "", text) for text in (ended.out, ended.err))
    return dataclasses.replace(ended, out=out, err=err)


def _left(folder: Path) -> int:
    """How many processes a driver left, after some patience; they are ended."""
    end = time.monotonic() + GONE
    while (found := descendants(folder)) and time.monotonic() < end:
        time.sleep(1.0)
    for process in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    return len(found)


def main() -> None:
    """`python -m faults.ray_kills DIRECTORY KILLS SEED`: a run on Ray whose workers are killed."""
    from blurax.engine import RayOptions, open_ray

    directory, kills, seed = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    engine: Any = open_ray(RayOptions(workers=WORKERS))
    killer = Killer(engine, kills, META_STEPS, seed)

    def callback(progress: run.Progress) -> None:
        killer(progress)
        if kills == 0:
            print("tick", flush=True)

    try:
        run.advance(directory, callback, engine)
        killer.join()
        if kills:
            again = engine.dispatcher.resubmitted
            print(json.dumps({"kills": killer.kills, "jobs done again": again}))
    finally:
        engine.close()


if __name__ == "__main__":
    main()
