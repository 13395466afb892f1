"""The numbers of a learner as a pytree, by name and as a vector."""

from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PRNGKeyArray

from blurax import io
from blurax.batch import at
from blurax.errors import BluraxError, require, shown
from blurax.fit import for_task
from blurax.learned import learned
from blurax.learner import Learner
from blurax.network import Network
from blurax.outer.own_code import check_pair, check_signatures, misfit
from blurax.tasks import EpisodeSpec, Split, Task
from blurax.tasks.base import check_kind


def name_of(learner: Learner) -> str:
    """The name of a learner's class, by which its files and runs go."""
    return type(learner).__qualname__


def numbers_of(learner: Learner) -> Any:
    """The meta-parameters of a learner: its arrays of real numbers, and None for all else."""
    return eqx.filter(learner, eqx.is_inexact_array)


def with_network(learner: Learner, network: Network) -> Learner:
    """The learner with another network, whatever its constructor takes."""
    other = object.__new__(type(learner))
    for name, value in vars(learner).items():
        object.__setattr__(other, name, network if name == "network" else value)
    return other


def flatten(numbers: Any) -> Float[Array, " size"]:
    """All numbers as one vector."""
    return ravel_pytree(numbers)[0]


def named(numbers: Any) -> dict[str, Any]:
    """The leaves by their path, such as `neuron.nu`."""
    with_paths = jax.tree_util.tree_flatten_with_path(numbers)[0]
    return {jax.tree_util.keystr(path).removeprefix("."): leaf for path, leaf in with_paths}


def load_numbers(path: Path, like: Learner | None = None) -> tuple[Learner, io.Provenance]:
    """A learner with the numbers of a file of its class and shapes, and where they come from.

    Args:
        like: a learner of the class; None for a class of the library's.

    Raises:
        BluraxError: if the file is missing, damaged, or one of another learner; or of a class that
            the library does not have, and none is given.
    """
    name, tensors, provenance = io.load_learner(path)
    like = learned(name) if like is None else like
    if like is None:
        raise BluraxError(
            f"{path} holds the numbers of {name}, which takes its class: --learner "
            f"my_rules.py:{name}, or in Python like=a learner of the class."
        )
    return fitted(like, name, tensors, str(path)), provenance


def fitted(like: Learner, name: str, tensors: dict[str, Any], path: str) -> Learner:
    """A learner with the numbers that `io.load_learner` read of a file.

    Raises:
        BluraxError: if they are those of another class, or of other shapes.
    """
    require(name == name_of(like), f"{path} holds the numbers of {name}, not of {name_of(like)}.")
    blank, rest = eqx.partition(like, eqx.is_inexact_array)
    wanted = named(blank)
    shapes = {leaf: value.shape for leaf, value in wanted.items()}
    found = {leaf: value.shape for leaf, value in tensors.items()}
    require(found == shapes, f"{path} holds arrays of shapes {found}; {name} takes {shapes}.")
    leaves = [jnp.asarray(tensors[leaf], value.dtype) for leaf, value in wanted.items()]
    return eqx.combine(jax.tree.unflatten(jax.tree.structure(blank), leaves), rest)


def check_step(learner: Learner, task: Task) -> None:
    """Take one step of a task without computing it, so that what does not fit says so now.

    Raises:
        BluraxError: if the learner cannot learn the task with its network.
    """
    check_kind(task)
    network = learner.network
    outputs = network.sizes[network.outputs[0]]
    spec = EpisodeSpec(steps=1, batch=2, query=2)

    def once(key: PRNGKeyArray) -> Any:
        _check_fields(learner)
        check_signatures(learner)
        chosen = for_task(learner, task)
        batch = chosen.takes(at(task.sample(key, spec, Split.TRAIN).support, 0))
        before, rate, index = chosen.init(key, 2), jnp.zeros((), float), jnp.zeros((), int)
        result = chosen.step(before, batch, rate=rate, key=key, index=index)
        check_pair(chosen, before, result)
        after, _ = result
        return before, after, chosen.predict(after, batch.x)

    name = type(learner).__name__
    try:
        before, after, found = jax.tree.map(jnp.shape, jax.eval_shape(once, jax.random.key(0)))
    except Exception as error:  # code of the user's own may raise anything
        raise misfit(learner, error) from error
    require(
        before == after,
        f"{name}.step gives a state of shapes {shown(after)} with the network {network}; it takes "
        f"one like that of init, {shown(before)}.",
    )
    require(
        found == (2, outputs),
        f"{name}.predict gives shape {shown(found)} for 2 inputs to the network {network}; it "
        f"takes an array of shape (2, {outputs}).",
    )


def _check_fields(learner: Learner) -> None:
    """What classes check of a learner that is made, for one whose network has been replaced."""
    for kind in type(learner).__mro__:
        if "__check_init__" in vars(kind):
            vars(kind)["__check_init__"](learner)
