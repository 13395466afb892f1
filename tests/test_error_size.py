"""Rates relative to the size of errors: one rate for losses of unlike curvature."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from blurax import genome as genomes
from blurax.genome import Genome
from blurax.inner import step, unroll
from blurax.network import Network
from blurax.spec import Feedback, Init, InitScale, Rule, Signal
from blurax.targets import Regression
from blurax.widen import widen
from closeness import assert_close, differs
from variants import jit, labels

SIZES, BATCH, RATE = (6, 5, 4), 8, 0.3
EXACT = Rule.backprop(init=Init(1.0, InitScale.FAN_IN))
SIZED = dataclasses.replace(EXACT, update=dataclasses.replace(EXACT.update, error_size=True))
OF_NUMBERS = dataclasses.replace(SIZED, feedback=Feedback(Signal.SQUARED_ERROR))
RNG = np.random.default_rng(0)
X = jnp.asarray(RNG.normal(size=(3, BATCH, SIZES[0])))
Y = jnp.asarray(labels(RNG, 3, BATCH, SIZES[-1]))


def sized(power: float, rule: Rule = SIZED, rate: float = RATE) -> Genome:
    """Back-propagation at rates that fall with the errors by this power."""
    genome = genomes.backprop(rule, rate)
    terms = genome.synapse.terms | {"error_size": jnp.asarray(power)}
    return dataclasses.replace(genome, synapse=dataclasses.replace(genome.synapse, terms=terms))


def readout_step(genome: Genome, scale: float = 1.0) -> np.ndarray:
    """How a linear readout without hidden layers moves by a batch of targets of some size."""
    network = Network((SIZES[0], SIZES[-1]))
    before = network.init(jax.random.key(1), genome, BATCH)
    still = jax.tree.map(jnp.zeros_like, before.synapses)
    before = dataclasses.replace(before, synapses=still)
    y = scale * jnp.asarray(np.random.default_rng(1).normal(size=(BATCH, SIZES[-1])))
    after = jit(step_of_numbers)(genome, before, y)
    forward, bias = after.synapses[0].forward, after.synapses[0].bias
    return np.concatenate([forward, bias], axis=1)[0]


def step_of_numbers(genome, state, y):
    """A step whose labels are numbers."""
    return step(genome, state, X[0], y, target=Regression(SIZES[-1]))[0]


@pytest.mark.parametrize("power", [0.25, 0.5, 1.0])
def test_a_step_of_the_readout_is_the_gradient_at_the_rate_of_each_neuron(power: float):
    y = np.random.default_rng(1).normal(size=(BATCH, SIZES[-1]))
    seen = np.hstack([X[0], np.ones((BATCH, 1))])
    rates = RATE * (0.091 / (np.mean(y**2, axis=0) + 0.001)) ** power
    assert_close(readout_step(sized(power, OF_NUMBERS)), rates * (seen.T @ y) / BATCH, 1e-12)


def test_at_a_power_of_one_half_the_size_of_targets_hardly_matters():
    small, large = (readout_step(sized(0.5, OF_NUMBERS), scale) for scale in (10.0, 1000.0))
    np.testing.assert_allclose(small, large, rtol=1e-4)
    small, large = (readout_step(sized(0.0, OF_NUMBERS), scale) for scale in (10.0, 1000.0))
    np.testing.assert_allclose(100 * small, large, rtol=1e-9)


def test_without_errors_nothing_moves_and_meta_gradients_are_finite():
    assert not readout_step(sized(1.0, OF_NUMBERS), 0.0).any()

    def moved(genome: Genome) -> jax.Array:
        network = Network((SIZES[0], SIZES[-1]))
        state = network.init(jax.random.key(1), genome, BATCH)
        still = dataclasses.replace(state, synapses=jax.tree.map(jnp.zeros_like, state.synapses))
        after = step_of_numbers(genome, still, jnp.zeros((BATCH, SIZES[-1])))
        return sum(jnp.sum(leaf) for leaf in jax.tree.leaves(after.synapses))

    gradient = jax.grad(moved)(sized(1.0, OF_NUMBERS))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


def test_the_length_of_mu_tilde_is_as_good_as_the_rate():
    """So genomes that act alike can be told: docs of `gauge.canonical`."""
    one = sized(0.5)
    synapse = dataclasses.replace(
        one.synapse, mu_tilde=4 * one.synapse.mu_tilde, eta_tilde=one.synapse.eta_tilde / 4
    )
    other = dataclasses.replace(one, synapse=synapse)
    state = Network(SIZES).init(jax.random.key(1), one, BATCH)
    assert_close(jit(unroll)(other, state, X, Y)[0], jit(unroll)(one, state, X, Y)[0], 1e-12)


def test_without_a_power_nothing_changes_and_a_genome_can_be_widened_to_it():
    plain = genomes.backprop(EXACT, RATE)
    state = Network(SIZES).init(jax.random.key(1), plain, BATCH)
    want = jit(unroll)(plain, state, X, Y)[0]
    assert_close(jit(unroll)(sized(0.0), state, X, Y)[0], want, 0.0)
    assert differs(jit(unroll)(sized(0.5), state, X, Y)[0], want)
    assert_close(widen(plain, SIZED), sized(0.0), 0.0)
    assert float(genomes.random(jax.random.key(0), SIZED).synapse.error_size) == 0.5
