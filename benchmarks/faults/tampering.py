"""Tampering: each file of a directory damaged in each way, then read, listed and resumed.

What may come of it: the end has the bits of the undisturbed one, or a sentence says what is wrong
and no other file has lost anything.
"""

import dataclasses
import fnmatch
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from faults import mutations
from faults.damage import BYTES, LINES, Damage
from faults.outcome import Case, Outcome
from faults.scene import Scene
from faults.victims import STEPS, VICTIMS, differing, files

SECTION = "tampering"
PICTURE = "run.png"
HALFWAY = 24
"""The meta-step after which a run is interrupted; its checkpoint is written."""


def _rewritten(damage: Damage) -> Callable[[Path, random.Random], object]:
    def rewritten(path: Path, chance: random.Random) -> None:
        if data := path.read_bytes():
            path.write_bytes(damage(data, chance))

    return rewritten


def _directory(path: Path, chance: random.Random) -> None:
    path.unlink()
    path.mkdir()


WAYS: dict[str, Callable[[Path, random.Random], object]] = {
    "deleted": lambda path, chance: path.unlink(),
    "made a directory": _directory,
    **{
        name: _rewritten({**BYTES, **LINES}[name])
        for name in (
            *("emptied", "cut off", "one bit flipped", "junk inside"),
            *("a line gone", "a line twice"),
        )
    },
}
"""A new way to tamper is a line here."""

Words = tuple[object, ...]


@dataclasses.dataclass(frozen=True)
class Target:
    """A directory that is tampered with."""

    victim: str
    make: Callable[[Scene], Path]
    """The directory as it is before; it is copied."""
    inputs: tuple[str, ...]
    """Patterns of files that may stay as they are, if all others come out right: they decide, or
    nothing needs them, or what is read of them has a checksum of its own."""
    looks: Callable[[Path], tuple[Words, ...]] = lambda directory: ()
    """What reads it and may change nothing."""
    part: tuple[str, ...] = ("*",)
    """Patterns of the files that are tampered with."""
    smoke: tuple[str, ...] = ()
    """The files that a few attacks are made on."""


def _halfway(scene: Scene) -> Path:
    """A run that was interrupted, so that there is something left to compute."""
    directory, ticks = scene.started(RUN), 0

    def tick() -> None:
        nonlocal ticks
        ticks += 1
        if ticks == HALFWAY + 2:
            raise InterruptedError

    try:
        VICTIMS[RUN].advance(directory, tick)
    except InterruptedError:
        return directory
    raise RuntimeError("the run was not interrupted")


def _unmeasured(scene: Scene) -> Path:
    """A figure whose runs are at their end, and of which nothing is measured yet."""
    directory = scene.fresh() / "it"
    shutil.copytree(scene.finished("figure"), directory, ignore=shutil.ignore_patterns("figure-*"))
    return directory


def _run_looks(directory: Path) -> tuple[Words, ...]:
    page = directory.parent / "page.html"
    return ("report", directory, "--no-inside", "--html", page), ("runs", directory.parent)


RUN = "run random-search"
CHECKPOINT = "checkpoints/checkpoint-{:08}.safetensors"
"""The one but last is what a run falls back to; a run at its end never reads it."""
TARGETS = {
    "run, interrupted": Target(RUN, _halfway, ("config.json",), _run_looks),
    "run, finished": Target(
        RUN,
        lambda scene: scene.finished(RUN),
        ("config.json", CHECKPOINT.format(STEPS - 4)),
        _run_looks,
        smoke=("best.safetensors", "metrics.jsonl"),
    ),
    "comparison": Target(
        "compare",
        lambda scene: scene.finished("compare"),
        ("plan.json", "genomes/exact.safetensors"),
    ),
    "figure": Target(
        "figure",
        lambda scene: scene.finished("figure"),
        ("*/setting.json", "*.npz"),
        part=("smoke/figure-*",),
    ),
    "figure, its runs": Target(
        "figure",
        _unmeasured,
        (f"*/{CHECKPOINT.format(1)}",),
        # Not config.json, whose date the genome carries: "run, finished" has it.
        part=("*/checkpoints/*", "*/best.safetensors", "*/metrics.jsonl"),
    ),
}


