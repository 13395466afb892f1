"""The cells of a comparison: a file each, with a checksum, for each is hours of work."""

import hashlib
import json
from pathlib import Path
from typing import Any

from blurax import io
from blurax.baselines import Record
from blurax.errors import BluraxError, require
from blurax.experiments.compare_plan import Plan
from blurax.frozen import from_json, to_json

CELLS = "cells"
SHA256 = "sha256"
"""The entry with the checksum of all others; cells of earlier versions have none."""


def cell_path(directory: Path, plan: Plan, task: str, net: str, learner: str) -> Path:
    """The file of a cell."""
    t, n = plan.tasks.index(task), plan.nets.index(net)
    return directory / CELLS / f"{t}-{n}-{learner}.json"


def write_cell(path: Path, record: Record) -> None:
    """Write what was measured, with its checksum.

    Raises:
        BluraxError: if the system refuses.
    """
    io.write_json(path, stamped(to_json(record)))


def read_cell(path: Path, plan: Plan, learner: str) -> Record:
    """What a cell holds.

    Raises:
        BluraxError: if it is damaged, or another one's: of another learner, other budgets or
            seeds.
    """
    damaged = f"{path} is damaged; remove it, and it is measured again."
    try:
        record: Record = from_json(Record, checked(io.read_json(path), damaged))
    except BluraxError as error:
        raise BluraxError(damaged) from error
    rows = (plan.seeds,) * len(plan.budgets)
    fits = (record.learner, record.budgets) == (learner, plan.budgets)
    require(fits and tuple(map(len, record.accuracy)) == rows, damaged)
    return record


def read_as(kind: type, path: Path, message: str) -> Any:
    """What a file of a comparison holds.

    Raises:
        BluraxError: with this message, if it is not such a thing.
    """
    try:
        return from_json(kind, io.read_json(path))
    except BluraxError as error:
        raise BluraxError(message) from error


def stamped(content: dict[str, Any]) -> dict[str, Any]:
    """With its checksum."""
    return {**content, SHA256: _checksum(content)}


def checked(content: Any, damaged: str) -> dict[str, Any]:
    """What was stamped, without the checksum.

    Raises:
        BluraxError: saying `damaged`, if it is no longer the same.
    """
    require(isinstance(content, dict), damaged)
    wanted = content.pop(SHA256, None)
    require(wanted is None or wanted == _checksum(content), damaged)
    return content


def _checksum(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
