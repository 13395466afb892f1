"""What decides the numbers of a comparison on tables."""

import dataclasses
from collections.abc import Iterable

from blurax.baselines import baseline, named
from blurax.bounds import check_counts, check_seed
from blurax.errors import require
from blurax.experiments.compare_plan import GenomeFile
from blurax.frozen import Checked, added, check_types
from blurax.tasks import uci
from blurax.version import __version__

NORMALISED = "+batch-norm"
"""What the name of a baseline ends in whose hidden layers are normalised over the batch."""

TABLES = tuple(f"uci:{name}" for name in uci.TABLES)
_ADDED = ("l1", "l2", "dropout", "batch-norm", "noise", "mixup", "tangos")
BASELINES = ("adam", *(f"adam+{name}" for name in _ADDED))
"""TANGOS and what it is compared with there."""
ANY_GENOME, ANY_BASELINE = "any-genome", "any-baseline"
"""Methods that take, in each fold, the genome or the baseline with the lowest validation loss."""
REFERENCES = ("linear", "forest", "boosting", "mlp")


def baselines_named(words: Iterable[str]) -> tuple[str, ...]:
    """The baselines that are meant by their names or by groups, as `baselines.named` has them.

    A name may also end in +batch-norm, that of a group may not.

    Raises:
        BluraxError: for a word that is neither.
    """
    found: list[str] = []
    for word in words:
        if word.endswith(NORMALISED):
            baseline(word.removesuffix(NORMALISED))
        found += (word,) if word.endswith(NORMALISED) else named((word,))
    return tuple(dict.fromkeys(found))


@dataclasses.dataclass(frozen=True)
class Plan(Checked):
    """The protocol of TANGOS (Jeffares et al. 2023), for any tables and methods.

    Networks d-(d+1)-(d+1), batches of 32, up to 200 epochs, ended when the loss on validation rows
    has not fallen for 30; folds, of which one tests, the next validates, the others teach.

    Raises:
        BluraxError: for a value of the wrong type or out of range, an unknown baseline, a list that
            names something twice, or nothing to compare.
    """

    tables: tuple[str, ...] = TABLES
    """Tasks that take the option fold."""
    genomes: tuple[GenomeFile, ...] = ()
    """Compared as they are: nothing of them is tuned."""
    baselines: tuple[str, ...] = BASELINES
    """Their learning rate and settings are chosen for each fold by its validation rows."""
    references: tuple[str, ...] = REFERENCES
    """Models of scikit-learn, which learn from training and validation rows."""
    folds: int = 5
    epochs: int = 200
    patience: int = 30
    batch: int = 32
    seeds: int = 1
    """Initial networks in each fold."""
    seed: int = 0
    version: str = __version__
    temperature: bool = added(False)
    """Whether the outputs of every network for classes are divided by a temperature >= 1 that the
    validation rows choose (`tables_temperature`)."""
    choose: bool = added(False)
    """Whether `ANY_GENOME` and `ANY_BASELINE` are ranked too."""

    def __post_init__(self) -> None:
        check_types(self)
        for name in self.baselines:
            found = baseline(name.removesuffix(NORMALISED))
            require(
                found.can_normalise or not name.endswith(NORMALISED),
                f"Plan.baselines has {name!r}, but {name.removesuffix(NORMALISED)} takes no batch "
                "normalisation; name it without.",
            )
        check_counts(self, "epochs", "patience", "batch", "seeds")
        check_counts(self, "folds", least=3)
        check_seed("Plan.seed", self.seed)
        require(bool(self.tables), "Plan.tables is empty; it takes one or more.")
        require(bool(self.methods), "Plan names no method; it takes one or more.")
        require(
            bool(self.choices) or not self.choose,
            "Plan.choose is set, but there are neither two genomes nor two baselines to choose of.",
        )
        taken = [each.name for each in self.genomes if each.name in (ANY_GENOME, ANY_BASELINE)]
        require(
            not (self.choose and taken),
            f"Plan.genomes has {', '.join(taken)}, which is what Plan.choose calls its own; give "
            "the genome another name.",
        )
        for name, items in (("tables", self.tables), ("methods", (*self.methods, *self.choices))):
            twice = sorted({item for item in items if items.count(item) > 1})
            require(not twice, f"Plan.{name} has {', '.join(twice)} twice; name each once.")

    @property
    def methods(self) -> tuple[str, ...]:
        """The names of all that is measured, genomes first."""
        return (*(genome.name for genome in self.genomes), *self.baselines, *self.references)

    @property
    def choices(self) -> dict[str, tuple[str, ...]]:
        """What chooses among several methods, and among which."""
        own = {ANY_GENOME: tuple(each.name for each in self.genomes), ANY_BASELINE: self.baselines}
        return {name: among for name, among in own.items() if self.choose and len(among) > 1}

    @property
    def against(self) -> str:
        """What all others are tested against: the first baseline, or the first method."""
        return (*self.baselines, *self.methods)[0]

    @property
    def cells(self) -> int:
        """How many there are."""
        return len(self.tables) * len(self.methods)
