"""Every baseline by name: how it is made, and what the tuner may choose for it."""

import dataclasses
from collections.abc import Callable

from blurax.baselines.alignment import Aligned, DirectFeedback, Feedback
from blurax.baselines.descent import Arrangement, Descent
from blurax.baselines.optimisers import OPTIMISERS
from blurax.errors import require
from blurax.learner import Learner
from blurax.network import Network
from blurax.tasks import Task


@dataclasses.dataclass(frozen=True)
class Baseline:
    """A learner that is not learned, but for its settings."""

    about: str
    make: Callable[[Arrangement, Network, Task], Learner]
    can_normalise: bool
    """Whether its networks may have batch normalisation."""
    scale: float
    """A learning rate of the right order of magnitude, from which the tuner sets out."""


def _descent(optimiser: str, about: str, scale: float) -> Baseline:
    def make(arrangement: Arrangement, network: Network, task: Task) -> Learner:
        return Descent(network, optimiser, arrangement, task.target)

    return Baseline(about, make, True, scale)


def _aligned(feedback: Feedback, about: str) -> Baseline:
    def make(arrangement: Arrangement, network: Network, task: Task) -> Learner:
        return Aligned(network, feedback, arrangement.activation, task.target)

    return Baseline(about, make, False, 0.1)


def _direct(arrangement: Arrangement, network: Network, task: Task) -> Learner:
    return DirectFeedback(network, arrangement.activation, task.target)


BASELINES: dict[str, Baseline] = {
    "sgd": _descent("sgd", "gradient descent", 0.1),
    "momentum": _descent("momentum", "gradient descent with momentum 0.9", 0.03),
    "nesterov": _descent("nesterov", "Nesterov's accelerated gradient, momentum 0.9", 0.03),
    "adam": _descent("adam", "Adam", 0.005),
    "adamw": _descent("adamw", "Adam with decoupled weight decay of 0.01", 0.005),
    "rmsprop": _descent("rmsprop", "RMSprop with decay 0.9", 0.003),
    "fa": _aligned(Feedback.RANDOM, "feedback alignment"),
    "sign-symmetric": _aligned(Feedback.SIGN, "feedback through the signs of the weights"),
    "dfa": Baseline("direct feedback alignment", _direct, False, 0.1),
}
"""The baselines by name."""
assert set(OPTIMISERS) <= set(BASELINES), "An optimiser lacks an entry among the baselines."


def baseline(name: str) -> Baseline:
    """The baseline of this name.

    Raises:
        BluraxError: if there is none, naming those there are.
    """
    require(
        name in BASELINES,
        f"There is no baseline {name!r}; there are {', '.join(BASELINES)}.",
    )
    return BASELINES[name]
