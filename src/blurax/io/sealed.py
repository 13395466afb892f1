"""The container of genome files and checkpoints: safetensors under a checksummed JSON header.

safetensors holds numbers and text only, so reading a file runs no code. Its metadata has one
entry, `blurax`: a JSON object in canonical text with the format version, the kind of file, what
the kind needs, and a SHA-256 over all of that and over every tensor's name, dtype, shape and
bytes.
"""

import enum
import hashlib
import json
import math
import os
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from blurax.errors import BluraxError, cut, require
from blurax.io.paths import as_path, read_bytes, refusals, shown
from blurax.io.strict_json import parse_json
from blurax.memory import require_memory

VERSION = 1
"""The version of the format that this library writes, and the only one it reads."""

_ENTRY = "blurax"
_LONGEST = 2**24
"""Bytes of a header that is looked at to see what a file is."""
_DEEPEST = 32
"""How deep plain JSON may be nested: far beyond any configuration, far below Python's limit."""

Tensors = dict[str, np.ndarray]


class Kind(enum.StrEnum):
    """What a file holds."""

    GENOME = "genome"
    LEARNER = "learner"
    CHECKPOINT = "checkpoint"


def seal(kind: Kind, content: dict[str, Any], tensors: Tensors) -> bytes:
    """The bytes of a file; the same content gives the same bytes."""
    header = {"format": VERSION, "kind": kind.value, **content}
    header["sha256"] = _digest(header, tensors)
    # One metadata entry alone: safetensors does not keep several in a fixed order. It also takes
    # arrays for C-ordered without looking.
    ordered = {name: np.asarray(tensor, order="C") for name, tensor in tensors.items()}
    return save(ordered, {_ENTRY: _canonical(header)})


def read(
    path: str | os.PathLike[str], kind: Kind, limit: int | None = None
) -> tuple[dict[str, Any], Tensors]:
    """The header and the tensors of a file of at most `limit` bytes (None: of any size).

    Raises:
        BluraxError: if the file is missing, too large, cut off, damaged, of another kind or from
            a newer library.
    """
    return unseal(read_raw(path, kind, limit), kind, shown(os.fspath(path)))


def read_raw(path: str | os.PathLike[str], kind: str, limit: int | None = None) -> bytes:
    """The bytes of a file of at most `limit` bytes, unchecked.

    Args:
        kind: what it is to be, for the sentences.

    Raises:
        BluraxError: if the file is missing or too large.
    """
    file, where = as_path(path), shown(os.fspath(path))
    with refusals(path, "read"):
        require(file.exists(), f"There is no file {where}; check the path.")
        require(file.is_file(), f"{where} is not a file; give the path of a {kind} file.")
        size = file.stat().st_size
    require(
        limit is None or size <= limit,
        f"{where} has {size} bytes, but a {kind} file has at most {limit}; check the path.",
    )
    # Before it is read: its tensors are a second copy of its bytes.
    require_memory(2 * size, where, "check the path", host=True)
    return read_bytes(path, size)


def unseal(data: bytes, kind: Kind, where: str) -> tuple[dict[str, Any], Tensors]:
    """The header and the tensors in the bytes that `seal` gave.

    Raises:
        BluraxError: starting with `where`, as `read` does.
    """
    try:
        tensors = dict(sorted(load(data).items()))  # their order in a file is a matter of chance
    except (SafetensorError, KeyError, ValueError, TypeError, OverflowError) as error:
        raise BluraxError(_why_no_safetensors(data, where)) from error
    text = _entry(data, where)
    damaged = f"{where} is damaged: its checksum does not match; fetch it or make it anew."
    try:
        header = parse_json(text, where)
        canonical = _canonical(header)
    except (ValueError, RecursionError) as error:
        raise BluraxError(damaged) from error
    _check_version(header.get("format"), where)
    # Text that is not canonical was not written by `seal`, whatever its checksum says.
    digest = header.pop("sha256", None)
    require(text == canonical and digest == _digest(header, tensors), damaged)
    found = header.get("kind")
    require(found == kind, f"{where} is a {cut(str(found))} file; give the path of a {kind} file.")
    return header, tensors


def is_kind(path: str | os.PathLike[str], kind: Kind) -> bool:
    """Whether a file says that it is of this kind; whether it is whole, `read` tells."""
    file = as_path(path)
    if not file.is_file():
        return False
    with refusals(path, "read"), file.open("rb") as opened:
        length = min(int.from_bytes(opened.read(8), "little"), _LONGEST)
        header = opened.read(length)
    try:
        return parse_json(_entry(length.to_bytes(8, "little") + header, ""), "")["kind"] == kind
    except (BluraxError, ValueError, KeyError, TypeError, RecursionError):
        return False


def plain(value: Any, where: str, depth: int = 0) -> Any:
    """A copy of `value` as plain JSON, tuples turned into lists.

    Raises:
        BluraxError: naming the place of a value that JSON does not have.
    """
    require(depth <= _DEEPEST, f"{where} is nested more than {_DEEPEST} deep; make it flatter.")
    if isinstance(value, dict):
        for name in value:
            require(isinstance(name, str), f"{where} has the key {name!r}; a key is a string.")
        # str(): the name or value of an enum becomes the plain string that a file gives back.
        return {str(n): plain(v, f"{where}.{n}", depth + 1) for n, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v, f"{where}[{i}]", depth + 1) for i, v in enumerate(value)]
    if isinstance(value, str):
        return str(value)
    finite = isinstance(value, float) and math.isfinite(value)
    accepted = finite or value is None or isinstance(value, int)
    require(accepted, f"{where} is {value!r}; it takes a string, a finite number, True or None.")
    return value


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _digest(header: dict[str, Any], tensors: Tensors) -> str:
    total = hashlib.sha256(_canonical(header).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        total.update(_canonical([name, str(tensor.dtype), list(tensor.shape)]).encode())
        total.update(tensor.tobytes())
    return total.hexdigest()


def _entry(data: bytes, where: str) -> str:
    """Our metadata entry; `load` has checked that the header is JSON of the right length."""
    length = int.from_bytes(data[:8], "little")
    metadata = parse_json(data[8 : 8 + length], where).get("__metadata__")
    found = metadata.get(_ENTRY) if isinstance(metadata, dict) else None
    if not isinstance(found, str):
        raise BluraxError(f"{where} is a safetensors file, but not one of blurax; check the path.")
    return found


def _check_version(version: Any, where: str) -> None:
    whole = isinstance(version, int) and not isinstance(version, bool) and version >= 1
    require(whole, f"{where} is damaged: it has no format version; fetch it or make it anew.")
    require(
        version <= VERSION,
        f"{where} has format version {version}, but this library reads version {VERSION} only; "
        "upgrade blurax.",
    )


def _why_no_safetensors(data: bytes, where: str) -> str:
    if not data:
        return f"{where} is empty; fetch it or make it anew."
    if data[8:9] == b"{":
        return f"{where} is cut off or damaged; fetch it or make it anew."
    return f"{where} is not a safetensors file, or cut off at its start; check the path."
