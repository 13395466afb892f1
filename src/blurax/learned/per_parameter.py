"""A learned optimiser: a tiny network that says for each weight how it changes.

After Metz et al., "Practical tradeoffs between memory, compute, and performance in learned
optimizers", CoLLAs 2022 (a network for each parameter, its inputs normalised over each tensor, a
direction and the logarithm of a size as its outputs), and Moudgil, Knyazev, Lajoie and Belilovsky,
"Celo: Training versatile learned optimizers on a compute diet", 2025 (updates of unit size times a
learned rate for each tensor). Which features, sizes and the start are ours.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax.baselines.descent import Arrangement, GradientDescent
from blurax.baselines.optimisers import OPTIMISERS
from blurax.baselines.weights import Weights, with_fixed
from blurax.bounds import check_count
from blurax.errors import require
from blurax.learner import Batch, Learner
from blurax.network import Network
from blurax.targets import Classes, Target

KEPT = (0.9, 0.5, 0.99)
"""How much of each running mean of gradients a step keeps; the first is Adam's."""
KEPT_SQUARE, EPSILON = 0.999, 1e-8
"""Adam's other two constants (Kingma and Ba, ICLR 2015)."""
TIMES = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)
"""A step's number t is seen as tanh(t / T) for each of these T."""
FEATURES = 3 + 3 * len(KEPT)
"""Of a weight, see `_features`."""
LARGEST = 3.0
"""A weight's change is at most e^3 of its direction, and at least e^-3; rates likewise."""


class Memory(eqx.Module):
    """A network on its way."""

    weights: Weights
    means: tuple[Weights, ...]
    """Of gradients, for each of `KEPT`."""
    square: Weights
    """Of squared gradients."""
    rows: tuple[Weights, ...]
    """For each of `KEPT` squared gradients, mean over all axes but the first: Adafactor's."""
    columns: tuple[Weights, ...]
    """The same over all axes but the last."""
    steps: Int[Array, ""]


class PerParameter(Learner):
    """w <- w - r u / rms(u), u = exp(s) (Adam's direction + d): s and d come of a tiny network.

    It sees, of each weight, itself, its gradient, means of that at three time scales as they are,
    over the root of the mean square, and over a square that is factored into rows and columns
    (Adafactor); each divided by its root mean square in the tensor. It also sees how many steps
    were made. The rate r of a tensor falls or rises with the steps by learned numbers, of matrices
    in units of 1 / sqrt(inputs). At the start s = d = 0: Adam's direction at unit size.

    Networks are those of any optimiser, of ReLU with batch normalisation. A meta-gradient takes
    gradients as given (Andrychowicz et al., NIPS 2016), so that it needs no second derivatives.

    Raises:
        BluraxError: for a network with delayed edges.
    """

    network: Network = eqx.field(static=True)
    target: Target = eqx.field(static=True)
    normalise: bool = eqx.field(static=True)
    first: Float[Array, "features width"]
    """From the features of a weight to the hidden layer."""
    first_bias: Float[Array, " width"]
    first_time: Float[Array, "times width"]
    """From the step to the hidden layer."""
    second: Float[Array, "width width"]
    second_bias: Float[Array, " width"]
    head: Float[Array, "width 2"]
    """From the second hidden layer to d and s."""
    log_rate: Float[Array, "2"]
    """The logarithm of the rate of matrices, and of vectors."""
    schedule: Float[Array, "2 times"]
    """What the step adds to it."""

    def __init__(
        self,
        network: Network,
        width: int = 8,
        rate: float = 0.1,
        normalise: bool = True,
        seed: int = 0,
    ) -> None:
        """Random hidden layers, and a head of 0.

        Args:
            width: of both hidden layers, a whole number >= 1.
            rate: above 0: how far a step goes in units of 1 / sqrt(inputs), and of 0.1 for vectors.
            normalise: whether hidden layers are normalised over the batch.
            seed: of the random numbers.
        """
        check_count("width", width)
        require(rate > 0, f"rate is {rate}; it takes a number above 0.")
        self.network, self.target = network, Classes(network.sizes[-1])
        self.normalise = normalise
        keys = jax.random.split(jax.random.key(seed), 3)
        shapes = (FEATURES, width), (len(TIMES), width), (width, width)
        self.first, self.first_time, self.second = (
            jax.random.normal(key, shape) / shape[0] ** 0.5
            for key, shape in zip(keys, shapes, strict=True)
        )
        self.first_bias, self.second_bias = jnp.zeros(width), jnp.zeros(width)
        self.head = jnp.zeros((width, 2))
        self.log_rate = jnp.log(jnp.asarray([rate, 0.1 * rate], float))
        self.schedule = jnp.zeros((2, len(TIMES)))

    def for_target(self, target: Target) -> "PerParameter":
        """The same, whose loss is the target's."""
        other = object.__new__(type(self))
        for name, value in vars(self).items():
            object.__setattr__(other, name, target if name == "target" else value)
        return other

    @property
    def takes_masks(self) -> bool:
        """Unless it normalises over the batch."""
        return self._descent.takes_masks

    @property
    def _descent(self) -> GradientDescent:
        """The network as any optimiser has it: what it begins with, its gradient, its outputs."""
        arranged = Arrangement(normalise=self.normalise)
        return GradientDescent(self.network, OPTIMISERS["sgd"], arranged, self.target)

    def init(self, key: PRNGKeyArray, batch: int) -> Memory:
        """Initial weights, and nothing remembered."""
        weights: Any = self._descent.init(key, batch)[0]
        zeros = jax.tree.map(jnp.zeros_like, weights)
        rows, columns = (
            jax.tree.map(lambda w, axis=axis: jnp.zeros_like(_factor(w, axis)), weights)
            for axis in (0, -1)
        )
        many = len(KEPT)
        start = jnp.zeros((), jnp.int32)
        return Memory(weights, (zeros,) * many, zeros, (rows,) * many, (columns,) * many, start)

    def step(
        self,
        state: Memory,
        batch: Batch,
        *,
        rate: Float[Array, ""],
        key: PRNGKeyArray,
        index: Int[Array, ""],
    ) -> tuple[Memory, None]:
        """Every weight moves by what the network says; the rate is its own."""
        gradient = jax.lax.stop_gradient(self._descent.gradient(state.weights, batch))
        state = _remembered(state, gradient)
        times = jnp.tanh(state.steps / jnp.asarray(TIMES))
        weights: Any
        weights, kind = jax.tree.flatten(state.weights)
        parts = [gradient, state.square, *state.means, *state.rows, *state.columns]
        columns = zip(*map(jax.tree.leaves, parts), strict=True)
        new = [
            w - self._change(w, own, state.steps, times)
            for w, own in zip(weights, columns, strict=True)
        ]
        moved = with_fixed(self.network, jax.tree.unflatten(kind, new), state.weights)
        kept = state.means, state.square, state.rows, state.columns
        return Memory(moved, *kept, state.steps), None

    def _change(
        self, w: Array, own: tuple[Array, ...], steps: Int[Array, ""], times: Float[Array, " times"]
    ) -> Array:
        """How far the weights of a tensor move."""
        features, adam = _features(w, own, steps)
        seen = self.first_bias + times @ self.first_time
        hidden = jax.nn.relu(jnp.stack(features, -1) @ self.first + seen)
        hidden = jax.nn.relu(hidden @ self.second + self.second_bias)
        d, s = jnp.moveaxis(hidden @ self.head, -1, 0)
        u = jnp.exp(_bounded(s)) * (adam + d)
        vector = int(w.ndim < 2)
        size = 1.0 if vector else w.shape[-2] ** -0.5
        rate = jnp.exp(self.log_rate[vector] + _bounded(self.schedule[vector] @ times))
        return size * rate * _in_units(u)

    def predict(self, state: Memory, x: Any) -> Float[Array, "q outputs"]:
        """As gradient descent does, and so are the next two."""
        return self._descent.predict((state.weights, None), x)

    def predict_few(self, state: Memory, x: Any, batch: Any) -> Float[Array, "q outputs"]:
        """The same, normalised by the batch."""
        return self._descent.predict_few((state.weights, None), x, batch)

    def activations(self, state: Memory, x: Any, batch: Any) -> list[Float[Array, "q ..."]]:
        """What each group says."""
        return self._descent.activations((state.weights, None), x, batch)


