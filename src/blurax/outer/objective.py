"""What the outer loop minimises: how badly a genome has taught a network."""

import dataclasses
import enum
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from blurax.batch import Batch, leading
from blurax.errors import require
from blurax.fit import for_task
from blurax.frozen import added, check_types
from blurax.learner import Learner
from blurax.outer.plastic import Averaging, log_size
from blurax.outer.vary import Vary
from blurax.remat import Remat
from blurax.specialisation import unspecialised
from blurax.targets import squared_error
from blurax.tasks import Episode, EpisodeSpec, Split, Target, Task
from blurax.unroll import asked, unroll

STEADY = Vary()
EXAMPLES = 32
"""By how many examples of the query it is measured what neurons specialise in."""


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
    predict: the average so far counts this much at most (`average.kept`). 0: of the newest
    alone. Not where the query is evaluated after every step."""
    logarithm: bool = added(False)
    """The logarithm of each loss: what an error falls by then counts in shares of itself, so that
    tasks of much noise do not drown those of little."""
    floor: float = added(1e-4)
    """Added to each loss before its logarithm is taken. A loss far below it has hardly a gradient:
    what is nearly perfect need not become better."""
    growth: float = 0.0
    """The weight of a penalty on synapses that still grow in the last step, as they would beyond
    the horizon: the growth of their root mean square if as many steps again followed."""
    attribution: float = added(0.0)
    """The weight of TANGOS' two terms in the network after the last step: that hidden neurons
    attribute to many inputs, and to the same ones (`specialisation.unspecialised`)."""
    diversity: float = added(0.0)
    """The weight of how alike hidden neurons are then, of WLD-Reg's direct form."""
    sparse: float = added(0.0)
    """The weight of the mean distance of the learned numbers from the values with which they do
    nothing (L1), in units of their scales: few are to do something (Shervani-Tabar and Rosenbaum
    2023). `blurax prune` takes away those that are left and not missed."""
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
            0 < self.floor < math.inf and (self.floor == 1e-4 or self.logarithm),
            f"Objective.floor is {self.floor} and Objective.logarithm {self.logarithm}; floor "
            "takes a number above 0, and counts only with --objective.logarithm.",
        )
        for name in ("growth", "attribution", "diversity", "sparse"):
            value = getattr(self, name)
            require(0 <= value < math.inf, f"Objective.{name} is {value}; it takes a number >= 0.")

    def check(self, steps: int) -> None:
        """Raise `BluraxError` if a horizon lies beyond an episode of so many steps."""
        require(
            max(self.horizons, default=1) <= steps,
            f"Objective.horizons is {self.horizons}, but an episode has {steps} steps.",
        )

    def over_steps(self, steps: int) -> np.ndarray:
        """How much the query counts after each step, `[steps]`, with mean 1; 0: it is not asked."""
        if self.when is When.MEAN:
            weights = np.arange(1, steps + 1) ** -self.early
        else:
            weights = np.zeros(steps)
            places = np.subtract(self.horizons or (steps,), 1)
            np.add.at(weights, places, self.weights or 1.0)
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
    if objective.average:
        learner = Averaging(learner, objective.average)
        state = learner.begin(state)
    steps, always = leading(episode.y), objective.when is When.MEAN
    weights = objective.over_steps(steps)
    evaluated = _evaluated(learner, episode, objective, target)

    def size(state: Any) -> Any:
        learned = state[0] if objective.average else state
        return log_size(learned) if objective.growth else ()

    def observe(state: Any) -> tuple[Any, Any]:
        return evaluated(state) if always else (), size(state)

    before = size(state)
    # What comes before a step comes after the one before it. The last has no step behind it.
    due = np.append(0, weights[:-1]) > 0
    rarely = not always and due.any()
    way = observe, objective.remat, first, key, evaluated if rarely else None, jnp.asarray(due)
    state, (losses, sizes), early = unroll(
        learner, state, episode.support, *way, stages=episode.stages
    )
    if not always:
        last = evaluated(state) if weights[-1] else jnp.zeros((), float)
        losses = jnp.append(early[1:], last) if rarely else last
    loss = jnp.mean(losses * weights) if always or rarely else losses
    if objective.growth:
        late = jnp.append(before, sizes)[-2:]
        loss += objective.growth * jax.nn.relu(late[1] - late[0]) * steps
    after = state[0] if objective.average else state
    if objective.attribution or objective.diversity:
        learned = learner.learner if isinstance(learner, Averaging) else learner
        x = jax.tree.map(lambda leaf: leaf[:EXAMPLES], learned.takes(episode.query).x)
        attributed, alike = unspecialised(learned, after, x)
        loss += objective.attribution * attributed + objective.diversity * alike
    return loss, after


def _evaluated(
    learner: Learner, episode: Episode, objective: Objective, target: Target
) -> Callable[[Any], Float[Array, ""]]:
    """What a state costs on the query."""

    def said(state: Any, query: Batch) -> Float[Array, ""]:
        prediction = learner.predict(state, query.x)
        loss = prediction_loss(prediction, query.y, objective.loss, target, query.mask)
        return jnp.log(loss + objective.floor) if objective.logarithm else loss

    def evaluated(state: Any) -> Float[Array, ""]:
        return asked(learner, episode.stages, state, learner.takes(episode.query), said)[0]

    return evaluated
