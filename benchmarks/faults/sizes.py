"""Sizes: what no machine can hold or finish is refused in seconds, and leaves nothing behind.

Every process has its address space bounded, so that what is not refused fails, and harms nothing.
"""

import dataclasses
import random
import sys
from collections.abc import Iterator

from faults import own_rule
from faults.outcome import Case, Outcome
from faults.process import MEMORY, begin, blurax, wait
from faults.scene import Scene

SECTION = "sizes"
SECONDS = 30
"""Of the processor; most of them go to the import of JAX."""

META = ("meta-train", "--tasks", "xor", "--hidden", "4", "--directory", "out")
COMPARE = (
    "compare",
    "--tasks",
    "iris",
    "--hidden",
    "3",
    "--baselines",
    "sgd",
    "--directory",
    "out",
)
TRAIN = ("train", "default", "--task", "xor", "--hidden", "4", "--directory", "out")
OWN = (*META, "--learner", f"{own_rule.__file__}:Fading")
NETWORKS = (
    *("100000-100000", "c8k99999", "c2147483647", "res(64-64)x1000000000"),
    *("-".join(["1"] * 60_000), "-".join(["res(4-4)x100"] * 1000)),
)
"""Names of networks that no machine can hold, or compile in time."""
ESTIMATOR = """
import sys
import numpy as np
from blurax import BluraxError, BlurClassifier
x = np.random.default_rng(0).normal(size=(60, 4))
try:
    BlurClassifier(**{%s}).fit(x, (x[:, 0] > 0).astype(int))
except BluraxError as error:
    print(error, file=sys.stderr)
    raise SystemExit(2)
"""
MANY = (10**6, 10**9, 10**20)


@dataclasses.dataclass(frozen=True)
class Size:
    """One command, or one fit, with a number that is too large."""

    attack: str
    what: str
    command: tuple[str, ...]


def _options(base: tuple[str, ...], name: str, values: tuple[object, ...]) -> Iterator[Size]:
    kind = " of a learner" if "--learner" in base else ""
    for value in map(str, values):
        words = (*base, f"--{name}", value)
        what = f"{name} {value[:40]}"
        yield Size(f"{base[0]}{kind} --{name}", what, tuple(blurax(*words)))


def _fit(argument: str, value: object) -> Size:
    code = ESTIMATOR % f"{argument!r}: {value}"
    return Size(f"fit {argument}", f"{argument}={value}", (sys.executable, "-c", code))


SIZES = (
    *_options(META, "episode.batch", (10**7, 10**12)),
    *_options(META, "hidden", ("100000-100000", str(10**12))),
    *_options(META, "population", MANY),
    *_options(META, "episode.steps", (10**9, 10**20)),
    *_options(META, "episodes", (10**9, 10**20)),
    *_options((*META, "--job-size", "1"), "episodes", (10**9,)),
    *_options(META, "meta-steps", (10**20,)),
    *_options(META, "seed", (-1, 2**32, 10**20)),
    *_options((*META, "--method", "cma-es"), "population", MANY),
    *_options(OWN, "population", MANY),
    *_options(OWN, "episode.batch", (10**8, 10**12)),
    *_options(OWN, "episodes", (10**9,)),
    *_options(OWN, "validation-episodes", (10**9,)),
    *_options(COMPARE, "seeds", MANY),
    *_options(COMPARE, "batch", (10**7, 10**12)),
    *_options(COMPARE, "steps", (10**9, 10**20)),
    *_options(COMPARE, "nets", ("100000-100000",)),
    *_options(COMPARE, "seed", (-1, 2**32, 10**20)),
    *_options(TRAIN, "seeds", MANY),
    *_options(TRAIN, "steps", (10**9, 10**20)),
    *_options(TRAIN[:2], "task", ("teacher:rows=1000000000", "delayed-bit:delay=1000000000")),
    *_options((*TRAIN[:2], "--task", "digits"), "hidden", NETWORKS),
    *_options(TRAIN, "batch", (10**7, 10**12)),
    *_options(("demo", "--directory", "out"), "seeds", MANY),
    _fit("steps", 10**12),
    _fit("steps", 10**20),
    _fit("hidden", (10**6, 10**6)),
    _fit("batch_size", 10**12),
    _fit("random_state", -1),
    _fit("random_state", 2**32),
    _fit("random_state", 10**20),
)
"""A new size is a line here."""

SMOKE = "population 1000000000", "steps=1000000000000"


def attack(scene: Scene, chance: random.Random, smoke: bool) -> Iterator[Case]:
    """Each command in an empty folder, in which nothing may be left."""
    seen: set[str] = set()
    for size in SIZES:
        if not scene.wants(size.attack):
            continue
        if smoke and (size.what not in SMOKE or size.what in seen):
            continue
        seen.add(size.what)
        folder = scene.fresh()
        ended = wait(begin(list(size.command), scene.folder, MEMORY, SECONDS, folder))
        outcome, said = ended.outcome()
        if "has no option" in ended.err:  # a name that has changed proves nothing
            raise RuntimeError(f"{size.command} is no command: {ended.err}")
        left = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
        if outcome is Outcome.HELD:
            outcome, said = Outcome.LOSS, f"went through: {said}"
        elif outcome is Outcome.REFUSED and left:
            outcome, said = Outcome.LEFT, f"{', '.join(left[:5])}; {said}"
        yield Case(SECTION, size.attack, size.what, outcome, said)
        scene.drop(folder)
