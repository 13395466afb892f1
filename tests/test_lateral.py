"""Lateral inhibition: the gradient of WLD-Reg's direct form, by what neurons of a layer say."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from blurax import genome as genomes
from blurax import specialisation as special
from blurax.analysis.rule_words import rule_words
from blurax.errors import BluraxError
from blurax.experiments.ablation import positions, terms
from blurax.genome import Genome
from blurax.inner import predict, step, unroll
from blurax.learner import Blur
from blurax.links import Conv
from blurax.network import Edge, Network, NetworkState
from blurax.outer.objective import Objective, episode_loss
from blurax.spec import Activation, Init, InitScale, Rule
from blurax.tasks import EpisodeSpec, Split, get
from blurax.terms.lateral import GAMMA, inhibition
from blurax.widen import widen
from closeness import assert_close, differs
from variants import jit, labels

SIZES, BATCH, RATE = (6, 5, 4, 3), 8, 0.3
EXACT = Rule.backprop(Activation.TANH, init=Init(1.0, InitScale.FAN_IN))
LATERAL = dataclasses.replace(EXACT, lateral=True)
RNG = np.random.default_rng(0)
X = jnp.asarray(RNG.normal(size=(3, BATCH, SIZES[0])))
Y = jnp.asarray(labels(RNG, 3, BATCH, SIZES[-1]))


def inhibiting(strength: float) -> Genome:
    """Back-propagation whose neurons inhibit each other."""
    genome = genomes.backprop(LATERAL, RATE)
    neuron = dataclasses.replace(genome.neuron, terms={"lateral": jnp.asarray(strength)})
    return dataclasses.replace(genome, neuron=neuron)


def matrices(state: NetworkState) -> list[jax.Array]:
    """The synapses of each layer, the bias unit's in the last row."""
    return [jnp.concatenate([s.forward, s.bias], axis=1)[0] for s in state.synapses]


def regularised(weights: list[jax.Array], x: jax.Array, y: jax.Array, strength: float):
    """The loss of back-propagation plus s / (N - 1) times the direct form of each hidden layer."""
    a, added = x, 0.0
    for l, w in enumerate(weights):
        z = a @ w[:-1] + w[-1]
        if l == len(weights) - 1:
            return jnp.mean(optax.softmax_cross_entropy(z, (y > 0).astype(float))) + added
        a = jnp.tanh(z)
        added += strength / (a.shape[1] - 1) * special.direct(special.similarities(a))
    raise AssertionError


@pytest.mark.parametrize("strength", [0.7, -0.2])
def test_it_is_the_gradient_of_the_direct_form_with_respect_to_what_neurons_say(strength: float):
    phi = jnp.asarray(RNG.normal(size=(BATCH, 7)))

    def direct(phi: jax.Array) -> jax.Array:
        """The sum over the examples, as error signals are gradients of each example's loss."""
        return BATCH * strength / 6 * special.direct(special.similarities(phi, GAMMA))

    assert_close(strength * inhibition(phi), jax.grad(direct)(phi), 1e-12)


@pytest.mark.parametrize("strength", [0.5, -0.1])
def test_under_back_propagation_a_step_descends_the_loss_and_the_penalty(strength: float):
    genome = inhibiting(strength)
    state = Network(SIZES).init(jax.random.key(1), genome, BATCH)
    after = jit(unroll)(genome, state, X, Y)[0]
    weights, slope = matrices(state), jit(jax.grad(regularised))
    for x, y in zip(X, Y, strict=True):
        found = slope(weights, x, y, strength)
        weights = [w - RATE * g for w, g in zip(weights, found, strict=True)]
    assert_close(matrices(after), weights, 1e-10)
    assert differs(weights, matrices(jit(unroll)(inhibiting(0.0), state, X, Y)[0]))


def test_without_strength_nothing_changes_and_a_genome_can_be_widened_to_it():
    plain = genomes.backprop(EXACT, RATE)
    state = Network(SIZES).init(jax.random.key(1), plain, BATCH)
    want = jit(unroll)(plain, state, X, Y)[0]
    assert_close(jit(unroll)(inhibiting(0.0), state, X, Y)[0], want, 0.0)
    assert_close(widen(plain, LATERAL), inhibiting(0.0), 0.0)
    assert float(genomes.random(jax.random.key(0), LATERAL).neuron.lateral) == 0


