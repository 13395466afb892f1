"""The black-box end: a recurrent network whose memory is fast weights, which slow weights write.

After Schmidhuber, "Learning to control fast-weight memories", Neural Computation 1992, with the
delta rule of Schlag, Irie and Schmidhuber, "Linear Transformers Are Secretly Fast Weight
Programmers", ICML 2021. Inputs of any size by a random projection, classes of any number by random
codes, and the readout are ours.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax.bounds import check_count
from blurax.choices import Signal
from blurax.learned.chains import check_chain
from blurax.learned.retargeted import retargeted
from blurax.learner import Batch, Learner
from blurax.network import Network
from blurax.targets import Classes, Target

EPSILON = 1e-6


class Memory(eqx.Module):
    """What an episode has written, and what it drew at its start."""

    projection: Float[Array, "inputs width"]
    """Drawn: from inputs to features."""
    bias: Float[Array, " width"]
    """Drawn."""
    codes: Float[Array, "outputs code"]
    """Drawn: a direction for each output, by which labels are told."""
    fast: tuple[Float[Array, "key value"], ...]
    """Of each layer."""
    readout: Float[Array, "wide outputs"]


class Layer(eqx.Module):
    """Slow weights: what a layer asks its memory, what it writes into it, what it makes of both."""

    key: Float[Array, "width key"]
    query: Float[Array, "width key"]
    value: Float[Array, "told value"]
    """From features and the label's code."""
    gate: Float[Array, " width"]
    gate_bias: Float[Array, ""]
    """β = sigmoid(u gate + bias): how far what the memory says of a key moves to the value."""
    inner: Float[Array, "read hidden"]
    inner_bias: Float[Array, " hidden"]
    outer: Float[Array, "hidden width"]

    def __init__(self, key: PRNGKeyArray, width: int, code: int) -> None:
        """Random numbers that keep the size of features; nothing is made of memory at the start."""
        shapes = ((width, width), (width, width), (width + code, width), (2 * width, 2 * width))
        self.key, self.query, self.value, self.inner = (
            jax.random.normal(jax.random.fold_in(key, n), shape) / shape[0] ** 0.5
            for n, shape in enumerate(shapes)
        )
        self.gate, self.gate_bias = jnp.zeros(width), jnp.zeros(())
        self.inner_bias, self.outer = jnp.zeros(2 * width), jnp.zeros((2 * width, width))

    def read(self, fast: Float[Array, "key value"], u: Float[Array, "*b width"]) -> Array:
        """The features after the layer: u + relu([u, M q] A + a) B, normalised."""
        said = _unit(u @ self.query) @ fast
        hidden = jnp.concatenate([u, said], -1) @ self.inner + self.inner_bias
        return _normalised(u + jax.nn.relu(hidden) @ self.outer)

    def write(
        self, fast: Float[Array, "key value"], u: Float[Array, " width"], code: Float[Array, " c"]
    ) -> Float[Array, "key value"]:
        """The delta rule: M <- M + β k (v - M k), of one example."""
        key = _unit(u @ self.key)
        value = jnp.tanh(jnp.concatenate([u, code]) @ self.value)
        beta = jax.nn.sigmoid(u @ self.gate + self.gate_bias)
        return fast + beta * jnp.outer(key, value - key @ fast)


