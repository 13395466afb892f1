"""The names of tasks: `mnist`, `mnist:size=10,classes=0-4`, `xor@2+and+two-moon`.

A name may carry options after a colon, separated by commas; an option that is a switch stands
alone. Names joined by + make a mixture, in which @ gives a weight.
"""

import dataclasses
import difflib
import enum
import os
import re
import types
import typing
from typing import Any

import numpy as np

from blurax.errors import BluraxError, require

MOST = 10_000
"""Whole numbers in a range lie below this."""


@dataclasses.dataclass(frozen=True)
class Item:
    """One task of a name."""

    name: str
    options: tuple[tuple[str, str], ...]
    """Names and values as written; a switch has the value true."""
    weight: float = 1.0


def parse(text: str) -> tuple[Item, ...]:
    """The tasks that a text names.

    Raises:
        BluraxError: if it is not of the form above.
    """
    require(isinstance(text, str), f"The name of a task is a text; it got {type(text).__name__}.")
    return tuple(_item(part.strip(), text) for part in text.split("+"))


def _item(part: str, text: str) -> Item:
    body, at, weight = part.rpartition("@")
    if not at:
        body, weight = part, "1"
    name, colon, options = body.partition(":")
    require(
        bool(name) and bool(options) == bool(colon),
        f"The task {text!r} is not of the form NAME, NAME:option=value,switch or "
        "NAME@weight+NAME@weight.",
    )
    try:
        share = float(weight)
    except ValueError as error:
        raise BluraxError(
            f"The task {text!r} has the weight {weight!r}; it takes a number."
        ) from error
    pairs = [option.partition("=") for option in options.split(",")] if options else []
    named = [(key.strip().replace("-", "_"), value if eq else "true") for key, eq, value in pairs]
    twice = sorted({key for key, _ in named if [k for k, _ in named].count(key) > 1})
    require(not twice, f"The task {text!r} names the option {', '.join(twice)} twice.")
    return Item(name, tuple(named), share)


def build(kinds: tuple[type, ...], values: dict[str, Any], task: str) -> list[Any]:
    """Options of several kinds from one pool of values, which may be texts.

    Raises:
        BluraxError: for an option that none of the kinds has, or a value it does not take.
    """
    fields = {field.name: field.type for kind in kinds for field in dataclasses.fields(kind)}
    values = {key.replace("-", "_"): value for key, value in values.items()}
    for key in values:
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1)
            options = ", ".join(name.replace("_", "-") for name in fields)
            hint = f"did you mean {near[0].replace('_', '-')}?" if near else f"it has {options}."
            raise BluraxError(f"Task {task} has no option {key.replace('_', '-')}; {hint}")
    parsed = {
        key: _value(value, fields[key], key) if isinstance(value, str) else _plain(value)
        for key, value in values.items()
    }
    return [
        kind(**{f.name: parsed[f.name] for f in dataclasses.fields(kind) if f.name in parsed})
        for kind in kinds
    ]


def _plain(value: Any) -> Any:
    """A value from Python in the form that options hold: tuples, and plain numbers."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, list | range | np.ndarray | np.generic):
        value = np.asarray(value).tolist()
    return tuple(value) if isinstance(value, list) else value


def _value(text: str, kind: Any, option: str) -> Any:
    """A value of the option's type from its text."""
    option = option.replace("_", "-")
    if isinstance(kind, types.UnionType):
        kind = next(k for k in typing.get_args(kind) if k is not types.NoneType)
    if kind is str:
        return text
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        choices = [choice.value for choice in kind]
        require(
            text in choices, f"The task option {option} is {text!r}; it takes {', '.join(choices)}."
        )
        return kind(text)
    if kind is bool:
        require(
            text in ("true", "false"),
            f"The task option {option} is {text!r}; it takes true or false.",
        )
        return text == "true"
    if typing.get_origin(kind) is tuple:
        return _ranges(text, option)
    try:
        return kind(text)
    except ValueError as error:
        what = "a whole number" if kind is int else "a number"
        raise BluraxError(f"The task option {option} is {text!r}; it takes {what}.") from error


def _ranges(text: str, option: str) -> tuple[int, ...]:
    """Whole numbers: 0-4, or 3/5/8, or both."""
    found: list[int] = []
    for part in text.split("/"):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", part)
        low, high = (match[1], match[2] or match[1]) if match else ("1", "0")
        require(
            int(low) <= int(high) < MOST,
            f"The task option {option} is {text!r}; it takes whole numbers such as 0-4 or 3/5/8.",
        )
        found += range(int(low), int(high) + 1)
    return tuple(found)
