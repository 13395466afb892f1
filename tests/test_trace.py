"""The trace of a synapse: momentum and averages as exact special cases."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from blurax import genome as genomes
from blurax.errors import BluraxError
from blurax.genome import Genome
from blurax.inner import predict, step, unroll
from blurax.links import Conv
from blurax.network import Edge, Network, NetworkState
from blurax.spec import Activation, Init, InitScale, Rule
from blurax.terms import Term
from blurax.widen import widen
from closeness import assert_close, differs
from variants import jit, labels

SIZES, BATCH, RATE = (6, 5, 4, 3), 8, 0.3
EXACT = Rule.backprop(Activation.TANH, init=Init(1.0, InitScale.FAN_IN))
TRACED = dataclasses.replace(EXACT, update=dataclasses.replace(EXACT.update, trace=True))
RESTING = {
    "trace_to_synapse": 0.0,
    "trace_of_synapse": 0.0,
    "trace_kept": 0.0,
    "trace_of_change": 0.0,
    "trace_in_sweeps": 0.0,
    "predict_synapse": 1.0,
    "predict_trace": 0.0,
}


def traced(**genes: float) -> Genome:
    """Back-propagation with these genes of its trace; the others do nothing."""
    genome = genomes.backprop(TRACED, RATE)
    terms = {name: jnp.asarray(value) for name, value in (RESTING | genes).items()}
    return dataclasses.replace(genome, synapse=dataclasses.replace(genome.synapse, terms=terms))


def batches(steps: int) -> tuple[jax.Array, jax.Array]:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(steps, BATCH, SIZES[0])), labels(rng, steps, BATCH, SIZES[-1])
    return jnp.asarray(x), jnp.asarray(y)


def matrices(state: NetworkState) -> list[jax.Array]:
    """The synapses of each layer, the bias unit's in the last row."""
    return [jnp.concatenate([s.forward, s.bias], axis=1)[0] for s in state.synapses]


def loss(weights: list[jax.Array], x: jax.Array, y: jax.Array) -> jax.Array:
    a = x
    for l, w in enumerate(weights):
        z = a @ w[:-1] + w[-1]
        a = z if l == len(weights) - 1 else jnp.tanh(z)
    return jnp.mean(optax.softmax_cross_entropy(a, (y > 0).astype(float)))


def learned(genome: Genome, steps: int) -> tuple[NetworkState, NetworkState]:
    """The state before and after some steps."""
    state = Network(SIZES).init(jax.random.key(1), genome, BATCH)
    return state, jit(unroll)(genome, state, *batches(steps))[0]


@pytest.mark.parametrize(("steps", "tolerance"), [(1, 1e-10), (50, 1e-8)])
def test_momentum_is_optax(steps: int, tolerance: float):
    genome = traced(trace_to_synapse=0.9, trace_kept=0.9, trace_of_change=1.0)
    before, after = learned(genome, steps)
    optimiser = optax.sgd(RATE, momentum=0.9)

    def one(carry, batch):
        weights, memory = carry
        updates, memory = optimiser.update(jax.grad(loss)(weights, *batch), memory)
        return (optax.apply_updates(weights, updates), memory), None

    weights = matrices(before)
    (want, _), _ = jax.lax.scan(one, (weights, optimiser.init(weights)), batches(steps))
    assert_close(matrices(after), want, tolerance)
    assert differs(matrices(after), matrices(learned(traced(), steps)[1])) or steps == 1


def test_sweeps_that_look_ahead_are_nesterovs_gradient():
    genome = traced(trace_to_synapse=0.8, trace_kept=0.8, trace_of_change=1.0, trace_in_sweeps=0.8)
    before, after = learned(genome, 5)
    weights = [np.asarray(w) for w in matrices(before)]
    velocity = [np.zeros_like(w) for w in weights]
    for x, y in zip(*batches(5), strict=True):
        ahead = [w + 0.8 * v for w, v in zip(weights, velocity, strict=True)]
        gradient = jax.grad(loss)([jnp.asarray(w) for w in ahead], x, y)
        velocity = [0.8 * v - RATE * np.asarray(g) for v, g in zip(velocity, gradient, strict=True)]
        weights = [w + v for w, v in zip(weights, velocity, strict=True)]
    assert_close(matrices(after), [jnp.asarray(w) for w in weights], 1e-10)


