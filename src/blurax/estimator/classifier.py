"""`BlurClassifier`: a genome teaches a network to tell classes apart, in scikit-learn's manner."""

import numbers
import os
from typing import Any

import numpy as np
from scipy.special import log_softmax
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets

from blurax.errors import BluraxError
from blurax.estimator.base import BlurEstimator
from blurax.estimator.checks import dense, refuse_many_labels, weighed
from blurax.estimator.rows import Examples
from blurax.estimator.threads import asking
from blurax.genome import Genome


class BlurClassifier(ClassifierMixin, BlurEstimator):
    """A classifier whose network is taught by a genome.

    Args:
        hidden: the sizes of the hidden layers; a number is a single layer.
        network: the name of a network in the place of `hidden`, such as "c8k5s2-16"
            (`blurax.graphs`).
        image_shape: (height, width, colours) of the images that rows of X are.
        genome: a name of the zoo, a path, or a `Genome`; `images` if None.
        epochs: how often each example is met, but at least `LEAST_STEPS` steps are made.
        steps: the number of inner steps; then `epochs` means nothing.
        batch_size: examples in each step; where there are fewer, they are repeated.
        standardise: bring each feature to mean 0 and variance 1 first.
        clip: standardised features are kept within this many standard deviations; None: as they
            are.
        early_stopping: hold some examples apart, and stop when their score has not risen in
            `patience` measurements, one every 50 steps; the best network is kept.
        validation_fraction: how many are held apart, of each class alike but two at least.
        patience: measurements without a rise.
        warm_start: `fit` goes on with the network there is.
        verbose: print a line every 50 steps.
        random_state: of the initial network and the order of examples.
        class_weight: a dictionary from labels to weights; "balanced": each class counts alike;
            None: each example does.

    Attributes:
        classes_: the labels.
        learning_curve_: for each step the accuracy on its batch before it was learned from.
        validation_curve_: with `early_stopping`, the accuracy on the examples held apart.
        n_iter_: inner steps made.
        genome_: the genome that taught.
        state_: the synapses that predictions are made with.
        moments_: means and variances that normalise the neurons in prediction.

    Raises:
        BluraxError: a `ValueError`, for a parameter out of range, or a single class.
    """

    classifies = True
    usual_genome = "images"
    memory = 0.8  # more of it relearns more slowly when labels change, and predicts no better

    def __init__(
        self,
        hidden: int | tuple[int, ...] = (256, 128),
        *,
        network: str | None = None,
        image_shape: tuple[int, int, int] | None = None,
        genome: "str | os.PathLike[str] | Genome | None" = None,
        epochs: int = 5,
        steps: int | None = None,
        batch_size: int = 128,
        standardise: bool = True,
        clip: float | None = 3.0,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        patience: int = 10,
        warm_start: bool = False,
        verbose: int | bool = False,
        random_state: Any = None,
        class_weight: "dict[Any, float] | str | None" = None,
    ) -> None:
        self.hidden = hidden
        self.network = network
        self.image_shape = image_shape
        self.genome = genome
        self.epochs = epochs
        self.steps = steps
        self.batch_size = batch_size
        self.standardise = standardise
        self.clip = clip
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state
        self.class_weight = class_weight

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "BlurClassifier":  # noqa: N803
        """Learn from examples `X` `[n, features]` and labels `y` `[n]`, words or numbers.

        Args:
            sample_weight: how much each example counts, `[n]`: 0 is as good as leaving it out, 2
                as having it twice; 1 each if None.
        """
        refuse_many_labels(y)
        with self._all_or_nothing():
            x, y = dense(self, X, y=y)
            check_classification_targets(y)
            weights = weighed(sample_weight, x)
            present = weights > 0  # a class that counts nothing is no class
            labels = np.unique(y[present])
            if self._goes_on:
                self._refuse_other_classes(labels)
            self.classes_ = labels
            self._fit(self._examples(x[present], y[present], weights[present]))
        return self

    def partial_fit(
        self,
        X: Any,  # noqa: N803
        y: Any,
        classes: Any = None,
        sample_weight: Any = None,
    ) -> "BlurClassifier":
        """Learn from more examples, in one pass; the first call names all `classes`."""
        refuse_many_labels(y)
        with self._all_or_nothing():
            first = not hasattr(self, "_learning")
            x, y = dense(self, X, y=y, reset=first)
            self._stream(x, y, classes, sample_weight, first)
        return self

    def _stream(
        self, x: np.ndarray, y: np.ndarray, classes: Any, sample_weight: Any, first: bool
    ) -> None:
        check_classification_targets(y)
        weights = weighed(sample_weight, x)
        x, y, weights = (part[weights > 0] for part in (x, y, weights))
        if first:
            self.classes_ = np.unique(y if classes is None else classes)
        elif classes is not None:
            self._refuse_other_classes(np.unique(classes))
        if isinstance(self.class_weight, str):
            raise BluraxError(
                f"class_weight is {self.class_weight!r}, which needs all examples at once; "
                "partial_fit takes a dictionary, such as "
                "sklearn.utils.class_weight.compute_class_weight gives from a sample."
            )
        self._partial_fit(self._examples(x, y, weights))

    def predict_log_proba(self, X: Any) -> np.ndarray:  # noqa: N803
        """The logarithm of `predict_proba`, exact where a probability is too small to hold."""
        return log_softmax(self._outputs(X), axis=1)

    def predict_proba(self, X: Any) -> np.ndarray:  # noqa: N803
        """The probability of each class, `[n, classes]`, in the order of `classes_`."""
        odds = np.exp(self.predict_log_proba(X))
        return odds / odds.sum(axis=1, keepdims=True)

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """The most probable class of each example, `[n]`."""
        with asking(self):
            best = np.argmax(self._outputs(X), axis=1)
            return self.classes_[best]

    def _examples(self, x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> Examples:
        """Labels as +1 for the right class and -1 for the others, `[n, classes]`."""
        if len(self.classes_) < 2:
            raise BluraxError("The labels hold 1 class; a classifier takes two classes or more.")
        strange = np.setdiff1d(y, self.classes_)
        if len(strange):
            raise BluraxError(
                f"The label {str(strange[0])!r} is none of the classes {self.classes_}."
            )
        signed = np.where(y[:, None] == self.classes_, 1.0, -1.0)
        with np.errstate(over="ignore"):  # refused where it is used
            return Examples(x, signed, weights * self._class_weights(y))

    def _class_weights(self, y: np.ndarray) -> np.ndarray:
        given = self.class_weight
        if given is None:
            return np.ones(len(y))
        if not (isinstance(given, dict) or given == "balanced"):
            raise BluraxError(
                f"class_weight is {given!r}; it takes 'balanced', None, or a dictionary from "
                "labels to weights."
            )
        unknown = [] if isinstance(given, str) else [c for c in given if c not in self.classes_]
        wrong = [] if isinstance(given, str) else [w for w in given.values() if not _weighs(w)]
        if wrong:
            raise BluraxError(
                f"class_weight holds the weight {wrong[0]!r}; it takes finite numbers >= 0."
            )
        if unknown:
            raise BluraxError(
                f"class_weight names {unknown[0]!r}, which is none of the classes {self.classes_}."
            )
        return np.asarray(compute_sample_weight(given, y), np.float64)

    def _refuse_other_classes(self, classes: np.ndarray) -> None:
        if not np.array_equal(classes, self.classes_):
            raise BluraxError(
                f"classes are {classes}, but the network has learned to tell {self.classes_} "
                "apart; a new estimator takes others."
            )

    def _answer_parts(self) -> dict[str, Any]:
        return {"classes": self.classes_}

    def _scaled_targets(self, y: np.ndarray) -> np.ndarray:
        return y

    def _score_of(self, held: Examples) -> float:
        right, found = np.argmax(held.y, axis=1), np.argmax(self._answers(held.x), axis=1)
        return float(accuracy_score(right, found, sample_weight=held.weights))

    def _batch_score(self, predicted: np.ndarray, right: np.ndarray) -> float:
        return float(np.mean(np.argmax(predicted, axis=1) == np.argmax(right, axis=1)))


def _weighs(weight: Any) -> bool:
    return isinstance(weight, numbers.Real) and 0 <= float(weight) < np.inf
