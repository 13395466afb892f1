"""The range of counts and of seeds: one for each, everywhere."""

import numbers
from typing import Any

from blurax import errors
from blurax.errors import BluraxError, require

MOST = 2**31 - 1
"""The largest count: steps and examples are numbered in 32 bits."""
LAST_SEED = 2**32 - 1
"""The largest seed: of larger ones JAX would take the last 32 bits, and of negative ones too."""


def check_count(name: str, value: int, least: int = 1) -> None:
    """Raise `BluraxError` for a count that is too small, or beyond `MOST`."""
    require(value >= least, f"{name} is {shown(value)}; it takes a whole number >= {least}.")
    require(value <= MOST, f"{name} is {shown(value)}; it takes a whole number <= {MOST}.")


def check_whole(name: str, value: Any, least: int = 1) -> None:
    """Raise `BluraxError` unless a value, of whatever type, is a count."""
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    require(whole, f"{name} is {errors.shown(value)}; it takes a whole number >= {least}.")
    check_count(name, int(value), least)


def check_counts(spec: Any, *names: str, least: int = 1) -> None:
    """Raise `BluraxError` for a field of a spec that is no count; None is none, and passes."""
    for name in names:
        value = getattr(spec, name)
        if value is not None:
            check_count(f"{type(spec).__name__}.{name}", value, least)


def check_seed(name: str, value: Any, other: str = "") -> int:
    """A seed as an integer of Python.

    Args:
        other: what may stand in its place, for the message.

    Raises:
        BluraxError: for what is no whole number, or not its own 32 bits: another would give the
            same random numbers.
    """
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not whole or not 0 <= int(value) <= LAST_SEED:
        got = shown(int(value)) if whole else repr(value)
        raise BluraxError(f"{name} is {got}; it takes a whole number from 0 to {LAST_SEED}{other}.")
    return int(value)


def shown(value: int) -> str:
    """A whole number as a message shows it: one of very many digits by how many they are."""
    digits = int(abs(value).bit_length() * 0.30103)  # Python refuses to print more than 4,300
    return str(value) if digits < 40 else f"a number of about {digits} digits"
