"""What is compared as it is: genomes, and learners of the user's own."""

import dataclasses
import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import equinox as eqx
import jax
import numpy as np

from blurax import io, zoo
from blurax.baselines import baseline, code_digest
from blurax.errors import require
from blurax.experiments.compare_plan import CodeVersion, GenomeFile
from blurax.fit import blur_for
from blurax.genome import Genome
from blurax.io import Provenance
from blurax.learner import Blur, Learner
from blurax.network import Network
from blurax.outer.numbers import check_step, load_numbers, name_of, named, numbers_of, with_network
from blurax.tasks import Task
from blurax.version import __version__

BEST = "best.safetensors"
"""What a run keeps."""
GENOMES = "genomes"
"""The folder of a comparison with a copy of each file that takes part."""


@dataclasses.dataclass(frozen=True)
class Entrant:
    """A genome or a learner, with the file that holds its numbers."""

    name: str
    learned: Genome | Learner
    file: bytes
    """What its file holds."""

    def __post_init__(self) -> None:
        fine = re.fullmatch(r"[^/\\\0]+", self.name) is not None and self.name not in (".", "..")
        require(fine, f"A learner is called {self.name!r}; it takes a name that a file can have.")

    @property
    def stamp(self) -> GenomeFile:
        """Which file it is."""
        return GenomeFile(self.name, hashlib.sha256(self.file).hexdigest())

    @property
    def source(self) -> str:
        """The SHA-256 of a learner's code and of what it holds beside its numbers.

        Empty for a genome, and where no source is found.
        """
        if isinstance(self.learned, Genome):
            return ""
        code = code_digest(type(self.learned))
        bare = with_network(self.learned, Network((1, 1)))
        rest = eqx.filter(bare, eqx.is_inexact_array, inverse=True)  # the others are in the file
        found = hashlib.sha256(f"{code} {rest!r}".encode())
        for leaf in jax.tree.leaves(eqx.filter(rest, eqx.is_array)):
            found.update(np.asarray(leaf).tobytes())
        return found.hexdigest() if code else ""

    def learner(self, network: Network, task: Task) -> Learner:
        """The learner that it is on a network for a task.

        Raises:
            BluraxError: if they do not fit each other.
        """
        if isinstance(self.learned, Genome):
            return blur_for(self.learned, network, task)
        return with_network(self.learned, network)

    def check(self, network: Network, task: Task) -> None:
        """Raise `BluraxError` if it cannot learn a task with a network."""
        if isinstance(self.learned, Genome):
            network.check(self.learned.rule)
        else:
            check_step(with_network(self.learned, network), task)


def copy_path(directory: Path, name: str) -> Path:
    """The copy of an entrant's file in the directory of a comparison."""
    return directory / GENOMES / f"{name}.safetensors"


def read_entrant(name: str, path: Path, likes: Mapping[str, Learner]) -> Entrant:
    """A genome or learner from its file; no code in it is run.

    Args:
        likes: learners of the classes that learner files take, by the entrant's name or that of
            the class.

    Raises:
        BluraxError: if the file is missing, damaged, or one of a learner whose class is not given.
    """
    if not io.is_learner(path):
        return Entrant(name, io.load_genome(path)[0], path.read_bytes())
    kind = io.load_learner(path)[0]
    like = likes.get(name, likes.get(kind))
    return Entrant(name, load_numbers(path, like)[0], path.read_bytes())


def entrant(name: str, learned: Genome | Learner) -> Entrant:
    """A genome or learner as it is, wherever it comes from."""
    if type(learned) is Blur:  # one of another class is told something else
        learned = learned.genome
    # Always the same, so that the same numbers are the same file.
    origin = Provenance(__version__, "1970-01-01", 0, (), 0, None, {}, "as it was given")
    if isinstance(learned, Genome):
        return Entrant(name, learned, io.pack_genome(learned, origin, name))
    numbers = jax.device_get(named(numbers_of(learned)))
    return Entrant(name, learned, io.pack_learner(name_of(learned), numbers, origin, name))


def found_file(word: str | Path) -> Path:
    """The file that a word names: a file, a run's directory, or the name of a genome of the zoo.

    Raises:
        BluraxError: for a word that is none of these.
    """
    path = Path(word)
    return path / BEST if path.is_dir() and io.exists(path / BEST) else zoo.find(word)


def sources(entrants: Sequence[Entrant], baselines: Sequence[str]) -> tuple[CodeVersion, ...]:
    """The code of the user's own that a comparison takes."""
    found = [CodeVersion(each.name, each.source) for each in entrants]
    found += [CodeVersion(name, baseline(name).source) for name in baselines]
    return tuple(each for each in found if each.sha256)
