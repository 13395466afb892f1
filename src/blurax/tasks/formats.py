"""The file formats of image data sets, checked as they are read: idx, npz, CIFAR binary, zip.

No file is believed: what it says of its size is checked before that much is unpacked, and whatever
a parser makes of bytes that nobody foresaw ends in a sentence about the file.
"""

import contextlib
import gzip
import io
import math
import os
import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import UInt8

from blurax.errors import BluraxError, cut, require

REMEDY = "remove it and get a good copy (blurax downloads one where it can)"
"""What to do about a bad file."""
LARGEST = 2**30
"""Bytes that one array, or one member of an archive, may unpack to: twice the images of EMNIST."""

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_PIECE = 2**12
"""Bytes of a member that are read at once; packed as tightly as can be they are 80 MB."""
_CIFAR_SIDE = 32
_CIFAR_RECORD = 1 + 3 * _CIFAR_SIDE**2
_CIFAR_BATCH = 10_000
_CIFAR_MEMBERS = 100
"""Many more than the eight of the published archive."""


@contextlib.contextmanager
def reading(what: str) -> Iterator[None]:
    """In here any error is the file's, and ends in a sentence that begins with `what`.

    Parsers of foreign formats raise whatever they please: RuntimeError for a password,
    RecursionError for links in a circle, MemoryError for a size that was made up.

    Raises:
        BluraxError: in place of any other exception.
    """
    try:
        yield
    except BluraxError:
        raise
    except Exception as error:
        system = error.strerror if isinstance(error, OSError) else None
        words = system or str(error) or type(error).__name__
        raise BluraxError(f"{what} ({cut(words)}); {REMEDY}.") from error


def read_idx(file: io.BufferedIOBase, where: str, dimensions: int) -> UInt8[np.ndarray, "..."]:
    """An array of bytes in LeCun's idx format, gzipped or plain; no more than its header says.

    Args:
        file: at its start; it can be sought.
        where: the file, for messages.
        dimensions: that the array must have: 1 for labels, 3 for images.

    Raises:
        BluraxError: for a truncated or damaged file, or one that is no such array.
    """
    with reading(f"{where} is damaged"), _unzipped(file) as plain:
        try:
            return _idx_array(plain, where, dimensions)
        except EOFError as error:
            message = f"{where} is truncated: its gzip stream has no end; {REMEDY}."
            raise BluraxError(message) from error


def _idx_array(file: io.BufferedIOBase, where: str, dimensions: int) -> UInt8[np.ndarray, "..."]:
    start = file.read(4)
    magic = bytes((0, 0, 8, dimensions))
    require(
        start == magic,
        f"{where} starts with {start.hex(' ') or 'nothing'}, not with {magic.hex(' ')}: it is "
        f"no idx file of bytes in {dimensions} dimension{'s'[: dimensions - 1]}; {REMEDY}.",
    )
    header = file.read(4 * dimensions)
    require(len(header) == 4 * dimensions, f"{where} ends within its header; {REMEDY}.")
    shape = tuple(int(n) for n in np.frombuffer(header, ">u4"))
    promised = math.prod(shape)
    says = f"its header says {promised} ({'x'.join(map(str, shape))})"
    require(
        promised <= LARGEST, f"{where}: {says} bytes, more than any data set here has; {REMEDY}."
    )
    data = file.read(promised + 1)
    found = len(data) if len(data) <= promised else f"more than {promised}"
    require(len(data) == promised, f"{where} holds {found} bytes where {says}; {REMEDY}.")
    return np.frombuffer(data, np.uint8).reshape(shape)


def idx_count(path: Path) -> int:
    """The number of examples by the header of an idx file; 0 for a file that has none."""
    try:
        with reading(f"{path} is damaged"), open(path, "rb") as file, _unzipped(file) as plain:
            return int.from_bytes(plain.read(8)[4:], "big")
    except BluraxError:
        return 0


@contextlib.contextmanager
def _unzipped(file: io.BufferedIOBase) -> Iterator[io.BufferedIOBase]:
    """What is in a file that may be gzipped, whatever it is called."""
    zipped = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    if not zipped:
        yield file
        return
    with gzip.GzipFile(fileobj=file) as plain:
        yield plain


def read_npz(path: Path, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Some arrays of a NumPy archive; nothing in it is unpickled.

    Raises:
        BluraxError: for a damaged archive, or one without these arrays.
    """
    what = f"{path} is no readable npz archive"
    with reading(what), open_zip(path, "npz") as archive:
        missing = sorted({f"{name}.npy" for name in names} - set(archive.namelist()))
        require(
            not missing,
            f"{path} has no array {', '.join(name[:-4] for name in missing)}; it takes "
            f"{', '.join(names)}.",
        )
        return {
            name: _npy(read_member(archive, f"{name}.npy", str(path)), f"{path}: {name}")
            for name in names
        }


def _npy(data: bytes, where: str) -> np.ndarray:
    """The array in a file of NumPy's, which is as long as its header says before it is made."""
    file = io.BytesIO(data)
    headers = {(1, 0): np.lib.format.read_array_header_1_0}
    headers[2, 0] = np.lib.format.read_array_header_2_0
    version = np.lib.format.read_magic(file)
    require(version in headers, f"{where} is an array of version {version}; {REMEDY}.")
    shape, _, dtype = headers[version](file)
    found, promised = len(data) - file.tell(), math.prod(shape) * dtype.itemsize
    require(
        found == promised or dtype.hasobject,  # which are refused for what they are
        f"{where} holds {found} bytes where its header says {promised}; {REMEDY}.",
    )
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)


