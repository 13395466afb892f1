"""Every baseline by name: how it is made, and what the tuner may choose for it."""

import dataclasses
from collections.abc import Callable
from typing import Any

from blurax.baselines.alignment import FeedbackWeights, direct_feedback, feedback_alignment
from blurax.baselines.by_rule import RuleDescent
from blurax.baselines.descent import Arrangement, GradientDescent, Setting
from blurax.baselines.optimisers import OPTIMISERS, OptaxFactory
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
    settings: tuple[tuple[Setting, ...], ...] = ()
    """What else may be chosen: the choices for each setting."""
    own_network: bool = False
    """Whether it makes its network itself: there is no non-linearity to choose then."""
    source: str = ""
    """The SHA-256 of the code of a baseline of the user's own."""


def descent(optimiser: OptaxFactory, about: str, scale: float) -> Baseline:
    """An optimiser on a network."""

    def make(arrangement: Arrangement, network: Network, task: Task) -> Learner:
        return GradientDescent(network, optimiser, arrangement, task.target)

    return Baseline(about, make, True, scale)


def _named(optimiser: str, about: str, scale: float) -> Baseline:
    return descent(OPTIMISERS[optimiser], about, scale)


def _by_rule(
    about: str,
    network_of: Callable[[Network], Network] = lambda network: network,
    settings: tuple[tuple[Setting, ...], ...] = (),
    scale: float = 0.1,
    **fields: Any,
) -> Baseline:
    """Back-propagation's genome, with other feedback or a term of its own."""

    def make(arrangement: Arrangement, network: Network, task: Task) -> Learner:
        chosen = fields | arrangement.chosen
        return RuleDescent(network_of(network), arrangement.activation, task.target, **chosen)

    return Baseline(about, make, False, scale, settings)


def _choices(name: str, *values: float) -> tuple[tuple[Setting, ...], ...]:
    return (tuple(Setting(name, value) for value in values),)


BASELINES: dict[str, Baseline] = {
    "sgd": _named("sgd", "gradient descent", 0.1),
    "momentum": _named("momentum", "gradient descent with momentum 0.9", 0.03),
    "nesterov": _named("nesterov", "Nesterov's accelerated gradient, momentum 0.9", 0.03),
    "adam": _named("adam", "Adam", 0.005),
    "adamw": _named("adamw", "Adam with decoupled weight decay of 0.01", 0.005),
    "rmsprop": _named("rmsprop", "RMSprop with decay 0.9", 0.003),
    "foof": _by_rule(
        "descent on neurons",
        settings=_choices("damping", 0.9, 0.5, 0.1, 0.01),
        scale=3.0,
    ),
    "fa": _by_rule("feedback alignment", feedback_alignment),
    "sign-symmetric": _by_rule(
        "feedback through the signs of the weights",
        feedback_alignment,
        feedback=FeedbackWeights.SIGN,
    ),
    "kolen-pollack": _by_rule(
        "feedback weights that change and decay as the forward ones",
        feedback_alignment,
        _choices("decay", 0.001, 0.01, 0.05),
        feedback=FeedbackWeights.MIRROR,
    ),
    "dfa": _by_rule("direct feedback alignment", direct_feedback),
}
"""The baselines by name, those of the user's own (`add_baseline`) among them."""
BUILT_IN = tuple(BASELINES)
"""Those that are always there."""
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
