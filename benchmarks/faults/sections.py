"""The sections by name: each yields what came of its attacks."""

import random
from collections.abc import Callable, Iterator

from faults import kills, mutations, servers, sizes, tampering, writers
from faults.outcome import Case
from faults.scene import Scene

Section = Callable[[Scene, random.Random, bool], Iterator[Case]]

SECTIONS: dict[str, Section] = {
    "mutations": lambda scene, chance, smoke: mutations.attack(scene, chance, 14 if smoke else 500),
    "tampering": tampering.attack,
    "writers": writers.attack,
    "sizes": sizes.attack,
    "servers": servers.attack,
    "kills": kills.attack,
}
"""From the scene, what chance draws, and whether a few attacks will do."""
