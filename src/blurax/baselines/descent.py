"""Gradient descent as a learner: a perceptron, its variants, and an optimiser of optax."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax.activations import phi
from blurax.baselines.learner import Learner
from blurax.baselines.optimisers import OPTIMISERS, init
from blurax.frozen import check_types
from blurax.network import Network
from blurax.spec import Activation
from blurax.stabilise import Moments, moments, normalise_activations
from blurax.tasks import Kind
from blurax.teach import query_loss


@dataclasses.dataclass(frozen=True)
class Arrangement:
    """What a network is made of, beside its sizes."""

    activation: Activation = Activation.RELU
    """The non-linearity of the hidden layers; the last one is linear."""
    normalise: bool = False
    """Batch normalisation of the hidden layers, before the non-linearity."""

    def __post_init__(self) -> None:
        check_types(self)

    def __str__(self) -> str:
        return f"{self.activation.value}{' + batch norm' if self.normalise else ''}"


def gain(activation: Activation) -> float:
    """The variance of weights times their inputs that keeps activations alike from layer to layer.

    2 where half of the inputs are silent (He et al., ICCV 2015), else 1 (LeCun et al., 1998).
    """
    return 2.0 if activation in (Activation.RELU, Activation.RELU_TANH) else 1.0


class Layer(eqx.Module):
    """The weights into one layer."""

    w: Float[Array, "i j"]
    b: Float[Array, " j"]
    scale: Float[Array, " j"] | None
    """Of the batch normalisation, whose shift is `b`; None where there is none."""


def perceptron(
    layers: list[Layer],
    x: Float[Array, "b features"],
    activation: Activation,
    batch: Float[Array, "_ features"] | None = None,
) -> Float[Array, "b outputs"]:
    """The outputs of a multi-layer perceptron.

    Batch normalisation (Ioffe and Szegedy, ICML 2015) uses the mean and variance over the examples
    at hand: running averages would still be wrong after 10 steps, and a genome's normalisation does
    the same.

    Args:
        batch: other examples, whose means and variances are used in place of those of `x`.
    """
    *hidden, last = layers
    for layer in hidden:
        known = None
        if batch is not None:
            other = batch @ layer.w
            known = moments(other[None])
            batch = _hidden(layer, other, activation, known)
        x = _hidden(layer, x @ layer.w, activation, known)
    return x @ last.w + last.b


def _hidden(
    layer: Layer, z: Float[Array, "b n"], activation: Activation, known: Moments | None
) -> Float[Array, "b n"]:
    """What a hidden layer says, normalised by these examples or by what is known of others."""
    if layer.scale is not None:
        one, zero = jnp.ones(1, float), jnp.zeros(1)
        z = layer.scale * normalise_activations(z[None], one, zero, known)[0]
    return phi(z + layer.b, activation)


class Descent(Learner):
    """An optimiser that descends the mean loss of each batch: cross-entropy, or squared error."""

    network: Network = eqx.field(static=True)
    optimiser: str = eqx.field(static=True)
    """A name in `OPTIMISERS`."""
    arrangement: Arrangement = eqx.field(static=True)
    kind: Kind = eqx.field(static=True)
    """What the task asks for."""

    def born(self, key: PRNGKeyArray, batch: int) -> tuple[list[Layer], Any]:
        """Normal weights of variance gain / inputs, zero biases; and the optimiser's memory."""
        shrunk = (gain(self.arrangement.activation) / 2) ** 0.5  # `init` is He's, of gain 2
        drawn = init(key, self.network)
        normalised = [self.arrangement.normalise] * (len(drawn) - 1) + [False]
        layers = [
            Layer(w * shrunk, b, jnp.ones_like(b) if scaled else None)
            for (w, b), scaled in zip(drawn, normalised, strict=True)
        ]
        weights: Any = layers  # optax's type of a pytree knows no modules
        return layers, OPTIMISERS[self.optimiser](jnp.zeros((), float)).init(weights)

    def step(
        self,
        state: tuple[list[Layer], Any],
        x: Float[Array, "b features"],
        y: Float[Array, "b outputs"],
        rate: Float[Array, ""],
        index: Int[Array, ""],
    ) -> tuple[list[Layer], Any]:
        """One update; no optimiser here keeps the learning rate in its memory."""
        layers, memory = state

        def loss(layers: list[Layer]) -> Float[Array, ""]:
            return query_loss(perceptron(layers, x, self.arrangement.activation), y, self.kind)

        gradient: Any = jax.grad(loss)(layers)
        weights: Any = layers  # optax's type of a pytree knows no modules
        updates, memory = OPTIMISERS[self.optimiser](rate).update(gradient, memory, weights)
        return jax.tree.map(jnp.add, layers, updates), memory

    def predict(
        self, state: tuple[list[Layer], Any], x: Float[Array, "q features"]
    ) -> Float[Array, "q outputs"]:
        """The outputs, or logits."""
        return perceptron(state[0], x, self.arrangement.activation)

    def predict_few(
        self,
        state: tuple[list[Layer], Any],
        x: Float[Array, "q features"],
        batch: Float[Array, "b features"],
    ) -> Float[Array, "q outputs"]:
        """The same, normalised by the batch."""
        return perceptron(state[0], x, self.arrangement.activation, batch)
