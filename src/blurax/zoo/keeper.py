"""What the wheel holds of each genome and learner: its file, and a card of what it reached."""

import dataclasses
import difflib
import functools
import os
from pathlib import Path

from blurax import io
from blurax.errors import BluraxError, require
from blurax.frozen import Checked, added, check_types, from_json
from blurax.genome import Genome
from blurax.io import Provenance
from blurax.io.paths import shown

HOME = Path(__file__).parent / "genomes"
"""NAME.safetensors and NAME.json, the card, for each genome."""
LEARNERS = Path(__file__).parent / "learners"
"""The same for each learner, whose file holds the numbers of a class of the library's."""


@dataclasses.dataclass(frozen=True)
class Row:
    """What was reached on one task with one network, on test examples."""

    task: str
    net: str
    """The hidden layers, such as 256-128."""
    score: str
    """What the score is called: accuracy, say."""
    budgets: tuple[int, ...]
    """Inner steps."""
    genome: tuple[float, ...]
    """The mean score over the seeds at each budget, from 0 to 1."""
    genome_std: tuple[float, ...]
    """Its standard deviation."""
    best: tuple[str, ...]
    """The best tuned baseline at each budget; empty where none was measured."""
    best_mean: tuple[float, ...]
    best_std: tuple[float, ...]
    baselines: tuple[str, ...] = added(())
    """Those of which the baselines are the best."""

    def __post_init__(self) -> None:
        check_types(self)
        mine = {len(self.budgets), len(self.genome), len(self.genome_std)}
        theirs = {len(self.best), len(self.best_mean), len(self.best_std)}
        require(
            len(mine) == 1 and theirs in (mine, {0}),
            f"Row: the scores on {shown(self.task)} are not one for each of its "
            f"{len(self.budgets)} budgets.",
        )


@dataclasses.dataclass(frozen=True)
class Card(Checked):
    """What a genome reached next to the best tuned baseline of each cell."""

    about: str
    """One line for lists."""
    recipe: str
    """What to type to make it anew."""
    seeds: int
    """Random seeds behind each number."""
    rows: tuple[Row, ...]
    lasting: tuple[Row, ...] = ()
    """Episodes of 1,000 steps, say, of the genome alone: does it keep what it learned?"""


@functools.cache
def names() -> tuple[str, ...]:
    """The names of all genomes of the zoo, `default` first."""
    found = sorted(path.stem for path in HOME.glob("*.safetensors"))
    return tuple(sorted(found, key=lambda name: name != "default"))


@functools.cache
def learners() -> tuple[str, ...]:
    """The names of all learners of the zoo that are no genomes."""
    return tuple(sorted(path.stem for path in LEARNERS.glob("*.safetensors")))


def genome_file(name: str) -> Path:
    """The file of a genome or learner of the zoo.

    Raises:
        BluraxError: if there is none of this name, naming those there are.
    """
    known = names() + learners()
    if name not in known:
        near = difflib.get_close_matches(str(name), known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}."
        raise BluraxError(f"There is no genome or learner {shown(repr(name))} in the zoo; {hint}")
    return (LEARNERS if name in learners() else HOME) / f"{name}.safetensors"


def genome(name_or_path: str | os.PathLike[str]) -> tuple[Genome, Provenance]:
    """A genome of the zoo or of a file, and where it comes from.

    Raises:
        BluraxError: as `find` and `io.load_genome` do; for a learner, which is no genome.
    """
    path = find(name_or_path)
    require(
        path.parent != LEARNERS,
        f"{shown(os.fspath(name_or_path))} is a learner, and this takes a genome; there are "
        f"{', '.join(names())}.",
    )
    return io.load_genome(path)


def card(name: str) -> Card:
    """What a genome or learner of the zoo reached.

    Raises:
        BluraxError: if there is none of this name, or its card cannot be read.
    """
    path = genome_file(name).with_suffix(".json")
    return from_json(Card, io.read_json(path), shown(str(path)))


def find(name_or_path: str | os.PathLike[str]) -> Path:
    """The file of a genome or learner: one of the zoo by its name, any other by its path.

    A name has neither an ending nor a folder. A name of the zoo means its own, even where a file of
    that name lies in this folder.

    Raises:
        BluraxError: for a word that is no name in the zoo and no file, and for no word at all.
    """
    path = io.as_path(name_or_path, "genome")
    name = os.fspath(name_or_path)
    like_a_name = len(path.parts) == 1 and not path.suffix
    known = name in names() or name in learners()
    if known or (like_a_name and not io.exists(path)):
        return genome_file(name)
    return path
