"""Learners on a fixed suite, next to tuned rivals, in a directory that can be resumed.

Each part of a suite is a comparison (`compare.py`) in a folder of its own: what measures, tunes,
keeps cells and goes on after a kill is there. Here is what a suite adds: ranks over all of it.
"""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from blurax import io, zoo
from blurax.baselines.standing import Place, Standing
from blurax.engine import LOCAL, Evaluator
from blurax.errors import BluraxError, require
from blurax.experiments import compare
from blurax.experiments.bench_suites import Part, Suite, suite
from blurax.experiments.compare import Compared
from blurax.experiments.compare_cells import read_as
from blurax.experiments.compare_entrants import Entrant, sources
from blurax.experiments.compare_fit import check, check_sources
from blurax.experiments.compare_plan import Plan
from blurax.experiments.compare_reuse import reuse
from blurax.experiments.compare_tasks import NONE
from blurax.experiments.compare_times import By
from blurax.experiments.compare_work import Callback, CellProgress
from blurax.frozen import Checked, to_json
from blurax.learner import Learner

PLAN, PICTURE, PAGE, TEXT = "bench.json", "bench.png", "bench.html", "bench.md"
USUAL = "adam"
"""The learner that all others are tested against, unless another is named."""
FEW = 4
"""Genomes of the zoo that are drawn whatever their rank; where more are named, the best of all."""
BENCH = "bench"
"""What a directory of ours holds, for the sentence to a second writer."""


@dataclasses.dataclass(frozen=True)
class BenchPlan(Checked):
    """Which suite is measured, and against whom."""

    suite: str
    parts: tuple[str, ...]
    against: str
    """The learner that all others are tested against."""


@dataclasses.dataclass(frozen=True)
class Bench:
    """A finished bench."""

    suite: Suite
    against: str
    parts: tuple[Compared, ...]
    """The comparisons, in the order of `suite.parts`."""

    @property
    def standing(self) -> Standing:
        """The ranks over all of it."""
        places = tuple(
            Place(part.name, panel.task, panel.net, panel.score, panel.records, panel.times)
            for part, result in zip(self.suite.parts, self.parts, strict=True)
            for panel in result.panels
        )
        about = self.suite.about
        return Standing(self.suite.name, about, self.against, places, self._shown())

    def _shown(self) -> tuple[str, ...]:
        """What was named to be ranked: all where it is little, else what is not of the zoo."""
        entrants = self.parts[0].plan.genomes
        if len(entrants) <= FEW:
            return tuple(each.name for each in entrants)
        known = _of_the_zoo()
        return tuple(each.name for each in entrants if each.sha256 not in known)


def start(
    plan: BenchPlan,
    entrants: Sequence[Entrant],
    rivals: Sequence[str],
    directory: Path,
    earlier: Sequence[Path] = (),
) -> int:
    """Make the directory of a bench, or check that it holds this very one.

    Args:
        entrants: genomes and learners, which are measured as they are.
        rivals: baselines, tuned.
        earlier: directories of other benches of the suite, whose cells are taken over where the
            learner is the same.

    Returns:
        How many cells were taken over.

    Raises:
        BluraxError: if a learner cannot learn in a part of the suite, and which parts it can; the
            directory holds a bench with other settings, an earlier one holds none, or another
            process writes into it.
    """
    known = {other: _parts_of(other) for other in earlier}
    found = suite(plan.suite).only(plan.parts)
    plans = {part.name: _plan(found, part, entrants, rivals) for part in found.parts}
    names = next(iter(plans.values())).learners
    require(
        plan.against in names,
        f"--against is {plan.against!r}; it takes one of {', '.join(names)}.",
    )
    _check(plans, entrants)
    with io.writing(directory, BENCH):
        path = directory / PLAN
        require(
            not path.exists() or read_plan(directory) == plan,
            f"{directory} holds a bench with other settings; name another with --directory.",
        )
        copied = 0
        for name, each in plans.items():
            compare.begin(each, entrants, directory / name)
            shared = [other / name for other, parts in known.items() if name in parts]
            copied += sum(reuse(each, directory / name, folder) for folder in shared)
        io.write_json(path, to_json(plan))
    return copied


