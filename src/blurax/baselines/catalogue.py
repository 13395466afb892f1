"""Every baseline by name: how it is made, and what the tuner may choose for it."""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from blurax.baselines.alignment import FeedbackWeights, direct_feedback, feedback_alignment
from blurax.baselines.by_rule import RuleDescent
from blurax.baselines.continual import Ewc, Replay, Si
from blurax.baselines.descent import Arrangement, GradientDescent, Setting
from blurax.baselines.equilibrium import EquilibriumPropagation
from blurax.baselines.forward_forward import ForwardForward
from blurax.baselines.gates import Lxdg, Xdg
from blurax.baselines.local import LocalRule
from blurax.baselines.mimicking import Mimicking
from blurax.baselines.on_neurons import NeuronDescent
from blurax.baselines.optimisers import OPTIMISERS, TUNING_FREE, OptaxFactory
from blurax.baselines.predictive_coding import PredictiveCoding
from blurax.baselines.regularised import RegularisedDescent
from blurax.baselines.regularisers import REGULARISERS, Regulariser
from blurax.baselines.sphere import AutoSphere
from blurax.errors import require
from blurax.learner import Learner
from blurax.network import Network
from blurax.spec import Activation
from blurax.tasks import Task

Choices = tuple[tuple[Setting, ...], ...]
"""What may be chosen for each of some settings."""


@dataclasses.dataclass(frozen=True)
class Baseline:
    """A learner that is not learned, but for its settings."""

    about: str
    make: Callable[[Arrangement, Network, Task], Learner]
    can_normalise: bool
    """Whether its networks may be normalised."""
    scale: float | None
    """A learning rate of the right order of magnitude, from which the tuner sets out; None: there
    is no rate to choose."""
    settings: Choices = ()
    """What else is chosen."""
    more: Choices = ()
    """What is also chosen where the user asks for more: constants of the update, the usual value of
    each first."""
    own_network: bool = False
    """Whether it makes its network itself: there is no non-linearity to choose then."""
    source: str = ""
    """The SHA-256 of the code of a baseline of the user's own; of another one what is new in it,
    where numbers of before are not to be mixed with its own."""
    fixed: Arrangement | None = None
    """Where the network is not chosen either, what it is made of; batch normalisation where it has
    hidden groups."""
    takes_regularisers: bool = False
    """Whether it may be called with regularisers, such as adam+dropout."""


def descent(optimiser: OptaxFactory, about: str, scale: float | None) -> Baseline:
    """An optimiser on a network."""

    def make(arrangement: Arrangement, network: Network, task: Task) -> Learner:
        return GradientDescent(network, optimiser, arrangement, task.target)

    return Baseline(about, make, True, scale, takes_regularisers=True)


def _tuning_free(optimiser: str, about: str) -> Baseline:
    """One of `TUNING_FREE`: no rate, and the network that is best for most others."""
    found = descent(TUNING_FREE[optimiser], about, None)
    return dataclasses.replace(found, fixed=Arrangement(Activation.RELU, normalise=True))


def _on_spheres(about: str, majorised: bool) -> Baseline:
    def make(arrangement: Arrangement, network: Network, task: Task) -> Learner:
        return AutoSphere(network, task.target, arrangement.activation, majorised)

    return Baseline(about, make, False, None, fixed=Arrangement(Activation.RELU))


def _named(optimiser: str, about: str, scale: float, **more: tuple[float, ...]) -> Baseline:
    """One of `OPTIMISERS`."""

    def make(arrangement: Arrangement, network: Network, task: Task) -> Learner:
        bare, constants = _apart(arrangement)
        given = tuple(constants.items())
        return GradientDescent(network, OPTIMISERS[optimiser], bare, task.target, given)

    return Baseline(about, make, True, scale, more=_choices(**more), takes_regularisers=True)


def _on_neurons(arrangement: Arrangement, network: Network, task: Task) -> Learner:
    bare, constants = _apart(arrangement)
    damping = constants.pop("damping", jnp.asarray(0.5))
    given = tuple(constants.items())
    return NeuronDescent(network, OPTIMISERS["sgd"], bare, task.target, given, damping=damping)


