"""Mean and deviation of columns, in one go or as they come; which are constant; their scaling.

The one rule of the library for bringing inputs and targets to mean 0 and variance 1. It knows no
absolute size: a column in metres and the same column in nanometres come out the same. No number is
squared before it was brought near 1, so nothing underflows or overflows.
"""

import dataclasses

import numpy as np
from jaxtyping import Bool, Float, Shaped

from blurax.errors import BluraxError, require

EPSILON = float(np.finfo(np.float64).eps)
LARGEST = float(np.finfo(np.float64).max)
BLOCK = 2**16
"""Numbers that are looked at together, so that they stay in the processor's cache."""
MOST_ROUNDINGS = 1000
"""A column does not become constant because its stream is long: see `is_constant`."""


@dataclasses.dataclass(frozen=True, eq=False)
class ColumnMoments:
    """What is known of the columns of the rows met so far: `update` for more of them."""

    count: float
    """The rows, or the sum of their weights."""
    mean: Float[np.ndarray, " features"]
    std: Float[np.ndarray, " features"]
    """Standard deviations (divided by the count): the variance of a small column may underflow."""

    @classmethod
    def none(cls, features: int) -> "ColumnMoments":
        """Before the first row."""
        return cls(0.0, np.zeros(features), np.zeros(features))

    @classmethod
    def of(
        cls,
        x: Shaped[np.ndarray, "n features"],
        weights: Shaped[np.ndarray, " n"] | None = None,
    ) -> "ColumnMoments":
        """Those of the rows of `x`, real numbers of any type.

        Args:
            x: finite numbers.
            weights: how much each row counts, >= 0; 1 each if None.

        Raises:
            BluraxError: for weights that are negative or not finite, or not one for each row.
        """
        x = np.asarray(x)
        counts = np.ones(len(x)) if weights is None else np.asarray(weights, np.float64)
        require(
            counts.shape == x.shape[:1],
            f"weights have shape {counts.shape}; there are {len(x)} rows, one weight each.",
        )
        if not (np.isfinite(counts) & (counts >= 0)).all():
            raise BluraxError(
                "weights hold negative or non-finite numbers; they take numbers >= 0."
            )
        if weights is not None:  # a row that counts nothing decides nothing, its size included
            x, counts = x[counts > 0], counts[counts > 0]
        rows = max(1, BLOCK // max(1, x.shape[1]))
        found = cls.none(x.shape[1])
        for start in range(0, len(x), rows):
            part = np.asarray(x[start : start + rows], np.float64)
            found = found.merged(cls._of_few(part, counts[start : start + rows]))
        return found

    @classmethod
    def _of_few(
        cls, x: Float[np.ndarray, "n features"], counts: Float[np.ndarray, " n"]
    ) -> "ColumnMoments":
        total = float(counts.sum())
        share = (counts / total)[:, None]
        # Powers of two, so that no digit is lost: every column's largest number is near 1.
        exponent = np.clip(np.frexp(np.abs(x).max(axis=0))[1], -1022, 1022)
        x = x * np.ldexp(1.0, -exponent)
        first = x[0]  # without it the mean of a constant column is not quite that constant
        off = x - first
        mean = (share * off).sum(axis=0)
        off -= mean
        weighted = share * off
        variance = (weighted * off).sum(axis=0) - weighted.sum(axis=0) ** 2
        std = np.sqrt(np.maximum(variance, 0.0))
        return cls(total, np.ldexp(first + mean, exponent), np.ldexp(std, exponent))

    def update(
        self,
        x: Shaped[np.ndarray, "n features"],
        weights: Shaped[np.ndarray, " n"] | None = None,
    ) -> "ColumnMoments":
        """Those of the rows so far and the rows of `x`.

        Raises:
            BluraxError: for another number of columns, or weights that `of` refuses.
        """
        return self.merged(ColumnMoments.of(x, weights))

    def merged(self, other: "ColumnMoments") -> "ColumnMoments":
        """Those of both sets of rows (Chan, Golub and LeVeque's pairwise merge).

        Raises:
            BluraxError: if they have different numbers of columns.
        """
        require(
            len(self.mean) == len(other.mean),
            f"There are {len(other.mean)} columns where there were {len(self.mean)} before.",
        )
        if self.count == 0 or other.count == 0:
            return other if self.count == 0 else self
        total = self.count + other.count
        old, new = self.count / total, other.count / total
        half = other.mean / 2 - self.mean / 2  # their difference may be larger than any number
        between = 2 * np.sqrt(old * new) * half
        within = np.hypot(np.sqrt(old) * self.std, np.sqrt(new) * other.std)
        mean = self.mean + new * half + new * half
        return ColumnMoments(total, mean, np.hypot(within, between))

    @property
    def constant(self) -> Bool[np.ndarray, " features"]:
        """Which columns are constant, by `is_constant`."""
        return is_constant(self.count, self.mean, self.std)

    @property
    def shift(self) -> Float[np.ndarray, " features"]:
        """What is subtracted from each column: its mean."""
        return self.mean

    @property
    def scale(self) -> Float[np.ndarray, " features"]:
        """What then multiplies it: 1 / std, and 0 for a constant one."""
        return scale(self.count, self.mean, self.std)

    def standardise(self, x: Shaped[np.ndarray, "n features"]) -> Float[np.ndarray, "n features"]:
        """Any rows, with mean 0 and variance 1 over the rows met; constant columns become 0."""
        found = np.asarray(x, np.float64) / 2
        found -= self.mean / 2  # the difference itself may be larger than any number
        found *= self.scale
        found *= 2
        return found


def is_constant(
    count: float | int, mean: Float[np.ndarray, "*s"], std: Float[np.ndarray, "*s"]
) -> Bool[np.ndarray, "*s"]:
    """Whether a deviation is no more than roundings of numbers of the size of the mean.

    Scikit-learn's bound, count * epsilon * |mean|, but with no more than `MOST_ROUNDINGS` for the
    count: the error of its sums grows with the rows, ours does not, and a feature shall not be lost
    late in a stream (seconds since 1970 among a million others would be).
    """
    bound = min(max(count, 1.0), MOST_ROUNDINGS) * EPSILON
    return np.asarray(std <= bound * np.abs(mean))


def scale(
    count: float | int, mean: Float[np.ndarray, "*s"], std: Float[np.ndarray, "*s"]
) -> Float[np.ndarray, "*s"]:
    """1 / std, and 0 where that is constant; finite for the smallest deviation there is."""
    constant = is_constant(count, mean, std)
    with np.errstate(over="ignore", divide="ignore"):
        return np.where(constant, 0.0, np.minimum(1 / np.where(constant, 1.0, std), LARGEST))
