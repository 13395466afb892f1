"""Settings of baselines that are out of range: one sentence for each kind of number."""

import math
import numbers
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from blurax.errors import require, shown

Fits = Callable[[float], bool]


def _check(name: str, value: Any, fits: Fits, takes: str) -> None:
    """Raise `BluraxError` unless a value is a single finite number that fits.

    What a traced function is given has no value yet, and passes.
    """
    if isinstance(value, Tracer):
        return
    given: Any = value if isinstance(value, numbers.Real | jax.Array | np.ndarray) else "none"
    array, kinds = np.asarray(given), (jnp.floating, jnp.integer)
    plain = array.ndim == 0 and any(jnp.issubdtype(array.dtype, kind) for kind in kinds)
    known = plain and math.isfinite(float(value)) and fits(float(value))
    said = str(value) if plain else shown(value)
    require(known, f"{name} is {said}; it takes {takes}.")


def check_strength(name: str, value: Any) -> None:
    """Raise `BluraxError` unless a value is a finite number, 0 at least."""
    _check(name, value, lambda number: number >= 0, "a number >= 0 that is finite")


def check_positive(name: str, value: Any) -> None:
    """Raise `BluraxError` unless a value is a finite number above 0."""
    _check(name, value, lambda number: number > 0, "a number above 0 that is finite")


def check_within(name: str, value: Any) -> None:
    """Raise `BluraxError` unless a value is a number between 0 and 1, neither of them."""
    _check(name, value, lambda number: 0 < number < 1, "a number between 0 and 1")


def check_below_one(name: str, value: Any) -> None:
    """Raise `BluraxError` unless a value is a number from 0 to below 1."""
    _check(name, value, lambda number: 0 <= number < 1, "a number from 0 to below 1")


def check_part(name: str, value: Any) -> None:
    """Raise `BluraxError` unless a value is a number above 0, at most 1."""
    _check(name, value, lambda number: 0 < number <= 1, "a number above 0, at most 1")


def check_share(name: str, value: Any) -> None:
    """Raise `BluraxError` unless a value is a number from 0 to 1."""
    _check(name, value, lambda number: 0 <= number <= 1, "a number from 0 to 1")
