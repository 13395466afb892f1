"""SIGKILL at random moments: what was killed goes on, and ends with the bits of what was not.

Most of a process's life is import and compilation, so a kill waits for a random bit of progress
and then a random part of the next one.
"""

import itertools
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from faults import ray_kills
from faults.outcome import Case, Outcome, of_a_kill
from faults.process import begin, kill
from faults.scene import Scene
from faults.victims import LONG, VICTIMS, differing, files

SECTION = "kills"
FINISHED = "ended before it was killed"
TICKS = {"compare": 4, "figure": 3, "demo": 8}
"""The most bits of progress that a life sees; of a run, so many that all kills fit into one."""


def attack(scene: Scene, chance: random.Random, smoke: bool) -> Iterator[Case]:
    """So many kills of each; under the engine local, then of workers and drivers on Ray."""
    kills = 1 if smoke else scene.kills
    names = ["run random-search"] if smoke else list(_NAMES)
    for name in filter(scene.wants, names):
        yield from _killed(scene, name, kills, chance)
    if not smoke:
        yield from ray_kills.attack(scene, chance, kills)


_NAMES = (*(name for name in VICTIMS if name.startswith("long ")), *TICKS)


def _killed(scene: Scene, name: str, kills: int, chance: random.Random) -> Iterator[Case]:
    """Kill so often; a directory that came to its end is looked at, and another one begun."""
    most = TICKS.get(name, max(1, LONG // scene.kills))
    met = 0
    while met < kills:
        directory = scene.started(name)
        before = met
        for _ in itertools.count():
            if met == kills or not _one_life(scene, name, directory, most, chance):
                break
            met += 1
        outcome, said = _end(scene, name, directory)
        for number in range(before, met):
            yield Case(SECTION, name, f"kill {number + 1}", outcome, said)
        scene.drop(directory.parent)
        if met == before:
            yield Case(SECTION, name, "kill", Outcome.SKIPPED, FINISHED)
            return


def _one_life(scene: Scene, name: str, directory: Path, most: int, chance: random.Random) -> bool:
    """Whether the kill met it at work."""
    process = begin(child(name, directory), scene.folder)
    for _ in range(chance.randint(1, most)):
        if not _line(process):
            break
    time.sleep(chance.random() * 0.05)
    alive = process.poll() is None
    kill(process)
    return alive


def _line(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    return process.stdout.readline()


def child(name: str, directory: Path) -> list[str]:
    """A process that takes a directory on, and prints a line for each bit of progress."""
    return [sys.executable, "-m", "faults.victims", name, str(directory)]


def _end(scene: Scene, name: str, directory: Path) -> tuple[Outcome, str]:
    """What becomes of it once it is left in peace."""
    ended = scene.resumed(name, directory)
    return of_a_kill(*ended.outcome(), differing(files(directory), files(scene.finished(name))))
