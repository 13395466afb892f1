"""The log of a meta-training run, `metrics.jsonl`, as arrays."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from jaxtyping import Float, Int

from blurax.errors import BluraxError, require
from blurax.io import as_path, exists, parse_json
from blurax.io.paths import opened
from blurax.outer.repair import BEST

_LONGEST = 16 * 2**20
"""Bytes of a line of the log; one of a population of half a million has fewer."""

NO_RUN = "it holds no run, or one before its first validation."


@dataclasses.dataclass(frozen=True)
class Metrics:
    """What a run logged; a number that was not finite is NaN."""

    steps: Int[np.ndarray, " steps"]
    """The numbers of the meta-steps, from 1."""
    loss: Float[np.ndarray, "steps members"]
    """The query loss of each member, or of the best candidate of each generation."""
    diverged: Int[np.ndarray, " steps"]
    """How many members' loss or gradient was not finite."""
    validated: Int[np.ndarray, " validations"]
    """The meta-steps that ended with a validation."""
    accuracy: Float[np.ndarray, "validations members pairs"]
    """Of each member on each pair of a task and a network."""

    keep_last: bool = False
    """Whether the run kept the genome of its last validation, and not the best."""

    @property
    def scores(self) -> Float[np.ndarray, "validations members"]:
        """The mean accuracy over tasks and networks."""
        return self.accuracy.mean(axis=2)

    @property
    def kept(self) -> int | None:
        """The index of the member whose genome the run kept; None before the first validation."""
        return self.chosen[1] if self.scores.size else None

    @property
    def chosen(self) -> tuple[int, int]:
        """Which validation, and which member in it, the run kept the genome of."""
        means = np.nan_to_num(self.scores, nan=-1.0)
        if self.keep_last and np.any(means > 0):
            when = int(np.flatnonzero(np.any(means > 0, axis=1))[-1])
            return when, int(np.argmax(means[when]))
        when, member = np.unravel_index(np.argmax(means), means.shape)
        return int(when), int(member)


def read_metrics(directory: Path, keep_last: bool = False) -> Metrics:
    """Read the log of a run, which may still be going on.

    A half-written last line is passed over, as it is when a run is resumed.

    Args:
        keep_last: whether the run keeps the genome of its last validation, not the best.

    Raises:
        BluraxError: if there is no log, or one that is damaged.
    """
    path = as_path(directory, "directory") / "metrics.jsonl"
    if not exists(path):
        lost = exists(path.with_name(BEST))
        raise BluraxError(
            f"{directory} has no metrics.jsonl: "
            + ("it is lost; resume the run to compute it again." if lost else NO_RUN)
        )
    with opened(path) as file:
        return dataclasses.replace(_collect(path, list(_lines(path, file))), keep_last=keep_last)


def _lines(path: Path, file: BinaryIO) -> Iterator[dict[str, Any]]:
    """The lines of a log, one at a time: what is no log may be one line of any length."""
    number = 0
    while (text := file.readline(_LONGEST)).endswith(b"\n"):
        try:
            line = parse_json(text, str(path))
        except BluraxError as error:
            raise BluraxError(_damaged(path, number)) from error
        require("loss" in line or "accuracy" in line, _damaged(path, number))
        yield line
        number += 1
    require(len(text) < _LONGEST, _damaged(path, number))


def _damaged(path: Path, number: int) -> str:
    return f"{path} is damaged in line {number + 1}; resume the run to compute it again from there."


def _check_order(path: Path, lines: list[dict[str, Any]]) -> None:
    """Each meta-step once and in order; a validation is of the meta-step before it."""
    step = 0
    for number, line in enumerate(lines):
        step += "loss" in line
        require(line.get("step") == step, _damaged(path, number))


def _collect(path: Path, lines: list[dict[str, Any]]) -> Metrics:
    steps = [line for line in lines if "loss" in line]
    validations = [line for line in lines if "accuracy" in line]
    require(len(steps) > 0, f"{path} holds no meta-step yet.")
    _check_order(path, lines)
    try:
        loss = np.array([line["loss"] for line in steps], float)
        accuracy = np.array([line["accuracy"] for line in validations], float)
        diverged = np.array([line["diverged"] for line in steps], int)
        numbers = np.array([line["step"] for line in steps], int)
        validated = np.array([line["step"] for line in validations], int)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BluraxError(f"{path} is not the log of a run.") from error
    if not validations:
        accuracy = np.zeros((0, *loss.shape[1:], 1))
    if accuracy.shape[1] == 1:
        # Candidates of a generation: the best one of each, for they come and go.
        loss = np.where(np.isfinite(loss), loss, np.inf).min(axis=1, keepdims=True)
        loss[np.isinf(loss)] = np.nan
    shapes = [array.ndim for array in (loss, accuracy, diverged, numbers, validated)]
    require(shapes == [2, 3, 1, 1, 1], f"{path} is not the log of a run.")
    require(
        accuracy.shape[1:2] == loss.shape[1:] and 0 not in (*loss.shape, *accuracy.shape[1:]),
        f"{path} is not the log of a run: its members differ from line to line.",
    )
    return Metrics(numbers, loss, diverged, validated, accuracy)
