"""Back-propagation *is* a genome (sec. 3.1): its inner steps are those of gradient descent.

The gradient descent here is `jax.grad` of a loss on a perceptron written without blurax.
"""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blurax import genome
from blurax.inner import unroll
from blurax.network import Network, NetworkState, Synapses
from blurax.spec import Activation, Rule, Signal
from closeness import assert_close, error
from variants import jit, labels

STEPS = 50
PHI = {
    Activation.TANH: jnp.tanh,
    Activation.SIGMOID: lambda z: 1 / (1 + jnp.exp(-z)),
    Activation.LINEAR: lambda z: z,
}
Weights = list[tuple[jax.Array, jax.Array]]
"""The matrix and the bias of each layer."""


def perceptron(weights: Weights, x: jax.Array, rule: Rule) -> jax.Array:
    for n, (matrix, bias) in enumerate(weights):
        phi = rule.sigma.last if n == len(weights) - 1 else rule.sigma.forward
        x = PHI[phi](x @ matrix + bias)
    return x


def loss(weights: Weights, x: jax.Array, y: jax.Array, rule: Rule) -> jax.Array:
    out = perceptron(weights, x, rule)
    if rule.feedback.signal is Signal.SQUARED_ERROR:
        return jnp.mean(jnp.sum((out - y) ** 2, axis=1)) / 2
    chosen = jnp.sum(jnp.where(y > 0, out, 0.0), axis=1)
    return jnp.mean(jax.nn.logsumexp(out, axis=1) - chosen)


def descend(weights: Weights, x: jax.Array, y: jax.Array, rate: float, rule: Rule) -> Weights:
    """The weights after each step of plain gradient descent."""

    def body(weights: Weights, batch: tuple) -> tuple[Weights, Weights]:
        gradient = jax.grad(loss)(weights, *batch, rule)
        new = jax.tree.map(lambda w, g: w - rate * g, weights, gradient)
        return new, new

    return jax.lax.scan(body, weights, (x, y))[1]


def weights_of(state: NetworkState) -> Weights:
    """The forward synapses as matrices and biases."""
    return [(s.forward[..., 0, :, :], s.bias[..., 0, 0, :]) for s in state.synapses]


def network(sizes: list[int], rng: np.random.Generator) -> NetworkState:
    """A random network with single-channel, symmetric synapses."""

    def between(i: int, j: int) -> Synapses:
        w = jnp.asarray(rng.normal(size=(1, i + 1, j)) / (i + 1) ** 0.5)
        return Synapses(w[:, :-1], w[:, -1:], None)

    return NetworkState(tuple(between(i, j) for i, j in pairwise(sizes)), None)


def trajectories(
    rule: Rule, sizes: list[int], batch: int, rate: float, seed: int
) -> tuple[Weights, Weights, Weights]:
    """The weights at the start, and after each step of the genome and of gradient descent."""
    Network(tuple(sizes)).check(rule)
    rng = np.random.default_rng(seed)
    start = network(sizes, rng)
    x = jnp.asarray(rng.normal(size=(STEPS, batch, sizes[0])))
    y = jnp.asarray(labels(rng, STEPS, batch, sizes[-1]))

    def both(start: NetworkState) -> tuple[Weights, Weights]:
        backprop = genome.backprop(rule, rate)
        learned = unroll(backprop, start, x, y, lambda state, _: weights_of(state))[1]
        return learned, descend(weights_of(start), x, y, rate, rule)

    return weights_of(start), *jit(both)(start)


width = st.integers(1, 40)
rules = st.builds(
    Rule.backprop,
    activation=st.sampled_from([Activation.TANH, Activation.SIGMOID]),
    last=st.sampled_from(list(PHI)),
    signal=st.sampled_from([Signal.SQUARED_ERROR, Signal.CROSS_ENTROPY]),
)


@settings(max_examples=15, deadline=None)
@given(
    rule=rules,
    inputs=width,
    hidden=st.lists(width, min_size=1, max_size=4),
    outputs=st.integers(2, 40),
    batch=st.integers(1, 64),
    rate=st.floats(1e-3, 2e-2),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_backprop_genome_is_gradient_descent(
    rule: Rule,
    inputs: int,
    hidden: list[int],
    outputs: int,
    batch: int,
    rate: float,
    seed: int,
):
    sizes = [inputs, *hidden, outputs]
    start, learned, descended = trajectories(rule, sizes, batch, rate, seed)
    changes = [
        np.concatenate([np.ravel(w[0] - w0) for w, w0 in leaves_of(weights, start)])
        for weights in (learned, descended)
    ]
    assert error(*changes) <= 1e-10
    for (got, want), (_, w0) in zip(
        leaves_of(learned, descended), leaves_of(start, start), strict=True
    ):
        # A change far smaller than the weight it is taken from carries that weight's rounding.
        rounding = 4 * np.finfo(float).eps * np.abs(w0).max()
        change = np.abs(want[0] - w0).max()
        assert change > 0
        assert np.abs(got[0] - want[0]).max() <= 1e-10 * change + rounding
    assert_close(learned, descended, tolerance=1e-8)


def leaves_of(a: Weights, b: Weights) -> list[tuple[jax.Array, jax.Array]]:
    return list(zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


@pytest.mark.parametrize("signal", [Signal.SQUARED_ERROR, Signal.CROSS_ENTROPY])
def test_the_loss_here_is_the_usual_one(signal: Signal):
    rng = np.random.default_rng(0)
    rule, out = Rule.backprop(signal=signal, last=Activation.LINEAR), rng.normal(size=(5, 3))
    y = labels(rng, 5, 3)
    usual = optax.softmax_cross_entropy_with_integer_labels(out, y.argmax(1)).mean()
    if signal is Signal.SQUARED_ERROR:
        usual = optax.l2_loss(out, y).sum(1).mean()
    as_bias = [(jnp.zeros((1, 3)), jnp.zeros(3)), (jnp.zeros((3, 3)), jnp.zeros(3))]
    assert loss(as_bias, jnp.zeros((5, 1)), jnp.asarray(y), rule) > 0
    assert_close(loss([(jnp.eye(3), jnp.zeros(3))], jnp.asarray(out), jnp.asarray(y), rule), usual)


def test_a_wrong_sign_is_no_gradient_descent():
    rule = Rule.backprop()
    _, learned, _ = trajectories(rule, [3, 4, 2], batch=5, rate=0.02, seed=0)
    _, _, other = trajectories(rule, [3, 4, 2], batch=5, rate=-0.02, seed=0)
    assert error(learned[0][0], other[0][0]) > 1e-3
