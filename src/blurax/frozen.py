"""Frozen dataclasses as configuration: type checks and JSON, there and back."""

import dataclasses
import enum
from typing import Any

from blurax.errors import BluraxError, require


def check_types(spec: Any) -> None:
    """Check each field of a frozen spec against its annotation, nested specs included.

    Raises:
        BluraxError: naming the field, the value it got and what it takes.
    """
    for field in dataclasses.fields(spec):
        value, kind = getattr(spec, field.name), field.type
        name = f"{type(spec).__name__}.{field.name}"
        if isinstance(kind, type) and issubclass(kind, enum.Enum):
            takes = ", ".join(f"{kind.__name__}.{choice.name}" for choice in kind)
            require(isinstance(value, kind), f"{name} is {value!r}; it takes one of {takes}.")
        elif isinstance(kind, type) and dataclasses.is_dataclass(kind):
            require(isinstance(value, kind), f"{name} is {value!r}; it takes a {kind.__name__}.")
            check_types(value)
        else:
            _check_scalar(name, value, kind)


def _check_scalar(name: str, value: object, kind: object) -> None:
    if kind is bool:
        accepted, takes = isinstance(value, bool), "True or False"
    else:
        number = isinstance(value, int) and not isinstance(value, bool)
        if kind is float:
            accepted, takes = number or isinstance(value, float), "a number"
        elif kind is int:
            accepted, takes = number, "a whole number"
        else:
            accepted, takes = number or value is None, "a whole number or None"
    if not accepted:
        raise BluraxError(f"{name} is {value!r}; it takes {takes}.")


def to_json(spec: Any) -> dict[str, Any]:
    """A frozen spec as plain JSON values; `from_json` is its inverse."""
    return {
        field.name: to_json(value) if dataclasses.is_dataclass(value) else value
        for field in dataclasses.fields(spec)
        for value in [getattr(spec, field.name)]
    }


def from_json(kind: type, values: Any, where: str = "") -> Any:
    """Build a frozen spec of type `kind` from what `to_json` gave.

    Raises:
        BluraxError: for an unknown field, a missing one or a value it does not take.
    """
    where = where or kind.__name__
    require(isinstance(values, dict), f"{where} is {values!r}; it takes an object with fields.")
    fields = {field.name: field.type for field in dataclasses.fields(kind)}
    strange = sorted(set(values) - set(fields))
    missing = sorted(set(fields) - set(values))
    require(not strange, f"{where} has no field {', '.join(strange)}.")
    require(not missing, f"{where} lacks the field {', '.join(missing)}.")
    return kind(**{n: _parse(fields[n], v, f"{where}.{n}") for n, v in values.items()})


def _parse(kind: Any, value: Any, where: str) -> Any:
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return from_json(kind, value, where)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        choices = [choice.value for choice in kind]
        require(value in choices, f"{where} is {value!r}; it takes one of {', '.join(choices)}.")
        return kind(value)
    return value
