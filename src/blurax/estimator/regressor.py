"""`BlurRegressor`: a genome teaches a network to predict numbers, in scikit-learn's manner."""

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin

from blurax.estimator.base import Blur, validated
from blurax.estimator.lesson import scaling


class BlurRegressor(RegressorMixin, Blur):
    """A regressor whose network is taught by a genome; parameters as of `BlurClassifier`.

    The targets are brought to mean 0 and variance 1, and a genome that was told the gradient of the
    cross-entropy is told that of the squared error.

    Attributes:
        learning_curve_: for each step the share of variance (R^2) that was explained on its batch
            before it was learned from.
        validation_curve_: with `early_stopping`, the same on the examples held apart.
        n_iter_: inner steps made.
        genome_: the genome that taught.
        state_: the synapses.
        moments_: means and variances that normalise the neurons in prediction.
    """

    classifies = False
    usual_genome = "smooth"

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any) -> "BlurRegressor":  # noqa: N803
        """Learn from examples `X` `[n, features]` and numbers `y`, `[n]` or `[n, outputs]`."""
        x, y = validated(self, X, y, multi_output=True, y_numeric=True)
        self._flat = y.ndim == 1
        self._fit(x, y.astype(np.float64).reshape(len(y), -1))
        return self

    def partial_fit(self, X: Any, y: Any) -> "BlurRegressor":  # noqa: N803
        """Learn from more examples, in one pass; the first call decides how targets are scaled."""
        first = not hasattr(self, "state_")
        x, y = validated(self, X, y, multi_output=True, y_numeric=True, reset=first)
        self._flat = y.ndim == 1
        self._partial_fit(x, y.astype(np.float64).reshape(len(y), -1))
        return self

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """The predicted numbers, of the shape that `y` had."""
        found = self._outputs(X) * self.target_spread_ + self.target_shift_
        return found[:, 0] if self._flat else found

    def _scale_targets(self, y: np.ndarray) -> None:
        self.target_shift_, scale = scaling(y)
        self.target_spread_ = np.where(scale > 0, 1 / np.where(scale > 0, scale, 1.0), 0.0)

    def _scaled_targets(self, y: np.ndarray) -> np.ndarray:
        spread = self.target_spread_
        return (y - self.target_shift_) / np.where(spread > 0, spread, 1.0)

    def _as_given(self, y: np.ndarray) -> np.ndarray:
        return y[:, 0] if self._flat else y

    def _batch_score(self, predicted: np.ndarray, told: np.ndarray) -> float:
        spread = np.sum((told - told.mean(axis=0)) ** 2)
        return float(1 - np.sum((predicted - told) ** 2) / spread) if spread > 0 else 0.0
