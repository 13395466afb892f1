"""Baselines of the user's own, tuned like all others."""

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import jax.numpy as jnp

from blurax.baselines.catalogue import BASELINES, is_built_in
from blurax.baselines.code import code_digest
from blurax.baselines.descent import Arrangement, Setting
from blurax.baselines.makers import Baseline, Choices, descent
from blurax.baselines.tuned import tuned_genome
from blurax.errors import BluraxError, require
from blurax.genome import Genome
from blurax.learner import Learner
from blurax.network import Network
from blurax.tasks import Task

_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


def add_baseline(
    name: str,
    factory: Callable[..., Any] | Genome,
    *,
    scale: float | None,
    space: Mapping[str, Sequence[float | int | str | bool]] | None = None,
    about: str = "your own",
) -> None:
    """Give a baseline of one's own its name among the others, for this process.

    From then on `blurax.compare`, `blurax compare --baselines` and the tuner take the name. The
    tuner chooses the learning rate, its schedule and every setting of `space` for each number of
    steps; for an optimiser also the non-linearity and batch normalisation.

    Args:
        name: small letters, digits and hyphens.
        factory: a function of a learning rate that returns an optimiser of optax, such as
            `optax.lion`; it is called in every step, and its memory must not hold the rate. Or,
            where it has a parameter `network`, a function of a network that returns a
            `blurax.Learner`, whose `step` gets the rate. The settings go to it by their names.
            Or a genome: its rates are multiplied by the learning rate, so take a scale of 1, and
            its hidden layers may also be of relu or tanh; it takes no space.
        scale: a learning rate of the right order of magnitude, from which the tuner sets out; None
            where there is none to choose: 0 is given then.
        space: what may be chosen for each setting besides, such as `{"b1": (0.9, 0.95)}`; every
            combination is tried.
        about: a few words for lists.

    Raises:
        BluraxError: if the name is taken or is none, the scale is not above 0, a setting has no
            choices, or the factory does not take the settings or makes something else.
    """
    require(
        _NAME.fullmatch(name) is not None,
        f"The baseline is called {name!r}; a name takes small letters, digits and hyphens.",
    )
    require(
        not is_built_in(name),
        f"There is a baseline {name!r} already; give yours another name.",
    )
    require(
        scale is None or 0 < scale < float("inf"),
        f"scale is {scale}; it takes a learning rate above 0, or None.",
    )
    given = (space or {}).items()
    require(
        all(isinstance(values, Iterable) and not isinstance(values, str) for _, values in given)
        and all(tuple(values) for _, values in given),
        f"space is {space}; it takes one or more choices for each setting.",
    )
    settings = tuple(
        tuple(Setting(setting, value) for value in values) for setting, values in given
    )
    if isinstance(factory, Genome):
        BASELINES[name] = _own_genome(name, factory, scale, settings, about)
        return
    of_learner = "network" in _parameters(name, factory)
    found = _own_learner(name, factory, about, scale) if of_learner else None
    if found is None:
        chosen = {choices[0].name: choices[0].value for choices in settings}
        _check_optimiser(name, factory, chosen)
        found = descent(factory, about, scale)
    BASELINES[name] = dataclasses.replace(found, settings=settings, source=code_digest(factory))


def _own_genome(
    name: str, genome: Genome, scale: float | None, settings: Choices, about: str
) -> Baseline:
    require(
        not settings,
        f"{name} is a genome, and space is given; what is chosen for one is its rate and the "
        "non-linearity of its hidden layers.",
    )
    require(
        scale is not None,
        f"{name} is a genome, and scale is None; its rates are multiplied, so give 1.",
    )
    return dataclasses.replace(tuned_genome(genome, about), scale=scale)


def known_as(name: str, found: Baseline) -> None:
    """Let a process know a baseline of the user's own that was made in another one."""
    BASELINES[name] = found


def _parameters(name: str, factory: Callable[..., Any]) -> Sequence[str]:
    require(callable(factory), f"The factory of {name} is {factory!r}; it takes a function.")
    try:
        return tuple(inspect.signature(factory).parameters)
    except ValueError:  # some functions written in C say nothing
        return ()


def _own_learner(
    name: str, factory: Callable[..., Any], about: str, scale: float | None
) -> Baseline:
    def make(arrangement: Arrangement, network: Network, task: Task) -> Learner:
        made = _called(name, factory, network=network, **arrangement.chosen)
        require(
            isinstance(made, Learner),
            f"The factory of {name} makes a {type(made).__name__}; with a parameter network it "
            "takes a blurax.Learner.",
        )
        return made

    return Baseline(about, make, False, scale, own_network=True)


def _check_optimiser(name: str, factory: Callable[..., Any], chosen: dict[str, Any]) -> None:
    made = _called(name, factory, jnp.zeros((), float), **chosen)
    require(
        callable(getattr(made, "init", None)) and callable(getattr(made, "update", None)),
        f"The factory of {name} makes a {type(made).__name__}; it takes an optimiser of optax, or "
        "a parameter network and a blurax.Learner.",
    )


def _called(name: str, factory: Callable[..., Any], *values: Any, **chosen: Any) -> Any:
    try:
        return factory(*values, **chosen)
    except TypeError as error:
        given = ", ".join(("a learning rate",) * len(values) + tuple(chosen)) or "nothing"
        raise BluraxError(f"The factory of {name} does not take {given}: {error}.") from error
