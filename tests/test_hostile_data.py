"""Data files made to do harm: each ends in a sentence, and none takes more memory than it may."""

import gzip
import io
import os
import struct
import tarfile
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest

from blurax.errors import BluraxError
from blurax.tasks import TASKS, fetch, formats, get, omniglot
from fake_data import idx, images, labels, listed, png, write_idx, write_omniglot

LITTLE = 2**23
"""Bytes that a bomb may take: it would unpack to `BOMB`."""
BOMB = 2**26


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A data folder of our own, and an empty cache."""
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("BLURAX_DATA", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


def refused(task: str, message: str) -> str:
    """The sentence that a task is refused with, after little memory."""
    tracemalloc.start()
    try:
        with pytest.raises(BluraxError, match=message) as caught:
            get(task)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < LITTLE
    return str(caught.value)


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def header(shape: str) -> bytes:
    """An array of bytes that is nothing but its header."""
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (-(11 + len(text)) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


X, Y = images(20, 32, 3), labels(20)
NPZ = {
    "a length of 2^40": (
        npy(X),
        header("(1099511627776,)"),
        "0 bytes where its header says 1099511627776",
    ),
    "a length of 2^70": (
        npy(X),
        header("(1180591620717411303424,)"),
        "0 bytes where its header says 118059",
    ),
    "no array": (npy(X), b"hello", "is no readable npz archive .*magic"),
    "nothing": (npy(X), b"", "is no readable npz archive"),
    "nested": (npy(X), header("(" * 3000 + ")" * 3000), "is no readable npz archive"),
    "a number as images": (npy(np.uint8(3)), npy(Y), "holds images of no size"),
    "a number as labels": (npy(X), npy(np.uint8(3)), "the first 1 of 10,000 examples"),
}


def write_npz(folder, x: bytes, y: bytes, method: int = zipfile.ZIP_STORED):
    path = folder / "cifar10/x.npz"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w", method) as archive:
        for part in ("train", "test"):
            archive.writestr(f"x_{part}.npy", x)
            archive.writestr(f"y_{part}.npy", y)
    listed(folder)
    return path


def at_hand() -> str:
    return TASKS["cifar10"].at_hand()


@pytest.mark.parametrize("name", NPZ)
def test_strange_arrays(name, data, monkeypatch):
    x, y, message = NPZ[name]
    write_npz(data, x, y)
    monkeypatch.setattr(fetch, "download", no_download)
    said = refused("cifar10:train=0,test=20", message)
    assert len(said) < 700
    assert at_hand() in ("damaged", "in part: train=20, test=20", "in part: train=1, test=1")


def no_download(file, name):
    raise BluraxError("no network.")


def header_field(path, local: int, central: int, value: int) -> None:
    """Set a byte of every header of a zip's members, at these offsets."""
    content = bytearray(path.read_bytes())
    for sign, offset in ((b"PK\x03\x04", local), (b"PK\x01\x02", central)):
        at = content.find(sign)
        while at >= 0:
            content[at + offset] = value
            at = content.find(sign, at + 4)
    path.write_bytes(content)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_npz_of_any_method_is_read(method, data):
    write_npz(data, npy(X), npy(Y), method)
    assert len(get("cifar10:train=20,test=20").x) == 40


@pytest.mark.parametrize(
    ("offsets", "value", "message"),
    [((6, 8), 1, "it is encrypted"), ((8, 10), 98, "it is packed by method 98")],
)
def test_members_that_cannot_be_unpacked(offsets, value, message, data):
    path = write_npz(data, npy(X), npy(Y))
    header_field(path, *offsets, value)
    listed(data)
    refused("cifar10:train=0,test=20", rf"x.npz holds no readable y_test.npy: {message}")
    assert at_hand() == "damaged"


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_npz_that_is_a_bomb(method, data, monkeypatch):
    monkeypatch.setattr(formats, "LARGEST", 2**20)
    write_npz(data, npy(X), npy(np.zeros(BOMB, np.uint8)), method)
    refused("cifar10:train=0,test=20", "no readable y_test.npy: it has 67,108,992 bytes")


