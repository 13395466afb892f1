"""How baselines of each kind are made, and what the tuner may choose for one."""

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from blurax.baselines.by_rule import RuleDescent
from blurax.baselines.descent import Arrangement, GradientDescent, Setting
from blurax.baselines.local import LocalRule
from blurax.baselines.mimicking import Mimicking
from blurax.baselines.on_neurons import NeuronDescent
from blurax.baselines.optimisers import OPTIMISERS, TUNING_FREE, OptaxFactory
from blurax.baselines.sphere import AutoSphere
from blurax.learner import Learner
from blurax.mimicry import Told
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


def tuning_free(optimiser: str, about: str) -> Baseline:
    """One of `TUNING_FREE`: no rate, and the network that is best for most others."""
    found = descent(TUNING_FREE[optimiser], about, None)
    return dataclasses.replace(found, fixed=Arrangement(Activation.RELU, normalise=True))


def on_spheres(about: str, majorised: bool) -> Baseline:
    """Normalised weights without a learning rate."""

    def make(arrangement: Arrangement, network: Network, task: Task) -> Learner:
        return AutoSphere(network, task.target, arrangement.activation, majorised)

    return Baseline(about, make, False, None, fixed=Arrangement(Activation.RELU))


def optimiser_named(
    optimiser: str, about: str, scale: float, **more: tuple[float, ...]
) -> Baseline:
    """One of `OPTIMISERS`."""

    def make(arrangement: Arrangement, network: Network, task: Task) -> Learner:
        bare, constants = _apart(arrangement)
        given = tuple(constants.items())
        return GradientDescent(network, OPTIMISERS[optimiser], bare, task.target, given)

    return Baseline(about, make, True, scale, more=choices_of(**more), takes_regularisers=True)


def on_neurons(
    arrangement: Arrangement, network: Network, task: Task, within: int | None = None
) -> Learner:
    """What `foof` makes; within blocks of so many events `foof-blocks`."""
    bare, constants = _apart(arrangement)
    damping = constants.pop("damping", jnp.asarray(0.5))
    given = tuple(constants.items())
    return NeuronDescent(
        *(network, OPTIMISERS["sgd"], bare, task.target, given), damping=damping, within=within
    )


def mimicking(about: str, told: Told) -> Baseline:
    """Adam on a network whose outputs mimic each other."""

    def make(arrangement: Arrangement, network: Network, task: Task) -> Learner:
        return Mimicking(network, OPTIMISERS["adam"], arrangement, task.target, branches=told)

    return Baseline(about, make, True, 0.005)


def _apart(arrangement: Arrangement) -> tuple[Arrangement, dict[str, Array]]:
    """The settings by themselves, as data: one compiled program serves all their values."""
    constants = {name: jnp.asarray(value, float) for name, value in arrangement.chosen.items()}
    return dataclasses.replace(arrangement, settings=()), constants


def by_rule(
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


def staged(
    about: str,
    kind: Callable[..., Learner],
    can_normalise: bool,
    sizes: Mapping[str, tuple[int, ...]] = MappingProxyType({}),
    **settings: tuple[float | int, ...],
) -> Baseline:
    """A method against forgetting, with Adam.

    Args:
        sizes: settings that decide shapes, the usual value of each first; the others are chosen
            where the user asks for more. All other settings are data.
    """

    def make(arrangement: Arrangement, network: Network, task: Task) -> Learner:
        chosen = {name: each[0] for name, each in sizes.items()} | arrangement.chosen
        fixed = {name: chosen.pop(name) for name in sizes}
        numbers: dict[str, Any] = {n: jnp.asarray(value, float) for n, value in chosen.items()}
        bare = dataclasses.replace(arrangement, settings=())
        return kind(network, OPTIMISERS["adam"], bare, task.target, **fixed, **numbers)

    return Baseline(about, make, can_normalise, 0.005, choices_of(**settings), choices_of(**sizes))


def local(
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

    choices = choices_of(**settings)
    return Baseline(about, make, False, scale, choices, own_network=own_network)


def choices_of(**values: tuple[float | int | str, ...]) -> Choices:
    """The settings by name, and what each may be."""
    return tuple(tuple(Setting(name, value) for value in each) for name, each in values.items())
