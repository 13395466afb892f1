"""Errors that pass through: what lower layers hear has another slope than a neuron's own error."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from blurax import genome as genomes
from blurax.analysis.rule_words import rule_words
from blurax.choices import Normalise
from blurax.experiments.ablation import positions, terms
from blurax.genome import Genome
from blurax.inner import unroll
from blurax.network import Edge, Network, NetworkState
from blurax.spec import Activation, Init, InitScale, Rule, Stabilise
from blurax.widen import widen
from closeness import assert_close, differs
from variants import jit, labels

SIZES, BATCH, RATE = (6, 5, 4, 3, 3), 8, 0.3
EXACT = Rule.backprop(Activation.FOLDED_RELU, init=Init(1.0, InitScale.FAN_IN))
PASSING = dataclasses.replace(EXACT, sigma=dataclasses.replace(EXACT.sigma, pass_through=True))
RNG = np.random.default_rng(0)
X = jnp.asarray(RNG.normal(size=(2, BATCH, SIZES[0])))
Y = jnp.asarray(labels(RNG, 2, BATCH, SIZES[-1]))


def passing(share: float, rule: Rule = PASSING) -> Genome:
    """Back-propagation by which a share of the errors passes through."""
    genome = genomes.backprop(rule, RATE)
    own = {"pass_through": jnp.asarray(share)}
    terms = genome.neuron.terms | own
    return dataclasses.replace(genome, neuron=dataclasses.replace(genome.neuron, terms=terms))


def matrices(state: NetworkState) -> list[jax.Array]:
    """The synapses of each layer, the bias unit's in the last row."""
    return [jnp.concatenate([s.forward, s.bias], axis=1)[0] for s in state.synapses]


def learned(genome: Genome, network: Network, steps: int = 1) -> tuple[NetworkState, NetworkState]:
    """A network before and after some steps."""
    state = network.init(jax.random.key(1), genome, BATCH)
    return state, jit(unroll)(genome, state, X[:steps], Y[:steps])[0]


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_a_step_is_back_propagation_by_a_second_slope(share: float):
    before, after = learned(passing(share), Network(SIZES))
    weights, y = matrices(before), np.asarray(Y[0] > 0, float)
    ones = np.ones((BATCH, 1))
    said, slopes, z = [np.asarray(X[0])], [], np.empty(0)
    for w in weights:
        z = np.hstack([said[-1], ones]) @ np.asarray(w)
        slopes.append(np.where(z > 0, 1.0, -0.5))
        said.append(np.where(z > 0, z, -z / 2))
    odds = np.exp(z - z.max(axis=1, keepdims=True))  # the last layer is linear
    own = handed = odds / odds.sum(axis=1, keepdims=True) - y
    for l in reversed(range(len(weights))):
        if l < len(weights) - 1:
            heard = handed @ np.asarray(weights[l + 1])[:-1].T
            own, handed = slopes[l] * heard, ((1 - share) * slopes[l] + share) * heard
        step = np.hstack([said[l], ones]).T @ own / BATCH
        assert_close(matrices(after)[l], weights[l] - RATE * step, 1e-12)


def test_without_a_share_nothing_changes_and_a_genome_can_be_widened_to_it():
    plain = genomes.backprop(EXACT, RATE)
    state = Network(SIZES).init(jax.random.key(1), plain, BATCH)
    want = jit(unroll)(plain, state, X, Y)[0]
    assert_close(jit(unroll)(passing(0.0), state, X, Y)[0], want, 0.0)
    assert differs(jit(unroll)(passing(0.5), state, X, Y)[0], want)
    assert_close(widen(plain, PASSING), passing(0.0), 0.0)
    assert float(genomes.random(jax.random.key(0), PASSING).neuron.pass_through) == 0.5


def test_with_one_hidden_layer_no_error_goes_on():
    normalised = dataclasses.replace(PASSING, stabilise=Stabilise(Normalise.BOTH))
    for rule in (PASSING, normalised):
        (_, some), (_, none) = (
            learned(passing(share, rule), Network((6, 5, 3)), steps=2) for share in (0.7, 0.0)
        )
        assert_close(some, none, 0.0)


@pytest.mark.parametrize("delay", [0, 1])
def test_an_edge_with_a_delay_carries_the_neurons_own(delay: int):
    kept = dataclasses.replace(PASSING, keep_neurons=True)
    edges = Edge(0, 1), Edge(0, 2), Edge(1, 2, delay=delay), Edge(2, 3)
    chain = Network(((6,), (5,), (4,), (3,)), edges)
    (_, some), (_, none) = (learned(passing(share, kept), chain, steps=2) for share in (0.7, 0.0))
    assert differs(some.synapses, none.synapses) == (delay == 0)


def test_it_has_words_and_an_ablation():
    assert rule_words(PASSING)["σ"].endswith("; errors passing through to lower layers")
    genome = passing(0.5)
    where, value = dict(terms(genome, positions(genome)))["errors pass by φ' alone: ℓ = 0"]
    assert value == 0
    assert genomes.flatten(genome)[where] == 0.5