def test_a_member_that_is_longer_than_it_says(data):
    path = write_npz(data, npy(X), npy(np.zeros(BOMB, np.uint8)), zipfile.ZIP_DEFLATED)
    content = path.read_bytes()
    size = struct.pack("<I", len(npy(np.zeros(BOMB, np.uint8))))
    assert content.count(size) == 4  # two members, each with two headers
    path.write_bytes(content.replace(size, struct.pack("<I", 148)))
    listed(data)
    refused("cifar10:train=0,test=20", "no readable y_test.npy")


@pytest.mark.parametrize("name", [".", "./"])
def test_a_member_that_is_the_folder_itself(name, data, monkeypatch):
    path = data / "omniglot/images_background.zip"
    write_omniglot(path, "images_background", {"A": 1})
    write_omniglot(path.with_name("images_evaluation.zip"), "images_evaluation", {"B": 1})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, b"")
    listed(data)
    monkeypatch.setattr(omniglot, "PUBLISHED", (1, 1))
    assert len(get("omniglot:split=random").drawings) == 2


def large_png(side: int) -> bytes:
    """A white square, as a few bytes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + crc

    shape = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(side * (1 + (side + 7) // 8)))
    parts = chunk(b"IHDR", shape), chunk(b"IDAT", pixels), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


SMALL = png(np.zeros((105, 105), bool))
PNG = {
    "900 million pixels": (30_000, "is no readable PNG .*900000000 pixels"),
    "36 million pixels": (6_000, "has 6000x6000 pixels, not 105x105"),
    "cut off": (SMALL[:50], "is no readable PNG"),
    "a wrong checksum": (SMALL[:29] + b"?" + SMALL[30:], "is no readable PNG"),
}


@pytest.mark.parametrize("name", PNG)
def test_strange_drawings(name, data, monkeypatch):
    content, message = PNG[name]
    path = data / "omniglot/images_background.zip"
    path.parent.mkdir()
    drawing = large_png(content) if isinstance(content, int) else content
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(20):
            archive.writestr(f"images_background/A/character01/{number:02}.png", drawing)
    listed(data)
    monkeypatch.setattr(omniglot, "PUBLISHED", (1, 1))
    refused("omniglot", message)


BATCH = "cifar-10-batches-bin/test_batch.bin"


def write_tar(folder, *members: tarfile.TarInfo, zeros: int = 0) -> None:
    path = folder / "cifar10/cifar-10-binary.tar.gz"
    path.parent.mkdir()
    with gzip.open(path, "wb") as file:
        for member in members:
            file.write(member.tobuf(tarfile.GNU_FORMAT))
        file.write(bytes(zeros))
    listed(folder)


def member(name: str, kind: bytes, size: int = 0, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.size, made.linkname = kind, size, link
    return made


CIRCLE = (
    member(BATCH, tarfile.SYMTYPE, link="other.bin"),
    member("cifar-10-batches-bin/other.bin", tarfile.SYMTYPE, link="test_batch.bin"),
)
TAR = {
    "links in a circle": (CIRCLE, 1024, "test_batch.bin holds 0 bytes, not 1 to 10,000 times 3073"),
    "a folder": ((member(BATCH, tarfile.DIRTYPE),), 1024, "holds 0 bytes, not 1 to"),
    "another file": ((member("other", tarfile.REGTYPE),), 1024, "has no member .*test_batch.bin"),
    "a long file": ((member(BATCH, tarfile.REGTYPE, BOMB),), BOMB, "holds 67108864 bytes, not"),
    "a long name": ((member("x", tarfile.XHDTYPE, BOMB),), BOMB, "unpacks to more than"),
    "many files": ((member("x", tarfile.REGTYPE),) * 200, 1024, "more than 100 members"),
}


@pytest.mark.parametrize("name", TAR)
def test_strange_tars(name, data, monkeypatch):
    members, zeros, message = TAR[name]
    write_tar(data, *members, zeros=zeros)
    monkeypatch.setattr(formats, "LARGEST", 2**20 if "name" in name else 2**30)
    refused("cifar10:train=0,test=20", message)


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("promised", [20, BOMB // 784])
def test_an_idx_file_that_is_a_bomb(ending, promised, data, monkeypatch):
    monkeypatch.setattr(formats, "LARGEST", 2**20)
    write_idx(data / "mnist", "t10k", images(20), labels(20), zipped=ending == ".gz")
    path = data / f"mnist/t10k-images-idx3-ubyte{ending}"
    with gzip.open(path, "wb") as file:
        file.write(bytes((0, 0, 8, 3)) + struct.pack(">III", promised, 28, 28) + bytes(BOMB))
    listed(data)
    message = "more than 15680 bytes where" if promised == 20 else "more than any data set here has"
    assert "get a good copy" in refused("mnist:train=0,test=20", message)


def test_a_plain_idx_file_is_read_no_further_than_it_says(data):
    path = data / "images"
    path.write_bytes(idx(images(2)))
    os.truncate(path, BOMB)  # a hole, which takes no room
    tracemalloc.start()
    with open(path, "rb") as file, pytest.raises(BluraxError, match="more than 1568 bytes where"):
        formats.read_idx(file, str(path), 3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < LITTLE


def test_a_bad_gzip_does_not_break_the_list_of_tasks(data):
    write_idx(data / "mnist", "t10k", images(20), labels(20))
    path = data / "mnist/t10k-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes()[:10] + b"\xff" * 20)
    listed(data)
    refused("mnist:train=0,test=20", "labels-idx1-ubyte.gz is damaged .*invalid block type")
    assert TASKS["mnist"].at_hand().startswith(("no", "in part"))


def test_a_manifest_in_another_encoding_or_without_end(data, monkeypatch):
    write_idx(data / "mnist", "t10k", images(20), labels(20))
    listed(data)
    path = data / "MANIFEST.txt"
    good = path.read_text("utf-8")
    path.write_bytes(good.encode() + "0 0 0 café\n".encode("latin-1"))
    refused("mnist:train=0,test=20", "MANIFEST.txt is no list of files in UTF-8")
    path.write_text(good + "0 0 0 café\n", "utf-8")
    assert len(get("mnist:train=0,test=20").x) == 20
    os.truncate(path, 2**30)
    refused("mnist:train=0,test=20", "MANIFEST.txt has 1,073,741,824 bytes")


@pytest.mark.parametrize("variable", ["BLURAX_DATA", "XDG_CACHE_HOME"])
def test_folders_of_impossible_names(variable, data, monkeypatch):
    monkeypatch.setenv(variable, "x" * 5000)
    monkeypatch.setattr(fetch, "download", no_download)
    for task in ("mnist", "omniglot"):
        with pytest.raises(BluraxError, match=r"no network|which is no folder"):
            get(task)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/dev/zero", "^/dev/zero cannot be read: it is a folder, a device or a pipe"),
        ("FIFO", "a device or a pipe, not a file"),
        ("FOLDER", "a folder, a device or a pipe"),
        ("HOLE", "has 2,147,483,648 bytes; a table takes at most"),
        ("~nobody-of-this-name/x.csv", "No such file"),
        ("x" * 5000, "too long"),
        ("a\0b", "holds a character that is no text"),
    ],
)
def test_tables_that_have_no_end_or_are_no_file(path, message, data):
    os.mkfifo(data / "FIFO")
    (data / "FOLDER").mkdir()
    (data / "HOLE").touch()
    os.truncate(data / "HOLE", 2**31)
    refused(f"csv:path={data / path if path.isupper() else path}", message)
