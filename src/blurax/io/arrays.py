"""Files of several arrays, .npz, read with care: they come from anywhere."""

import os
import zipfile
import zlib

import numpy as np

from blurax.errors import BluraxError, reason

_UNREADABLE = (
    *(OSError, EOFError, ValueError, KeyError, TypeError, AttributeError),
    RuntimeError,  # an archive that is encrypted, or compressed in a way that Python does not know
    *(zipfile.BadZipFile, zlib.error),
)


def read_arrays(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The arrays of a .npz file by their names; objects in it are never loaded.

    Raises:
        BluraxError: for a file that is missing, damaged or no .npz.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except _UNREADABLE as error:
        raise BluraxError(f"{path} cannot be read as arrays: {reason(error)}.") from error
