"""What was measured of the estimators of the meta-gradient, and its file."""

import dataclasses
from pathlib import Path

from blurax import io
from blurax.errors import BluraxError
from blurax.frozen import check_types, from_json, to_json


@dataclasses.dataclass(frozen=True)
class Measured:
    """What one estimator said, all lengths in units of the exact gradient's."""

    name: str
    window: int
    sigma: float
    """0 for gradients."""
    bias: float
    """The length of the mean estimate's difference from the exact gradient."""
    bias_error: float
    """What the noise alone would give for it, with so many draws."""
    deviation: float
    """The root mean square length of an estimate's difference from the mean one."""
    cosine: float
    """Between the mean estimate and the exact gradient."""

    def __post_init__(self) -> None:
        check_types(self)


@dataclasses.dataclass(frozen=True)
class Result:
    """All estimators on one episode."""

    draws: int
    pairs: int
    steps: int
    measured: tuple[Measured, ...]

    def __post_init__(self) -> None:
        check_types(self)


def write(path: Path, result: Result) -> None:
    """Write a result file."""
    io.write_json(path, to_json(result))


def read(path: Path) -> Result:
    """Read what `write` wrote.

    Raises:
        BluraxError: if there is no such file, or not such a one.
    """
    try:
        values = io.read_json(path)
    except BluraxError as error:
        raise BluraxError(f"{path} is not a measurement of estimators.") from error
    return from_json(Result, values)
