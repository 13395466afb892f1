"""One figure, from nothing or from where it was, to its findings."""

import contextlib
import dataclasses
from pathlib import Path

from blurax import findings, io
from blurax.experiments.figures.figure import Budget, Figure
from blurax.experiments.figures.work import CELLS, GENOMES, SETTING, Log, Work
from blurax.findings import Findings
from blurax.outer import run

RESULT, PICTURE = "findings.json", "figure.png"
FIGURE = "figure"
"""What a directory of ours holds, for the sentence to a second writer."""


def make(
    figure: Figure, budget: Budget, directory: Path, log: Log = lambda text: None
) -> tuple[Findings, Path]:
    """Measure what is not measured yet.

    Args:
        directory: of all figures; each budget has a folder in it.
        log: called with what is being done.

    Returns:
        The findings, and the folder they were written to.

    Raises:
        BluraxError: if the folder holds the figure of another version or other settings, another
            process makes it, or data are missing.
    """
    work = _work(figure, budget, directory, log)
    with io.writing(work.directory, FIGURE):
        io.check_directory(work.directory, (RESULT, PICTURE, SETTING), (CELLS,))
        if work.trainings:
            io.check_directory(work.home / GENOMES, (), work.trainings)
        work.begin()
        found = figure.measure(work.setting, work)
        findings.write(work.directory / RESULT, found)
    return found, work.directory


def forget(figure: Figure, budget: Budget, directory: Path, spare: frozenset[str]) -> set[str]:
    """Remove what a figure has measured, and the genomes it was measured with.

    Args:
        spare: names of genomes that are kept, because they are new already.

    Returns:
        The names of all genomes of the figure.

    Raises:
        BluraxError: if another process writes into one of them; then nothing is removed.
    """
    work = _work(figure, budget, directory, lambda text: None)
    genomes = [work.home / GENOMES / name for name in sorted(set(work.trainings) - spare)]
    with contextlib.ExitStack() as held:
        held.enter_context(io.writing(work.directory, FIGURE))
        for directory in genomes:
            held.enter_context(io.writing(directory, run.RUN))
        for directory in (work.directory, *genomes):  # all or, if one is written to, none
            io.clear(directory)
    for directory in (work.directory, *genomes):
        with contextlib.suppress(OSError):  # gone already, or begun anew by another process
            directory.rmdir()
    return set(work.trainings)


def _work(figure: Figure, budget: Budget, directory: Path, log: Log) -> Work:
    setting = figure.setting(budget)
    assert dataclasses.is_dataclass(setting)
    home = directory / budget.value
    return Work(figure.name, budget.value, home, setting, figure.trainings(setting), log)