def usual_against(rivals: Sequence[str]) -> str:
    """Against whom all are tested where nobody is named: Adam, or else the first rival."""
    return rivals[0] if rivals and USUAL not in rivals else USUAL


def cells_of(directory: Path) -> int:
    """How many cells a bench has, measured or not.

    Raises:
        BluraxError: if the directory holds no bench, or a damaged one.
    """
    return sum(compare.read_plan(directory / name).cells for name in _parts_of(directory))


def read_plan(directory: Path) -> BenchPlan:
    """The plan of the bench in a directory.

    Raises:
        BluraxError: if there is none, or it is damaged.
    """
    path = directory / PLAN
    require(
        path.exists(),
        f"{directory} holds no bench; it takes the folder that --directory named, with {PLAN}.",
    )
    return read_as(BenchPlan, path, f"{path} is damaged: it is not the plan of a bench.")


def advance(
    directory: Path,
    callback: Callback = lambda progress: None,
    likes: Mapping[str, Learner] = MappingProxyType({}),
    by: By = By.STEPS,
    evaluator: Evaluator = LOCAL,
) -> Bench:
    """Take a bench to its end, cell by cell; cells that are there already are kept.

    Args:
        callback: as of `compare.advance`, with the cells of all parts counted.
        likes: learners of the classes in the bench, by name.
        by: whether steps are timed too.
        evaluator: the engine that measures cells; another one changes no result.

    Raises:
        BluraxError: if the directory holds no bench, or a damaged one, or another process writes
            into it.
    """
    plan = read_plan(directory)
    with io.writing(directory, BENCH):
        found = suite(plan.suite).only(plan.parts)
        folders = [directory / part.name for part in found.parts]
        cells = [compare.read_plan(folder).cells for folder in folders]
        parts = []
        for n, folder in enumerate(folders):
            tell = _counting(callback, sum(cells[:n]), sum(cells))
            parts.append(compare.advance(folder, tell, likes, by=by, evaluator=evaluator))
    return Bench(found, plan.against, tuple(parts))


def read(directory: Path) -> Bench:
    """Read what `advance` wrote at its end.

    Raises:
        BluraxError: if there is no bench, or it has not ended.
    """
    plan = read_plan(directory)
    found = suite(plan.suite).only(plan.parts)
    parts = tuple(compare.read(directory / part.name) for part in found.parts)
    return Bench(found, plan.against, parts)


def _check(plans: Mapping[str, Plan], entrants: Sequence[Entrant]) -> None:
    """Raise `BluraxError` where a part cannot be carried out, saying which parts can."""
    refused: dict[str, BluraxError] = {}
    for name, plan in plans.items():
        try:
            check_sources(plan, entrants, NONE)
            check(plan, entrants)
        except BluraxError as error:
            refused[name] = error
    rest = [name for name in plans if name not in refused]
    for first in refused.values():
        leaves = f" --parts {' '.join(rest)} leaves {' and '.join(refused)} out." if rest else ""
        raise BluraxError(f"{first}{leaves}") from first


def _of_the_zoo() -> set[str]:
    """The SHA-256 of each genome and learner of the zoo."""
    files = (zoo.genome_file(name) for name in zoo.names() + zoo.learners())
    return {hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def _parts_of(directory: Path) -> tuple[str, ...]:
    """The parts of a bench, each a folder with a comparison."""
    plan = read_plan(directory)
    return tuple(part.name for part in suite(plan.suite).only(plan.parts).parts)


def _plan(found: Suite, part: Part, entrants: Sequence[Entrant], rivals: Sequence[str]) -> Plan:
    return Plan(
        part.tasks,
        part.nets,
        tuple(each.stamp for each in entrants),
        tuple(rivals),
        part.budgets,
        found.seeds,
        found.seed,
        part.batch,
        found.tuning,
        sources=sources(entrants, rivals),
    )


def _counting(callback: Callback, before: int, cells: int) -> Callback:
    def tell(progress: CellProgress) -> None:
        callback(dataclasses.replace(progress, done=before + progress.done, cells=cells))

    return tell
