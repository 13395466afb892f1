"""Cropping, shrinking and greying images in whole numbers: the same bytes on every machine."""

import math

import numpy as np
from jaxtyping import Float, UInt8

from blurax.errors import require


def crop(images: UInt8[np.ndarray, "n h w *rest"], side: int) -> UInt8[np.ndarray, "n s s *rest"]:
    """The middle `side` x `side` pixels."""
    top, left = ((n - side) // 2 for n in images.shape[1:3])
    return images[:, top : top + side, left : left + side]


def shrink(images: UInt8[np.ndarray, "n h w *rest"], side: int) -> UInt8[np.ndarray, "n s s *rest"]:
    """Area averaging: a new pixel is the mean of what it covers, shared pixels by their share.

    Raises:
        BluraxError: if an image is smaller than `side`: area averaging invents no pixels.
    """
    height, width = images.shape[1:3]
    require(
        1 <= side <= min(height, width),
        f"The task option size is {side}; images of {height}x{width} can be shrunk to 1 to "
        f"{min(height, width)} pixels.",
    )
    if (height, width) == (side, side):
        return images
    if images.ndim == 4:  # colours are images of their own
        planes = [shrink(images[..., c], side) for c in range(images.shape[3])]
        return np.stack(planes, axis=-1)
    rows, columns = _cover(height, side), _cover(width, side)
    whole = rows[0].sum() * columns[0].sum()
    out = []
    for part in np.array_split(images, max(1, images.size // 2**24)):  # bounded memory
        # Matrix products of whole numbers below 2^53: float64 is fast and exact.
        sums = rows @ part.astype(np.float64) @ columns.T
        out.append(np.floor((2 * sums + whole) / (2 * whole)).astype(np.uint8))  # half goes up
    return np.concatenate(out)


def _cover(old: int, new: int) -> Float[np.ndarray, "new old"]:
    """How much of each old pixel a new one covers, in units that make it a whole number."""
    unit = math.lcm(old, new)
    start, width = np.arange(new)[:, None] * (unit // new), unit // old
    pixel = np.arange(old)[None] * width
    overlap = np.minimum(start + unit // new, pixel + width) - np.maximum(start, pixel)
    return np.maximum(overlap, 0).astype(np.float64)


def grey(images: UInt8[np.ndarray, "n h w 3"]) -> UInt8[np.ndarray, "n h w"]:
    """Luma (ITU-R BT.601) of colour images."""
    weighted = images.astype(np.int64) @ np.array([299, 587, 114])
    return ((weighted + 500) // 1000).astype(np.uint8)
