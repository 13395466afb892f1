"""Gradient descent as a learner: a perceptron, its variants, and an optimiser of optax."""

import dataclasses
import itertools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax.activations import phi
from blurax.baselines.optimisers import OptaxFactory
from blurax.frozen import added, check_types
from blurax.learner import Batch, Learner
from blurax.network import Network
from blurax.spec import Activation
from blurax.targets import Target
from blurax.terms.normalise import Moments, moments, normalise_activations


@dataclasses.dataclass(frozen=True)
class Setting:
    """A choice for one of the settings of a baseline of the user's own."""

    name: str
    value: float | int | str | bool

    def __post_init__(self) -> None:
        check_types(self)

    def __str__(self) -> str:
        value = f"{self.value:.4g}" if isinstance(self.value, float) else self.value
        return f"{self.name}={value}"


@dataclasses.dataclass(frozen=True)
class Arrangement:
    """What a network is made of, beside its sizes, and the settings of what trains it."""

    activation: Activation = Activation.RELU
    """The non-linearity of the hidden layers; the last one is linear."""
    normalise: bool = False
    """Batch normalisation of the hidden layers, before the non-linearity."""
    settings: tuple[Setting, ...] = added(())
    """Of a baseline of the user's own, one of each that it declares."""
    own: bool = added(False)
    """Whether a learner of the user's own makes the network: the first two do not count then."""

    def __post_init__(self) -> None:
        check_types(self)

    @property
    def chosen(self) -> dict[str, Any]:
        """The settings as keyword arguments."""
        return {setting.name: setting.value for setting in self.settings}

    def words(self, norm: str = "batch norm") -> tuple[str, ...]:
        """What was chosen, in words."""
        network = () if self.own else (self.activation.value, *((norm,) if self.normalise else ()))
        return (*network, *map(str, self.settings)) or ("as written",)

    def __str__(self) -> str:
        return " + ".join(self.words())


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


def initial_layers(
    key: PRNGKeyArray, network: Network, activation: Activation, normalise: bool = False
) -> list[Layer]:
    """Normal weights of variance gain / inputs, and zero biases."""
    pairs = list(itertools.pairwise(network.sizes))
    ends = list(itertools.accumulate(i * j for i, j in pairs))
    # One draw, cut into pieces: each draw takes XLA long to compile.
    drawn = jnp.split(jax.random.normal(key, (ends[-1],), float), ends[:-1])
    layers = []
    for number, (piece, (i, j)) in enumerate(zip(drawn, pairs, strict=True), start=1):
        scale = jnp.ones(j, float) if normalise and number < len(pairs) else None
        w = piece.reshape(i, j) * (gain(activation) / i) ** 0.5
        layers.append(Layer(w, jnp.zeros(j, float), scale))
    return layers


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


class GradientDescent(Learner):
    """An optimiser that descends the mean loss of each batch: cross-entropy, or squared error."""

    network: Network = eqx.field(static=True)
    optimiser: OptaxFactory = eqx.field(static=True)
    """Made from a learning rate and the settings of the arrangement."""
    arrangement: Arrangement = eqx.field(static=True)
    target: Target = eqx.field(static=True)
    """What the task asks for."""

    @property
    def takes_masks(self) -> bool:
        """Without batch normalisation."""
        return not self.arrangement.normalise

    def init(self, key: PRNGKeyArray, batch: int) -> tuple[list[Layer], Any]:
        """Initial layers, and the optimiser's memory."""
        chosen = self.arrangement
        layers = initial_layers(key, self.network, chosen.activation, chosen.normalise)
        weights: Any = layers  # optax's type of a pytree knows no modules
        return layers, self._made(jnp.zeros((), float)).init(weights)

    def step(
        self,
        state: tuple[list[Layer], Any],
        batch: Batch,
        *,
        rate: Float[Array, ""],
        key: PRNGKeyArray,
        index: Int[Array, ""],
    ) -> tuple[tuple[list[Layer], Any], None]:
        """One update; no optimiser here keeps the learning rate in its memory."""
        layers, memory = state

        def loss(layers: list[Layer]) -> Float[Array, ""]:
            outputs = perceptron(layers, batch.x, self.arrangement.activation)
            return self.target.loss(outputs, batch.y, batch.mask)

        gradient: Any = jax.grad(loss)(layers)
        weights: Any = layers  # optax's type of a pytree knows no modules
        updates, memory = self._made(rate).update(gradient, memory, weights)
        return (jax.tree.map(jnp.add, layers, updates), memory), None

    def _made(self, rate: Float[Array, ""]) -> optax.GradientTransformation:
        return self.optimiser(rate, **self.arrangement.chosen)

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
