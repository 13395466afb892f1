"""JSON as this library writes it: an object, each name once, finite numbers, of bounded size."""

import json
import math
from typing import Any, Never

from blurax.errors import BluraxError, cut
from blurax.io.paths import AnyPath, as_path, read_bytes, shown

LIMIT = 64 * 2**20
"""Bytes of a file of JSON: forty times the largest of the figures in the docs."""


def read_json(path: AnyPath, *, finite: bool = True) -> dict[str, Any]:
    """The object that a file of JSON holds.

    Args:
        finite: whether NaN and Infinity are refused, which findings may hold.

    Raises:
        BluraxError: if it cannot be read, is larger, or is no such object.
    """
    where = shown(str(as_path(path)))
    return parse_json(read_bytes(path, LIMIT), where, finite=finite)


def parse_json(text: bytes | str, where: str, *, finite: bool = True) -> dict[str, Any]:
    """The object that a text of JSON holds.

    Args:
        where: the text is from, for the message.
        finite: whether NaN and Infinity are refused.

    Raises:
        BluraxError: saying what is wrong with it.
    """
    accepted = {"parse_constant": _refused, "parse_float": _finite} if finite else {}
    try:
        plain = text.decode("utf-8") if isinstance(text, bytes) else text
        found = json.loads(plain, object_pairs_hook=_once, **accepted)
    except _UnlikeOursError as error:
        raise BluraxError(f"{where} holds no JSON that can be read: {error}.") from error
    except (ValueError, RecursionError) as error:  # of numbers with too many digits, too
        raise BluraxError(f"{where} holds no JSON that can be read.") from error
    if not isinstance(found, dict):
        kind = type(found).__name__
        raise BluraxError(f"{where} holds a {kind} of JSON; it takes an object with fields.")
    return found


class _UnlikeOursError(Exception):
    """JSON that Python reads and that this library does not write."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these pairs; of two of one name Python would drop the first in silence."""
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))
        raise _UnlikeOursError(f"the name {cut(twice)!r} comes twice in one object")
    return found


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refused(text)


def _refused(text: str) -> Never:
    raise _UnlikeOursError(f"{cut(text)} is no finite number")
