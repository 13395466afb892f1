"""What the outer loop minimises: how badly a genome has taught a network."""

import dataclasses
import enum
import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from blurax.average import followed
from blurax.batch import at, leading
from blurax.errors import require
from blurax.fit import for_task
from blurax.frozen import added, check_types
from blurax.inner import Remat
from blurax.learner import Learner, unroll
from blurax.network import NetworkState
from blurax.outer.vary import Vary
from blurax.targets import squared_error
from blurax.tasks import Episode, EpisodeSpec, Split, Target, Task
from blurax.terms.vectors import squared_length

STEADY = Vary()
_LEAST = 1e-4
"""Added to a loss before its logarithm is taken: what is nearly perfect need not become better."""


class Loss(enum.StrEnum):
    """The loss of a prediction."""

    CROSS_ENTROPY = "cross-entropy"
    """The loss of the task's target: softmax cross-entropy for classes (paper, sec. 3.3), the
    squared error for numbers."""
    SQUARED_ERROR = "squared-error"
    """Mean squared distance to the labels +1 and -1."""
    ACCURACY = "accuracy"
    """1 less the score: the accuracy, or the share of variance explained. It has no gradient of
    use: for CMA-ES (paper, Fig. 7), evolution strategies and random search."""


class When(enum.StrEnum):
    """After which inner steps the query is evaluated."""

    LAST = "last"
    MEAN = "mean"
    """After every step; the mean of the losses rewards learning fast."""
    HORIZONS = "horizons"
    """After the steps that `Objective.horizons` names."""


@dataclasses.dataclass(frozen=True)
class Objective:
    """The meta-objective.

    Raises:
        BluraxError: for horizons that are missing, not wanted or no step numbers, or a negative
            weight.
    """

    loss: Loss = Loss.CROSS_ENTROPY
    """What a prediction costs."""
    when: When = When.LAST
    """When it is evaluated."""
    horizons: tuple[int, ...] = ()
    """The numbers of the steps, from 1, after which it is evaluated, where `when` says so."""
    weights: tuple[float, ...] = ()
    """How much each horizon weighs; all the same if empty."""
    early: float = added(0.0)
    """Where it is evaluated after every step, step n weighs n^-early: with 1 each doubling of the
    steps counts the same, with 0 each step does."""
    average: float = added(0.0)
    """The query is evaluated with an average of the synapses over recent steps, as estimators
    predict: the average so far counts this much at most (`average.averaging`). 0: of the newest
    alone. Not where the query is evaluated after every step."""
    logarithm: bool = added(False)
    """The logarithm of each loss: what an error falls by then counts in shares of itself, so that
    tasks of much noise do not drown those of little."""
    growth: float = 0.0
    """The weight of a penalty on synapses that still grow in the last step, as they would beyond
    the horizon: the growth of their root mean square if as many steps again followed."""
    remat: Remat = Remat.PRODUCTS
    """What the gradient keeps of each inner step."""

    def __post_init__(self) -> None:
        check_types(self)
        wanted = self.when is When.HORIZONS
        require(
            bool(self.horizons) or not wanted,
            "Objective.when is horizons, but Objective.horizons is empty; it takes step numbers "
            ">= 1, such as --objective.horizons 10 50.",
        )
        require(
            wanted or not self.horizons,
            f"Objective.horizons is {self.horizons}, but Objective.when is {self.when.value}; "
            "horizons count only with --objective.when horizons.",
        )
        require(
            all(n >= 1 for n in self.horizons),
            f"Objective.horizons is {self.horizons}; it takes step numbers >= 1.",
        )
        good = all(0 <= w < math.inf for w in self.weights) and sum(self.weights) > 0
        require(
            not self.weights or (good and len(self.weights) == len(self.horizons)),
            f"Objective.weights is {self.weights}; it takes a number >= 0 for each of the "
            f"{len(self.horizons)} horizons.",
        )
        require(
            0 <= self.early < math.inf and (self.early == 0 or self.when is When.MEAN),
            f"Objective.early is {self.early} and Objective.when {self.when.value}; early takes a "
            "number >= 0, and counts only with --objective.when mean.",
        )
        require(
            0 <= self.average < 1 and (self.average == 0 or self.when is not When.MEAN),
            f"Objective.average is {self.average} and Objective.when {self.when.value}; average "
            "takes a number from 0 to 1, and counts only with --objective.when last or horizons.",
        )
        require(
            0 <= self.growth < math.inf,
            f"Objective.growth is {self.growth}; it takes a number >= 0.",
        )

    def check(self, steps: int) -> None:
        """Raise `BluraxError` if a horizon lies beyond an episode of so many steps."""
        require(
            max(self.horizons, default=1) <= steps,
            f"Objective.horizons is {self.horizons}, but an episode has {steps} steps.",
        )

    def evaluated_after(self, steps: int) -> list[tuple[int, float]]:
        """The steps after which the query is evaluated, in order, and how much each weighs.

        Not for `When.MEAN`, which asks after each.
        """
        horizons = self.horizons or (steps,)
        weights = self.weights or (1.0,) * len(horizons)
        found = {
            step: sum(w for h, w in zip(horizons, weights, strict=True) if h == step)
            for step in sorted({*horizons, steps})
        }
        return [(step, weight / sum(weights)) for step, weight in found.items()]


