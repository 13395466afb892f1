"""The names of tasks: `mnist`, `mnist:size=10,classes=0-4`, `xor@2+and+two-moon`.

A name may carry options after a colon, separated by commas; an option that is a switch stands
alone. Names joined by + make a mixture, in which @ gives a weight. A value that holds one of these
marks stands in double quotes, as in `csv:path=my.csv,label="height, cm"`; a double quote in it is
written twice.

`sequence:mnist:size=14,by=permute` is a sequence of stages, and `sequence:mnist/kmnist:size=14` one
of several tasks that share all options. A task of it may have an option that is a word of its own:
`sequence:uci:sonar:by=permute`, `sequence:uci:sonar/uci:sonar:repeat`.
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


SEQUENCE = "sequence"
"""What stands before the names of tasks that are learned one after the other."""

_TRUTHS = {"true": True, "yes": True, "false": False, "no": False}


@dataclasses.dataclass(frozen=True)
class Item:
    """One task of a name."""

    name: str
    options: tuple[tuple[str, str], ...]
    """Names and values as written; a switch has the value true."""
    weight: float = 1.0
    stages: tuple[str, ...] = ()
    """The tasks that a sequence is of, each a name or name:word; `name` is that of the first. Empty
    for a task that is none."""

    @property
    def full_name(self) -> str:
        """The name as it is written, without options."""
        return f"{SEQUENCE}:{'/'.join(self.stages)}" if self.stages else self.name

    @property
    def said(self) -> dict[str, str]:
        """The options of the task, or of the first of a sequence, with its own word."""
        own = own_options(self.stages[0])[1] if self.stages else {}
        return own | dict(self.options)


def own_options(stage: str) -> tuple[str, dict[str, str]]:
    """The name of a task of a sequence, and the word of its own as an option, if it has one."""
    name, _, word = stage.partition(":")
    return name, {word.replace("-", "_"): "true"} if word else {}


def parse(text: str) -> tuple[Item, ...]:
    """The tasks that a text names.

    Raises:
        BluraxError: if it is not of the form above.
    """
    require(isinstance(text, str), f"The name of a task is a text; it got {type(text).__name__}.")
    hidden, values = _hidden(text)
    return tuple(_item(part.strip(), text, values) for part in hidden.split("+"))


def spelled(name: str, options: dict[str, Any]) -> str:
    """A name with options as it could be typed: `parse` reads it again."""

    def one(key: str, value: Any) -> str:
        word = key.replace("_", "-")
        if isinstance(value, tuple | list | range):
            value = "/".join(map(str, value))
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if re.search(r'[,+@"]|^\s|\s$|^$', text):
            text = '"' + text.replace('"', '""') + '"'
        return word if text == "true" else f"{word}={text}"

    return name + (":" if options else "") + ",".join(one(k, v) for k, v in options.items())


_QUOTED = re.compile(r'="((?:[^"]|"")*)"(?=\s*(?:[,+@]|$))')
_STAGE = r"[^:/,=]+(?::[^:/,=]+(?=[:/]|$))?"
_STAGES = re.compile(f"{_STAGE}(?:/{_STAGE})*")
"""The tasks of a sequence, each with a word of its own or none."""
_PLACE = re.compile("=\0(\\d+)\0")


def _hidden(text: str) -> tuple[str, list[str]]:
    """The text with a number for each value in quotes, and these values."""
    require("\0" not in text, f"The task {text!r} holds a character that is no text.")
    values: list[str] = []

    def hide(match: re.Match[str]) -> str:
        values.append(match[1].replace('""', '"'))
        return f"=\0{len(values) - 1}\0"

    hidden = _QUOTED.sub(hide, text)
    opened = hidden.find('="')
    require(
        opened < 0,
        f"The task {text!r} has a value that begins with a double quote and does not end with one "
        "before the next comma, + or @; a double quote within it is written twice.",
    )
    return hidden, values


def _item(part: str, text: str, values: list[str]) -> Item:
    body, at, weight = part.rpartition("@")
    if not at:
        body, weight = part, "1"
    name, colon, options = body.partition(":")
    stages: tuple[str, ...] = ()
    if name == SEQUENCE:
        stages, colon, options = _stages(options)
        name = stages[0].partition(":")[0] if all(stages) else ""
    require(
        bool(name) and bool(options) == bool(colon),
        f"The task {text!r} is not of the form NAME, NAME:option=value,switch, "
        "NAME@weight+NAME@weight or sequence:NAME:option=value.",
    )
    try:
        share = float(weight)
    except ValueError as error:
        raise BluraxError(
            f"The task {text!r} has the weight {weight!r}; it takes a number."
        ) from error
    pairs = [option.partition("=") for option in options.split(",")] if options else []
    named = [
        (key.strip().replace("-", "_"), _shown(eq + value, values) if eq else "true")
        for key, eq, value in pairs
    ]
    twice = sorted({key for key, _ in named if [k for k, _ in named].count(key) > 1})
    require(not twice, f"The task {text!r} names the option {', '.join(twice)} twice.")
    return Item(name, tuple(named), share, stages)


def _stages(text: str) -> tuple[tuple[str, ...], str, str]:
    """The tasks of a sequence, a colon, and the options that they share.

    What follows a task's name and a colon is a word of its own where a slash or another colon
    comes next, as no name of an option has one. At the very end it is an option of all, as in
    sequence:xor/and:repeat, unless a task before has a word of its own.
    """
    named = _STAGES.match(text)
    if not named or not (named.end() == len(text) or text[named.end()] == ":"):
        first, colon, options = text.partition(":")
        return tuple(first.split("/")), colon, options
    stages = tuple(named[0].split("/"))
    if named.end() == len(text) and not any(":" in stage for stage in stages[:-1]):
        last, colon, options = stages[-1].partition(":")
        return (*stages[:-1], last), colon, options
    return stages, text[named.end() :][:1], text[named.end() + 1 :]


def _shown(value: str, values: list[str]) -> str:
    """A value after its =, from the quotes if it stood in some."""
    match = _PLACE.fullmatch(value.rstrip())
    return values[int(match[1])] if match else value[1:]


def build(
    kinds: tuple[type, ...], values: dict[str, Any], task: str, unfit: tuple[str, ...] = ()
) -> list[Any]:
    """Options of several kinds from one pool of values, which may be texts.

    A kind that says in `word` the name of one of its options, an enum, takes a value of it alone:
    uci:abalone is uci:table=abalone.

    Args:
        unfit: fields of the kinds that are no options here.

    Raises:
        BluraxError: for an option that none of the kinds has, or a value it does not take.
    """
    every = [field for kind in kinds for field in dataclasses.fields(kind)]
    fields = {field.name: field.type for field in every if field.name not in unfit}
    words = _words(kinds)
    values = _in_full({key.replace("-", "_"): v for key, v in values.items()}, words, task)
    for key in values:
        if key not in fields:
            near = difflib.get_close_matches(key, (*fields, *words), n=1)
            options = ", ".join(name.replace("_", "-") for name in fields)
            alone = ", ".join(word.replace("_", "-") for word in words)
            has = f"it takes {alone}, and has {options}." if words else f"it has {options}."
            hint = f"did you mean {near[0].replace('_', '-')}?" if near else has
            raise BluraxError(f"Task {task} has no option {key.replace('_', '-')}; {hint}")
    parsed = {key: _parsed(value, fields[key], key) for key, value in values.items()}
    return [
        kind(**{f.name: parsed[f.name] for f in dataclasses.fields(kind) if f.name in parsed})
        for kind in kinds
    ]


def _words(kinds: tuple[type, ...]) -> dict[str, tuple[str, str]]:
    """The values that may stand alone, spelled as options, each with its option and itself."""
    named = [(kind, name) for kind in kinds if (name := getattr(kind, "word", ""))]
    found = [(name, _enum(kind.__annotations__[name])) for kind, name in named]
    return {c.value.replace("-", "_"): (name, c.value) for name, each in found for c in each}


def _in_full(
    values: dict[str, Any], words: dict[str, tuple[str, str]], task: str
) -> dict[str, Any]:
    """Values that stand alone with the names of their options."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        alone = key in words and value in ("true", True)
        name, said = words[key] if alone else (key, value)
        require(name not in found, f"Task {task} has the option {name.replace('_', '-')} twice.")
        found[name] = said
    return found


def _enum(kind: Any) -> type[enum.Enum]:
    """The enum that an option takes, which may be optional."""
    return next(k for k in (*typing.get_args(kind), kind) if k is not types.NoneType)


def _parsed(value: Any, kind: Any, option: str) -> Any:
    """A value of the option's type, from its text or from Python."""
    plain = value if isinstance(value, str) else _plain(value)
    named = isinstance(plain, tuple) and all(isinstance(each, str) for each in plain)
    if named and plain and _choice(kind) is not None:
        plain = "/".join(plain)
    return _value(plain, kind, option) if isinstance(plain, str) else plain


def _choice(kind: Any) -> type[enum.Enum] | None:
    """The enum of which an option takes several."""
    item = typing.get_args(kind)[0] if typing.get_origin(kind) is tuple else None
    return item if isinstance(item, type) and issubclass(item, enum.Enum) else None


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
            text in _TRUTHS,
            f"The task option {option} is {text!r}; it takes true or false, yes or no.",
        )
        return _TRUTHS[text]
    several = _choice(kind)
    if several is not None:
        return tuple(_value(part, several, option) for part in text.split("/"))
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