def test_features_of_maps_inhibit_each_other_where_they_stand():
    network = Network(
        ((6, 6, 1), (4, 4, 3), (3,)), (Edge(0, 1, Conv(3, padding="valid")), Edge(1, 2))
    )
    genome, x = inhibiting(0.4), jnp.asarray(RNG.normal(size=(BATCH, 6, 6, 1)))
    state = network.init(jax.random.key(0), genome, BATCH)
    got = jit(step)(genome, state, x, Y[0])[0]

    def loss(up: list) -> jax.Array:
        synapses = [s.having(list(parts), []) for s, parts in zip(state.synapses, up, strict=True)]
        made = dataclasses.replace(state, synapses=tuple(synapses))
        said = special.by_feature(Blur(genome, network).activations(made, x, x)[1])
        s = jnp.mean(jnp.exp(-GAMMA * (said[:, :, None] - said[:, None]) ** 2), axis=0)
        logits = predict(genome, made, x)
        own = jnp.mean(optax.softmax_cross_entropy(logits, (Y[0] > 0).astype(float)))
        return own + 0.4 / 2 * 16 * special.direct(s)  # a sum over the positions

    up = [tuple(s.up) for s in state.synapses]
    slope = jit(jax.grad(loss))(up)
    for s, parts, g in zip(got.synapses, up, slope, strict=True):
        assert_close(tuple(s.up), tuple(w - RATE * d for w, d in zip(parts, g, strict=True)), 1e-10)


def test_it_has_words_an_ablation_and_a_refusal():
    assert "alike neurons of a layer inhibiting each other" in rule_words(LATERAL)["update"]
    genome = inhibiting(0.5)
    where, value = dict(terms(genome, positions(genome)))["lateral inhibition: s = 0"]
    assert value == 0
    assert genomes.flatten(genome)[where] == 0.5
    with pytest.raises(BluraxError, match=r"Rule.lateral is on, but Rule.states is 1"):
        Rule(states=1, lateral=True)


def test_examples_can_be_left_out():
    genome, mask = inhibiting(0.5), jnp.arange(BATCH) < 5
    state = Network(SIZES).init(jax.random.key(1), genome, BATCH)
    got = jit(lambda s: step(genome, s, X[0], Y[0], mask=mask)[0])(state)
    want = jit(step)(genome, state, X[0, :5], Y[0, :5])[0]
    assert_close(matrices(got), matrices(want), 1e-12)


def test_the_meta_objective_asks_for_specialised_neurons():
    learner, task = Blur(genomes.backprop(EXACT, RATE), Network((4, 5, 3))), get("iris")
    spec, key = EpisodeSpec(steps=2, batch=8, query=20), jax.random.key(0)

    def loss(objective: Objective) -> jax.Array:
        return jit(lambda: episode_loss(learner, task, spec, objective, key))()

    plain = loss(Objective())
    assert_close(loss(Objective(attribution=0.0, diversity=0.0)), plain, 0.0)
    first, drawn = jax.random.split(key)
    episode, state = task.sample(drawn, spec, Split.TRAIN), learner.init(first, 8)
    for x, y in zip(episode.support.x, episode.support.y, strict=True):
        state = step(learner.genome, state, x, y, target=task.target)[0]
    found = jit(special.measured)(learner, state, episode.query.x)
    asked = loss(Objective(attribution=0.5)) - plain
    assert float(asked) == pytest.approx(
        0.5 * float(found.sparsity[0] + found.overlap[0]), rel=1e-10
    )
    alike = loss(Objective(diversity=2.0)) - plain
    assert float(alike) == pytest.approx(2 * float(found.similarity[0]), rel=1e-10)
    with pytest.raises(BluraxError, match=r"Objective.diversity is -1.0; it takes"):
        Objective(diversity=-1.0)
