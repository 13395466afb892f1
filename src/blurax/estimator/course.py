"""A fit under way."""

import itertools
from typing import TYPE_CHECKING

import numpy as np

from blurax.estimator.learning import SIZES
from blurax.estimator.rows import Examples

if TYPE_CHECKING:
    from blurax.estimator.base import BlurEstimator


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