def _mimicking(arrangement: Arrangement, network: Network, task: Task) -> Learner:
    return Mimicking(network, OPTIMISERS["adam"], arrangement, task.target)


def _apart(arrangement: Arrangement) -> tuple[Arrangement, dict[str, Array]]:
    """The settings by themselves, as data: one compiled program serves all their values."""
    constants = {name: jnp.asarray(value, float) for name, value in arrangement.chosen.items()}
    return dataclasses.replace(arrangement, settings=()), constants


def _by_rule(
    about: str,
    network_of: Callable[[Network], Network],
    settings: Choices = (),
    **fields: Any,
) -> Baseline:
    """Back-propagation's genome with other feedback."""

    def make(arrangement: Arrangement, network: Network, task: Task) -> Learner:
        chosen = fields | arrangement.chosen
        return RuleDescent(network_of(network), arrangement.activation, task.target, **chosen)

    return Baseline(about, make, False, 0.1, settings)


def _staged(
    about: str,
    kind: Callable[..., Learner],
    can_normalise: bool,
    sizes: tuple[str, ...] = (),
    **settings: tuple[float | int, ...],
) -> Baseline:
    """A method against forgetting, with Adam.

    Args:
        sizes: settings that decide shapes; the others are data.
    """

    def make(arrangement: Arrangement, network: Network, task: Task) -> Learner:
        chosen = arrangement.chosen
        fixed = {name: chosen.pop(name) for name in sizes}
        numbers: dict[str, Any] = {n: jnp.asarray(value, float) for n, value in chosen.items()}
        bare = dataclasses.replace(arrangement, settings=())
        return kind(network, OPTIMISERS["adam"], bare, task.target, **fixed, **numbers)

    return Baseline(about, make, can_normalise, 0.005, _choices(**settings))


def _local(
    about: str,
    kind: Callable[..., LocalRule],
    scale: float,
    optimiser: str,
    sizes: tuple[str, ...] = (),
    own_network: bool = True,
    **settings: tuple[float | int, ...],
) -> Baseline:
    """A local rule on a fully connected chain.

    Args:
        sizes: settings that decide how long loops are; the others are data.
        own_network: whether it has a non-linearity of its own.
    """

    def make(arrangement: Arrangement, network: Network, task: Task) -> Learner:
        chosen = {each[0].name: each[0].value for each in choices} | arrangement.chosen
        fixed = {name: chosen.pop(name) for name in sizes}
        numbers = {name: jnp.asarray(value, float) for name, value in chosen.items()}
        f = {} if own_network else {"activation": arrangement.activation}
        return kind(network, OPTIMISERS[optimiser], task.target, **f, **fixed, **numbers)

    choices = _choices(**settings)
    return Baseline(about, make, False, scale, choices, own_network=own_network)


def _choices(**values: tuple[float | int, ...]) -> Choices:
    return tuple(tuple(Setting(name, value) for value in each) for name, each in values.items())


