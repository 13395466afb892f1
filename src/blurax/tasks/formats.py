"""The file formats of image data sets, read whole and checked: idx, npz, CIFAR binary, zip."""

import gzip
import io
import math
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import UInt8

from blurax.errors import BluraxError, require

REMEDY = "remove it and get a good copy (blurax downloads one where it can)"
"""What to do about a bad file."""

_CIFAR_SIDE = 32
_CIFAR_RECORD = 1 + 3 * _CIFAR_SIDE**2


def read_idx(data: bytes, where: str, dimensions: int) -> UInt8[np.ndarray, "..."]:
    """An array of bytes in LeCun's idx format, gzipped or plain.

    Args:
        data: what the file holds.
        where: the file, for messages.
        dimensions: that the array must have: 1 for labels, 3 for images.

    Raises:
        BluraxError: for a truncated or damaged file, or one that is no such array.
    """
    if data[:2] == b"\x1f\x8b":
        data = _gunzip(data, where)
    magic = bytes((0, 0, 8, dimensions))
    require(
        data[:4] == magic,
        f"{where} starts with {data[:4].hex(' ') or 'nothing'}, not with {magic.hex(' ')}: it is "
        f"no idx file of bytes in {dimensions} dimension{'s'[: dimensions - 1]}; {REMEDY}.",
    )
    start = 4 + 4 * dimensions
    require(len(data) >= start, f"{where} ends within its header; {REMEDY}.")
    shape = tuple(int(n) for n in np.frombuffer(data[4:start], ">u4"))
    require(
        len(data) == start + math.prod(shape),
        f"{where} holds {len(data) - start} bytes where its header says {math.prod(shape)} "
        f"({'x'.join(map(str, shape))}); {REMEDY}.",
    )
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


def _gunzip(data: bytes, where: str) -> bytes:
    try:
        return gzip.decompress(data)
    except EOFError as error:
        raise BluraxError(f"{where} is truncated: its gzip stream has no end; {REMEDY}.") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise BluraxError(f"{where} is damaged: {error}; {REMEDY}.") from error


def read_npz(path: Path, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Some arrays of a NumPy archive; nothing in it is unpickled.

    Raises:
        BluraxError: for a damaged archive, or one without these arrays.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            missing = [name for name in names if name not in archive]
            require(
                not missing,
                f"{path} has no array {', '.join(missing)}; it takes {', '.join(names)}.",
            )
            return {name: archive[name] for name in names}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise BluraxError(f"{path} is no readable npz archive ({error}); {REMEDY}.") from error


def read_cifar_binary(
    path: Path, members: tuple[str, ...]
) -> tuple[UInt8[np.ndarray, "n 32 32 3"], UInt8[np.ndarray, " n"]]:
    """Images and labels of some batches of the CIFAR-10 binary tar, which is never extracted.

    Raises:
        BluraxError: for a damaged archive, or one without these batches.
    """
    records = []
    try:
        with tarfile.open(path, "r:gz") as archive:
            for name in members:
                file = archive.extractfile(name)
                data = file.read() if file else b""
                require(
                    len(data) > 0 and len(data) % _CIFAR_RECORD == 0,
                    f"{path}: {name} holds {len(data)} bytes, no multiple of {_CIFAR_RECORD}; "
                    f"{REMEDY}.",
                )
                records.append(np.frombuffer(data, np.uint8).reshape(-1, _CIFAR_RECORD))
    except (KeyError, tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise BluraxError(f"{path} is no CIFAR-10 binary archive ({error}); {REMEDY}.") from error
    whole = np.concatenate(records)
    planes = whole[:, 1:].reshape(-1, 3, _CIFAR_SIDE, _CIFAR_SIDE)
    return planes.transpose(0, 2, 3, 1), whole[:, 0]


def open_zip(path: Path) -> zipfile.ZipFile:
    """A zip archive whose members all stay below the folder it would be unpacked in.

    blurax unpacks none, but an archive that tries to climb out is no archive to trust.

    Raises:
        BluraxError: for a damaged archive, or one with such a member.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(path.read_bytes()))
    except (zipfile.BadZipFile, OSError) as error:
        raise BluraxError(f"{path} is no readable zip archive ({error}); {REMEDY}.") from error
    for name in archive.namelist():
        inside = PurePosixPath(name.replace("\\", "/"))
        climbs = inside.is_absolute() or ".." in inside.parts or ":" in inside.parts[0]
        require(
            not climbs,
            f"{path} holds {name!r}, a path outside its own folder: it is not to be trusted; "
            f"{REMEDY}.",
        )
    return archive


def read_member(archive: zipfile.ZipFile, name: str, where: str) -> bytes:
    """One member of a zip archive, its checksum tested.

    Raises:
        BluraxError: if there is none, or it is damaged.
    """
    try:
        return archive.read(name)
    except (KeyError, zipfile.BadZipFile, EOFError, zlib.error, OSError) as error:
        raise BluraxError(f"{where} holds no readable {name} ({error}); {REMEDY}.") from error
