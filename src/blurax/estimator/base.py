"""What both estimators share: how a genome teaches a network from arrays."""

import numbers
import os
import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from blurax.errors import BluraxError
from blurax.estimator.lesson import batches, genome_for, in_blocks, lesson, moments, scaling
from blurax.genome import Genome
from blurax.network import LayerMoments, Network, NetworkState

CHUNK = 50
"""Steps of one compiled unroll."""
LEAST_STEPS = 200
"""Of a fit that is told epochs: on few examples these are too few steps to learn anything."""
MEASURED = 4096
"""Training examples whose means and variances normalise the neurons in prediction, at most."""


class Blur(BaseEstimator):
    """What both estimators share: how a genome teaches a network from arrays."""

    classifies: bool
    usual_genome: str
    """The name of the genome that is meant by None."""

    def __init__(
        self,
        hidden: int | tuple[int, ...] = (256, 128),
        *,
        genome: "str | os.PathLike[str] | Genome | None" = None,
        epochs: int = 5,
        steps: int | None = None,
        batch_size: int = 128,
        standardise: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        patience: int = 10,
        random_state: Any = None,
    ) -> None:
        self.hidden = hidden
        self.genome = genome
        self.epochs = epochs
        self.steps = steps
        self.batch_size = batch_size
        self.standardise = standardise
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.random_state = random_state

    def _fit(self, x: np.ndarray, y: np.ndarray) -> None:
        """Learn from `x` `[n, features]` and targets `y` `[n, outputs]` from birth."""
        rng = check_random_state(self.random_state)
        self._check_parameters()
        held: list[np.ndarray] = []
        if self.early_stopping:
            x, y, *held = self._divided(x, y, rng)
        self._be_born(x, y, rng)
        x, y = self._scaled(x), self._scaled_targets(y)
        batch = min(self.batch_size, len(x))
        chunks = -(-max(LEAST_STEPS, self.epochs * len(x) // batch) // CHUNK)
        rows = batches(self._order, len(x), batch, self.steps or chunks * CHUNK)
        best: tuple[float, NetworkState, LayerMoments] | None = None
        stale, self.validation_curve_ = 0, []
        while self.n_iter_ < len(rows) and stale < self.patience:
            self._learn(x, y, rows[self.n_iter_ : self.n_iter_ + CHUNK])
            if held:
                self._measure(x)
                score = self.score(*held)
                self.validation_curve_.append(score)
                stale = 0 if best is None or score > best[0] else stale + 1
                best = (score, self.state_, self.moments_) if stale == 0 else best
        if best is None:
            self._measure(x)
        else:
            _, self.state_, self.moments_ = best

    def _partial_fit(self, x: np.ndarray, y: np.ndarray) -> None:
        """One pass over more examples; the first call also decides how inputs are scaled."""
        self._check_parameters()
        if not hasattr(self, "state_"):
            self._be_born(x, y, check_random_state(self.random_state))
        x, y = self._scaled(x), self._scaled_targets(y)
        batch = min(self.batch_size, len(x))
        self._learn(x, y, batches(self._order, len(x), batch, -(-len(x) // batch)))
        self._measure(x)

    def _be_born(self, x: np.ndarray, y: np.ndarray, rng: np.random.RandomState) -> None:
        given = self.usual_genome if self.genome is None else self.genome
        self.genome_ = genome_for(given, self.classifies)
        self.shift_, self.scale_ = scaling(x) if self.standardise else (0.0, 1.0)
        self._scale_targets(y)
        network = Network((x.shape[1], *_sizes(self.hidden), y.shape[1]))
        network.check(self.genome_.rule)
        if self.genome_.rule.keep_neurons:
            raise BluraxError("The genome keeps its neurons' states, which estimators cannot.")
        key = jax.random.key(rng.randint(2**31 - 1))
        self._order = np.random.default_rng(rng.randint(2**31 - 1))
        self.state_ = network.init(key, self.genome_, self.batch_size)
        self.n_iter_ = 0
        self.learning_curve_: list[float] = []

    def _learn(self, x: np.ndarray, y: np.ndarray, rows: np.ndarray) -> None:
        """An inner step for each row of `rows`, which names the examples of its batch."""
        self.state_, predictions = lesson(
            self.genome_,
            self.state_,
            jnp.asarray(x[rows], float),
            jnp.asarray(y[rows], float),
            jnp.asarray(self.n_iter_, jnp.int32),
        )
        self.n_iter_ += len(rows)
        pairs = zip(np.asarray(predictions), y[rows], strict=True)
        self.learning_curve_ += [self._batch_score(predicted, told) for predicted, told in pairs]

    def _measure(self, x: np.ndarray) -> None:
        """Means and variances for prediction, so that it does not depend on what else is asked."""
        few = x if len(x) <= MEASURED else x[self._order.permutation(len(x))[:MEASURED]]
        self.moments_ = moments(self.genome_, self.state_, jnp.asarray(few, float))
        numbers_now = jax.tree.leaves((self.state_.synapses, self.moments_))
        if not all(np.isfinite(leaf).all() for leaf in numbers_now):
            warnings.warn(
                f"The network diverged within {self.n_iter_} steps: its synapses are no longer "
                "numbers, its predictions mean nothing. Fewer steps or another genome may help.",
                ConvergenceWarning,
                stacklevel=4,
            )

    def _outputs(self, x: Any) -> np.ndarray:
        check_is_fitted(self, "moments_")
        found: Any = validate_data(self, x, reset=False, dtype=np.float64)
        return in_blocks(self.genome_, self.state_, self.moments_, self._scaled(found))

    def _scaled(self, x: np.ndarray) -> np.ndarray:
        return (x - self.shift_) * self.scale_

    def _divided(self, x: np.ndarray, y: np.ndarray, rng: np.random.RandomState) -> list:
        """Training examples, and validation ones held apart as the user gave them.

        Of each class the same share, where there are examples enough for that.
        """
        told = self._as_given(y)
        share, rows = self.validation_fraction, np.arange(len(x))
        classes = np.argmax(y, axis=1) if self.classifies else None
        if classes is not None:
            few = np.bincount(classes, minlength=y.shape[1]).min() < 2
            scarce = min(share, 1 - share) * len(x) < y.shape[1] + 1
            classes = None if few or scarce else classes
        kept, held = train_test_split(rows, test_size=share, random_state=rng, stratify=classes)
        return [x[kept], y[kept], x[held], told[held]]

    def _check_parameters(self) -> None:
        _sizes(self.hidden)
        for name in ("standardise", "early_stopping"):
            value = getattr(self, name)
            if not isinstance(value, bool | np.bool_):
                raise BluraxError(f"{name} is {value!r}; it takes True or False.")
        for name in ("epochs", "steps", "batch_size", "patience"):
            value = getattr(self, name)
            if value is None and name == "steps":
                continue
            if value is None or not _is_whole(value) or value < 1:
                raise BluraxError(f"{name} is {value!r}; it takes a whole number >= 1.")
        if not 0 < self.validation_fraction < 1:
            value = self.validation_fraction
            raise BluraxError(f"validation_fraction is {value!r}; it takes a number from 0 to 1.")

    def score(self, X: Any, y: Any) -> float:  # noqa: N803
        """Given by scikit-learn's mixins."""
        raise NotImplementedError

    def _scale_targets(self, y: np.ndarray) -> None:
        raise NotImplementedError

    def _scaled_targets(self, y: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def _as_given(self, y: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def _batch_score(self, predicted: np.ndarray, told: np.ndarray) -> float:
        raise NotImplementedError


def validated(estimator: BaseEstimator, x: Any, y: Any, **options: Any) -> Any:
    """Examples and targets as arrays, checked as scikit-learn does."""
    return validate_data(estimator, x, y, dtype=np.float64, **options)


def _sizes(hidden: Any) -> tuple[int, ...]:
    """The sizes of the hidden layers; a single number is a single layer."""
    sizes = (hidden,) if _is_whole(hidden) else hidden
    listed = isinstance(sizes, tuple | list | np.ndarray)
    if not listed or not all(_is_whole(size) and size >= 1 for size in sizes):
        raise BluraxError(f"hidden is {hidden!r}; it takes one whole number >= 1 or several.")
    return tuple(int(size) for size in sizes)


def _is_whole(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)
