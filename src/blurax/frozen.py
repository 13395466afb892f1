"""Frozen dataclasses as configuration: type checks and JSON, there and back."""

import dataclasses
import enum
import types
import typing
from typing import Any

from blurax.errors import BluraxError, require, shown, some

_ABSENT = "absent"


class Checked:
    """A frozen dataclass whose fields are checked by their types.

    Raises:
        BluraxError: naming the field, the value it got and what it takes.
    """

    def __post_init__(self) -> None:
        check_types(self)


class Tagged:
    """A frozen dataclass that stands where others may: in JSON its `name` says which it is."""

    name: str


def added(value: Any) -> Any:
    """A field that older files lack: its default, and what a file without it means."""
    return dataclasses.field(default=value, metadata={_ABSENT: value})


def check_types(spec: Any) -> None:
    """Check each field of a frozen spec against its annotation, nested specs included.

    Raises:
        BluraxError: naming the field, the value it got and what it takes.
    """
    for field in dataclasses.fields(spec):
        value, name = getattr(spec, field.name), f"{type(spec).__name__}.{field.name}"
        require(
            _fits(value, field.type), f"{name} is {shown(value)}; it takes {_takes(field.type)}."
        )
        if dataclasses.is_dataclass(value):
            check_types(value)


def _fits(value: object, kind: Any) -> bool:
    if typing.get_origin(kind) is tuple:
        item = typing.get_args(kind)[0]
        return isinstance(value, tuple) and all(_fits(v, item) for v in value)
    if isinstance(kind, types.UnionType):
        return any(_fits(value, option) for option in typing.get_args(kind))
    if kind is float:
        kind = (int, float)
    is_number = kind is int or kind == (int, float)
    return isinstance(value, kind) and not (is_number and isinstance(value, bool))


def _takes(kind: Any) -> str:
    """What a field of this type takes, in words."""
    words = {bool: "True or False", int: "a whole number", float: "a number", str: "a text"}
    if kind in words:
        return words[kind]
    if kind is types.NoneType:
        return "None"
    if typing.get_origin(kind) is tuple:
        return f"a tuple, each item {_takes(typing.get_args(kind)[0])}"
    if isinstance(kind, types.UnionType):
        return " or ".join(_takes(option) for option in typing.get_args(kind))
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return f"one of {', '.join(f'{kind.__name__}.{choice.name}' for choice in kind)}"
    return f"a {kind.__name__}"


def to_json(spec: Any) -> Any:
    """A frozen spec as plain JSON values; `from_json` is its inverse.

    Fields that the constructor does not take are left out. A class with `as_json` and
    `from_json(values, where)` of its own is asked for them.
    """
    if hasattr(spec, "as_json"):
        return spec.as_json()
    if dataclasses.is_dataclass(spec):
        fields = [f.name for f in dataclasses.fields(spec) if f.init]
        tag = {"name": spec.name} if isinstance(spec, Tagged) else {}
        return tag | {name: to_json(getattr(spec, name)) for name in fields}
    if isinstance(spec, tuple):
        return [to_json(item) for item in spec]
    return spec.value if isinstance(spec, enum.Enum) else spec


def from_json(kind: type, values: Any, where: str = "") -> Any:
    """Build a frozen spec of type `kind` from what `to_json` gave, perhaps in an older version.

    A kind with a function `upgraded` is built from what that makes of the values.

    Raises:
        BluraxError: for an unknown field, a missing one or a value it does not take.
    """
    where = where or kind.__name__
    try:
        return _built(kind, values, where)
    except (OverflowError, RecursionError) as error:
        raise BluraxError(f"{where} holds a number too large, or is nested too deep.") from error


def _built(kind: Any, values: Any, where: str) -> Any:
    require(
        isinstance(values, dict), f"{where} is {shown(values)}; it takes an object with fields."
    )
    values = kind.upgraded(values) if hasattr(kind, "upgraded") else values
    fields = {field.name: field.type for field in dataclasses.fields(kind) if field.init}
    late = {field.name for field in dataclasses.fields(kind) if _ABSENT in field.metadata}
    strange = sorted(set(values) - set(fields))
    missing = sorted(set(fields) - set(values) - late)
    require(not strange, f"{where} has no field {some(strange)}.")
    require(not missing, f"{where} lacks the field {some(missing)}.")
    return kind(**{name: _parse(fields[name], v, f"{where}.{name}") for name, v in values.items()})


def _parse(kind: Any, value: Any, where: str) -> Any:
    if hasattr(kind, "from_json"):
        return kind.from_json(value, where)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return from_json(kind, value, where)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        choices = [choice.value for choice in kind]
        if value not in choices:
            raise BluraxError(f"{where} is {shown(value)}; it takes one of {', '.join(choices)}.")
        return kind(value)
    if typing.get_origin(kind) is tuple and isinstance(value, list):
        return tuple(_parse(typing.get_args(kind)[0], item, where) for item in value)
    return value