def test_predictions_go_by_the_average_of_the_synapses():
    genome = traced(trace_of_synapse=0.1, trace_kept=0.9, predict_synapse=0.0, predict_trace=1.0)
    state, x, y = learned(genome, 1)[0], *batches(6)
    average = [np.zeros_like(w) for w in matrices(state)]
    for n in range(len(x)):
        state, _ = jit(step)(genome, state, x[n], y[n])
        average = [
            0.9 * m + 0.1 * np.asarray(w) for m, w in zip(average, matrices(state), strict=True)
        ]
    a = np.asarray(x[0])
    for l, m in enumerate(average):
        z = a @ m[:-1] + m[-1]
        a = z if l == len(average) - 1 else np.tanh(z)
    assert_close(predict(genome, state, x[0]), jnp.asarray(a), 1e-10)
    plain = learned(genomes.backprop(EXACT, RATE), 6)[1]
    assert_close(matrices(state), matrices(plain), 1e-12)  # learning does not notice


def test_a_trace_that_nobody_reads_changes_nothing():
    genome = traced(trace_of_synapse=0.4, trace_kept=0.7, trace_of_change=0.3)
    (_, after), plain = learned(genome, 4), genomes.backprop(EXACT, RATE)
    want = learned(plain, 4)[1]
    assert_close(matrices(after), matrices(want), 0.0)
    x = batches(1)[0][0]
    assert_close(predict(genome, after, x), predict(plain, want, x), 0.0)


def test_the_meta_gradient_through_traces_is_the_finite_difference():
    genome = traced(
        trace_to_synapse=0.3,
        trace_of_synapse=0.2,
        trace_kept=0.6,
        trace_of_change=0.5,
        trace_in_sweeps=0.4,
        predict_synapse=0.7,
        predict_trace=0.6,
    )
    (x, y), (query, wanted) = batches(4), batches(5)
    state = Network(SIZES).init(jax.random.key(1), genome, BATCH)

    def objective(vector: jax.Array) -> jax.Array:
        own = genomes.unflatten(vector, TRACED)
        after = unroll(own, state, x, y)[0]
        found = predict(own, after, query[4])
        return jnp.mean(optax.softmax_cross_entropy(found, (wanted[4] > 0).astype(float)))

    vector, size = genomes.flatten(genome), 1e-6
    gradient = jit(jax.grad(objective))(vector)
    objective = jit(objective)
    steps = size * jnp.eye(len(vector))
    want = [(objective(vector + s) - objective(vector - s)) / (2 * size) for s in steps]
    assert_close(gradient, jnp.stack(want), 1e-7)


def test_convolutional_synapses_have_traces_too():
    network = Network(
        ((6, 6, 1), (4, 4, 2), (3,)), (Edge(0, 1, Conv(3, padding="valid")), Edge(1, 2))
    )
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(3, BATCH, 6, 6, 1)), labels(rng, 3, BATCH, 3)
    momentum = traced(trace_to_synapse=0.9, trace_kept=0.9, trace_of_change=1.0)
    state = network.init(jax.random.key(0), momentum, BATCH)
    after = jit(unroll)(momentum, state, jnp.asarray(x), jnp.asarray(y))[0]
    plain, velocity = genomes.backprop(EXACT, RATE), None
    now = network.init(jax.random.key(0), plain, BATCH)
    for n in range(3):  # by hand: the change of each step is that of back-propagation from there
        moved = jit(step)(plain, now, jnp.asarray(x[n]), jnp.asarray(y[n]))[0]
        change = jax.tree.map(jnp.subtract, moved.synapses, now.synapses)
        velocity = (
            change if velocity is None else jax.tree.map(lambda v, c: 0.9 * v + c, velocity, change)
        )
        new = jax.tree.map(jnp.add, now.synapses, velocity)
        now = dataclasses.replace(now, synapses=new)
    assert_close([s.up for s in after.synapses], [s.up for s in now.synapses], 1e-10)


