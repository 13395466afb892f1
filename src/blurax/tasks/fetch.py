"""Finding published files: in the user's data folder, in the cache, or by a checked download.

A download goes to a temporary file that gets its name only after its checksum was right, so what an
interruption leaves behind is never read.
"""

import hashlib
import os
from pathlib import Path

from blurax import io
from blurax.errors import require
from blurax.tasks.formats import REMEDY, reading
from blurax.tasks.sources import File

VARIABLE = "BLURAX_DATA"
"""The environment variable that names the user's data folder."""

_LARGEST_MANIFEST = 2**24
"""Bytes: a hundred thousand files."""

WAIT = 3600.0
"""Seconds to wait for another process that downloads the same data set."""


def data_folder() -> Path | None:
    """The folder `BLURAX_DATA` names, if it is set.

    Raises:
        BluraxError: if there is no such folder.
    """
    named = os.environ.get(VARIABLE)
    if not named:
        return None
    require(
        os.path.isdir(named),  # without an error, whatever it is called
        f"{VARIABLE} is {named!r}, which is no folder; unset it or name one that exists.",
    )
    return Path(named)


def cache_folder() -> Path:
    """Where downloads are kept."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "blurax" / "data"


def roots() -> list[Path]:
    """The folders to look in, in this order."""
    named = data_folder()
    return [*([named] if named else []), cache_folder()]


def check(path: Path, root: Path, known: File | None) -> None:
    """Compare a file with the checksums it should have.

    These stand in `MANIFEST.txt` of its root, a line for each file: md5, sha256, bytes, path; for a
    file that is not listed there they are those of the published file, if `known` is one.

    Raises:
        BluraxError: if it differs.
    """
    listed = _manifest(root).get(path.relative_to(root).as_posix())
    if listed is not None:
        kind, wanted, by = "sha256", listed, f"{root / 'MANIFEST.txt'} lists"
    elif known is not None:
        kind, wanted, by = "md5", known.md5, f"the published {known.name} has"
    else:
        return
    with reading(f"{path} cannot be read"), open(path, "rb") as file:
        found = hashlib.file_digest(file, kind).hexdigest()
    require(
        found == wanted,
        f"{path} has the {kind} {found}, but {by} {wanted}: it is another file or a damaged one; "
        f"{REMEDY}.",
    )


def _manifest(root: Path) -> dict[str, str]:
    """The sha256 of each file listed in a folder's MANIFEST.txt, which is in UTF-8.

    Raises:
        BluraxError: if it cannot be read.
    """
    path = root / "MANIFEST.txt"
    if not os.path.isfile(path):
        return {}
    with reading(f"{path} is no list of files in UTF-8"):
        size = path.stat().st_size
        require(size <= _LARGEST_MANIFEST, f"{path} has {size:,} bytes: it is no list of files.")
        lines = path.read_text("utf-8").splitlines()
    fields = [line.split(maxsplit=3) for line in lines if line.strip()]
    bad = [number for number, line in enumerate(fields, 1) if len(line) != 4]
    require(
        not bad,
        f"{path}: line {bad[0] if bad else 0} is not of the form: md5 sha256 bytes path.",
    )
    return {name: sha256 for _, sha256, _, name in fields}


def download(file: File, set_name: str) -> Path:
    """The file in the cache, downloaded if it is not there yet.

    Raises:
        BluraxError: if there is no network, what arrives is not the published file, more than
            twice as much, or slower than `transfer.SLOWEST`, or another process downloads into the
            folder for an hour.
    """
    folder = cache_folder() / set_name
    # Imported when used: all that speaks to servers takes a quarter of a second.
    from blurax.tasks.download import downloaded

    with io.writing(folder, "cache", WAIT):  # jobs that need a file wait for who fetches it
        return downloaded(file, set_name, folder, VARIABLE)
