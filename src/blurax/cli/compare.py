"""`blurax compare`: genomes next to tuned baselines."""

import dataclasses
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from blurax import io
from blurax.analysis.compare_view import LEGEND, draw_records, record_table
from blurax.analysis.compare_words import overall_lines, winner_line
from blurax.analysis.plain import message
from blurax.baselines import BASELINES, USUAL, Tuning
from blurax.cli.progress import CompareProgress, resumable
from blurax.cli.terminal import Terminal
from blurax.errors import require
from blurax.experiments import compare as experiment
from blurax.experiments.compare import Compared, Panel
from blurax.experiments.compare_names import called
from blurax.experiments.compare_plan import Plan, budgets_up_to
from blurax.experiments.compare_reuse import reuse as taken_over

DIRECTORY = Path("runs/compare")

Genomes = Annotated[
    tuple[str, ...],
    tyro.conf.arg(name="genome", metavar="[NAME=]FILE"),
    tyro.conf.UseAppendAction,
]


@dataclasses.dataclass(frozen=True)
class Request:
    """What is compared."""

    genomes: Genomes = ()
    """A genome file, or the name of one of the zoo, called after its run or file, or as NAME says;
    may be given several times."""
    tasks: tuple[str, ...] = ("digits",)
    """The tasks, by name, with options: wine, or mnist:size=10. blurax tasks lists all."""
    nets: tuple[str, ...] = ("128",)
    """The hidden layers of the networks, such as 128 or 256-128; 0 for none."""
    steps: int = 1000
    """Inner steps of the longest lesson."""
    seeds: int = 5
    """Newborn networks for each reported number, at least 2."""
    seed: int = 0
    """Of the births and batches."""
    batch: int = 128
    """Examples in each step."""
    baselines: tuple[str, ...] = tuple(BASELINES)
    """What the genomes are compared with."""
    tuning: Tuning = USUAL
    """What the tuner may choose from, and how much it asks."""

    def plan(self, files: dict[str, Path]) -> Plan:
        """The plan of the comparison.

        Args:
            files: of the genomes, by what they are called.
        """
        return Plan(
            self.tasks,
            self.nets,
            experiment.named(tuple(files.values()), tuple(files))[0],
            self.baselines,
            budgets_up_to(self.steps),
            self.seeds,
            self.seed,
            self.batch,
            self.tuning,
        )


def compare(
    request: Annotated[Request, tyro.conf.arg(name="")] = Request(),
    directory: Path = DIRECTORY,
    resume: Path | None = None,
    reuse: tuple[Path, ...] = (),
) -> None:
    """Compare genomes with baselines that are tuned for each number of steps.

    Prints a table for each task and network and who wins at 10, 20, 50, 100 and 1,000 steps, those
    of them below --steps, and at --steps; draws all curves. Interrupted, it goes on where it was.

    Args:
        request: What is compared.
        directory: Where the comparison goes: plan, cells, result and picture.
        resume: Go on with the comparison in this directory, as it was started.
        reuse: Directories of earlier comparisons with the same settings, whose cells are taken
            over where task, network and learner are the same.
    """
    if resume is None:
        files = called(request.genomes)
        plan = request.plan(files)
        with io.writing(directory, experiment.COMPARISON):
            experiment.start(plan, tuple(files.values()), directory)
            for other in reuse:
                taken_over(plan, directory, other)
            _advance(Terminal(), directory)
    else:
        alone = request == Request() and directory == DIRECTORY and not reuse
        require(alone, f"--resume {resume} goes with no other option: a comparison keeps its own.")
        experiment.read_plan(resume)
        with io.writing(resume, experiment.COMPARISON):
            _advance(Terminal(), resume)


def _advance(console: Console, directory: Path) -> None:
    """Take a comparison to its end, in sight of the user, and show it."""
    plan = experiment.read_plan(directory)
    cells = len(plan.tasks) * len(plan.nets) * len(plan.learners)
    console.print(f"Comparison in {directory}: {cells} cells", soft_wrap=True)
    with (
        resumable("compare", "--resume", directory),
        CompareProgress(console) as progress,
    ):
        result = experiment.advance(directory, progress)
    for panel in result.panels:
        console.print(record_table(_title(panel), panel.records))
        if len(panel.records) > 1:
            line = winner_line(panel.records)
            console.print(message(line), end="\n\n")
    console.print(LEGEND, style="dim")
    _conclude(console, result, directory)


def _conclude(console: Console, result: Compared, directory: Path) -> None:
    panels = [panel.records for panel in result.panels]
    for line in overall_lines(panels):
        console.print(message(line))
    picture = draw_records(
        _rows(result),
        directory / experiment.PICTURE,
        f"Mean and standard deviation over {result.plan.seeds} seeds, on test examples",
    )
    where = directory / experiment.RESULT
    console.print(f"Result: {where}\nPicture: {picture}", soft_wrap=True)


def _title(panel: Panel) -> str:
    return f"{panel.task} ({panel.net}): test {panel.score} (%)"


def _rows(result: Compared) -> list:
    """The panels of the picture, a row for each task."""
    return [
        [(f"{p.task} ({p.net})", p.records) for p in result.panels if p.task == task]
        for task in result.plan.tasks
    ]
