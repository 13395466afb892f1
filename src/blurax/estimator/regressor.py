"""`BlurRegressor`: a genome teaches a network to predict numbers, in scikit-learn's manner."""

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score

from blurax.estimator.base import Blur
from blurax.estimator.checks import dense, refuse_forked, weighed
from blurax.estimator.rows import Examples
from blurax.tasks.scaling import ColumnMoments


class BlurRegressor(RegressorMixin, Blur):
    """A regressor whose network is taught by a genome; parameters as of `BlurClassifier`.

    The targets are brought to mean 0 and variance 1, and a genome whose feedback is the gradient of
    the cross-entropy gets that of the squared error.

    Attributes:
        learning_curve_: for each step the share of variance (R^2) that was explained on its batch
            before it was learned from.
        validation_curve_: with `early_stopping`, the same on the examples held apart.
        n_iter_: inner steps made.
        genome_: the genome that taught.
        state_: the synapses that predictions are made with.
        moments_: means and variances that normalise the neurons in prediction.
    """

    classifies = False
    usual_genome = "smooth"

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.input_tags.sparse = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "BlurRegressor":  # noqa: N803
        """Learn from examples `X` `[n, features]` and numbers `y`, `[n]` or `[n, outputs]`.

        Args:
            sample_weight: how much each example counts, `[n]`: 0 is as good as leaving it out, 2
                as having it twice; 1 each if None.
        """
        refuse_forked()
        x, y = dense(self, X, y=y, multi_output=True, y_numeric=True)
        self._fit(self._examples(x, y, sample_weight))
        return self

    def partial_fit(
        self,
        X: Any,  # noqa: N803
        y: Any,
        sample_weight: Any = None,
    ) -> "BlurRegressor":
        """Learn from more examples, in one pass."""
        refuse_forked()
        first = not hasattr(self, "_learning")
        x, y = dense(self, X, y=y, multi_output=True, y_numeric=True, reset=first)
        self._partial_fit(self._examples(x, y, sample_weight))
        return self

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """The predicted numbers, of the shape that `y` had."""
        return self._shaped(self._outputs(X))

    def _examples(self, x: np.ndarray, y: np.ndarray, sample_weight: Any) -> Examples:
        self._flat = y.ndim == 1
        return Examples(x, y.astype(np.float64).reshape(len(y), -1), weighed(sample_weight, x))

    def _start(self, examples: Examples, rng: np.random.RandomState) -> None:
        super()._start(examples, rng)
        self._targets = ColumnMoments.none(examples.y.shape[1])

    def _meet(self, examples: Examples) -> None:
        super()._meet(examples)
        self._targets = self._targets.update(examples.y, examples.weights)

    def _scaled_targets(self, y: np.ndarray) -> np.ndarray:
        return self._targets.standardise(y)

    def _shaped(self, outputs: np.ndarray) -> np.ndarray:
        """Outputs in the units and the shape of the targets; a constant target is its mean."""
        found = outputs * self._spread + self._targets.mean
        return found[:, 0] if self._flat else found

    @property
    def _spread(self) -> np.ndarray:
        return np.where(self._targets.constant, 0.0, self._targets.std)

    def _answer_parts(self) -> dict[str, Any]:
        return {
            "target_shift": self._targets.mean,
            "target_scale": self._spread,
            "flat": self._flat,
        }

    def _score_of(self, held: Examples) -> float:
        right = held.y[:, 0] if self._flat else held.y
        found = self._shaped(self._answers(held.x))
        if not np.isfinite(found).all():
            return -np.inf
        return float(r2_score(right, found, sample_weight=held.weights))

    def _batch_score(self, predicted: np.ndarray, right: np.ndarray) -> float:
        spread = np.sum((right - right.mean(axis=0)) ** 2)
        return float(1 - np.sum((predicted - right) ** 2) / spread) if spread > 0 else 0.0