BASELINES: dict[str, Baseline] = {
    "sgd": _named("sgd", "gradient descent", 0.1),
    "momentum": _named(
        "momentum", "gradient descent with momentum", 0.03, momentum=(0.9, 0.8, 0.95, 0.99)
    ),
    "nesterov": _named(
        "nesterov", "Nesterov's accelerated gradient", 0.03, momentum=(0.9, 0.8, 0.95, 0.99)
    ),
    "adam": _named("adam", "Adam", 0.005, b1=(0.9, 0.8, 0.95), b2=(0.999, 0.99, 0.95)),
    "adamw": _named(
        "adamw", "Adam with decoupled weight decay", 0.005, weight_decay=(0.01, 0.001, 0.1, 1.0)
    ),
    "nadam": _named(
        "nadam", "Adam with Nesterov's momentum", 0.005, b1=(0.9, 0.8, 0.95), b2=(0.999, 0.99, 0.95)
    ),
    "rmsprop": _named("rmsprop", "RMSprop", 0.003, decay=(0.9, 0.99), momentum=(0.0, 0.8, 0.9)),
    "lion": _named(
        "lion", "Lion: the sign of a momentum", 0.001, b1=(0.9, 0.8, 0.95), b2=(0.99, 0.98, 0.95)
    ),
    "schedule-free": _named(
        "schedule-free",
        "Adam that predicts by an average of its weights",
        0.01,
        b1=(0.9, 0.95, 0.98),
        b2=(0.999, 0.99),
    ),
    "muon": _named(
        "muon",
        "Muon: orthogonalised momentum for matrices, Adam for the rest",
        0.02,
        beta=(0.95, 0.8, 0.9),
    ),
    "foof": Baseline(
        "descent on neurons",
        _on_neurons,
        True,
        3.0,
        _choices(damping=(0.9, 0.5, 0.1, 0.01)),
        _choices(momentum=(0.0, 0.5, 0.9)),
        source="with batch normalisation",
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
        _choices(decay=(0.001, 0.01, 0.05)),
        feedback=FeedbackWeights.MIRROR,
    ),
    "dfa": _by_rule("direct feedback alignment", direct_feedback),
    "ewc": _staged(
        "elastic weight consolidation",
        Ewc,
        True,
        strength=(10.0, 100.0, 1000.0, 10000.0),
    ),
    "si": _staged("synaptic intelligence", Si, True, strength=(0.01, 0.1, 1.0, 10.0)),
    "xdg": _staged(
        "random gates, the stage told, alone and with ewc",
        Xdg,
        False,
        on=(0.2, 0.5),
        strength=(0.0, 100.0, 1000.0),
    ),
    "lxdg": _staged(
        "learned gates, alone and with ewc",
        Lxdg,
        False,
        gate_strength=(10.0, 100.0, 1000.0),
        strength=(0.0, 100.0, 1000.0),
    ),
    "replay": _staged(
        "200 examples kept and learned from again", Replay, True, ("size",), size=(200,)
    ),
    "mimic": Baseline(
        "Adam, each output also told what the others predict", _mimicking, True, 0.005
    ),
    "forward-forward": _local(
        "each layer by itself, on right labels and wrong ones",
        ForwardForward,
        0.005,
        "adam",
        threshold=(1.0, 2.0),
        label=(1.0, 4.0),
    ),
    "predictive-coding": _local(
        "neurons settle between prediction and target, then synapses learn",
        PredictiveCoding,
        0.005,
        "adam",
        ("steps",),
        own_network=False,
        steps=(20,),
        inference=(0.1,),
        variance=(1.0, 10.0),
    ),
    "equilibrium-propagation": _local(
        "the network settles freely, then nudged towards the target",
        EquilibriumPropagation,
        0.1,
        "sgd",
        beta=(0.5, 1.0),
        epsilon=(0.5,),
    ),
    "prodigy": _tuning_free("prodigy", "Adam at a rate that grows with how far it came"),
    "mechanic": _tuning_free("mechanic", "Adam at a rate that is learned as a bet is placed"),
    "auto-sphere": _on_spheres("normalised weights, steps by two derivatives", majorised=False),
    "auto-sphere-majorised": _on_spheres("normalised weights, steps by a bound", majorised=True),
}
"""The baselines by name, those of the user's own (`add_baseline`) among them."""
BUILT_IN = tuple(BASELINES)
"""Those that are always there."""
FEEDBACK = ("fa", "sign-symmetric", "kolen-pollack", "dfa")
SEQUENTIAL = ("ewc", "si", "xdg", "lxdg", "replay")
"""Those against forgetting, which do what Adam does where a task has no stages."""
BRANCHED = ("mimic",)
"""Those for networks with side branches, which do what Adam does with one output."""
LOCAL = ("forward-forward", "predictive-coding", "equilibrium-propagation")
"""Those in which no error travels down: synapses change by what their two neurons say."""
NOTHING_TUNED = tuple(name for name in BUILT_IN if BASELINES[name].fixed is not None)
"""Those of which nothing is tuned, as nothing is of a genome."""
RIVALS = tuple(
    name
    for name in BUILT_IN
    if name not in (*FEEDBACK, *SEQUENTIAL, *BRANCHED, *LOCAL, *NOTHING_TUNED)
)
"""Those that descend the exact gradient: what a rule is compared with unless others are named."""
assert set(OPTIMISERS) <= set(RIVALS), "An optimiser lacks an entry among the baselines."