def _weights(steps: int, early: float) -> np.ndarray:
    """How much each step of an episode weighs that is evaluated after every step; 1 in the mean."""
    weights = np.arange(1, steps + 1) ** -early
    return (weights / weights.mean()).astype(jnp.zeros((), float).dtype)


def prediction_loss(
    prediction: Float[Array, "q outputs"],
    y: Any,
    loss: Loss,
    target: Target,
    mask: Bool[Array, " q"] | None = None,
) -> Float[Array, ""]:
    """What predictions cost: the target's own loss, or what `Loss` names in its place."""
    if loss is Loss.ACCURACY:
        finite = target.is_finite(prediction, mask)
        return jnp.where(finite, 1 - target.finite_score(prediction, y, mask), jnp.inf)
    if loss is Loss.SQUARED_ERROR:
        return squared_error(prediction, y, mask)
    return target.loss(prediction, y, mask)


def episode_loss(
    learner: Learner,
    task: Task,
    spec: EpisodeSpec,
    objective: Objective,
    key: PRNGKeyArray,
    vary: Vary = STEADY,
) -> Float[Array, ""]:
    """The loss of an initial state on the query of a fresh training episode (sec. 3.3)."""
    first, drawn = jax.random.split(key)
    episode = task.sample(drawn, spec, Split.TRAIN)
    learner = for_task(learner, task)
    state, steps = vary.initial(learner, spec.batch, first), jax.random.fold_in(key, 2)
    return window_loss(learner, state, episode, objective, task.target, steps)[0]


def window_loss(
    learner: Learner,
    state: Any,
    episode: Episode,
    objective: Objective,
    target: Target,
    key: PRNGKeyArray,
    first: int | Int[Array, ""] = 0,
) -> tuple[Float[Array, ""], Any]:
    """The loss over the batches of an episode, and the state after the last of them.

    Args:
        key: for learners that draw.
        first: the number of the first step, where an earlier window is continued.
    """

    def evaluated(state: Any) -> Float[Array, ""]:
        query = learner.takes(episode.query)
        prediction = learner.predict(state, query.x)
        loss = prediction_loss(prediction, query.y, objective.loss, target, query.mask)
        return jnp.log(loss + _LEAST) if objective.logarithm else loss

    def learn(state: Any, start: int, end: int, observe: Callable[[Any], Any]) -> tuple:
        batches = at(episode.support, slice(start, end))
        return unroll(learner, state, batches, observe, objective.remat, first + start, key)

    def grown(state: Any) -> Any:
        return log_size(state) if objective.growth else ()

    steps = leading(episode.y)
    sizes: list[Any] = [grown(state)]
    if objective.when is When.MEAN:
        state, (losses, size) = learn(state, 0, steps, lambda s: (evaluated(s), grown(s)))
        sizes += _last_two(size, steps)
        loss = jnp.mean(losses * _weights(steps, objective.early))
    else:
        loss, start, most = jnp.zeros((), float), 0, objective.average
        average = plastic(state)
        for end, weight in objective.evaluated_after(steps):
            seen = (lambda s: (grown(s), plastic(s))) if most else (lambda s: (grown(s), ()))
            state, (size, passed) = learn(state, start, end, seen)
            sizes += _last_two(size, end - start)
            if most:
                average = followed(average, passed, start, end, most)
            evaluating = with_plastic(state, average) if most else state
            loss, start = (loss + weight * evaluated(evaluating) if weight else loss), end
    if not objective.growth:
        return loss, state
    return loss + objective.growth * jax.nn.relu(sizes[-1] - sizes[-2]) * steps, state


def _last_two(size: Any, steps: int) -> list:
    """The sizes after the last two steps, of which there may be but one."""
    return [jax.tree.map(lambda leaf, n=n: leaf[n], size) for n in (-2, -1)[-min(steps, 2) :]]


def plastic(state: Any) -> Any:
    """What is averaged of a state: synapses, or all real numbers of a learner's own state."""
    if isinstance(state, NetworkState):
        return state.synapses
    return eqx.filter(state, eqx.is_inexact_array)


def with_plastic(state: Any, average: Any) -> Any:
    """The state with an average in the place of its `plastic` part."""
    if isinstance(state, NetworkState):
        return dataclasses.replace(state, synapses=average, neurons=None)
    return eqx.combine(average, state)


def log_size(state: Any) -> Float[Array, ""]:
    """The logarithm of the root mean square of all forward synapses, the mean over layers.

    Of a learner's own state: of all real numbers, the mean over its arrays.
    """
    if not isinstance(state, NetworkState):
        squares = [jnp.mean(leaf**2) for leaf in jax.tree.leaves(plastic(state))]
    else:
        squares = [
            jnp.mean(squared_length(*parts)) / sum(part.shape[1] for part in parts)
            for parts in state.forward_parts
        ]
    return jnp.mean(jnp.stack([0.5 * jnp.log(square + 1e-12) for square in squares]))
