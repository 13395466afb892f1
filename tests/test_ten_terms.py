"""The ten-term rule: against loops over single numbers, and against gradient descent."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import blurax
from blurax.errors import BluraxError
from blurax.learned.ten_terms import SHARPNESS, TERMS, State, TenTerms
from blurax.learner import Batch
from blurax.network import Network
from blurax.outer.objective import Objective
from blurax.remat import Remat
from blurax.targets import Classes, Regression
from blurax.tasks import EpisodeSpec, Split, get
from blurax.unroll import unroll

NETWORK = Network((4, 6, 5, 3))
RATE = jnp.zeros(())


def lively(seed=1, network=NETWORK):
    """A learner all of whose terms do something."""
    drawn = 0.05 * jax.random.normal(jax.random.key(seed), (len(TERMS),))
    return eqx.tree_at(lambda l: l.coefficients, TenTerms(network), drawn)


@functools.cache
def batches(seed=2, steps=6, batch=7):
    spec = EpisodeSpec(steps=steps, batch=batch, query=32)
    return get("iris").sample(jax.random.key(seed), spec, Split.TRAIN).support


@eqx.filter_jit
def stepped(learner, state, batch):
    return learner.step(state, batch, rate=RATE, key=jax.random.key(0), index=jnp.zeros((), int))[0]


def by_loops(theta, weights, feedback, x, label):
    """The change of each layer by one example, a synapse at a time; weights are `[j, i]` here."""
    says = [x]
    for l, w in enumerate(weights):
        z = [sum(w[j][i] * says[-1][i] for i in range(w.shape[1])) for j in range(len(w))]
        hidden = [np.log1p(np.exp(SHARPNESS * v)) / SHARPNESS for v in z]
        says.append(hidden if l < len(weights) - 1 else z)
    exps = [np.exp(v - max(says[-1])) for v in says[-1]]
    says[-1] = [v / sum(exps) for v in exps]
    errors = [[says[-1][j] - (j == label) for j in range(len(says[-1]))]]
    for l in reversed(range(len(weights))):
        b, above = feedback[l], errors[0]
        slopes = [1 - np.exp(-SHARPNESS * v) if v > 0 else 0.0 for v in says[l]]
        down = [sum(b[j][i] * above[j] for j in range(len(b))) for i in range(b.shape[1])]
        errors.insert(0, [d * s for d, s in zip(down, slopes, strict=True)])
    changes = []
    for l, w in enumerate(weights):
        y, e, y0, e0 = says[l + 1], errors[l + 1], says[l], errors[l]
        change, rows, columns = np.zeros_like(w), range(len(w)), range(w.shape[1])
        y_w_e0 = sum(y[j] * w[j][i] * e0[i] for j in rows for i in columns)
        y0_w_e = sum(y0[i] * w[j][i] * e[j] for j in rows for i in columns)
        for j in rows:
            for i in columns:
                terms = (
                    -e[j] * y0[i],
                    -y[j] * e0[i],
                    -e[j] * e0[i],
                    -w[j][i],
                    -e0[i],
                    -e[j] * sum(y) * y0[i],
                    -y[j] * y_w_e0 * e0[i],
                    -e[j] * y_w_e0 * y0[i],
                    -y[j] * y0_w_e * e0[i],
                    y[j] * y0[i] - y[j] * sum(y[k] * w[k][i] for k in rows),
                )
                change[j, i] = sum(t * f for t, f in zip(theta, terms, strict=True))
        changes.append(change)
    return changes


@pytest.mark.parametrize("term", [*range(10), None])
def test_against_loops_over_synapses(term):
    learner, support = lively(), batches()
    if term is not None:  # each alone, so that none hides behind another
        only = jnp.zeros(10).at[term].set(0.1)
        learner = eqx.tree_at(lambda l: l.coefficients, learner, only)
    state = learner.init(jax.random.key(3), 7)
    weights = [np.array(w.T) for w in state.weights]
    feedback = [np.array(b.T) for b in state.feedback]
    for t in range(2):
        x, y = support.x[t], support.y[t]
        state = stepped(learner, state, Batch(x, y))
        each = [
            by_loops(np.asarray(learner.coefficients), weights, feedback, np.asarray(row), label)
            for row, label in zip(x, np.argmax(y, axis=1), strict=True)
        ]
        weights = [
            w + np.mean(change, axis=0)
            for w, change in zip(weights, zip(*each, strict=True), strict=True)
        ]
        for ours, theirs in zip(state.weights, weights, strict=True):
            np.testing.assert_allclose(ours.T, theirs, rtol=1e-10, atol=1e-10)


def test_examples_that_a_mask_leaves_out_teach_nothing():
    learner, support = lively(), batches()
    state, x, y = learner.init(jax.random.key(3), 7), support.x[0], support.y[0]
    masked = stepped(learner, state, Batch(x, y, jnp.arange(7) < 4))
    few = stepped(learner, state, Batch(x[:4], y[:4]))
    for ours, theirs in zip(masked.weights, few.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("sizes", [(4, 6, 5, 3), (4, 6, 1), (4, 3)])
def test_the_pseudo_gradient_through_the_forward_synapses_is_gradient_descent(sizes):
    learner = TenTerms(Network(sizes), rate=0.1, symmetric=True)
    state, support = learner.init(jax.random.key(3), 7), batches()
    y = support.y[0][:, : sizes[-1]]

    def loss(weights):
        return Classes(sizes[-1]).loss(learner.predict(State(weights, ()), support.x[0]), y)

    found = stepped(learner, state, Batch(support.x[0], y))
    slopes = jax.grad(loss)(state.weights)
    for new, old, slope in zip(found.weights, state.weights, slopes, strict=True):
        np.testing.assert_allclose(new, old - 0.1 * slope, rtol=1e-10, atol=1e-12)


def test_numbers_are_learned_by_the_gradient_of_half_the_squared_error():
    learner = TenTerms(Network((4, 6, 2)), rate=0.1, symmetric=True).for_target(Regression(2))
    state, x = learner.init(jax.random.key(3), 7), batches().x[0]

    def loss(weights):
        return 0.5 * jnp.sum((learner.predict(State(weights, ()), x) - x[:, :2]) ** 2) / len(x)

    found = stepped(learner, state, Batch(x, x[:, :2]))
    slopes = jax.grad(loss)(state.weights)
    for new, old, slope in zip(found.weights, state.weights, slopes, strict=True):
        np.testing.assert_allclose(new, old - 0.1 * slope, rtol=1e-10, atol=1e-12)


@eqx.filter_jit
def trajectory(learner, state, support):
    """The synapses after each step."""
    return unroll(learner, state, support, lambda s: s, Remat.NONE, 0, jax.random.key(0))[1]


def reordered(matrices, orders):
    """The same `[..., i, j]`, with hidden neurons in other orders."""
    before, after = [np.arange(4), *orders], [*orders, np.arange(3)]
    return tuple(m[..., i, :][..., j] for m, i, j in zip(matrices, before, after, strict=True))


@settings(max_examples=8, deadline=None, derandomize=True)
@given(st.permutations(range(6)), st.permutations(range(5)), st.integers(0, 3))
def test_hidden_neurons_in_another_order_learn_the_same_in_that_order(first, second, seed):
    orders = [np.asarray(first), np.asarray(second)]
    learner, support = lively(), batches(seed)
    state = learner.init(jax.random.key(seed), 7)
    other = State(reordered(state.weights, orders), reordered(state.feedback, orders))
    found, wanted = (trajectory(learner, each, support) for each in (other, state))
    for ours, theirs in zip(found.weights, reordered(wanted.weights, orders), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)
    for kept, drawn in zip(wanted.feedback, state.feedback, strict=True):
        np.testing.assert_array_equal(kept, np.broadcast_to(drawn, kept.shape))


def test_coefficients_can_be_improved():
    spec = EpisodeSpec(steps=15, batch=8, query=64)
    start = TenTerms(Network((4, 8, 3)), rate=0.03)
    learned, losses = blurax.improve(start, get("iris"), meta_steps=40, rate=0.01, spec=spec)
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
    assert np.count_nonzero(learned.coefficients) == 10


@pytest.mark.long
def test_a_penalty_in_meta_training_makes_coefficients_smaller(tmp_path):
    start = lively(network=Network((4, 5, 3)))
    config = blurax.MetaTrain(
        tasks=("iris",),
        hidden=("5",),
        learner="TenTerms",
        episode=EpisodeSpec(steps=5, batch=1, query=32),
        objective=Objective(sparse=10.0),
        optimiser=blurax.Optimiser(learning_rate=3e-3),
        population=1,
        meta_steps=30,
        validate_every=30,
        validation_episodes=1,
    )
    blurax.meta_train(config, tmp_path / "run", learner=start)
    learned = blurax.load_learner(tmp_path / "run" / "best.safetensors", like=start)
    sizes = [float(np.sum(np.abs(each.coefficients))) for each in (start, learned)]
    assert sizes[1] < 0.5 * sizes[0]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: TenTerms(Network(((4, 4, 1), (3,)))), "is no fully connected chain"),
        (lambda: TenTerms(NETWORK, rate=0.0), "rate is 0.0; it takes a number above 0"),
        (lambda: TenTerms(NETWORK, rate=float("nan")), "rate is nan; it takes a number above 0"),
    ],
)
def test_what_it_does_not_take(make, says):
    with pytest.raises(BluraxError, match=says):
        make()
