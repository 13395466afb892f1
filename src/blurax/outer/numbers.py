"""The numbers of a learner as a pytree, by name and as a vector."""

from typing import Any

import equinox as eqx
import jax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from blurax.learner import Learner
from blurax.network import Network


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
