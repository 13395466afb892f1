"""Damage by chance: bytes that flip or are missing, JSON that says something else."""

import json
import random
from collections.abc import Callable
from typing import Any

from blurax.io import sealed

ESCAPES = "\x1b[31mred\x1b]8;;file:///\x07\u202e[bold]\x9b"
"""What steers a terminal, with rich's markup; right-to-left, a link, a bell."""
DEEP = 100_000
HUGE = 5_000
"""Digits of a whole number; Python reads 4,300 of them."""

Damage = Callable[[bytes, random.Random], bytes]


def _flip(data: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(data))
    return data[:place] + bytes((data[place] ^ (1 << chance.randrange(8)),)) + data[place + 1 :]


def _cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def _junk_inside(data: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(data))
    return data[:place] + chance.randbytes(chance.randint(1, 200)) + data[place:]


def _overwritten(data: bytes, chance: random.Random) -> bytes:
    place, length = chance.randrange(len(data)), chance.randint(1, 64)
    return data[:place] + chance.randbytes(length) + data[place + length :]


def _zeros(data: bytes, chance: random.Random) -> bytes:
    place, length = chance.randrange(len(data)), chance.randint(1, 512)
    return data[:place] + bytes(min(length, len(data) - place)) + data[place + length :]


def _twice(data: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(data))
    return data[:place] + data[place : place + 100] + data[place:]


BYTES: dict[str, Damage] = {
    "one bit flipped": _flip,
    "cut off": _cut,
    "junk inside": _junk_inside,
    "overwritten": _overwritten,
    "zeros": _zeros,
    "a part twice": _twice,
    "emptied": lambda data, chance: b"",
    "other content": lambda data, chance: chance.choice(
        (b"\xff\xfe\x00", b"<html>404</html>", b"PK")
    ),
}
"""Damage that knows nothing of the format."""


def _word(text: str) -> Callable[[Any], str]:
    return lambda old: text


VALUES: tuple[Callable[[Any], str], ...] = tuple(
    _word(text)
    for text in (
        "null", "true", "-1", "0", "1.5", "1e308", "-0.0", "1e400", "NaN", "-Infinity",
        str(10**20), str(2**63), "9" * HUGE, '""', "[]", "{}", '"../../etc/passwd"', '"\\u0000"',
        json.dumps(ESCAPES), json.dumps("long " * 5_000), '"\\ud800"', "[[]]", '["a", 1, null]',
        "[" * DEEP + "]" * DEEP, '{"a":' * DEEP + "1" + "}" * DEEP,
    )
)  # fmt: skip
"""What takes the place of a value, as the text of JSON."""

_HERE = "\ue000here\ue000"


def _places(value: Any, path: tuple = ()) -> list[tuple]:
    """All places in a document, the root among them."""
    found = [path]
    if isinstance(value, dict | list):
        for name, each in value.items() if isinstance(value, dict) else enumerate(value):
            found += _places(each, (*path, name))
    return found


def other_value(text: str, chance: random.Random) -> str:
    """A document with one value in the place of another: of a wrong type, huge, deep, escapes."""
    document = json.loads(text)
    *path, last = ["root", *chance.choice(_places(document))]
    whole: Any = {"root": document}
    holder = whole
    for name in path:
        holder = holder[name]
    replaced = chance.choice(VALUES)(holder[last])
    holder[last] = _HERE
    return json.dumps(whole["root"]).replace(json.dumps(_HERE), replaced)


def other_key(text: str, chance: random.Random) -> str:
    """A document without a key, with a strange one, or with one twice."""
    document = json.loads(text)
    holders = [document]
    for path in _places(document):
        value = document
        for name in path:
            value = value[name]
        if isinstance(value, dict) and value:
            holders.append(value)
    holder = chance.choice([each for each in holders if isinstance(each, dict) and each] or [{}])
    name = chance.choice(sorted(holder)) if holder else ""
    how = chance.randrange(3)
    if how == 0:
        holder.pop(name, None)
    elif how == 1:
        holder[chance.choice((ESCAPES, "strange", "x" * 50_000))] = 1
    else:
        holder["\ue000again"] = holder.get(name)
        return json.dumps(document).replace(json.dumps("\ue000again"), json.dumps(name))
    return json.dumps(document)


def _json(change: Callable[[str, random.Random], str]) -> Damage:
    return lambda data, chance: change(data.decode(), chance).encode("utf-8", "surrogatepass")


JSON: dict[str, Damage] = {"another value": _json(other_value), "another key": _json(other_key)}
"""Damage to a file of JSON."""


def _line(change: Callable[[str, random.Random], str]) -> Damage:
    def changed(data: bytes, chance: random.Random) -> bytes:
        lines = data.decode().splitlines()
        place = chance.randrange(len(lines))
        lines[place] = change(lines[place], chance)
        return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass")

    return changed


def _line_gone(data: bytes, chance: random.Random) -> bytes:
    lines = data.splitlines(keepends=True)
    del lines[chance.randrange(len(lines))]
    return b"".join(lines)


def _line_twice(data: bytes, chance: random.Random) -> bytes:
    lines = data.splitlines(keepends=True)
    lines.insert(chance.randrange(len(lines)), lines[chance.randrange(len(lines))])
    return b"".join(lines)


LINES: dict[str, Damage] = {"a line gone": _line_gone, "a line twice": _line_twice}
JSON_LINES: dict[str, Damage] = {
    "another value in a line": _line(other_value),
    "another key in a line": _line(other_key),
    **LINES,
}
"""Damage to a log."""


def _header_of(data: bytes) -> tuple[dict[str, Any], bytes]:
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def _with_header(text: str, body: bytes) -> bytes:
    coded = text.encode("utf-8", "surrogatepass")
    return len(coded).to_bytes(8, "little") + coded + body


def tensors_said_otherwise(data: bytes, chance: random.Random) -> bytes:
    """A safetensors file whose list of tensors differs."""
    header, body = _header_of(data)
    change = chance.choice((other_value, other_key))
    return _with_header(change(json.dumps(header), chance), body)


def strange_tensors(data: bytes, chance: random.Random) -> bytes:
    """Thousands of tensors that no rule has, escapes in their names; the checksum is right."""
    header, tensors = sealed.unseal(data, sealed.Kind.GENOME, "the undamaged file")
    more = {
        f"{ESCAPES}{n}": next(iter(tensors.values())) for n in range(chance.choice((1, 20_000)))
    }
    return sealed.seal(sealed.Kind.GENOME, _content(header), {**tensors, **more})


def resealed(data: bytes, chance: random.Random) -> bytes:
    """Another header, with the right checksum: what only a forger writes."""
    header, tensors = sealed.unseal(data, sealed.Kind.GENOME, "the undamaged file")
    content = _content(header)
    for _ in range(50):  # a value that Python's JSON does not read cannot be sealed
        try:
            changed = json.loads(
                chance.choice((other_value, other_key))(json.dumps(content), chance)
            )
            return sealed.seal(sealed.Kind.GENOME, dict(changed), tensors)
        except (ValueError, TypeError, RecursionError):
            continue
    return _flip(data, chance)


def _content(header: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in header.items() if name not in ("format", "kind")}


GENOME: dict[str, Damage] = {
    "another list of tensors": tensors_said_otherwise,
    "strange tensors": strange_tensors,
    "a forged header": resealed,
}
"""Damage to a genome file."""
