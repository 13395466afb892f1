"""`BlurClassifier`: a genome teaches a network to tell classes apart, in scikit-learn's manner."""

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets

from blurax.errors import BluraxError
from blurax.estimator.base import Blur, validated


class BlurClassifier(ClassifierMixin, Blur):
    """A classifier whose network is taught by a genome.

    Args:
        hidden: the sizes of the hidden layers; a number is a single layer.
        genome: a name of the zoo, a path, or a `Genome`; `steady` if None (`smooth` for numbers).
        epochs: how often each example is met, but at least `LEAST_STEPS` steps are made.
        steps: the number of inner steps; then `epochs` means nothing.
        batch_size: examples in each step; all of them where there are fewer.
        standardise: bring each feature to mean 0 and variance 1 first.
        early_stopping: hold some examples apart, and stop when their score has not risen in
            `patience` measurements, one every 50 steps; the best network is kept.
        validation_fraction: how many are held apart.
        patience: measurements without a rise.
        random_state: of the birth and the order of examples.

    Attributes:
        classes_: the labels.
        learning_curve_: for each step the accuracy on its batch before it was learned from.
        validation_curve_: with `early_stopping`, the accuracy on the examples held apart.
        n_iter_: inner steps made.
        genome_: the genome that taught.
        state_: the synapses.
        moments_: means and variances that normalise the neurons in prediction.

    Raises:
        BluraxError: a `ValueError`, for a parameter out of range, or a single class.
    """

    classifies = True
    usual_genome = "steady"

    def fit(self, X: Any, y: Any) -> "BlurClassifier":  # noqa: N803
        """Learn from examples `X` `[n, features]` and labels `y` `[n]`, words or numbers."""
        x, y = validated(self, X, y)
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        self._fit(x, self._signed(y))
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> "BlurClassifier":  # noqa: N803
        """Learn from more examples, in one pass; the first call names all `classes`."""
        first = not hasattr(self, "state_")
        x, y = validated(self, X, y, reset=first)
        check_classification_targets(y)
        if first:
            self.classes_ = np.unique(y if classes is None else classes)
        self._partial_fit(x, self._signed(y))
        return self

    def predict_proba(self, X: Any) -> np.ndarray:  # noqa: N803
        """The probability of each class, `[n, classes]`, in the order of `classes_`."""
        outputs = self._outputs(X)
        odds = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        return odds / odds.sum(axis=1, keepdims=True)

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """The most probable class of each example, `[n]`."""
        best = np.argmax(self._outputs(X), axis=1)
        return self.classes_[best]

    def _signed(self, y: np.ndarray) -> np.ndarray:
        """Labels as +1 for the right class and -1 for the others, `[n, classes]`."""
        if len(self.classes_) < 2:
            raise BluraxError("The labels hold 1 class; a classifier takes two classes or more.")
        strange = np.setdiff1d(y, self.classes_)
        if len(strange):
            raise BluraxError(
                f"The label {str(strange[0])!r} is none of the classes {self.classes_}."
            )
        return np.where(y[:, None] == self.classes_, 1.0, -1.0)

    def _scale_targets(self, y: np.ndarray) -> None:
        """Labels have one scale."""

    def _scaled_targets(self, y: np.ndarray) -> np.ndarray:
        return y

    def _as_given(self, y: np.ndarray) -> np.ndarray:
        return self.classes_[np.argmax(y, axis=1)]

    def _batch_score(self, predicted: np.ndarray, told: np.ndarray) -> float:
        return float(np.mean(np.argmax(predicted, axis=1) == np.argmax(told, axis=1)))
