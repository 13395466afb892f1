"""What learners with local rules share: fully connected chains, and an optimiser's update."""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax.baselines.optimisers import OptaxFactory
from blurax.baselines.weights import initial_weights
from blurax.errors import require
from blurax.learner import Batch, Learner
from blurax.network import Network
from blurax.spec import Activation
from blurax.targets import Classes, Target

Layers = tuple[tuple[Float[Array, "_ _"], Float[Array, " _"]], ...]
"""The weights `[i, j]` and the biases `[j]` of each layer, from the input up."""


class LocalRule(Learner):
    """A learner whose synapses change by what the neurons at their two ends say.

    A rule says by `changes` along what its weights descend; the optimiser takes that for a
    gradient.

    Raises:
        BluraxError: for a network that is not a fully connected chain.
    """

    network: Network = eqx.field(static=True)
    optimiser: OptaxFactory = eqx.field(static=True)
    """Made from a learning rate."""
    target: Target = eqx.field(static=True)
    """What the task asks for."""

    def __check_init__(self) -> None:
        require(
            self.network.is_dense,
            f"The network {self.network} is not a fully connected chain; {type(self).__name__} "
            "takes one, such as Network((64, 32, 10)).",
        )

    def check_classes(self) -> None:
        """Raise `BluraxError` for a target that is not about classes."""
        require(
            isinstance(self.target, Classes),
            f"The task asks for {self.target}; {type(self).__name__} takes a task of classes.",
        )

    @abc.abstractmethod
    def drawn(self, key: PRNGKeyArray) -> Layers:
        """The initial weights."""

    @abc.abstractmethod
    def changes(self, layers: Layers, batch: Batch, key: PRNGKeyArray) -> Layers:
        """What the optimiser is given in the place of a gradient."""

    def init(self, key: PRNGKeyArray, batch: int) -> tuple[Layers, Any]:
        """Initial weights, and the optimiser's memory."""
        layers: Any = self.drawn(key)
        return layers, self.optimiser(jnp.zeros((), float)).init(layers)

    def step(
        self,
        state: tuple[Layers, Any],
        batch: Batch,
        *,
        rate: Float[Array, ""],
        key: PRNGKeyArray,
        index: Int[Array, ""],
    ) -> tuple[tuple[Layers, Any], None]:
        """One update; the optimiser is made anew for the rate of each step."""
        layers: Any
        layers, memory = state
        changes: Any = self.changes(layers, batch, key)
        updates, memory = self.optimiser(rate).update(changes, memory, layers)
        return (jax.tree.map(jnp.add, layers, updates), memory), None

    def rows(self, x: Any) -> Float[Array, "b inputs"]:
        """The inputs as they are; indices that travel with them mean nothing to a chain."""
        return self.network.on(x)[1]


def usual_layers(key: PRNGKeyArray, network: Network, activation: Activation) -> Layers:
    """The initial weights of the optimisers: normal of variance gain / inputs, and zero biases."""
    weights = initial_weights(key, network, activation)
    pairs = zip(weights.w, weights.b, strict=True)
    return tuple((w, b) for w, b in pairs if w is not None and b is not None)
