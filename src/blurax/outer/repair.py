"""From where a run goes on: its newest checkpoint whose log is whole.

Whatever is damaged or missing is computed again, to the same bits: a run never ends with lines
missing from its log.
"""

import dataclasses
import hashlib
import json
import warnings
from pathlib import Path
from typing import Any

import jax
import numpy as np

from blurax import io
from blurax.errors import BluraxError
from blurax.frozen import from_json, to_json
from blurax.outer.config import MetaTrain
from blurax.outer.methods import Absent, Method
from blurax.outer.space import Space

CONFIG, START, METRICS = "config.json", "start.safetensors", "metrics.jsonl"
BEST, CHECKPOINTS, PICTURE = "best.safetensors", "checkpoints", "run.png"


def is_under_way(directory: Path) -> bool:
    """Whether a directory holds a run that has computed something."""
    left = (directory / METRICS, directory / BEST, *(directory / CHECKPOINTS).glob("*"))
    return (directory / CONFIG).exists() and any(path.exists() for path in left)


def check_places(directory: Path) -> None:
    """Check that all that a run writes can be written.

    Raises:
        BluraxError: naming what cannot.
    """
    io.check_directory(directory, (CONFIG, START, METRICS, BEST, PICTURE), (CHECKPOINTS,))


def meta(config: MetaTrain, log: Path) -> dict[str, Any]:
    """What a checkpoint says of its run: the configuration, and the digest of the log up to it."""
    with open(log, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"config": to_json(config), "log": digest}


def config_of(values: Any, method: type[Method] | None = None) -> MetaTrain:
    """The configuration that a run wrote, in an older version perhaps.

    Args:
        method: the class of its method, if that is the user's own; without it nothing can be
            computed.

    Raises:
        BluraxError: if it cannot be read, or the method is another one.
    """
    config = from_json(MetaTrain, values)
    if method is not None and isinstance(config.method, Absent):
        return dataclasses.replace(config, method=config.method.found(method))
    return config


@dataclasses.dataclass(frozen=True)
class Log:
    """The log of a run as it was found."""

    path: Path
    data: bytes
    ends: dict[int, int]
    """For each validation that all lines lead up to, its meta-step: the bytes up to its end."""
    damage: str
    """What comes after the last of these, in words."""

    def covers(self, step: int, meta: dict[str, Any]) -> bool:
        """Whether all lines are there, and as they were written, up to a checkpoint."""
        if step not in self.ends:
            return False
        digest = hashlib.sha256(self.data[: self.ends[step]]).hexdigest()
        return meta.get("log", digest) == digest

    def cut(self, step: int) -> None:
        """Drop what is beyond a checkpoint: it is computed again.

        Raises:
            BluraxError: if the file cannot be written.
        """
        end = self.ends.get(step, 0)
        if end < len(self.data):
            io.write_bytes(self.path, self.data[:end])


def read_log(directory: Path, config: MetaTrain) -> Log:
    """Read the log of a run as far as each line is the one that belongs there.

    Raises:
        BluraxError: if there is a log that cannot be read.
    """
    path = directory / METRICS
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Log(path, b"", {}, "is missing")
    except OSError as error:
        raise BluraxError(f"{path} cannot be read: {error.strerror or error}.") from error
    ends: dict[int, int] = {}
    step, validated, end = 0, True, 0
    *whole, rest = data.split(b"\n")
    for number, line in enumerate(whole, 1):
        due = step > 0 and not validated
        step = step if due else step + 1
        if not _is_line(line, step, "accuracy" if due else "loss"):
            return Log(path, data, ends, f"is damaged in line {number}")
        end += len(line) + 1
        if due:
            ends[step], validated = end, True
        else:
            validated = step % config.validate_every != 0 and step != config.meta_steps
    damage = f"is cut off in line {len(whole) + 1}" if rest else f"ends with line {len(whole)}"
    return Log(path, data, ends, damage)


def _is_line(line: bytes, step: int, content: str) -> bool:
    """Whether a line is one of this kind and step, as we write them."""
    try:
        found = io.parse_json(line, METRICS)
        return (
            type(found.get("step")) is int
            and found["step"] == step
            and isinstance(found.get(content), list)
            and json.dumps(found, ensure_ascii=False, allow_nan=False).encode() == line
        )
    except (BluraxError, UnicodeEncodeError):  # none of ours, or half a character
        return False


def restore(directory: Path, like: Any, log: Log | None = None) -> tuple[int, Any, dict] | None:
    """The newest checkpoint that can be read and that the log, if one is given, covers.

    Returns:
        The step, the state and what `meta` gave; None to begin at the start.

    Raises:
        BluraxError: if there are checkpoints up to there and none of them can be read.
    """
    passed_over: list[int] = []

    def takes(step: int, meta: dict[str, Any]) -> bool:
        if log is None or log.covers(step, meta):
            return True
        passed_over.append(step)
        return False

    found = io.load_checkpoint(directory / CHECKPOINTS, like, takes)
    if log is not None and passed_over:
        newest, first = passed_over[0], 0 if found is None else found[0]
        damage = "is not as it was written" if newest in log.ends else log.damage
        _warn(
            f"{log.path} {damage}, but the newest checkpoint is that of meta-step {newest}; going "
            f"on from meta-step {first}, to compute again what is missing."
        )
    return found


def mend_best(directory: Path, space: Space, numbers: Any, provenance: io.Provenance) -> None:
    """Write the best meta-parameters anew unless the file is the one of the checkpoint.

    Raises:
        BluraxError: if it cannot be written.
    """
    path = directory / BEST
    try:
        found, its = space.load(path)
    except BluraxError as error:
        space.save(path, numbers, provenance)
        _warn(f"{path} is made anew from the checkpoint: {error}")
        return
    # Killed between the two, a run has the genome of a validation that is computed again.
    if its != provenance or not _alike(found, numbers):
        space.save(path, numbers, provenance)


def _alike(one: Any, other: Any) -> bool:
    if jax.tree.structure(one) != jax.tree.structure(other):
        return False
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return all(np.array_equal(np.asarray(a), np.asarray(b)) for a, b in pairs)


def _warn(message: str) -> None:
    warnings.warn(message, UserWarning, stacklevel=4)
