"""The learned optimiser: against a loop over every weight; at the start it is Adam of unit size."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import blurax
from blurax.errors import BluraxError
from blurax.fit import network_for
from blurax.learned import PerParameter
from blurax.learned import per_parameter as module
from blurax.network import Network
from blurax.remat import Remat
from blurax.tasks import EpisodeSpec, Split, get
from blurax.unroll import unroll

NETWORK = Network((4, 6, 5, 3))
STEPS = 4


def lively(seed=1, size=0.5, network=NETWORK, **options):
    """A learner all of whose numbers do something."""
    numbers, rest = eqx.partition(PerParameter(network, width=4, **options), eqx.is_inexact_array)
    leaves, kind = jax.tree.flatten(numbers)
    keys = jax.random.split(jax.random.key(seed), len(leaves))
    moved = [l + size * jax.random.normal(k, l.shape) for k, l in zip(keys, leaves, strict=True)]
    return eqx.combine(jax.tree.unflatten(kind, moved), rest)


def batches(task="iris", seed=2):
    spec = EpisodeSpec(steps=STEPS, batch=16, query=32)
    return get(task).sample(jax.random.key(seed), spec, Split.TRAIN).support


@eqx.filter_jit
def trajectory(learner, state, support):
    """The weights after each step."""
    key = jax.random.key(0)
    return unroll(learner, state, support, lambda s: s.weights, Remat.NONE, 0, key)[1]


def unit(v):
    return v / np.sqrt(np.mean(v**2) + module.EPSILON**2)


def bounded(s):
    return module.LARGEST * np.tanh(s / module.LARGEST)


def naive(learner, w, gradients):
    """A tensor after each of its gradients, weight by weight."""
    means, squares = [np.zeros_like(w) for _ in module.KEPT], np.zeros_like(w)
    rows, columns = [0.0] * len(module.KEPT), [0.0] * len(module.KEPT)
    numbers = {name: np.asarray(value) for name, value in vars(learner).items()}
    kind, found = int(w.ndim < 2), []
    for t, g in enumerate(gradients, 1):
        squares = module.KEPT_SQUARE * squares + (1 - module.KEPT_SQUARE) * g**2
        root = np.sqrt(squares / (1 - module.KEPT_SQUARE**t)) + module.EPSILON
        debiased, factored = [], []
        for n, kept in enumerate(module.KEPT):
            means[n] = kept * means[n] + (1 - kept) * g
            debiased.append(means[n] / (1 - kept**t))
            others = tuple(range(1, g.ndim))
            row = np.mean(g**2, axis=others, keepdims=True) if others else g**2
            others = tuple(range(g.ndim - 1))
            column = np.mean(g**2, axis=others, keepdims=True) if others else g**2
            rows[n] = kept * rows[n] + (1 - kept) * row
            columns[n] = kept * columns[n] + (1 - kept) * column
            whole = rows[n] * columns[n] / (np.mean(rows[n]) + module.EPSILON**2)
            factored.append(g / (np.sqrt(rows[n] if kind else whole) + module.EPSILON))
        ways = [mean / root for mean in debiased]
        seen = [unit(f) for f in (w, g, 1 / root, *debiased, *ways, *factored)]
        times = np.tanh(t / np.asarray(module.TIMES))
        u = np.zeros_like(w)
        for place in np.ndindex(w.shape):
            features = np.array([f[place] for f in seen])
            h = features @ numbers["first"] + times @ numbers["first_time"] + numbers["first_bias"]
            h = np.maximum(np.maximum(h, 0) @ numbers["second"] + numbers["second_bias"], 0)
            d, s = h @ numbers["head"]
            u[place] = np.exp(bounded(s)) * (ways[0][place] + d)
        rate = np.exp(numbers["log_rate"][kind] + bounded(numbers["schedule"][kind] @ times))
        w = w - (1.0 if kind else w.shape[-2] ** -0.5) * rate * unit(u)
        found.append(w)
    return found


@pytest.mark.parametrize("normalise", [True, False])
def test_every_weight_moves_as_a_loop_says(normalise):
    learner, support = lively(normalise=normalise), batches()
    state = learner.init(jax.random.key(3), 16)
    found = trajectory(learner, state, support)
    descent = learner._descent
    before = jax.tree.map(lambda first, rest: jnp.stack([first, *rest[:-1]]), state.weights, found)
    gradients = jax.vmap(descent.gradient)(before, blurax.learner.Batch(support.x, support.y))
    leaves = zip(*map(jax.tree.leaves, (state.weights, gradients, found)), strict=True)
    for w, g, after in leaves:
        expected = naive(learner, np.asarray(w), np.asarray(g))
        np.testing.assert_allclose(after, np.stack(expected), rtol=1e-10, atol=1e-12)


def test_at_the_start_it_is_adams_direction_at_unit_size():
    learner = PerParameter(NETWORK, rate=0.03)
    state, support = learner.init(jax.random.key(3), 16), batches()
    after = trajectory(learner, state, support)
    gradient = learner._descent.gradient(
        state.weights, blurax.learner.Batch(support.x[0], support.y[0])
    )
    for w, new, g in zip(state.weights.w, after.w, gradient.w, strict=True):
        sign = g / (np.abs(g) + module.EPSILON)  # the first step of Adam's
        moved = 0.03 / w.shape[-2] ** 0.5 * sign / np.sqrt(np.mean(sign**2))
        np.testing.assert_allclose(new[0] - w, -moved, rtol=1e-9, atol=1e-12)


def test_hidden_neurons_in_another_order_learn_the_same_in_that_order():
    learner, support = lively(), batches()
    state = learner.init(jax.random.key(3), 16)
    order = np.array([4, 0, 5, 2, 1, 3])

    def reordered(weights):
        w = (weights.w[0][..., order], weights.w[1][..., order, :], weights.w[2])
        b, scale = (
            tuple(v if v is None or v.shape[-1] != 6 else v[..., order] for v in part)
            for part in (weights.b, weights.scale)
        )
        return eqx.tree_at(lambda v: (v.w, v.b, v.scale), weights, (w, b, scale))

    moved = eqx.tree_at(lambda s: s.weights, state, reordered(state.weights))
    found = trajectory(learner, moved, support)
    expected = reordered(trajectory(learner, state, support))
    for one, other in zip(*map(jax.tree.leaves, (found, expected)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-10)


def test_it_learns_in_a_convolutional_network_too():
    task = get("digits")
    learner = PerParameter(network_for(task, "c4k3s2-16"))
    _, curve = blurax.learning_curve(
        learner, task, jax.random.split(jax.random.key(0), 2), (40,), Split.TEST
    )
    assert curve.accuracy.mean() > 0.8


def test_its_numbers_become_better():
    task, keys = get("digits"), jax.random.split(jax.random.key(5), 3)
    start = PerParameter(Network((64, 16, 10)), width=4, rate=0.02)
    better, losses = blurax.improve(start, task, meta_steps=12, rate=0.05)
    assert np.all(np.isfinite(losses))
    scores = [
        blurax.learning_curve(each, task, keys, (10,), Split.TEST)[1].accuracy.mean()
        for each in (start, better)
    ]
    assert scores[1] > scores[0] + 0.1


@pytest.mark.parametrize(
    ("options", "words"),
    [({"width": 0}, "width is 0"), ({"rate": 0.0}, "rate is 0.0"), ({"rate": -1.0}, "rate is -1")],
)
def test_wrong_arguments_are_refused(options, words):
    with pytest.raises(BluraxError, match=words):
        PerParameter(NETWORK, **options)
