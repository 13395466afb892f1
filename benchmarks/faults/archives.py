"""Damage to files of data that knows their format: idx, npz, zip, tar, PNG, CSV, MANIFEST."""

import gzip
import io
import random
import struct
import tarfile
import zipfile
import zlib

import numpy as np
from PIL import Image

from faults.damage import ESCAPES, LINES, Damage

BOMB = 200 * 2**20
"""Bytes that a bomb grows to where nothing bounds it: it must not harm the machine."""
CSV = b"length,width,kind\n" + b"".join(
    f"{n % 7}.5,{n % 5},{'ab'[n % 2]}\n".encode() for n in range(60)
)
_CIFAR = 3073
CHARACTERS = (30, 20)
"""An Omniglot that is small enough to be read hundreds of times: an alphabet for each character."""


def idx(array: np.ndarray) -> bytes:
    """An array of bytes in idx format."""
    sizes = b"".join(n.to_bytes(4, "big") for n in array.shape)
    return bytes((0, 0, 8, array.ndim)) + sizes + array.astype(np.uint8).tobytes()


def images(count: int, side: int = 28, *colours: int) -> np.ndarray:
    """Random images."""
    return np.random.default_rng(0).integers(0, 256, (count, side, side, *colours), np.uint8)


def labels(count: int) -> np.ndarray:
    """Labels in turn."""
    return (np.arange(count) % 10).astype(np.uint8)


def npz(**arrays: np.ndarray) -> bytes:
    """An archive of NumPy's."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def zipped(members: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", how) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def tar(members: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    """A gzipped tar, with symbolic links."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    return buffer.getvalue()


def cifar() -> bytes:
    """The test batch of CIFAR-10's binary version, 20 images."""
    pixels = images(20, 32, 3).reshape(20, -1)
    data = np.concatenate([labels(20)[:, None], pixels], axis=1).tobytes()
    return tar({"cifar-10-batches-bin/test_batch.bin": data})


def circle() -> bytes:
    """A tar of links in a circle."""
    names = "cifar-10-batches-bin/test_batch.bin", "cifar-10-batches-bin/other.bin"
    return tar({}, {names[0]: "other.bin", names[1]: "test_batch.bin"})


def npy(shape: tuple[int, ...], data: bytes = b"") -> bytes:
    """An array's file whose header says any shape."""
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}"
    text = header.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + data


def picture(side: int = 105) -> bytes:
    """A small PNG of one bit a pixel."""
    buffer = io.BytesIO()
    Image.new("1", (side, side), 1).save(buffer, "PNG")
    return buffer.getvalue()


def omniglot(which: int) -> bytes:
    """The background (0) or the evaluation (1) set of a small Omniglot."""
    top, one = ("images_background", "images_evaluation")[which], picture()
    names = [
        f"{top}/Alphabet{c:02}/character01/{c:04}_{n:02}.png"
        for c in range(CHARACTERS[which])
        for n in range(1, 21)
    ]
    return zipped(dict.fromkeys(names, one))


def large_picture(side: int = 30_000) -> bytes:
    """A PNG that says it is large, its checksum right; its data are those of a small one."""
    data = picture()
    head = b"IHDR" + struct.pack(">II", side, side) + data[24:29]
    return data[:12] + head + struct.pack(">I", zlib.crc32(head)) + data[33:]


def _with_flag(data: bytes, flag: int = 0, method: int | None = None) -> bytes:
    """A zip whose members all have a flag (1: encrypted), or another method of compression."""
    found = bytearray(data)
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = found.find(mark)
        while place >= 0:
            found[place + flags] |= flag
            if method is not None:
                found[place + flags + 2 : place + flags + 4] = struct.pack("<H", method)
            place = found.find(mark, place + 4)
    return bytes(found)


def _constant(make: bytes) -> Damage:
    return lambda data, chance: make


def _added(name: str, content: bytes = b"x") -> Damage:
    def added(data: bytes, chance: random.Random) -> bytes:
        buffer = io.BytesIO(data)
        with zipfile.ZipFile(buffer, "a") as archive:
            archive.writestr(zipfile.ZipInfo(name), content)
        return buffer.getvalue()

    return added


def _replaced(name: str, content: bytes) -> Damage:
    def replaced(data: bytes, chance: random.Random) -> bytes:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {each: archive.read(each) for each in archive.namelist()}
        return zipped({**members, name: content})

    return replaced


ZIP: dict[str, Damage] = {
    "encrypted": lambda data, chance: _with_flag(data, flag=1),
    "unknown method": lambda data, chance: _with_flag(data, method=99),
    "a member .": _added("."),
    "a member ./": _added("./"),
    "a member that climbs out": _added("../../out.png"),
    "a member without a name": _added(""),
    "a member with escapes": _added(f"{ESCAPES}/x/1_01.png"),
    "a large picture": _replaced(
        "images_background/Alphabet00/character01/0000_01.png", large_picture()
    ),
}
NPZ: dict[str, Damage] = {
    "encrypted": ZIP["encrypted"],
    "unknown method": ZIP["unknown method"],
    "a header of 2^40": _constant(zipped({"x_test.npy": npy((2**40,)), "y_test.npy": npy((20,))})),
    "a header of 2^70": _constant(zipped({"x_test.npy": npy((2**70,)), "y_test.npy": npy((20,))})),
    "without a member": _constant(npz(x_test=images(20, 32, 3))),
    "0-d": _constant(npz(x_test=np.array(3, np.uint8), y_test=np.array(3, np.uint8))),
    "of another dtype": _constant(npz(x_test=images(20, 32, 3) / 3, y_test=labels(20))),
    "a bomb": _constant(zipped({"x_test.npy": npy((BOMB,), bytes(BOMB)), "y_test.npy": b""})),
}
IDX: dict[str, Damage] = {
    "a bomb": _constant(gzip.compress(idx(images(20)) + bytes(BOMB), 1)),
    "a header of 2^96": _constant(bytes((0, 0, 8, 3)) + b"\xff" * 12),
    "a negative size": _constant(bytes((0, 0, 8, 3)) + b"\x80\0\0\0" * 3),
}
TAR: dict[str, Damage] = {
    "links in a circle": _constant(circle()),
    "a link outside": _constant(tar({}, {"cifar-10-batches-bin/test_batch.bin": "/etc/passwd"})),
    "a bomb": _constant(tar({"cifar-10-batches-bin/test_batch.bin": bytes(_CIFAR * 60_000)})),
}


def _cell(text: str) -> Damage:
    def changed(data: bytes, chance: random.Random) -> bytes:
        lines = data.decode().splitlines()
        row = chance.randrange(len(lines))
        cells = lines[row].split(",")
        cells[chance.randrange(len(cells))] = text
        lines[row] = ",".join(cells)
        return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass")

    return changed


TABLE: dict[str, Damage] = {
    **LINES,
    "a cell of escapes": _cell(ESCAPES),
    "a header of escapes": lambda d, c: d.replace(b"width", ESCAPES.encode(), 1),
    "a long cell": _cell("x" * 200_000),
    "a large number": _cell("9" * 5_000),
    "infinity": _cell("inf"),
    "a quote": _cell('"'),
    "a NUL": _cell("\0"),
    "one more cell": _cell("1,2"),
    "UTF-16": lambda data, chance: data.decode().encode("utf-16"),
    "latin-1": lambda data, chance: data.replace(b"width", b"l\xe4nge", 1),
}
