"""Learner files: the meta-parameters of a rule that somebody wrote, and where they come from.

The rule itself is code, and no file holds code: whoever loads the numbers has the class.
"""

import os
from typing import Any

import numpy as np

from blurax.errors import BluraxError, require, some
from blurax.frozen import to_json
from blurax.io import sealed
from blurax.io.atomic import write_bytes
from blurax.io.genome_file import Provenance, parse
from blurax.io.paths import shown

LIMIT = 256 * 2**20
"""Bytes; some learned optimisers have millions of numbers."""


def save_learner(
    path: str | os.PathLike[str], name: str, tensors: dict[str, Any], provenance: Provenance
) -> None:
    """Write the meta-parameters of a learner, whole or not at all.

    Args:
        name: of its class.
        tensors: arrays of real numbers by name, such as `rate`.

    Raises:
        BluraxError: if a number is not finite, or the file cannot be written.
    """
    where = f"The learner for {os.fspath(path)}"
    write_bytes(path, pack_learner(name, tensors, provenance, where))


def pack_learner(
    name: str, tensors: dict[str, Any], provenance: Provenance, where: str = "The learner"
) -> bytes:
    """The bytes of a learner file; the same arguments give the same bytes.

    Raises:
        BluraxError: starting with `where`, if a number is not finite.
    """
    arrays = {leaf: np.asarray(tensor) for leaf, tensor in tensors.items()}
    _check(arrays, where)
    content = {"learner": name, "provenance": to_json(provenance)}
    return sealed.seal(sealed.Kind.LEARNER, content, arrays)


def is_learner(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a learner file, going by what it says."""
    return sealed.is_kind(path, sealed.Kind.LEARNER)


def load_learner(path: str | os.PathLike[str]) -> tuple[str, dict[str, np.ndarray], Provenance]:
    """Read a learner file; everything in it is checked and none of it is run.

    Returns:
        The name of the class, its arrays by name, and where they come from.

    Raises:
        BluraxError: if the file is missing, damaged, of another kind, or from a newer library.
    """
    return unpack_learner(sealed.read_raw(path, sealed.Kind.LEARNER, LIMIT), os.fspath(path))


def unpack_learner(data: bytes, where: str) -> tuple[str, dict[str, np.ndarray], Provenance]:
    """What `load_learner` reads, of the bytes of a file.

    Raises:
        BluraxError: starting with `where`, as `load_learner` does.
    """
    header, tensors = sealed.unseal(data, sealed.Kind.LEARNER, shown(where))
    name = header.get("learner")
    if not isinstance(name, str):
        raise BluraxError(f"{where} names no learner; make it anew.")
    _check(tensors, where)
    return name, tensors, parse(Provenance, header.get("provenance"), where)


def _check(tensors: sealed.Tensors, where: str) -> None:
    wrong = [name for name, t in tensors.items() if t.dtype not in (np.float32, np.float64)]
    require(not wrong, f"{where} has {some(wrong)} of another type than float32 or float64.")
    wild = [name for name, tensor in tensors.items() if not np.isfinite(tensor).all()]
    require(not wild, f"{where} has a number in {some(wild)} that is not finite; learn it anew.")
