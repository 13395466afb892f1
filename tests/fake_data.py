"""Small files in the formats of the image data sets, with random content."""

import gzip
import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

RNG = np.random.default_rng(0)


def idx(array: np.ndarray) -> bytes:
    """An array of bytes in idx format."""
    header = bytes((0, 0, 8, array.ndim)) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return header + array.astype(np.uint8).tobytes()


def images(n: int, side: int = 28, *colours: int) -> np.ndarray:
    """Random images."""
    return RNG.integers(0, 256, (n, side, side, *colours), dtype=np.uint8)


def labels(n: int, classes: int = 10, first: int = 0) -> np.ndarray:
    """Labels in turn."""
    return (np.arange(n) % classes + first).astype(np.uint8)


def write_idx(folder: Path, stem: str, x: np.ndarray, y: np.ndarray, zipped: bool = True) -> None:
    """The pair of files of one part."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in (("images-idx3", idx(x)), ("labels-idx1", idx(y))):
        path = folder / f"{stem}-{name}-ubyte{'.gz' if zipped else ''}"
        path.write_bytes(gzip.compress(data) if zipped else data)


def write_cifar(path: Path, x: np.ndarray, y: np.ndarray, members: dict[str, slice]) -> None:
    """The binary version's tar, its batches cut out of x and y."""
    planes = x.transpose(0, 3, 1, 2).reshape(len(x), -1)
    records = np.concatenate([y[:, None], planes], axis=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, part in members.items():
            data = records[part].astype(np.uint8).tobytes()
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}.bin")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def png(ink: np.ndarray) -> bytes:
    """A 1-bit PNG, black where there is ink."""
    buffer = io.BytesIO()
    Image.fromarray(np.where(ink, 0, 255).astype(np.uint8)).convert("1").save(buffer, "PNG")
    return buffer.getvalue()


def write_omniglot(path: Path, top: str, alphabets: dict[str, int], first: int = 0) -> None:
    """A zip of 20 drawings for each character, each with its own number as ink."""
    path.parent.mkdir(parents=True, exist_ok=True)
    number = first
    with zipfile.ZipFile(path, "w") as archive:
        for alphabet, count in alphabets.items():
            for character in range(1, count + 1):
                for drawing in range(1, 21):
                    ink = drawn(number, drawing - 1)
                    name = f"{top}/{alphabet}/character{character:02}/{number:04}_{drawing:02}.png"
                    archive.writestr(name, png(ink))
                number += 1


def drawn(character: int, drawing: int) -> np.ndarray:
    """Ink that tells which character and drawing it is: a bar code of 105x105 pixels."""
    bits = [(character >> b) & 1 for b in range(11)] + [(drawing >> b) & 1 for b in range(5)]
    ink = np.zeros((105, 105), bool)
    for b, bit in enumerate(bits):
        ink[:, 6 * b : 6 * b + 6] = bool(bit)
    return ink


def listed(folder: Path) -> None:
    """List all files in the folder's MANIFEST.txt as they are: only their content can be wrong."""
    lines = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "MANIFEST.txt"):
        content = path.read_bytes()
        md5, sha256 = (hashlib.new(kind, content).hexdigest() for kind in ("md5", "sha256"))
        lines.append(f"{md5}  {sha256}  {len(content):10}  {path.relative_to(folder).as_posix()}")
    (folder / "MANIFEST.txt").write_text("\n".join(lines) + "\n", "utf-8")
