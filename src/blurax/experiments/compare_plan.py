"""What decides the numbers of a comparison."""

import dataclasses

from blurax import graphs
from blurax.baselines import RIVALS, USUAL, Tuning, baseline, check_budgets
from blurax.bounds import check_count, check_counts, check_seed
from blurax.errors import require
from blurax.frozen import Checked, added, check_types
from blurax.tasks import EpisodeSpec
from blurax.version import __version__

BUDGETS = (10, 20, 50, 100, 1000)
"""Inner steps after which learners are compared."""


def budgets_up_to(steps: int) -> tuple[int, ...]:
    """Those of `BUDGETS` below a number of steps, and that number.

    Raises:
        BluraxError: for a number below 1, or beyond 32 bits.
    """
    check_count("The number of steps", steps)
    return (*(budget for budget in BUDGETS if budget < steps), steps)


@dataclasses.dataclass(frozen=True)
class GenomeFile(Checked):
    """Which genome it is, or which numbers of a learner."""

    name: str
    sha256: str
    """Of its file."""


@dataclasses.dataclass(frozen=True)
class CodeVersion(Checked):
    """Which code of the user's own it is."""

    name: str
    """Of the learner or baseline that it is the code of, or `task NAME`: of a task given as it is,
    its data too."""
    sha256: str
    """Of a baseline that is not the user's own, what is new in it (`Baseline.source`)."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """All that decides the numbers of a comparison.

    Raises:
        BluraxError: for a value of the wrong type, an unknown baseline, a list that names
            something twice or nothing at all, or fewer than two seeds.
    """

    tasks: tuple[str, ...]
    """The tasks, by name."""
    nets: tuple[str, ...]
    """The networks by their hidden layers, such as 256-128 or c8k5s2-16."""
    genomes: tuple[GenomeFile, ...] = ()
    """Genomes and learners of the user's own, which are compared as they are."""
    baselines: tuple[str, ...] = RIVALS
    budgets: tuple[int, ...] = BUDGETS
    seeds: int = 5
    """Initial networks for each reported number."""
    seed: int = 0
    batch: int = 128
    tuning: Tuning = USUAL
    version: str = __version__
    """Of blurax: another one may give other numbers."""
    sources: tuple[CodeVersion, ...] = added(())
    """The code of the user's own behind learners, baselines, tasks: other code, other numbers."""

    def __post_init__(self) -> None:
        check_types(self)
        for name in self.baselines:
            baseline(name)
        for net in self.nets:
            graphs.parse(net)
        for name in ("tasks", "nets"):
            require(bool(getattr(self, name)), f"Plan.{name} is empty; it takes one or more.")
        check_budgets(self.budgets)
        require(bool(self.learners), "Plan names no learner and no baseline; it takes one or more.")
        for name in ("tasks", "nets", "learners"):
            items = getattr(self, name)
            twice = sorted({item for item in items if items.count(item) > 1})
            require(not twice, f"Plan.{name} has {', '.join(twice)} twice; name each once.")
        require(self.seeds >= 2, f"Plan.seeds is {self.seeds}; a spread takes at least 2.")
        check_counts(self, "seeds", "batch")
        check_seed("Plan.seed", self.seed)
        EpisodeSpec(steps=self.budgets[-1], batch=self.batch)  # as many as can be numbered

    @property
    def learners(self) -> tuple[str, ...]:
        """The names of all learners, those that are compared as they are first."""
        return (*(genome.name for genome in self.genomes), *self.baselines)

    @property
    def cells(self) -> int:
        """How many there are."""
        return len(self.tasks) * len(self.nets) * len(self.learners)

    def source(self, learner: str) -> str:
        """The SHA-256 of the user's code behind a learner; empty where there is none."""
        return next((each.sha256 for each in self.sources if each.name == learner), "")