def read_cifar_binary(
    path: Path, members: tuple[str, ...]
) -> tuple[UInt8[np.ndarray, "n 32 32 3"], UInt8[np.ndarray, " n"]]:
    """Images and labels of some batches of the CIFAR-10 binary tar, which is never extracted.

    Raises:
        BluraxError: for a damaged archive, or one without these batches.
    """
    with (
        reading(f"{path} is no CIFAR-10 binary archive"),
        _BoundedGzip(path) as plain,
        tarfile.open(fileobj=plain, mode="r:") as archive,
    ):
        found: dict[str, tarfile.TarInfo] = {}
        for number, member in enumerate(archive):
            found[member.name] = member
            require(
                number < _CIFAR_MEMBERS,
                f"{path} has more than {_CIFAR_MEMBERS} members; {REMEDY}.",
            )
        records = [_batch(archive, found, name, path) for name in members]
    whole = np.concatenate(records)
    planes = whole[:, 1:].reshape(-1, 3, _CIFAR_SIDE, _CIFAR_SIDE)
    return planes.transpose(0, 2, 3, 1), whole[:, 0]


def _batch(
    archive: tarfile.TarFile, found: dict[str, tarfile.TarInfo], name: str, path: Path
) -> UInt8[np.ndarray, "n record"]:
    require(name in found, f"{path} has no member {name}; {REMEDY}.")
    member = found[name]
    file = archive.extractfile(member) if member.isreg() else None  # a link may lead in a circle
    size = member.size if file else 0
    require(
        file is not None and size % _CIFAR_RECORD == 0 < size <= _CIFAR_BATCH * _CIFAR_RECORD,
        f"{path}: {name} holds {size} bytes, not 1 to {_CIFAR_BATCH:,} times {_CIFAR_RECORD}; "
        f"{REMEDY}.",
    )
    return np.frombuffer(file.read() if file else b"", np.uint8).reshape(-1, _CIFAR_RECORD)


class _BoundedGzip(gzip.GzipFile):
    """A gzipped file that is unpacked no further than `LARGEST` bytes."""

    def read(self, size: int | None = -1) -> bytes:
        """As a file does; beyond the bound it is an error."""
        wanted = -1 if size is None else size
        self._check(wanted if wanted < 0 else self.tell() + wanted)
        return super().read(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As a file does; beyond the bound it is an error."""
        if whence == os.SEEK_SET:
            self._check(offset)
        return super().seek(offset, whence)

    def _check(self, end: int) -> None:
        if not 0 <= end <= LARGEST:
            raise ValueError(f"it says that it unpacks to more than {LARGEST:,} bytes")


@contextlib.contextmanager
def open_zip(path: Path, kind: str = "zip") -> Iterator[zipfile.ZipFile]:
    """A zip archive whose members all stay below the folder it would be unpacked in.

    blurax unpacks none, but an archive that tries to climb out is no archive to trust.

    Args:
        kind: of archive, for messages.

    Raises:
        BluraxError: for a damaged archive, or one with such a member.
    """
    with reading(f"{path} is no readable {kind} archive"):
        archive = zipfile.ZipFile(path)
    with archive:
        for name in archive.namelist():
            inside = PurePosixPath(name.replace("\\", "/"))
            first = inside.parts[0] if inside.parts else ""  # the folder itself has no parts
            require(
                not (inside.is_absolute() or ".." in inside.parts or ":" in first),
                f"{path} holds {name!r}, a path outside its own folder: it is not to be trusted; "
                f"{REMEDY}.",
            )
        yield archive


def read_member(archive: zipfile.ZipFile, name: str, where: str) -> bytes:
    """One member of a zip archive, its checksum tested.

    Raises:
        BluraxError: if there is none, or it is damaged, encrypted, packed by a strange method or
            larger than `LARGEST`.
    """
    what = f"{where} holds no readable {name}"
    with reading(what):
        member = archive.getinfo(name)
        require(not member.flag_bits & 1, f"{what}: it is encrypted; {REMEDY}.")
        known = member.compress_type in _METHODS
        require(known, f"{what}: it is packed by method {member.compress_type}; {REMEDY}.")
        require(
            member.file_size <= LARGEST,
            f"{what}: it has {member.file_size:,} bytes, more than any data set here; {REMEDY}.",
        )
        whole = io.BytesIO()
        with archive.open(member) as file:
            # Piece by piece: of bzip2 and LZMA zipfile unpacks all that it has read at once. And
            # to the end, where the checksum is tested.
            shutil.copyfileobj(file, whole, _PIECE)
        return whole.getvalue()
