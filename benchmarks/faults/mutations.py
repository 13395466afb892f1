"""Mutations: files of each kind, damaged by chance, through each way that reads them."""

import dataclasses
import gzip
import hashlib
import importlib.util
import itertools
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from blurax.zoo.keeper import HOME
from faults import archives
from faults.damage import BYTES, GENOME, JSON, JSON_LINES, LINES, Damage
from faults.outcome import Case, Outcome
from faults.scene import Scene
from faults.victims import save_genome

SECTION = "mutations"
READERS = ("load", "numpy", *(["torch"] if importlib.util.find_spec("torch") else []))
"""What reads a genome: the library, and the files that are exported."""
BITS = "genome, single bits"
"""Its only damage is one flipped bit, which a checksum must find wherever it is."""
GROWN = 128 * 2**20
"""Bytes of memory that no file of data here may take; a bomb grows to more."""

Attack = tuple[str, tuple[object, ...]]
"""The name of an attempt, and its words."""


@dataclasses.dataclass(frozen=True)
class Target:
    """A kind of file that blurax reads."""

    make: Callable[[Scene, Path], Path]
    """Puts an undamaged one, with all that it takes, into an empty folder; its path."""
    damage: dict[str, Damage]
    """Beside that of `BYTES`."""
    attacks: Callable[[Path, Path], tuple[Attack, ...]]
    """From the folder and the file: all that reads it."""
    sealed: bool = False
    """Whether a MANIFEST lists the damaged file as it is, so that its content is read."""


def _genome(scene: Scene, folder: Path) -> Path:
    save_genome(folder / "exact.safetensors")
    return folder / "exact.safetensors"


def _in_copy(victim: str, name: str) -> Callable[[Scene, Path], Path]:
    """A file of a finished run or comparison."""

    def make(scene: Scene, folder: Path) -> Path:
        shutil.copytree(scene.finished(victim), folder / "it")
        return folder / "it" / name

    return make


def _data(
    name: str, content: bytes, beside: dict[str, bytes] | None = None
) -> Callable[[Scene, Path], Path]:
    """A file of a data folder, and others beside it."""

    def make(scene: Scene, folder: Path) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        for other, data in (beside or {}).items():
            (path.parent / other).write_bytes(data)
        return path

    return make


def _listed(scene: Scene, folder: Path) -> Path:
    """The MANIFEST of a folder of data."""
    TARGETS["idx"].make(scene, folder)
    _manifest(folder)
    return folder / "MANIFEST.txt"


def _card(scene: Scene, folder: Path) -> Path:
    for ending in ("safetensors", "json"):
        shutil.copy(HOME / f"default.{ending}", folder)
    return folder / "default.json"


def _genome_attacks(folder: Path, path: Path) -> tuple[Attack, ...]:
    shown = ("cli", ("show", path, "--png", folder / "picture.png"))
    return (*((reader, (path,)) for reader in READERS), shown)


def _run_attacks(folder: Path, path: Path) -> tuple[Attack, ...]:
    return (
        ("cli", ("runs", folder)),
        ("cli", ("report", folder / "it", "--no-inside", "--html", folder / "page.html")),
    )


def _resumed(command: str) -> Callable[[Path, Path], tuple[Attack, ...]]:
    return lambda folder, path: (("cli", (command, "--resume", folder / "it")),)


def _table_attacks(folder: Path, path: Path) -> tuple[Attack, ...]:
    shown = ("tasks", "show", f"csv:path={path}", "--directory", folder / "pictures")
    return ("task", (f"csv:path={path}",)), ("cli", shown)


def _task(name: str) -> Callable[[Path, Path], tuple[Attack, ...]]:
    return lambda folder, path: (("task", (name,)), ("cli", ("tasks",)))


LABELS = {"t10k-labels-idx1-ubyte": archives.idx(archives.labels(20))}
ZIPPED_LABELS = {f"{name}.gz": gzip.compress(data) for name, data in LABELS.items()}
IMAGES = archives.idx(archives.images(20))
MNIST = "mnist:train=0,test=20"
CIFAR = "cifar10:train=0,test=20"
CIFAR_NPZ = archives.npz(x_test=archives.images(20, 32, 3), y_test=archives.labels(20))
OMNIGLOT = tuple(map(archives.omniglot, range(2)))

