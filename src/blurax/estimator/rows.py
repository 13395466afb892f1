"""Which examples an estimator learns from and in what order; which it keeps or holds apart."""

import dataclasses
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int

from blurax.errors import BluraxError, require

HEAVIEST = 1e100
"""The largest sum of weights: a stream has many of them."""
RECENT = 1024
"""Examples that a stream keeps: for prediction moments, and to fill up batches."""
MOST_REPEATED = 100
"""Whole-numbered weights are repetitions while an example counts no more than this on average."""

Floats = Float[np.ndarray, "..."]


@dataclasses.dataclass(frozen=True, eq=False)
class Examples:
    """Inputs as the user gave them, targets as the network is taught them, and their weights."""

    x: Float[np.ndarray, "n features"]
    y: Float[np.ndarray, "n outputs"]
    weights: Float[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.x)

    def at(self, rows: Int[np.ndarray, "..."]) -> "Examples":
        """These rows of them."""
        return Examples(self.x[rows], self.y[rows], self.weights[rows])

    def counting(self) -> "Examples":
        """Those with a weight above 0.

        Raises:
            BluraxError: if there is none, or weights are too large to be added up.
        """
        with np.errstate(over="ignore"):
            total = self.weights.sum()
        require(
            bool(np.isfinite(total) and total <= HEAVIEST),
            f"sample_weight, times class_weight, adds up to {total:.3g}; it takes sums up to "
            f"{HEAVIEST:g}.",
        )
        require(bool((self.weights > 0).any()), "sample_weight holds no number above 0.")
        return self if (self.weights > 0).all() else self.at(np.flatnonzero(self.weights > 0))

    @property
    def places(self) -> int:
        """How many places the examples have in one round: with a weight of 2, an example has two.

        Only whole numbers are repetitions; other weights have a place for each example on average.
        """
        total = self.weights.sum()
        whole = bool((self.weights == np.round(self.weights)).all())
        return int(total) if whole and total <= MOST_REPEATED * len(self) else len(self)

    def one_round(self, rng: np.random.Generator) -> Int[np.ndarray, " places"]:
        """Rows in a random order, each as often as its weight says (systematic sampling)."""
        places, ends = self.places, np.cumsum(self.weights)
        points = (np.arange(places) + rng.random()) * (ends[-1] / places)
        rows = np.minimum(np.searchsorted(ends, points, side="right"), len(self) - 1)
        return rows[rng.permutation(places)]

    def batches(self, rng: np.random.Generator, batch: int) -> Iterator[Int[np.ndarray, " b"]]:
        """Rows of one batch after the other, without an end; a new round when one is over."""
        left = np.zeros(0, int)
        while True:
            missing = -(-max(0, batch - len(left)) // self.places)
            left = np.concatenate([left, *(self.one_round(rng) for _ in range(missing))])
            yield left[:batch]
            left = left[batch:]

    def drawn(self, rng: np.random.Generator, most: int) -> "Examples":
        """All of them, or so many at random, the heavier the likelier."""
        if len(self) <= most:
            return self
        # Efraimidis and Spirakis, "Weighted random sampling with a reservoir", 2006
        keys = np.log1p(-rng.random(len(self))) / (self.weights / self.weights.max())
        return self.at(np.sort(np.argsort(-keys, kind="stable")[:most]))

    def latest(self, most: int) -> "Examples":
        """The last so many of them."""
        return self.at(np.arange(max(0, len(self) - most), len(self)))

    def followed_by(self, more: "Examples") -> "Examples":
        """These and then `more`."""
        x, y, weights = (
            np.concatenate([getattr(part, name) for part in (self, more)])
            for name in ("x", "y", "weights")
        )
        return Examples(x, y, weights)


def one_pass(
    new: Examples, recent: Examples | None, rng: np.random.Generator, batch: int
) -> Iterator[Examples]:
    """The batches of one pass over new examples.

    The last one is filled up with recent ones: a batch of a few examples has no mean and variance
    to speak of, and batches of one size are compiled once.
    """
    rows = new.one_round(rng)
    for first in range(0, len(rows), batch):
        part = rows[first : first + batch]
        missing = batch - len(part)
        if recent is None or missing == 0:
            source = new.batches(rng, missing) if missing else iter([np.zeros(0, int)])
            yield new.at(np.concatenate([part, next(source)]))
        else:
            filled = recent.at(next(recent.batches(rng, missing)))
            yield new.at(part).followed_by(filled)


def divide(
    y: Floats, classes: Int[np.ndarray, " n"] | None, share: float, rng: np.random.RandomState
) -> tuple[Int[np.ndarray, " kept"], Int[np.ndarray, " held"]]:
    """Rows to learn from, and rows held apart: of each class the same share, but at least two.

    Args:
        y: the targets.
        classes: the class of each row; None in regression.
        share: how many are held apart.

    Raises:
        BluraxError: where two examples cannot be held apart.
    """
    groups = [np.arange(len(y))]
    if classes is not None:
        groups = [np.flatnonzero(classes == c) for c in range(classes.max() + 1)]
    held: list[np.ndarray] = []
    for group in groups:
        if len(group) >= 4:  # two remain to learn from
            apart = min(max(2, round(share * len(group))), len(group) - 2)
            held.append(rng.permutation(group)[:apart])
    if not held:
        few = "no class has four" if classes is not None else f"there are {len(y)} in all"
        raise BluraxError(
            "early_stopping is True, which holds at least two examples apart (of each class that "
            f"has four or more), but {few}; give more examples, or early_stopping=False."
        )
    apart = np.concatenate(held)
    kept = np.setdiff1d(np.arange(len(y)), apart)
    if classes is None and (y[apart] == y[apart][0]).all():  # a score needs targets that differ
        others = kept[(y[kept] != y[apart][0]).any(axis=1)]
        if len(others):
            apart = np.append(apart[1:], others[0])
            kept = np.setdiff1d(np.arange(len(y)), apart)
    return kept, np.sort(apart)
