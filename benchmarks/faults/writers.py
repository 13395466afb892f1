"""Two processes at one directory at once: one works, the other refuses and names it.

Whichever comes first is stopped while it holds the lock, until the other is at its end: on a busy
machine it would be done before the other had begun, and both would rightly work, in turn.
"""

import contextlib
import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from blurax.io.lock import LOCK
from faults.outcome import Case, Outcome
from faults.process import PATIENCE, Ended, begin, wait
from faults.scene import Scene, command
from faults.victims import VICTIMS, differing, files

SECTION = "writers"


def attack(scene: Scene, chance: random.Random, smoke: bool) -> Iterator[Case]:
    """Each kind of directory, resumed twice at once; then once more by nobody else."""
    names = ("run random-search",) if smoke else _NAMES
    for name in filter(scene.wants, names):
        for _ in range(1 if smoke else 3):
            yield _one(scene, name, chance)


_NAMES = ("run random-search", "run gradient", "compare", "figure", "demo")


def _one(scene: Scene, name: str, chance: random.Random) -> Case:
    undisturbed = files(scene.finished(name))
    directory = scene.started(name)
    words = VICTIMS[name].command(directory)
    first = begin(command(*words), scene.folder)
    time.sleep(chance.uniform(0.0, 0.5))
    second = begin(command(*words), scene.folder)
    ended = _together(directory, first, second)
    outcomes = [each.outcome() for each in ended]
    worst = next(
        (each for each in outcomes if each[0] not in (Outcome.HELD, Outcome.REFUSED)), None
    )
    outcome, said = worst or (Outcome.REFUSED, "")
    if worst is None:
        refused = [n for n, (each, _) in enumerate(outcomes) if each is Outcome.REFUSED]
        said = "; ".join(words for _, words in outcomes if words)
        if len(refused) == 2:
            outcome, said = Outcome.LOSS, f"both were refused: {said}"
        elif not refused:
            outcome, said = Outcome.LOSS, f"both worked: {said}"
        elif str((second, first)[refused[0]].pid) not in outcomes[refused[0]][1]:
            outcome, said = Outcome.LOSS, f"the refusal does not name the other's process: {said}"
    if outcome is Outcome.REFUSED and (wrong := differing(files(directory), undisturbed)):
        outcome, said = Outcome.LOSS, f"differs: {wrong}; {said}"
    scene.drop(directory.parent)
    return Case(SECTION, name, "two processes at once", outcome, said)


def _together(directory: Path, *pair: subprocess.Popen[bytes]) -> list[Ended]:
    """How both end when one of them cannot end before the other."""
    until = time.monotonic() + PATIENCE
    while (holder := _holder(directory, pair)) is None and time.monotonic() < until:
        if all(process.poll() is not None for process in pair):
            break
        time.sleep(0.002)
    if holder is None:
        return [wait(process) for process in pair]
    os.kill(holder.pid, signal.SIGSTOP)
    ended = {process.pid: wait(process) for process in pair if process is not holder}
    with contextlib.suppress(ProcessLookupError):
        os.kill(holder.pid, signal.SIGCONT)
    ended[holder.pid] = wait(holder)
    return [ended[process.pid] for process in pair]


def _holder(
    directory: Path, pair: tuple[subprocess.Popen[bytes], ...]
) -> subprocess.Popen[bytes] | None:
    """Which of the two has the lock of the directory, as the lock says."""
    with contextlib.suppress(OSError, ValueError):  # not there yet, or half written
        said = json.loads((directory / LOCK).read_text("utf-8"))["process"]
        return next((process for process in pair if process.pid == said), None)
    return None
