"""The learner by messages: at the start it is Adam; the order of hidden neurons means nothing."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import blurax
from blurax.baselines import Arrangement, baseline
from blurax.baselines.weights import Weights
from blurax.errors import BluraxError
from blurax.learned.by_messages import ByMessages
from blurax.learned.messages import exchanged, rounds
from blurax.learner import Batch
from blurax.network import Network
from blurax.outer.numbers import flatten, numbers_of
from blurax.remat import Remat
from blurax.tasks import EpisodeSpec, Split, get
from blurax.unroll import unroll

NETWORK = Network((4, 6, 5, 3))
STEPS = 6


def lively(seed=1, size=0.3, network=NETWORK):
    """A learner all of whose numbers do something."""
    learner = ByMessages(network, width=4)
    numbers, rest = eqx.partition(learner, eqx.is_inexact_array)
    leaves, kind = jax.tree.flatten(numbers)
    keys = jax.random.split(jax.random.key(seed), len(leaves))
    moved = [l + size * jax.random.normal(k, l.shape) for k, l in zip(keys, leaves, strict=True)]
    return eqx.combine(jax.tree.unflatten(kind, moved), rest)


def batches(seed=2):
    spec = EpisodeSpec(steps=STEPS, batch=16, query=32)
    return get("iris").sample(jax.random.key(seed), spec, Split.TRAIN).support


@eqx.filter_jit
def trajectory(learner, state, support):
    """The weights after each step."""
    key = jax.random.key(0)
    return unroll(learner, state, support, lambda s: s.weights, Remat.NONE, 0, key)[1]


def test_at_the_start_it_is_adam():
    support, rate = batches(), 0.02
    learner = ByMessages(NETWORK, rate=rate)
    state = learner.init(jax.random.key(3), 16)
    found = trajectory(learner, state, support)
    adam = baseline("adam").make(Arrangement(), NETWORK, get("iris"))
    optimiser, weights = optax.adam(rate), state.weights
    memory = optimiser.init(weights)
    for t in range(STEPS):
        gradient = adam.gradient(weights, Batch(support.x[t], support.y[t]))
        updates, memory = optimiser.update(gradient, memory)
        weights = jax.tree.map(jnp.add, weights, updates)
        now = jax.tree.map(lambda leaf, t=t: leaf[t], found)
        for ours, theirs in zip(jax.tree.leaves(now), jax.tree.leaves(weights), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


def reordered(weights, orders):
    """The same weights `[..., i, j]` and biases, with hidden neurons in other orders."""
    before = [np.arange(4), *orders]
    after = [*orders, np.arange(3)]
    w = tuple(w[..., i, :][..., j] for w, i, j in zip(weights.w, before, after, strict=True))
    b = tuple(b[..., j] for b, j in zip(weights.b, after, strict=True))
    return w, b


@settings(max_examples=8, deadline=None, derandomize=True)
@given(st.permutations(range(6)), st.permutations(range(5)), st.integers(0, 3))
def test_hidden_neurons_in_another_order_learn_the_same_in_that_order(first, second, seed):
    orders = [np.asarray(first), np.asarray(second)]
    learner, support = lively(), batches(seed)
    state = learner.init(jax.random.key(seed), 16)
    begun = Weights(*reordered(state.weights, orders), state.weights.scale)
    other = eqx.tree_at(lambda s: s.weights, state, begun)
    found = trajectory(learner, other, support)
    wanted = reordered(trajectory(learner, state, support), orders)
    for ours, theirs in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)


def test_the_messages_change_what_is_learned():
    support = batches()
    state = ByMessages(NETWORK, width=4).init(jax.random.key(3), 16)
    plain, moved = (
        trajectory(l, state, support).w[0] for l in (ByMessages(NETWORK, width=4), lively())
    )
    assert np.isfinite(moved).all()
    assert np.abs(plain[-1] - moved[-1]).max() > 0.01


def silu(z):
    return z / (1 + np.exp(-z))


def test_a_round_against_loops_over_neurons():
    sizes, pairs = (3, 4, 2), ((3, 4), (4, 2))
    keys = iter(jax.random.split(jax.random.key(0), 9))
    (one,) = rounds(next(keys), 1, 2, 3, 5)
    one = eqx.tree_at(
        lambda r: (r.edge_bias, r.node_bias), one, (jnp.arange(5.0), -jnp.arange(5.0))
    )
    edges = [jax.random.normal(next(keys), (i, j, 2)) for i, j in pairs]
    nodes = [jax.random.normal(next(keys), (n, 3)) for n in sizes]
    found = exchanged((one,), edges, nodes)
    new = [np.zeros((i, j, 5)) for i, j in pairs]
    for l, e in enumerate(edges):
        for i in range(sizes[l]):
            for j in range(sizes[l + 1]):
                z = e[i, j] @ one.edge + nodes[l][i] @ one.lower + nodes[l + 1][j] @ one.upper
                new[l][i, j] = silu(np.asarray(z + one.edge_bias))
        np.testing.assert_allclose(found[0][l], new[l], rtol=1e-12, atol=1e-12)
    for l, n in enumerate(sizes):
        for v in range(n):
            z = nodes[l][v] @ one.node + one.node_bias
            if l > 0:
                z = z + sum(new[l - 1][i, v] for i in range(sizes[l - 1])) / sizes[l - 1] @ one.into
            if l < 2:
                z = z + sum(new[l][v, j] for j in range(sizes[l + 1])) / sizes[l + 1] @ one.out
            np.testing.assert_allclose(found[1][l][v], silu(np.asarray(z)), rtol=1e-12, atol=1e-12)


@pytest.mark.long
def test_meta_training_improves_it_on_tasks_and_networks_of_other_sizes(tmp_path):
    config = blurax.MetaTrain(
        tasks=("iris", "wine"),
        hidden=("5", "4-4"),
        learner="ByMessages",
        episode=EpisodeSpec(steps=5, batch=16, query=32),
        optimiser=blurax.Optimiser(learning_rate=0.03),
        population=1,
        meta_steps=12,
        validate_every=6,
    )
    start = ByMessages(NETWORK, width=4)
    blurax.meta_train(config, tmp_path / "run", learner=start)
    learned = blurax.load_learner(tmp_path / "run" / "best.safetensors", like=start)
    assert flatten(numbers_of(learned)).shape == flatten(numbers_of(start)).shape
    assert np.abs(learned.edge_head).max() > 0
    keys, losses = jax.random.split(jax.random.key(5), 8), []
    for each in (start, learned):
        _, curve = blurax.learning_curve(each, get("iris"), keys, (5,), Split.TEST, batch=16)
        losses.append(float(curve.loss.mean()))
    assert losses[1] < 0.9 * losses[0]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: ByMessages(Network(((4, 4, 1), (3,)))), "is no fully connected chain"),
        (lambda: ByMessages(NETWORK, width=0), "width is 0"),
        (lambda: ByMessages(NETWORK, rate=0.0), "rate is 0.0; it takes a number above 0"),
    ],
)
def test_what_it_does_not_take(make, says):
    with pytest.raises(BluraxError, match=says):
        make()
