"""VSML: the fast sweeps against loops over synapses; orders; masks; numbers that can be learned."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import blurax
from blurax.errors import BluraxError
from blurax.learned.vsml import BOUND, Vsml
from blurax.learner import Batch
from blurax.network import Network
from blurax.outer.numbers import flatten, numbers_of
from blurax.targets import Classes, Regression
from blurax.tasks import EpisodeSpec, Split, get

NETWORK = Network((4, 6, 5, 3))


def lively(network=NETWORK, seed=1, ticks=2):
    """A learner all of whose numbers do something."""
    learner = Vsml(network, width=4, messages=3, ticks=ticks)
    numbers, rest = eqx.partition(learner, eqx.is_inexact_array)
    leaves, kind = jax.tree.flatten(numbers)
    keys = jax.random.split(jax.random.key(seed), len(leaves))
    moved = [l + jax.random.normal(k, l.shape) for k, l in zip(keys, leaves, strict=True)]
    return eqx.combine(jax.tree.unflatten(kind, moved), rest)


def examples(count=5, seed=2, inputs=4, outputs=3):
    keys = jax.random.split(jax.random.key(seed))
    x = jax.random.normal(keys[0], (count, inputs))
    labels = jax.random.randint(keys[1], (count,), 0, outputs)
    return Batch(x, Classes(outputs).encode(labels))


@eqx.filter_jit
def stepped(learner, state, batch):
    rate, index = jnp.zeros(()), jnp.zeros((), int)
    return learner.step(state, batch, rate=rate, key=jax.random.key(0), index=index)[0]


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def tick(lstm, hidden, cell, below, above):
    """One step of the LSTM of one synapse."""
    z = lstm.recurrent @ hidden + lstm.from_below @ below + lstm.from_above @ above + lstm.bias
    write, new, keep, say = np.split(np.asarray(z), 4)
    cell = sigmoid(keep) * cell + sigmoid(write) * np.tanh(new)
    return sigmoid(say) * np.tanh(cell), cell


def ticked(learner, layer, below, above):
    """Every synapse of a layer in turn, in place; what the neurons above and below then hear."""
    lstm, (hidden, cell) = learner.lstm, layer
    _, i_count, j_count = hidden.shape
    up, down = np.zeros((j_count, 3)), np.zeros((i_count, 3))
    for i in range(i_count):
        for j in range(j_count):
            for _ in range(learner.ticks):
                hidden[:, i, j], cell[:, i, j] = tick(
                    lstm, hidden[:, i, j], cell[:, i, j], below[i], above[j]
                )
            up[j] += (lstm.up @ hidden[:, i, j] + lstm.up_bias) / i_count
            down[i] += (lstm.down @ hidden[:, i, j] + lstm.down_bias) / j_count
    return up, down


def message(*parts):
    """The parts side by side, then zeros."""
    return np.stack([*parts, *[np.zeros(len(parts[0]))] * (3 - len(parts))], axis=1)


def by_loops(learner, state, batch, error_of):
    """The state after a batch, and what each example was answered before it was learned."""
    learner = jax.tree.map(np.asarray, learner)
    layers, answers = [(np.array(s.hidden), np.array(s.cell)) for s in state], []
    for x, y in zip(np.asarray(batch.x), np.asarray(batch.y), strict=True):
        heard = [message(x)]
        for layer in layers:
            silence = np.zeros((layer[0].shape[2], 3))
            heard.append(ticked(learner, layer, heard[-1], silence)[0])
        answers.append(BOUND * np.tanh(heard[-1][:, 0] / BOUND))
        above = message(*error_of(answers[-1], y))
        for layer, below in zip(layers[::-1], heard[-2::-1], strict=True):
            above = ticked(learner, layer, below, above)[1]
    return layers, np.array(answers)


def softmax_less_label(outputs, y):
    chances = np.exp(outputs - outputs.max())
    return chances / chances.sum() - (y > 0), y > 0


def check_layers(found, layers):
    for synapses, (hidden, cell) in zip(found, layers, strict=True):
        np.testing.assert_allclose(synapses.hidden, hidden, rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(synapses.cell, cell, rtol=1e-10, atol=1e-10)


def test_a_batch_against_loops_over_synapses():
    learner, batch = lively(), examples()
    state = learner.init(jax.random.key(3), 5)
    found = stepped(learner, state, batch)
    layers, answers = by_loops(learner, state, batch, softmax_less_label)
    check_layers(found, layers)
    for n in (0, 3):
        before = stepped(learner, state, batch_of(batch, slice(n))) if n else state
        said = learner.predict(before, batch.x[n : n + 1])[0]
        np.testing.assert_allclose(said, answers[n], rtol=1e-10, atol=1e-10)


def batch_of(batch, places):
    return Batch(batch.x[places], batch.y[places])


def test_a_batch_is_as_many_steps_of_one_example_and_a_mask_leaves_examples_out():
    learner, batch = lively(), examples()
    state = learner.init(jax.random.key(3), 5)
    whole = stepped(learner, state, batch)
    one = state
    for n in range(5):
        one = stepped(learner, one, batch_of(batch, slice(n, n + 1)))
    masked = Batch(batch.x, batch.y, jnp.array([True, False, True, True, False]))
    some = stepped(learner, state, masked)
    few = stepped(learner, state, batch_of(batch, jnp.array([0, 2, 3])))
    for pair in ((whole, one), (some, few)):
        for ours, theirs in zip(*map(jax.tree.leaves, pair), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)
    assert np.abs(flatten(whole) - flatten(some)).max() > 0.01


def reordered(state, orders):
    """The same state with the neurons of every group in other orders."""
    return tuple(
        jax.tree.map(lambda leaf, i=i, j=j: leaf[:, i][:, :, j], layer)
        for layer, (i, j) in zip(state, itertools.pairwise(orders), strict=True)
    )


orders_of = st.tuples(*(st.permutations(range(n)) for n in NETWORK.sizes))


@settings(max_examples=8, deadline=None, derandomize=True)
@given(orders_of, st.integers(0, 3))
def test_neurons_in_another_order_learn_the_same_in_that_order(given_orders, seed):
    orders = [np.asarray(order) for order in given_orders]
    learner, batch = lively(), examples(seed=seed)
    state = learner.init(jax.random.key(seed), 5)
    moved = Batch(batch.x[:, orders[0]], batch.y[:, orders[-1]])
    found = stepped(learner, reordered(state, orders), moved)
    wanted = stepped(learner, state, batch)
    for ours, theirs in zip(*map(jax.tree.leaves, (found, reordered(wanted, orders))), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)
    said, other = learner.predict(wanted, batch.x), learner.predict(found, moved.x)
    np.testing.assert_allclose(other, said[:, orders[-1]], rtol=1e-10, atol=1e-10)


def test_predictions_of_many_inputs_are_those_of_each():
    learner = lively(Network((4, 3)))
    state = learner.init(jax.random.key(0), 1)
    x = examples(count=150).x
    found = learner.predict(state, x)
    groups = learner.activations(state, x, x)
    assert [group.shape for group in groups] == [(150, 4), (150, 3)]
    np.testing.assert_array_equal(groups[0], x)
    np.testing.assert_allclose(groups[1], found, rtol=1e-12, atol=1e-12)
    for n in (0, 63, 64, 149):
        alone = learner.predict(state, x[n : n + 1])[0]
        np.testing.assert_allclose(found[n], alone, rtol=1e-12, atol=1e-12)


def test_numbers_hear_the_difference_and_the_label_is_the_number():
    learner = lively(Network((4, 3))).for_target(Regression(3))
    assert isinstance(learner.target, Regression)
    state, batch = learner.init(jax.random.key(0), 1), examples(count=1)
    batch = Batch(batch.x, 0.3 * batch.y)
    layers, _ = by_loops(learner, state, batch, lambda outputs, y: (outputs - y, y))
    check_layers(stepped(learner, state, batch), layers)


def test_its_numbers_follow_the_gradient():
    learner = Vsml(Network((4, 3)), width=4, messages=2)
    spec = EpisodeSpec(steps=4, batch=4, query=16)
    better, losses = blurax.improve(learner, get("iris"), meta_steps=40, rate=0.05, spec=spec)
    assert np.isfinite(losses).all()
    assert losses[-8:].mean() < losses[:8].mean() - 0.05
    assert flatten(numbers_of(better)).shape == flatten(numbers_of(learner)).shape


@pytest.mark.long
def test_what_meta_training_learns_is_of_use_to_networks_of_other_sizes(tmp_path):
    config = blurax.MetaTrain(
        tasks=("iris",),
        hidden=("3",),
        learner="Vsml",
        episode=EpisodeSpec(steps=2, batch=2, query=4),
        population=1,
        meta_steps=2,
        validate_every=1,
    )
    start = Vsml(NETWORK, width=4, messages=2)
    result = blurax.meta_train(config, tmp_path / "run", learner=start)
    learned = blurax.load_learner(tmp_path / "run" / "best.safetensors", like=start)
    assert np.isfinite(result.score)
    keys = jax.random.split(jax.random.key(5), 2)
    _, curve = blurax.learning_curve(learned, get("iris"), keys, (2,), Split.TEST, batch=2)
    assert np.isfinite(curve.loss).all()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Vsml(Network(((4, 4, 1), (3,)))), "is no fully connected chain"),
        (lambda: Vsml(NETWORK, width=1), "width is 1; it takes a whole number >= 2"),
        (lambda: Vsml(NETWORK, messages=1), "messages is 1; it takes a whole number >= 2"),
        (lambda: Vsml(NETWORK, ticks=0), "ticks is 0; it takes a whole number >= 1"),
    ],
)
def test_what_it_does_not_take(make, says):
    with pytest.raises(BluraxError, match=says):
        make()