class FastWeights(Learner):
    """Learns by writing into memories, one example after another; no gradient of a loss is taken.

    Of the network only the numbers of inputs and outputs count: what learns is layers of `Layer`
    behind a random projection of the inputs. Each example is first read, then written with its
    label. The readout is a memory as well: of the features made wider, it moves by a learned rate
    along the error of its own outputs, as the delta rule does. So at the start it is an online
    linear classifier of random features.

    Raises:
        BluraxError: for a network that is no fully connected chain, or sizes that are no counts.
    """

    network: Network = eqx.field(static=True)
    target: Target = eqx.field(static=True)
    layers: tuple[Layer, ...]
    wide: Float[Array, "width wide"]
    """From the last features to those that the readout reads."""
    wide_bias: Float[Array, " wide"]
    log_rate: Float[Array, ""]
    """The logarithm of the readout's rate."""
    keep: Float[Array, ""]
    """sigmoid(keep) of the readout is kept from example to example."""

    def __init__(
        self, network: Network, width: int = 32, code: int = 16, layers: int = 2, seed: int = 0
    ) -> None:
        """Random slow weights.

        Args:
            width: features of an example.
            code: numbers that tell a label.
            layers: memories, one on the other.
            seed: of the random numbers.
        """
        for name, value in (("width", width), ("code", code), ("layers", layers)):
            check_count(name, value)
        key, wide = jax.random.key(seed), 8 * width
        self.network, self.target = network, Classes(network.sizes[-1])
        keys = [jax.random.fold_in(key, n) for n in range(layers + 1)]
        self.layers = tuple(Layer(own, width, code) for own in keys[1:])
        self.wide = jax.random.normal(keys[0], (width, wide)) * (2 / width) ** 0.5
        self.wide_bias = jnp.zeros(wide)
        self.log_rate, self.keep = jnp.zeros(()), jnp.asarray(7.0)

    def __check_init__(self) -> None:
        check_chain(self)

    def for_target(self, target: Target) -> "FastWeights":
        """The same, whose error is the target's."""
        return retargeted(self, target)

    def init(self, key: PRNGKeyArray, batch: int) -> Memory:
        """A random projection, codes, and empty memories."""
        inputs, outputs = self.network.sizes[0], self.network.sizes[-1]
        (width, wide), code = self.wide.shape, len(self.layers[0].value) - len(self.wide)
        first, second, third = jax.random.split(key, 3)
        return Memory(
            jax.random.normal(first, (inputs, width), float) / inputs**0.5,
            jax.random.normal(second, (width,), float) / 2,
            _unit(jax.random.normal(third, (outputs, code), float)),
            tuple(jnp.zeros((width, width)) for _ in self.layers),
            jnp.zeros((wide, outputs)),
        )

    def step(
        self,
        state: Memory,
        batch: Batch,
        *,
        rate: Float[Array, ""],
        key: PRNGKeyArray,
        index: Int[Array, ""],
    ) -> tuple[Memory, None]:
        """One example after another; those that a mask leaves out write nothing."""
        told = batch.y @ state.codes  # [b, code]
        seen = _features(state, batch.x)
        counts = jnp.ones(len(seen)) if batch.mask is None else batch.mask.astype(float)

        def one(memory: tuple[Any, Array], example: tuple[Array, ...]) -> tuple[Any, None]:
            u, code, y, count = example
            new = self._written(*memory, u, code, y)
            return jax.tree.map(lambda n, old: jnp.where(count > 0, n, old), new, memory), None

        start = state.fast, state.readout
        fast, readout = jax.lax.scan(one, start, (seen, told, batch.y, counts))[0]
        return Memory(state.projection, state.bias, state.codes, fast, readout), None

    def _written(
        self, fast: tuple[Array, ...], readout: Array, u: Array, code: Array, y: Array
    ) -> tuple[tuple[Array, ...], Array]:
        """The memories after an example, which every layer reads before it is written."""
        new = []
        for layer, memory in zip(self.layers, fast, strict=True):
            new.append(layer.write(memory, u, code))
            u = layer.read(memory, u)
        wide = self._wide(u)
        error = self.target.feedback(Signal.CROSS_ENTROPY, (wide @ readout)[None], y[None])[0]
        moved = jax.nn.sigmoid(self.keep) * readout - jnp.exp(self.log_rate) * jnp.outer(
            wide, error
        )
        return tuple(new), moved

    def _wide(self, u: Array) -> Array:
        return _unit(jax.nn.relu(u @ self.wide + self.wide_bias))

    def predict(self, state: Memory, x: Float[Array, "q inputs"]) -> Float[Array, "q outputs"]:
        """What the readout says of inputs that every layer has read."""
        u = _features(state, x)
        for layer, memory in zip(self.layers, state.fast, strict=True):
            u = layer.read(memory, u)
        return self._wide(u) @ state.readout


def _features(state: Memory, x: Float[Array, "b inputs"]) -> Float[Array, "b width"]:
    return _normalised(jax.nn.relu(x @ state.projection + state.bias))


def _normalised(u: Array) -> Array:
    """Mean 0 and variance 1 over features."""
    centred = u - jnp.mean(u, -1, keepdims=True)
    return centred / jnp.sqrt(jnp.mean(centred**2, -1, keepdims=True) + EPSILON)


def _unit(u: Array) -> Array:
    """Of length 1."""
    return u / jnp.sqrt(jnp.sum(u**2, -1, keepdims=True) + EPSILON)
