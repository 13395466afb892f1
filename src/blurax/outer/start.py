"""Where meta-training starts from."""

import dataclasses
import enum
import hashlib
import math
import os
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from blurax import io, zoo
from blurax.errors import BluraxError, require, shown
from blurax.genome import Genome, backprop, perturb, random
from blurax.io.genome_file import pack_genome, unpack_genome
from blurax.io.learner_file import LIMIT, pack_learner, unpack_learner
from blurax.io.sealed import read_raw
from blurax.learner import Learner
from blurax.outer.numbers import name_of, named, numbers_of
from blurax.spec import Rule


class Start(enum.StrEnum):
    """Where meta-training starts from."""

    RANDOM = "random"
    BACKPROP = "backprop"


NOISE = 0.01
"""Near back-propagation: the standard deviation of what is added to each number, by default."""
_NOWHERE = io.Provenance("-", "2000-01-01", 0, (), 0, None, {})
"""Of what was no file: the same numbers are to give the same bytes."""


@dataclasses.dataclass(frozen=True)
class Given:
    """The meta-parameters of a file to go on from, known by its content."""

    sha256: str
    """Of the file."""
    source: str = dataclasses.field(default="", compare=False)
    """What the user named."""
    content: bytes | None = dataclasses.field(default=None, init=False, compare=False, repr=False)
    """The file itself; None where only its digest is known."""

    @classmethod
    def of(cls, what: str | os.PathLike[str] | Genome | Learner) -> "Given":
        """What is found in a file, under a name of the zoo, or in a genome or learner at hand.

        Raises:
            BluraxError: if there is no such file.
        """
        if isinstance(what, Genome):
            return cls._holding(pack_genome(what, _NOWHERE), "the genome given")
        if isinstance(what, Learner):
            name, tensors = name_of(what), named(numbers_of(what))
            return cls._holding(pack_learner(name, tensors, _NOWHERE), f"the {name} given")
        path = zoo.find(what)
        return cls._holding(read_raw(path, "genome", LIMIT), os.fspath(what))

    @classmethod
    def _holding(cls, content: bytes, source: str) -> "Given":
        given = cls(hashlib.sha256(content).hexdigest(), source)
        object.__setattr__(given, "content", content)
        return given

    def found(self, path: str | os.PathLike[str]) -> "Given":
        """The same with the content of the file in which a run keeps it.

        Raises:
            BluraxError: if the file is missing, or another one.
        """
        given = self._holding(read_raw(path, "genome", LIMIT), self.source)
        require(
            given.sha256 == self.sha256,
            f"{os.fspath(path)} is not the file that the run started from: its SHA-256 is "
            f"{given.sha256}, not {self.sha256}; put it back.",
        )
        return given

    def bytes(self) -> bytes:
        """The content.

        Raises:
            BluraxError: if only its digest is known.
        """
        if self.content is None:
            raise BluraxError(
                f"MetaTrain.start is {self.source or 'a file'} with the SHA-256 {self.sha256}, of "
                "which no more is known; give the file."
            )
        return self.content

    def genome(self) -> Genome:
        """The genome in it.

        Raises:
            BluraxError: if it is no genome file, or damaged.
        """
        return unpack_genome(self.bytes(), self.source)[0]

    def rule(self) -> Rule | None:
        """The rule of the genome in it; None where there is none, or no more than a digest."""
        try:
            return self.genome().rule
        except BluraxError:
            return None  # a learner's file, say; what is wrong is said where it is used

    def learner(self) -> tuple[str, dict[str, Any]]:
        """The name of the class and the arrays of the learner in it.

        Raises:
            BluraxError: if it is no learner file, or damaged.
        """
        return unpack_learner(self.bytes(), self.source)[:2]


AnyStart = Start | Given | Genome | Learner | os.PathLike | str
"""What a start may be given as."""


def started(what: Any) -> Any:
    """A start as a configuration holds it, of what the user named.

    Raises:
        BluraxError: for a file that is missing, or what names no start.
    """
    if isinstance(what, Start | Given):
        return what
    require(
        isinstance(what, str | os.PathLike | Genome | Learner),
        f"MetaTrain.start is {shown(what)}; it takes random, backprop, a genome's name or file, a "
        "Genome or a Learner.",
    )
    return Start(what) if what in list(Start) else Given.of(what)


@dataclasses.dataclass(frozen=True)
class Origin:
    """The genomes with which a run begins."""

    start: Start = Start.RANDOM
    rate: float = 0.1
    """The learning rate of back-propagation, where that is the start."""
    coupling: float = 0.5
    """s of `terms.decorrelation`, where the rule has it."""
    noise: float = NOISE
    """The standard deviation of what is added to each number of back-propagation."""

    def genome(self, key: PRNGKeyArray, rule: Rule) -> Genome:
        """A random genome, or a slightly perturbed back-propagation one."""
        if self.start is Start.RANDOM:
            return self._shared(random(key, rule))
        return perturb(key, self._shared(backprop(rule, self.rate)), self.noise)

    def _shared(self, genome: Genome) -> Genome:
        """The genome with s in the place of 1/2."""
        if not genome.rule.update.decorrelate or self.coupling == 0.5:
            return genome
        logit = math.log(self.coupling / (1 - self.coupling))

        def genes(g: Genome) -> list[Any]:
            both = (g.synapse, g.forward_synapse)
            return [s.decorrelation for s in both if s is not None and s.decorrelation is not None]

        return eqx.tree_at(genes, genome, replace_fn=lambda leaf: jnp.full_like(leaf, logit))
