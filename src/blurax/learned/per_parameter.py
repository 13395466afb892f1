"""A learned optimiser: a tiny network that says for each weight how it changes.

After Metz et al., "Practical tradeoffs between memory, compute, and performance in learned
optimizers", CoLLAs 2022 (a network for each parameter, its inputs normalised over each tensor, a
direction and the logarithm of a size as its outputs), and Moudgil, Knyazev, Lajoie and Belilovsky,
"Celo: Training versatile learned optimizers on a compute diet", 2025 (updates of unit size times a
learned rate for each tensor). Which features, sizes and the start are ours.
"""

import itertools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax.baselines.descent import Arrangement, GradientDescent
from blurax.baselines.optimisers import OPTIMISERS
from blurax.baselines.weights import Weights, with_fixed
from blurax.bounds import check_count
from blurax.errors import require
from blurax.learned.retargeted import retargeted
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
    """A network on its way. What is kept of all weights is one vector: few, large operations."""

    weights: Weights
    means: Float[Array, "kept weights"]
    """Of gradients, for each of `KEPT`."""
    square: Float[Array, " weights"]
    """Of squared gradients."""
    rows: list[Float[Array, "kept _ ..."]]
    """Of each tensor, for each of `KEPT`: its squared gradients, of a matrix their mean over its
    outputs, as in Adafactor (Shazeer and Stern, ICML 2018)."""
    columns: list[Float[Array, "kept 1 _"]]
    """Of each matrix the mean over its inputs."""
    steps: Int[Array, ""]


class PerParameter(Learner):
    """w <- w - r u / rms(u), u = exp(s) (Adam's direction + d): s and d come of a tiny network.

    It sees, of each weight, itself, its gradient, one over the root of the mean square of that,
    means of it at three time scales as they are and over that root, and the gradient over the roots
    of three means of squares, of a matrix by rows and columns; each divided by its root mean square
    in the tensor. It also sees how many steps were made. The rate r of a tensor falls or rises with
    the steps by learned numbers, of matrices in units of 1 / sqrt(inputs). At the start s = d = 0:
    Adam's direction at unit size.

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
        return retargeted(self, target)

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
        leaves, many = jax.tree.leaves(weights), len(KEPT)
        size = sum(leaf.size for leaf in leaves)
        matrices = [leaf for leaf in leaves if leaf.ndim > 1]
        rows = [jnp.zeros((many, len(w), *[1] * (w.ndim - 1))) for w in leaves]
        columns = [jnp.zeros((many, 1, w.shape[1])) for w in matrices]
        zeros = jnp.zeros((many, size)), jnp.zeros(size)
        return Memory(weights, *zeros, rows, columns, jnp.zeros((), jnp.int32))

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
        leaves = jax.tree.leaves(state.weights)
        flat, rest = ravel_pytree(state.weights)
        times = jnp.tanh(state.steps / jnp.asarray(TIMES))
        features, adam = _features(state, ravel_pytree(gradient)[0], leaves, flat)
        d, s = self._said(features, times)
        u = jnp.exp(_bounded(s)) * (adam + d)
        units = jnp.split(u, _ends(leaves))
        moved = [
            self._rate(w, times) * _in_units(part) for w, part in zip(leaves, units, strict=True)
        ]
        new = with_fixed(self.network, rest(flat - jnp.concatenate(moved)), state.weights)
        kept = state.means, state.square, state.rows, state.columns
        return Memory(new, *kept, state.steps), None

    def _said(
        self, features: Float[Array, "features weights"], times: Float[Array, " times"]
    ) -> Float[Array, "2 weights"]:
        """What is said of every weight: d and s."""
        seen = self.first_bias + times @ self.first_time
        hidden = jax.nn.relu(self.first.T @ features + seen[:, None])
        hidden = jax.nn.relu(self.second.T @ hidden + self.second_bias[:, None])
        return self.head.T @ hidden

    def _rate(self, w: Array, times: Float[Array, " times"]) -> Float[Array, ""]:
        """How far the weights of a tensor move."""
        vector = int(w.ndim < 2)
        size = 1.0 if vector else len(w) ** -0.5
        return size * jnp.exp(self.log_rate[vector] + _bounded(self.schedule[vector] @ times))

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
    g, kept = ravel_pytree(gradient)[0], jnp.asarray(KEPT)
    means = kept[:, None] * state.means + (1 - kept[:, None]) * g
    square = KEPT_SQUARE * state.square + (1 - KEPT_SQUARE) * g**2
    squares = [leaf**2 for leaf in jax.tree.leaves(gradient)]
    by_row = [jnp.mean(s, axis=1, keepdims=True) if s.ndim > 1 else s for s in squares]
    by_column = [jnp.mean(s, axis=0, keepdims=True) for s in squares if s.ndim > 1]

    def mixed(old: Array, new: Array) -> Array:
        slow = kept.reshape(-1, *[1] * new.ndim)
        return slow * old + (1 - slow) * new

    rows = list(map(mixed, state.rows, by_row))
    columns = list(map(mixed, state.columns, by_column))
    return Memory(state.weights, means, square, rows, columns, state.steps + 1)


def _features(
    state: Memory, gradient: Float[Array, " n"], leaves: list[Array], flat: Float[Array, " n"]
) -> tuple[Float[Array, "features n"], Float[Array, " n"]]:
    """What is seen of each weight, in the units of its tensor; and Adam's direction."""
    kept = jnp.asarray(KEPT)[:, None]
    root = jnp.sqrt(state.square / (1 - KEPT_SQUARE**state.steps)) + EPSILON
    means = state.means / (1 - kept**state.steps)
    ways = means / root
    factored = gradient / (jnp.sqrt(_factored(state)) + EPSILON)
    seen = jnp.stack([flat, gradient, 1 / root, *means, *ways, *factored])
    parts = jnp.split(seen, _ends(leaves), axis=1)
    return jnp.concatenate([_in_units(part) for part in parts], axis=1), ways[0]


def _factored(state: Memory) -> Float[Array, "kept n"]:
    """Mean squares of gradients, of a matrix by its rows and columns."""
    columns, found = iter(state.columns), []
    for rows in state.rows:
        if rows.ndim > 2:
            mean = jnp.mean(rows, axis=1, keepdims=True) + EPSILON**2
            rows = rows * next(columns) / mean
        found.append(rows.reshape(len(KEPT), -1))
    return jnp.concatenate(found, axis=1)


def _ends(leaves: list[Array]) -> list[int]:
    """Where each tensor but the last ends in the vector of all."""
    return list(itertools.accumulate(leaf.size for leaf in leaves))[:-1]


def _in_units(numbers: Float[Array, "*features n"]) -> Float[Array, "*features n"]:
    """Divided by their root mean square over a tensor."""
    return numbers / jnp.sqrt(jnp.mean(numbers**2, axis=-1, keepdims=True) + EPSILON**2)


def _bounded(s: Array) -> Array:
    return LARGEST * jnp.tanh(s / LARGEST)
