"""The runs below a folder, as a table."""

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

from rich.table import Table
from rich.text import Text

from blurax.analysis.plain import message, printable
from blurax.errors import BluraxError
from blurax.io import exists
from blurax.outer.metrics import read_metrics
from blurax.outer.repair import CONFIG
from blurax.outer.run import is_under_way, load_best, read_config
from blurax.targets import shown_as
from blurax.tasks import score_name


@dataclasses.dataclass(frozen=True)
class RunSummary:
    """What is to be said of a run in a line."""

    directory: Path
    method: str
    tasks: str
    step: int
    """Meta-steps behind its newest validation."""
    meta_steps: int
    score: float | None
    """The validation score of what is kept; None before the first."""
    what: str
    """What the score is called."""
    trouble: str = ""
    """Why the run, its log or its genome cannot be read."""


def find_runs(folder: Path) -> list[RunSummary]:
    """All runs below a folder, the best first, those without a score last.

    Raises:
        BluraxError: if there is no such folder.
    """
    if not (exists(folder) and folder.is_dir()):
        raise BluraxError(
            f"There is no folder {folder}, so no run yet; blurax meta-train makes one."
        )
    found = [summary(path) for path in sorted(_directories(folder))]
    return sorted(found, key=lambda run: -1.0 if run.score is None else run.score, reverse=True)


def _directories(folder: Path) -> Iterator[Path]:
    """Those with something called config.json in them; links are not followed.

    A folder that cannot be read is passed over, lest it hide the others.
    """
    left = [folder]
    while left:
        place = left.pop()
        with contextlib.suppress(OSError), os.scandir(place) as entries:
            for entry in entries:
                if entry.name == CONFIG:
                    yield place
                elif entry.is_dir(follow_symlinks=False):
                    left.append(Path(entry.path))


def summary(directory: Path) -> RunSummary:
    """One run; one that cannot be read says why."""
    try:
        config, _ = read_config(directory)
        tasks, what = message(", ".join(config.tasks)), score_name(config.tasks)
    except BluraxError as error:
        return RunSummary(directory, "-", "-", 0, 0, None, "-", message(str(error)))
    step, score, trouble = 0, None, ""
    try:
        validated = read_metrics(directory).validated
        score = load_best(directory, config)[1].score
        step = int(validated[-1]) if validated.size else 0
    except BluraxError as error:
        if is_under_way(directory):
            trouble = message(str(error))
    method = config.method.name
    return RunSummary(directory, method, tasks, step, config.meta_steps, score, what, trouble)


def runs_table(runs: list[RunSummary]) -> Table:
    """A row for each run."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("run", overflow="fold")
    for name in ("method", "tasks"):
        table.add_column(name)
    table.add_column("meta-steps", justify="right", no_wrap=True)
    table.add_column("validation")
    for run in runs:
        name, unit = shown_as(run.what)
        score = "-" if run.score is None else f"{100 * run.score:.1f} {unit} {name}"
        score, done = run.trouble or score, f"{run.step:,} of {run.meta_steps:,}"
        if run.method == "-":
            done = "-"
        words = (printable(str(run.directory)), run.method, run.tasks, done, score)
        table.add_row(*map(Text, words))  # whatever it is printed on, no path is markup
    return table