def test_a_state_without_traces_is_refused():
    state = Network(SIZES).init(jax.random.key(0), EXACT, BATCH)
    x, y = batches(1)
    with pytest.raises(BluraxError, match=r"keeps nothing beside synapses, .* takes trace"):
        step(traced(), state, x[0], y[0])
    state = Network(SIZES).init(jax.random.key(0), TRACED, BATCH)
    with pytest.raises(BluraxError, match=r"keeps trace beside synapses, .* takes nothing"):
        step(genomes.backprop(EXACT, RATE), state, x[0], y[0])


def test_synapses_that_are_not_plastic_predict_as_they_are():
    network = Network((5, 6, 3), (Edge(0, 1, plastic=False), Edge(1, 2)))
    rng = np.random.default_rng(4)
    x, y = jnp.asarray(rng.normal(size=(2, BATCH, 5))), jnp.asarray(labels(rng, 2, BATCH, 3))
    average = traced(trace_of_synapse=1.0, trace_kept=0.0, predict_synapse=0.0, predict_trace=1.0)
    plain = genomes.backprop(EXACT, RATE)
    found = [
        predict(g, jit(unroll)(g, network.init(jax.random.key(0), g, BATCH), x, y)[0], x[0])
        for g in (average, plain)  # this average is of the newest synapses alone
    ]
    assert_close(found[0], found[1], 1e-12)
    assert differs(found[0][0], found[0][1])


def test_a_wider_genome_with_a_further_update_learns_alike():
    wider = dataclasses.replace(
        TRACED, update=dataclasses.replace(TRACED.update, after_forward=True)
    )
    genome = traced(trace_to_synapse=0.3, trace_of_synapse=0.2, trace_kept=0.6, trace_of_change=0.5)
    _, want = learned(genome, 4)
    _, found = learned(widen(genome, wider), 4)
    assert_close(found.synapses, want.synapses, 1e-12)


def test_a_mask_is_refused_with_what_stands_against_it():
    rule = dataclasses.replace(
        EXACT, update=dataclasses.replace(EXACT.update, input_size=True, trace=True)
    )
    genome, (x, y) = genomes.backprop(rule, RATE), batches(1)
    state = Network(SIZES).init(jax.random.key(0), genome, BATCH)
    with pytest.raises(BluraxError, match=r"act on each other: rates relative to the size"):
        step(genome, state, x[0], y[0], mask=jnp.arange(BATCH) < 5)


class Memory(Term):
    """A term that keeps something."""

    name = "memory"

    def begin(self, into):
        return [jnp.zeros_like(w) for w in into]


class WholeNumbers(Memory):
    """It keeps another type than its synapses'."""

    def remember(self, new, pair):
        return [jnp.ones(w.shape, int) for w in new]


class Forgetful(Term):
    """It would remember, and has not begun."""

    name = "forgetful"

    def remember(self, new, pair):
        return new


def test_terms_that_keep_wrongly_are_refused():
    with pytest.raises(BluraxError, match="several terms of the name memory"):
        dataclasses.replace(EXACT, extra=(Memory(), WholeNumbers()))
    with pytest.raises(BluraxError, match="Forgetful has a hook remember or read, but none"):
        dataclasses.replace(EXACT, extra=(Forgetful(),))
    rule = dataclasses.replace(EXACT, extra=(WholeNumbers(),))
    genome, (x, y) = genomes.backprop(rule, RATE), batches(1)
    state = Network(SIZES).init(jax.random.key(0), genome, BATCH)
    with pytest.raises(BluraxError, match=r"WholeNumbers\.remember returned .* of float64"):
        step(genome, state, x[0], y[0])
    assert not rule.terms[-1].only_follows
