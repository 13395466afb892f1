"""`BlurRegressor`: a genome teaches a network to predict numbers, in scikit-learn's manner."""

import os
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score

from blurax.estimator.base import BlurEstimator
from blurax.estimator.checks import check_parameters, dense, generator, weighed
from blurax.estimator.learning import Learning
from blurax.estimator.rows import Examples
from blurax.estimator.stops import FEWEST, MOST_OF_FEW, STOPS, parts, tried
from blurax.estimator.threads import asking
from blurax.genome import Genome
from blurax.scaling import ColumnMoments
from blurax.sweeps import LayerMoments


class BlurRegressor(RegressorMixin, BlurEstimator):
    """A regressor whose network is taught by a genome.

    The targets are brought to mean 0 and variance 1, and a genome whose feedback is the gradient of
    the cross-entropy gets that of the squared error.

    Args:
        hidden: the sizes of the hidden layers; a number is a single layer.
        network: the name of a network in the place of `hidden`, such as "c8k5s2-16"
            (`blurax.graphs`).
        image_shape: (height, width, colours) of the images that rows of X are.
        genome: a name of the zoo, a path, or a `Genome`; `regressor` if None.
        epochs: how often each example is met, but at least `LEAST_STEPS` steps are made. None: as
            many steps as predict best what is held apart, by cross-validation of fewer than 2,000
            examples (then all are learned from so long), by a tenth of more.
        steps: the number of inner steps; then `epochs` means nothing.
        batch_size: examples in each step; where there are fewer, they are repeated.
        standardise: bring each feature to mean 0 and variance 1 first.
        clip: standardised features are kept within this many standard deviations; None: as they
            are.
        early_stopping: hold some examples apart, and stop when their score has not risen in
            `patience` measurements, one every 50 steps; the best network is kept.
        validation_fraction: how many are held apart, two at least.
        patience: measurements without a rise.
        warm_start: `fit` goes on with the network there is, for 200 steps unless `epochs` or
            `steps` says how long.
        verbose: print how far it is.
        random_state: of the initial network and the order of examples.

    Attributes:
        learning_curve_: for each step the share of variance (R^2) that was explained on its batch
            before it was learned from.
        validation_curve_: the same on the examples held apart: every 50 steps with
            `early_stopping`, at `blurax.estimator.stops.STOPS` where the number of steps is chosen.
        n_iter_: inner steps made.
        genome_: the genome that taught.
        state_: the synapses that predictions are made with.
        moments_: means and variances that normalise the neurons in prediction.

    Raises:
        BluraxError: a `ValueError`, for a parameter out of range.
    """

    classifies = False
    usual_genome = "regressor"
    memory = 0.9

    def __init__(
        self,
        hidden: int | tuple[int, ...] = (256, 128),
        *,
        network: str | None = None,
        image_shape: tuple[int, int, int] | None = None,
        genome: "str | os.PathLike[str] | Genome | None" = None,
        epochs: int | None = None,
        steps: int | None = None,
        batch_size: int = 64,
        standardise: bool = True,
        clip: float | None = 5.0,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        patience: int = 10,
        warm_start: bool = False,
        verbose: int | bool = False,
        random_state: Any = None,
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
        with self._all_or_nothing():
            x, y = dense(self, X, y=y, multi_output=True, y_numeric=True)
            self._flat = y.ndim == 1
            self._fit(self._examples(x, y, sample_weight))
        return self

    def partial_fit(
        self,
        X: Any,  # noqa: N803
        y: Any,
        sample_weight: Any = None,
    ) -> "BlurRegressor":
        """Learn from more examples, in one pass."""
        with self._all_or_nothing():
            first = not hasattr(self, "_learning")
            x, y = dense(self, X, y=y, multi_output=True, y_numeric=True, reset=first)
            self._flat = y.ndim == 1 if first else self._flat
            self._partial_fit(self._examples(x, y, sample_weight))
        return self

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """The predicted numbers, of the shape that `y` had."""
        with asking(self):
            return self._shaped(self._outputs(X))

    def _examples(self, x: np.ndarray, y: np.ndarray, sample_weight: Any) -> Examples:
        return Examples(x, y.astype(np.float64).reshape(len(y), -1), weighed(sample_weight, x))

    def _fit(self, examples: Examples) -> None:
        """Learn, for as long as is best where nobody says how long."""
        examples = examples.counting()
        given = self.steps is not None or self.epochs is not None or self.early_stopping
        if given or self._goes_on or len(examples) < FEWEST:
            super()._fit(examples)
            return
        check_parameters(self)
        rng = generator(self.random_state)
        apart = parts(len(examples), rng)
        models: list[BlurRegressor] = [self._another() for _ in apart] if len(apart) > 1 else [self]
        courses, best = [], (np.inf, STOPS[0], None)
        for model, rows in zip(models, apart, strict=True):
            kept = np.setdiff1d(np.arange(len(examples)), rows)
            courses.append(model._begin(examples.at(kept), rng))
        curve: list[float] = []
        most = STOPS[-1] if models == [self] else MOST_OF_FEW
        for stop, error in tried(courses, [examples.at(rows) for rows in apart], most):
            curve.append(1 - error)
            models[0].validation_curve_ = curve
            models[0]._report(f"{stop} of at most {most}")
            if error < best[0]:
                best = error, stop, (models[0]._learning, models[0]._moments)
        self._keep_best(examples, models, best[1], best[2], rng)
        self.validation_curve_ = curve
        self._warn_if_diverged()

    def _keep_best(
        self,
        examples: Examples,
        models: "list[BlurRegressor]",
        steps: int,
        best: "tuple[Learning, LayerMoments | None] | None",
        rng: np.random.RandomState,
    ) -> None:
        """The network of the best stop; after cross-validation one that learned from all."""
        if models != [self]:
            course = self._begin(examples, rng)
            course.go_on(steps)
            course.measure()
        elif best is not None:
            self._learning, self._moments = best

    def _another(self) -> "BlurRegressor":
        other = type(self)(**self.get_params(deep=False))
        other._flat = self._flat
        return other

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
