"""One figure, from nothing or from where it was, to its findings."""

import dataclasses
import shutil
from pathlib import Path

from blurax import findings
from blurax.experiments.figures.figure import Budget, Figure
from blurax.experiments.figures.work import GENOMES, Say, Work
from blurax.findings import Findings

RESULT = "findings.json"


def make(
    figure: Figure, budget: Budget, directory: Path, say: Say = lambda text: None
) -> tuple[Findings, Path]:
    """Measure what is not measured yet.

    Args:
        directory: of all figures; each budget has a folder in it.
        say: told what is being done.

    Returns:
        The findings, and the folder they were written to.

    Raises:
        BluraxError: if the folder holds the figure of another version or other settings, or data
            are missing.
    """
    work = _work(figure, budget, directory, say)
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
    """
    work = _work(figure, budget, directory, lambda text: None)
    shutil.rmtree(work.directory, ignore_errors=True)
    for name in set(work.trainings) - spare:
        shutil.rmtree(work.home / GENOMES / name, ignore_errors=True)
    return set(work.trainings)


def _work(figure: Figure, budget: Budget, directory: Path, say: Say) -> Work:
    setting = figure.settings[budget]
    assert dataclasses.is_dataclass(setting)
    home = directory / budget.value
    return Work(figure.name, budget.value, home, setting, figure.trainings(setting), say)
