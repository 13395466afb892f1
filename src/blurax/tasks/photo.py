"""A picture from scikit-learn or a file of the user's own, as a square of bytes."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from blurax.errors import BluraxError, require
from blurax.tasks import pixels


def photo(sample: str | None, path: str, size: int) -> UInt8[np.ndarray, "s s colours"]:
    """The middle square of a picture, shrunk.

    Args:
        sample: one of scikit-learn's, by its name; None: that of the file.
        path: any file that Pillow reads, in colours or grey, transparency left out; or .npy, bytes
            `[height, width]` or `[height, width, 1 or 3]`.
        size: pixels of each side.

    Raises:
        BluraxError: for a file that is no picture, or smaller than `size`.
    """
    if sample is not None:
        from sklearn.datasets import load_sample_image  # imported when used: it takes a second

        whole = np.asarray(load_sample_image(f"{sample}.jpg"))
    else:
        whole = _read(Path(path))
    square = min(whole.shape[:2])
    require(
        size <= square,
        f"The task option size is {size}; the picture has {whole.shape[0]}x{whole.shape[1]} "
        f"pixels, of which a square of up to {square} can be taken.",
    )
    return pixels.shrink(pixels.crop(whole[None], square), size)[0]


def _read(path: Path) -> UInt8[np.ndarray, "h w colours"]:
    """The bytes of a file, with a last axis of 1 or 3 colours."""
    try:
        found = _array(path) if path.suffix.lower() == ".npy" else _image(path)
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError) as error:
        raise BluraxError(f"{path} cannot be read as a picture: {error}") from error
    whole = found[:, :, None] if found.ndim == 2 else found
    require(
        whole.ndim == 3 and whole.shape[2] in (1, 3) and whole.dtype == np.uint8 and whole.size > 0,
        f"{path} holds an array of shape {found.shape} and dtype {found.dtype}; a picture is "
        "[height, width] or [height, width, 1 or 3], of bytes (uint8).",
    )
    return whole


def _array(path: Path) -> np.ndarray:
    with path.open("rb") as file:  # np.load would also take archives
        return np.lib.format.read_array(file, allow_pickle=False)


def _image(path: Path) -> np.ndarray:
    from PIL import Image  # imported when used

    try:
        with Image.open(path) as image:
            if image.mode[0] in "IF":
                raise ValueError(f"its pixels are of mode {image.mode}; it takes bytes")
            grey = image.mode in ("1", "L", "LA")
            return np.asarray(image.convert("L" if grey else "RGB"))
    except Image.DecompressionBombError as error:
        raise ValueError(str(error)) from error
