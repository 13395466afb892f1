"""What the steps of a comparison take: for each task and network a file, measured in one go."""

import dataclasses
import enum
from collections.abc import Callable
from pathlib import Path

from blurax import io
from blurax.baselines import StepTime
from blurax.errors import BluraxError, require, shown
from blurax.experiments.compare_cells import checked, stamped
from blurax.frozen import Checked, from_json, to_json

TIMES = "times"


class By(enum.StrEnum):
    """What learners are compared by."""

    STEPS = "steps"
    TIME = "time"
    """Also by seconds: the steps of all learners are timed in turns."""


def chosen(by: str) -> By:
    """What a word means.

    Raises:
        BluraxError: for another word.
    """
    require(by in list(By), f"by is {shown(by)}; it takes one of {', '.join(By)}.")
    return By(by)


@dataclasses.dataclass(frozen=True)
class CellTimes(Checked):
    """What is in a file."""

    times: tuple[StepTime, ...]


def times_path(directory: Path, t: int, n: int) -> Path:
    """The file of a task and a network, by their numbers in the plan."""
    return directory / TIMES / f"{t}-{n}.json"


def kept_times(
    path: Path | None, measured: Callable[[], tuple[StepTime, ...]]
) -> tuple[StepTime, ...]:
    """What a file holds, or what is measured now, which is then kept in it.

    Args:
        path: where times are kept; nowhere if None.

    Raises:
        BluraxError: if the file is damaged, or the system refuses to write it.
    """
    if path is not None and io.exists(path):
        return read_times(path)
    found = measured()
    if path is not None and found:
        io.write_json(path, stamped(to_json(CellTimes(found))))
    return found


def read_times(path: Path) -> tuple[StepTime, ...]:
    """What was timed.

    Raises:
        BluraxError: if the file is damaged.
    """
    damaged = f"{path} is damaged; remove it, and steps are timed again."
    try:
        found: CellTimes = from_json(CellTimes, checked(io.read_json(path), damaged))
    except BluraxError as error:
        raise BluraxError(damaged) from error
    return found.times
