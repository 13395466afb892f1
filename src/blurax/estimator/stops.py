"""How long to learn: as many steps as predict best what was held apart."""

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int

from blurax.estimator.learning import SIZES
from blurax.estimator.rows import Examples

if TYPE_CHECKING:
    from blurax.estimator.base import BlurEstimator

STOPS = 25, 50, 75, 100, 150, 200, 300, 400, 600, 800, 1200, 1600, 2400, 3200, 4800
"""Numbers of steps that are tried."""
PATIENT, LEAST = 2.9, 200
"""Later stops than `PATIENT` times the best so far are not tried, once `LEAST` steps are made."""
FEW = 2000
"""Below so many examples their choice is by cross-validation, above by a part held apart once."""
FOLDS, PART = 4, 10
"""Parts of few examples, each of which is held apart once; one in `PART` of many is held apart."""
MOST_OF_FEW = 1600
"""Steps that are tried on few examples."""
FEWEST = 8
"""Of fewer examples nothing is held apart."""


class Course:
    """A fit under way: the batches it learns from, and what moments are measured on."""

    def __init__(self, model: "BlurEstimator", examples: Examples) -> None:
        """Take a model that has an initial network."""
        self._model = model
        self._measured = examples.drawn(model._order, SIZES[-1])
        rows = examples.batches(model._order, model.batch_size)
        self._batches = (examples.at(each) for each in rows)

    def go_on(self, steps: int) -> None:
        """Learn for so many more steps."""
        self._model._learn(itertools.islice(self._batches, steps))

    def measure(self) -> None:
        """Means and variances for prediction."""
        self._model._measure(self._measured)

    def squared_error(self, held: Examples) -> float:
        """The sum of squared errors in units of the targets' deviations, a mean over outputs."""
        self.measure()
        off = self._model._answers(held.x) - self._model._scaled_targets(held.y)
        return float(held.weights @ np.mean(off**2, axis=1))


def parts(n: int, rng: np.random.RandomState) -> list[Int[np.ndarray, " held"]]:
    """The rows held apart: each part of few rows once, or one part of many."""
    rows = rng.permutation(n)
    return np.array_split(rows, FOLDS) if n < FEW else [rows[: max(2, n // PART)]]


def tried(
    courses: Sequence[Course], held: Sequence[Examples], most: int
) -> Iterator[tuple[int, float]]:
    """The mean squared error on what is held apart after 25, 50, ... steps, at most `most`.

    Ends where later stops are not worth the time.
    """
    total = sum(float(part.weights.sum()) for part in held)
    best, at = np.inf, 0
    for done, stop in itertools.pairwise((0, *(stop for stop in STOPS if stop <= most))):
        error = 0.0
        for course, part in zip(courses, held, strict=True):
            course.go_on(stop - done)
            error += course.squared_error(part)
        error = error / total if np.isfinite(error) else np.inf
        yield stop, error
        if error < best:
            best, at = error, stop
        if stop >= max(LEAST, PATIENT * at):
            return
