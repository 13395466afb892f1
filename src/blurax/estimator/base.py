"""What both estimators share: how a genome teaches a network from arrays."""

import contextlib
import itertools
import os
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from blurax.errors import BluraxError
from blurax.estimator.checks import (
    check_length,
    check_memory,
    check_parameters,
    dense,
    generator,
    network_of,
    refuse_too_large,
)
from blurax.estimator.learning import (
    CHUNK,
    SteadyBlur,
    genome_for,
    in_blocks,
    learn,
    moments,
    start,
)
from blurax.estimator.rows import RECENT, Examples, divide, one_pass
from blurax.estimator.stops import STOPS, Course
from blurax.estimator.threads import asking, fitting
from blurax.export.fitted import write_fitted
from blurax.genome import Genome
from blurax.network import NetworkState
from blurax.programs import make_room
from blurax.scaling import ColumnMoments
from blurax.sweeps import LayerMoments

MEASURE_EVERY = 50
"""Steps between two measurements of the examples held apart."""
LEAST_STEPS = 200
"""Of a fit whose length is given in epochs: fewer are too few to learn from few examples."""


class BlurEstimator(BaseEstimator):
    """What both estimators share: how a genome teaches a network from arrays."""

    classifies: bool
    usual_genome: str
    """The name of the genome that is meant by None."""
    memory: float
    """How much of the average of synapses stays in each step."""

    hidden: int | tuple[int, ...]
    network: str | None
    image_shape: tuple[int, int, int] | None
    genome: "str | os.PathLike[str] | Genome | None"
    epochs: int | None
    steps: int | None
    batch_size: int
    standardise: bool
    clip: float | None
    early_stopping: bool
    validation_fraction: float
    patience: int
    warm_start: bool
    verbose: int | bool
    random_state: Any

    @property
    def state_(self) -> NetworkState:
        """The synapses that predictions are made with, averaged over the latest steps."""
        check_is_fitted(self, "_learning")
        return self._learning.predicting

    @property
    def moments_(self) -> LayerMoments:
        """Means and variances that normalise the neurons in prediction."""
        check_is_fitted(self, "_learning")
        with asking(self):
            if self._moments is None:  # a stream that nobody asks measures nothing
                return self._measure(self._recent)
            return self._moments

    def export(self, path: str | os.PathLike[str]) -> None:
        """Write one Python file that predicts as this estimator does, with NumPy alone.

        Args:
            path: where to; it ends in `.py`. `import` it, then call `predict(X)`, or also
                `predict_proba(X)` of a classifier.

        Raises:
            BluraxError: for another ending, labels that a file cannot hold, or if the system
                refuses the file.
        """
        check_is_fitted(self, "_learning")
        with asking(self):
            parts = self._answer_parts()
            if self.standardise:
                parts |= {"shift": self._inputs.shift, "scale": self._inputs.scale}
                parts |= {"clip": self.clip}
            intercept = self._learning.average.intercept
            parts["intercept"] = 0.0 if intercept is None else intercept
            parts |= {"genome": self.genome_, "state": self.state_, "moments": self.moments_}
        write_fitted(path, **parts)

    def _answer_parts(self) -> dict[str, Any]:
        """What `write_fitted` has to know of the answers."""
        raise NotImplementedError

    def _fit(self, examples: Examples) -> None:
        """Learn from an initial network on, or from the present one with `warm_start`."""
        check_parameters(self)
        rng = generator(self.random_state)
        examples, held = examples.counting(), None
        if self.early_stopping:
            classes = np.argmax(examples.y, axis=1) if self.classifies else None
            kept, apart = divide(examples.y, classes, self.validation_fraction, rng)
            examples, held = examples.at(kept), examples.at(apart)
        total = self._total_steps(examples)
        check_length(total)
        course = self._begin(examples, rng)
        best, stale, self.validation_curve_ = None, 0, []
        for done in range(0, total, MEASURE_EVERY):
            end = min(done + MEASURE_EVERY, total)
            course.go_on(end - done)
            if held is not None:
                course.measure()
                self.validation_curve_.append(self._score_of(held))
                stale += 1
                if best is None or self.validation_curve_[-1] > best[0]:
                    best, stale = (self.validation_curve_[-1], self._learning, self._moments), 0
            self._report(f"{end} of {total}")
            if stale >= self.patience:
                break
        if best is None:
            course.measure()
        else:
            _, self._learning, self._moments = best
        self._warn_if_diverged()

    def _begin(self, examples: Examples, rng: np.random.RandomState) -> Course:
        """A fit on these examples: of an initial network, or the present one with `warm_start`."""
        if not self._goes_on:
            self._start(examples, rng)
        elif not eqx.tree_equal(self.genome_, self._genome_meant()):
            raise BluraxError(
                "warm_start goes on with the genome there is, and genome is another one now; "
                "warm_start=False starts a new network."
            )
        self._check_same(examples)
        self._meet(examples)
        self._recent = examples.drawn(self._order, RECENT)
        return Course(self, examples)

    @property
    def _goes_on(self) -> bool:
        return bool(self.warm_start) and hasattr(self, "_learning")

    def _partial_fit(self, examples: Examples) -> None:
        """One pass over more examples of a stream."""
        check_parameters(self)
        first = not hasattr(self, "_learning")
        examples = examples.counting()
        if first:
            self._start(examples, generator(self.random_state))
        self._check_same(examples)
        self._meet(examples)
        recent = None if first else self._recent
        self._learn(one_pass(examples, recent, self._order, self.batch_size))
        met = examples if recent is None else recent.followed_by(examples)
        self._recent = met.latest(RECENT)
        self._moments = None
        self._warn_if_diverged()

    def _start(self, examples: Examples, rng: np.random.RandomState) -> None:
        self.genome_ = self._genome_meant()
        check_memory(self, self.genome_.rule, examples.x.shape[1], examples.y.shape[1])
        network = network_of(self, examples.x.shape[1], examples.y.shape[1])
        seed = jax.device_put(np.int32(rng.randint(2**31 - 1)))
        self._order = np.random.default_rng(rng.randint(2**31 - 1))
        self._learner = SteadyBlur(self.genome_, network, self.memory)
        make_room()  # a search over settings compiles programs for each
        self._learning = start(self._learner, seed, self.batch_size)
        self._inputs = ColumnMoments.none(examples.x.shape[1])
        self._moments: LayerMoments | None = None
        self.n_iter_ = 0
        self.learning_curve_: list[float] = []

    def _genome_meant(self) -> Genome:
        given = self.usual_genome if self.genome is None else self.genome
        return genome_for(given, self.classifies)

    @contextlib.contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """What is refused, fails or is interrupted leaves the estimator as it was.

        Raises:
            BluraxError: if another thread fits it.
        """
        with fitting(self):
            before = dict(vars(self))
            curve, order = before.get("learning_curve_", []), before.get("_order")
            length, drawn = len(curve), order and order.bit_generator.state
            try:
                yield
            except BaseException:
                del curve[length:]
                if order is not None:
                    order.bit_generator.state = drawn
                vars(self).clear()
                vars(self).update(before)
                raise

    def _check_same(self, examples: Examples) -> None:
        """Raise `BluraxError` where the present network cannot go on with these examples."""
        check_memory(self, self.genome_.rule, examples.x.shape[1], examples.y.shape[1])
        wanted = network_of(self, examples.x.shape[1], examples.y.shape[1])
        if self._learner.network != wanted:
            given = "hidden" if self.network is None else "network"
            raise BluraxError(
                f"{given} and the data make a network of sizes {wanted}, but the one to go on with "
                f"has {self._learner.network}; warm_start=False starts a new one."
            )

    def _meet(self, examples: Examples) -> None:
        """Take examples into the running scale of the inputs."""
        self._inputs = self._inputs.update(examples.x, examples.weights)

    def _total_steps(self, examples: Examples) -> int:
        if self.steps is not None:
            return int(self.steps)
        if self.epochs is None:  # a regressor that does not choose for itself
            return STOPS[-1] if self.early_stopping else LEAST_STEPS
        steps = max(LEAST_STEPS, self.epochs * examples.places // self.batch_size)
        return -(-steps // MEASURE_EVERY) * MEASURE_EVERY

    def _learn(self, batches: Iterable[Examples]) -> None:
        """A step on each batch."""
        batches = iter(batches)
        while chunk := list(itertools.islice(batches, CHUNK)):
            x = np.zeros((CHUNK, self.batch_size, chunk[0].x.shape[1]), jnp.result_type(float))
            y = np.zeros((CHUNK, self.batch_size, chunk[0].y.shape[1]), x.dtype)
            for i, batch in enumerate(chunk):
                x[i], y[i] = self._scaled(batch.x), self._scaled_targets(batch.y)
            # Not by `jnp.asarray`, which compiles a program for each shape.
            given = jax.device_put((x, y, np.int32(len(chunk))))
            self._learning, predictions = learn(self._learner, self._learning, *given)
            self.n_iter_ += len(chunk)
            pairs = zip(np.asarray(predictions)[: len(chunk)], y, strict=False)
            self.learning_curve_ += [self._batch_score(found, right) for found, right in pairs]

    def _measure(self, examples: Examples) -> LayerMoments:
        """Means and variances for prediction, so that an answer does not depend on others."""
        x, weights = self._scaled(examples.x), examples.weights
        self._moments = moments(self._learner, self._learning, x, weights)
        return self._moments

    def _warn_if_diverged(self) -> None:
        found = jax.tree.leaves((self._learning.average, self._moments))
        if not all(np.isfinite(np.asarray(leaf)).all() for leaf in found):  # not compiled
            warnings.warn(
                f"The network diverged within {self.n_iter_} steps: its synapses are no longer "
                "numbers, its predictions mean nothing. Fewer steps or another genome may help.",
                ConvergenceWarning,
                stacklevel=4,
            )

    def _report(self, at: str) -> None:
        """With `verbose`, one line on the latest steps."""
        if not self.verbose:
            return
        line = f"step {at}, score {np.mean(self.learning_curve_[-MEASURE_EVERY:]):.3f}"
        if self.validation_curve_:
            line += f", held apart {self.validation_curve_[-1]:.3f}"
        print(f"{type(self).__name__}: {line}")

    def _outputs(self, x: Any) -> np.ndarray:
        check_is_fitted(self, "_learning")
        with asking(self):
            return self._answers(dense(self, x, reset=False))

    def _answers(self, x: np.ndarray) -> np.ndarray:
        return in_blocks(self._learner, self._learning, self.moments_, x, self._scaled)

    def _scaled(self, x: np.ndarray) -> np.ndarray:
        """Inputs as the network reads them."""
        found = self._inputs.standardise(x) if self.standardise else x
        if self.standardise and self.clip is not None:
            return np.clip(found, -self.clip, self.clip)
        refuse_too_large(found)
        return found

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:  # noqa: N803
        """Given by scikit-learn's mixins."""
        raise NotImplementedError

    def _score_of(self, held: Examples) -> float:
        raise NotImplementedError

    def _scaled_targets(self, y: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def _batch_score(self, predicted: np.ndarray, right: np.ndarray) -> float:
        raise NotImplementedError