def named(words: Iterable[str]) -> tuple[str, ...]:
    """The baselines that are meant by their names, or by that of a group, each once.

    `rivals` are those that descend the gradient itself, `feedback` those with feedback of another
    kind, `local` those of local rules, `sequential` those against forgetting, `tuning-free` those
    of which nothing is tuned, `all` are all there are, the user's own among them.

    Raises:
        BluraxError: for a word that is neither.
    """
    groups = {
        "rivals": RIVALS,
        "feedback": FEEDBACK,
        "local": LOCAL,
        "sequential": SEQUENTIAL,
        "tuning-free": NOTHING_TUNED,
        "all": tuple(BASELINES),
    }
    found: list[str] = []
    for word in words:
        require(
            word in groups or word in BASELINES or "+" in word,
            f"There is no baseline {word!r}; there are {', '.join(BASELINES)}, and the groups "
            f"{', '.join(groups)}.",
        )
        if word not in groups:
            baseline(word)
        found += groups.get(word, (word,))
    return tuple(dict.fromkeys(found))


def baseline(name: str) -> Baseline:
    """The baseline of this name, with regularisers where it has any: adam+dropout+l2.

    Raises:
        BluraxError: if there is none, naming those there are.
    """
    first, *more = name.split("+")
    require(
        first in BASELINES,
        f"There is no baseline {first!r}; there are {', '.join(BASELINES)}.",
    )
    return _regularised(name, BASELINES[first], tuple(more)) if more else BASELINES[first]


def is_built_in(name: str) -> bool:
    """Whether a baseline is always there, whatever regularisers it has."""
    return name.split("+")[0] in BUILT_IN


def _regularised(name: str, found: Baseline, more: tuple[str, ...]) -> Baseline:
    """A baseline with regularisers, whose strengths are settings too."""
    for each in more:
        require(
            each in REGULARISERS,
            f"The baseline {name!r} names the regulariser {each!r}; there are "
            f"{', '.join(REGULARISERS)}.",
        )
    require(
        len({*more}) == len(more),
        f"The baseline {name!r} names a regulariser twice; name each once.",
    )
    alone = name.split("+")[0]
    optimisers = [n for n, each in BASELINES.items() if each.takes_regularisers]
    require(
        found.takes_regularisers,
        f"The baseline {name!r} adds regularisers to {alone}, which takes none; those that do are "
        f"{', '.join(optimisers)}.",
    )
    kinds = [REGULARISERS[each] for each in more]
    strengths = {setting: kind for kind in kinds for setting in kind.space}
    taken = {each.name for choices in (*found.settings, *found.more) for each in choices}
    taken = sorted(taken & {*strengths}) or [s for s in strengths if _many(kinds, s)]
    require(
        not taken,
        f"The baseline {name!r} has two settings called {', '.join(taken)}; leave one out.",
    )

    def make(arrangement: Arrangement, network: Network, task: Task) -> Learner:
        own = [each for each in arrangement.settings if each.name not in strengths]
        plain: Any = found.make(
            dataclasses.replace(arrangement, settings=tuple(own)), network, task
        )
        chosen = arrangement.chosen
        several = tuple(
            kind(**{setting: jnp.asarray(chosen[setting], float) for setting in kind.space})
            for kind in kinds
        )
        return RegularisedDescent(
            plain.network,
            plain.optimiser,
            plain.arrangement,
            plain.target,
            plain.constants,
            regularisers=several,
        )

    settings = (*found.settings, *(c for kind in kinds for c in _choices(**kind.space)))
    about = f"{found.about}, with {' and '.join(more)}"
    return dataclasses.replace(found, about=about, make=make, settings=settings)


def _many(kinds: list[type[Regulariser]], setting: str) -> bool:
    return sum(setting in kind.space for kind in kinds) > 1