def _remembered(state: Memory, gradient: Weights) -> Memory:
    """The running means after a gradient."""

    def mixed(kept: float, mean: Any, new: Any) -> Any:
        return jax.tree.map(lambda old, g: kept * old + (1 - kept) * g, mean, new)

    squares = jax.tree.map(jnp.square, gradient)
    factors = [jax.tree.map(lambda s, axis=axis: _factor(s, axis), squares) for axis in (0, -1)]
    means = tuple(map(lambda k, mean: mixed(k, mean, gradient), KEPT, state.means))
    rows = tuple(map(lambda k, mean: mixed(k, mean, factors[0]), KEPT, state.rows))
    columns = tuple(map(lambda k, mean: mixed(k, mean, factors[1]), KEPT, state.columns))
    square = mixed(KEPT_SQUARE, state.square, squares)
    return Memory(state.weights, means, square, rows, columns, state.steps + 1)


def _factor(squares: Array, axis: int) -> Array:
    """The mean over all axes but one, which stay as axes of 1; a vector as it is."""
    if squares.ndim < 2:
        return squares
    rest = tuple(a for a in range(squares.ndim) if a != axis % squares.ndim)
    return jnp.mean(squares, axis=rest, keepdims=True)


def _features(w: Array, own: tuple[Array, ...], steps: Int[Array, ""]) -> tuple[list[Array], Array]:
    """What is seen of each weight, in the units of its tensor; and Adam's direction."""
    many = len(KEPT)
    gradient, square = own[:2]
    means, rows, columns = (list(own[2 + n * many : 2 + (n + 1) * many]) for n in range(3))
    root = jnp.sqrt(square / (1 - KEPT_SQUARE**steps)) + EPSILON
    means = [mean / (1 - kept**steps) for mean, kept in zip(means, KEPT, strict=True)]
    ways = [mean / root for mean in means]
    if w.ndim > 1:  # what is left of a vector is itself
        pairs = zip(rows, columns, strict=True)
        rows = [r * c / (jnp.mean(r) + EPSILON**2) for r, c in pairs]
    factored = [gradient / (jnp.sqrt(squares) + EPSILON) for squares in rows]
    seen = [w, gradient, 1 / root, *means, *ways, *factored]
    return [_in_units(feature) for feature in seen], ways[0]


def _in_units(numbers: Array) -> Array:
    """Divided by their root mean square."""
    return numbers / jnp.sqrt(jnp.mean(numbers**2) + EPSILON**2)


def _bounded(s: Array) -> Array:
    return LARGEST * jnp.tanh(s / LARGEST)