def attack(scene: Scene, chance: random.Random, smoke: bool) -> Iterator[Case]:
    """Each file of each directory, each way; a few of each where a few will do."""
    for name, target in TARGETS.items():
        if not scene.wants(name) or (smoke and not target.smoke):
            continue
        original = target.make(scene)
        every = [name for name in sorted(files(original)) if _matches(name, target.part)]
        for file in target.smoke if smoke else every:
            for way in chance.sample(sorted(WAYS), 1) if smoke else WAYS:
                yield from _one(scene, name, original, file, way, chance)
    if scene.wants("data folder"):
        yield from _data(scene, chance, smoke)


def _one(
    scene: Scene,
    name: str,
    original: Path,
    file: str,
    way: str,
    chance: random.Random,
) -> Iterator[Case]:
    """One file of a copy of a directory, tampered with in one way; then looked at and resumed."""
    target, folder = TARGETS[name], scene.fresh()
    directory = folder / "it"
    shutil.copytree(original, directory)
    WAYS[way](directory / file, chance)
    before = files(directory)
    for words in target.looks(directory):
        outcome, said = scene.worker.attempt("cli", *words).outcome()
        if wrong := differing(_not_drawn(files(directory)), _not_drawn(before)):
            outcome, said = Outcome.LOSS, f"looking changed {wrong}"
        yield Case(SECTION, f"{name}: {words[0]}", f"{file} {way}", outcome, said)
    ended = scene.worker.attempt("cli", *VICTIMS[target.victim].command(directory))
    outcome, said = ended.outcome()
    wanted, found = files(scene.finished(target.victim)), files(directory)
    if outcome is Outcome.HELD:
        # What decides and was changed is another directory's; all that was computed must be there.
        spared = {file} if _matches(file, target.inputs) else set()
        wrong = sorted(n for n in {*wanted} - spared if found.get(n) != wanted[n])
        if wrong:
            outcome, said = Outcome.LOSS, f"differs: {', '.join(wrong)}; said {said!r}"
    elif outcome is Outcome.REFUSED:
        lost = sorted(n for n, data in before.items() if n != file and not _covers(found, n, data))
        if lost:
            outcome, said = Outcome.LOSS, f"refused, but lost {', '.join(lost)}; said {said!r}"
    yield Case(SECTION, f"{name}: resume", f"{file} {way}", outcome, said)
    scene.drop(folder)


def _not_drawn(found: dict[str, bytes]) -> dict[str, bytes]:
    """Without the picture of a run, which is drawn whenever one looks."""
    return {name: data for name, data in found.items() if name != PICTURE}


def _matches(file: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatch(file, pattern) for pattern in patterns)


def _covers(found: dict[str, bytes], name: str, before: bytes) -> bool:
    """Whether a file is there with what it held; a log may have grown."""
    now = found.get(name, b"")
    return now == before or (name.endswith(".jsonl") and now.startswith(before))


def _data(scene: Scene, chance: random.Random, smoke: bool) -> Iterator[Case]:
    """The cache of downloads: a file that is not the published one is never used."""
    for way in chance.sample(sorted(WAYS), 3) if smoke else WAYS:
        folder = scene.fresh()
        path = mutations.TARGETS["idx"].make(scene, folder)
        lines = f"0 {'0' * 64} 0 {path.relative_to(folder).as_posix()}\n"
        (folder / "MANIFEST.txt").write_text(lines, "utf-8")
        WAYS[way](path, chance)
        outcome, said = scene.worker.attempt(
            "task", mutations.MNIST, BLURAX_DATA=str(folder)
        ).outcome()
        if outcome is Outcome.HELD:
            outcome, said = Outcome.LOSS, "a file that differs from the MANIFEST was used"
        yield Case(SECTION, "data folder", f"{path.name} {way}", outcome, said)
        scene.drop(folder)
