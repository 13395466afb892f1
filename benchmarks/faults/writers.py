"""Two processes at one directory at once: one works, the other refuses and names it."""

import random
import time
from collections.abc import Iterator

from faults.outcome import Case, Outcome
from faults.process import begin, wait
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
    ended = [wait(process) for process in (first, second)]
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