TARGETS = {
    "genome": Target(_genome, GENOME, _genome_attacks),
    BITS: Target(_genome, {}, lambda folder, path: tuple((each, (path,)) for each in READERS)),
    "config.json": Target(
        _in_copy("run random-search", "config.json"),
        JSON,
        lambda f, p: (*_run_attacks(f, p), *_resumed("meta-train")(f, p)),
    ),
    "metrics.jsonl": Target(
        _in_copy("run random-search", "metrics.jsonl"), JSON_LINES, _run_attacks
    ),
    "plan.json": Target(_in_copy("compare", "plan.json"), JSON, _resumed("compare")),
    "cell of a comparison": Target(
        _in_copy("compare", "cells/0-0-sgd.json"), JSON, _resumed("compare")
    ),
    "comparison.json": Target(
        _in_copy("compare", "comparison.json"), JSON, lambda f, p: (("comparison", (p.parent,)),)
    ),
    "zoo card": Target(_card, JSON, lambda folder, path: (("card", (folder,)),)),
    "idx": Target(
        _data("mnist/t10k-images-idx3-ubyte", IMAGES, LABELS),
        archives.IDX,
        _task(MNIST),
        sealed=True,
    ),
    "idx, gzipped": Target(
        _data("mnist/t10k-images-idx3-ubyte.gz", gzip.compress(IMAGES), ZIPPED_LABELS),
        archives.IDX,
        _task(MNIST),
        sealed=True,
    ),
    "npz": Target(_data("cifar10/it.npz", CIFAR_NPZ), archives.NPZ, _task(CIFAR), sealed=True),
    "tar": Target(
        _data("cifar10/cifar-10-binary.tar.gz", archives.cifar()),
        archives.TAR,
        _task(CIFAR),
        sealed=True,
    ),
    "zip of pictures": Target(
        _data(
            "omniglot/images_background.zip", OMNIGLOT[0], {"images_evaluation.zip": OMNIGLOT[1]}
        ),
        archives.ZIP,
        _task("omniglot"),
        sealed=True,
    ),
    "MANIFEST": Target(_listed, LINES, _task(MNIST)),
    "CSV": Target(_data("it.csv", archives.CSV), archives.TABLE, _table_attacks),
}
"""A new kind of file is a line here."""
SMOKE = "genome", BITS, "zoo card", "idx", "npz", "MANIFEST", "CSV"
"""Those that are made in no time."""


def attack(scene: Scene, chance: random.Random, smoke: bool) -> Iterator[Case]:
    """So many damaged files, of all kinds in turn, each damage before any comes again."""
    wanted = [name for name in (SMOKE if smoke else TARGETS) if scene.wants(name)]
    _check_controls(scene, wanted)
    plans = {name: _plans(TARGETS[name], chance) for name in wanted if name != BITS}
    for _ in range((20 if smoke else 200) if BITS in wanted else 0):
        yield from _one(scene, BITS, "one bit flipped", chance)
    for name in itertools.islice(itertools.cycle(plans), len(plans) if smoke else 500):
        yield from _one(scene, name, next(plans[name]), chance)


def _plans(target: Target, chance: random.Random) -> Iterator[str]:
    """The names of damage: those of the format first, then all in any order, for ever."""
    own = list(target.damage)
    chance.shuffle(own)
    yield from own
    while True:
        every = [*target.damage, *BYTES]
        chance.shuffle(every)
        yield from every


def _check_controls(scene: Scene, wanted: list[str]) -> None:
    """A file that is not damaged is read: else its damage would prove nothing.

    Raises:
        RuntimeError: if one is not.
    """
    for name in wanted:
        target, folder = TARGETS[name], scene.fresh()
        path = target.make(scene, folder)
        if target.sealed:
            _manifest(folder)
        for way, words in target.attacks(folder, path):
            ended = scene.worker.attempt(way, *words, BLURAX_DATA=str(folder))
            if ended.outcome()[0] is not Outcome.HELD:
                raise RuntimeError(f"an undamaged {name} falls: {way} {words} {ended}")
        scene.drop(folder)


def _one(scene: Scene, name: str, kind: str, chance: random.Random) -> Iterator[Case]:
    """A damaged file, through all that reads it."""
    target, folder = TARGETS[name], scene.fresh()
    path = target.make(scene, folder)
    before = path.read_bytes()
    damaged = {**BYTES, **target.damage}[kind](before, chance)
    path.write_bytes(damaged)
    if target.sealed:
        _manifest(folder)
    for way, words in target.attacks(folder, path):
        ended = scene.worker.attempt(way, *words, BLURAX_DATA=str(folder))
        outcome, said = ended.outcome()
        # A forged checksum is right; chance may also have changed nothing.
        damage = kind not in GENOME and damaged != before
        if way in READERS and damage and outcome is Outcome.HELD:
            outcome, said = Outcome.LOSS, "a damaged genome was taken for a whole one"
        if target.sealed and ended.grown > GROWN:
            outcome, said = Outcome.GREEDY, f"{ended.grown / 1e6:.0f} MB; {said}"
        row = f"{name}: {way}" if way in READERS else name
        yield Case(SECTION, row, f"{kind}: {way} {words[0]}", outcome, said)
    scene.drop(folder)


def _manifest(folder: Path) -> None:
    """List all files as they are, so that only their content can be wrong."""
    lines = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        digests = [hashlib.new(kind, path.read_bytes()).hexdigest() for kind in ("md5", "sha256")]
        lines.append(" ".join([*digests, "0", path.relative_to(folder).as_posix()]))
    (folder / "MANIFEST.txt").write_text("\n".join(lines), "utf-8")
