"""Learning through other feedback weights than W^T: each against a loop in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from blurax.baselines import Arrangement, baseline
from blurax.curves import learning_curve
from blurax.network import Network
from blurax.spec import Activation
from blurax.tasks import Batch, Classes, EpisodeSpec, Split, get

NETWORK = Network((4, 6, 5, 3))
STEPS, RATE = 4, 0.05
KEYS = jax.random.split(jax.random.key(3), 2)


@pytest.fixture(scope="module")
def iris():
    return get("iris")


def begun(learner, task):
    """The initial state and the episode that `learning_curve` gives the first key."""
    spec = EpisodeSpec(steps=STEPS, batch=16)
    episode = task.sample(jax.random.fold_in(KEYS[0], 1), spec, Split.VALIDATE)
    return learner.init(jax.random.fold_in(KEYS[0], 0), 16), episode


def followed(learner, task):
    """The loss at the end."""
    _, curve = learning_curve(learner, task, KEYS, (STEPS,), Split.VALIDATE, rate=RATE, batch=16)
    return float(curve.loss[0, 0])


def slope(z, activation):
    return 1 - np.tanh(z) ** 2 if activation is Activation.TANH else (z > 0).astype(float)


def rise(z, activation):
    return np.tanh(z) if activation is Activation.TANH else np.maximum(z, 0)


def aligned_by_hand(weights, heard_by, episode, activation):
    """Weights after each step; `heard_by(weights, errors, l)` is what hidden layer l hears."""
    for x, y in zip(np.asarray(episode.x), np.asarray(episode.y), strict=True):
        inputs, arguments, a = [], [], x
        for w, b in weights:
            inputs.append(a)
            arguments.append(a @ w + b)
            a = rise(arguments[-1], activation)
        out = np.exp(arguments[-1] - arguments[-1].max(1, keepdims=True))
        errors = {len(weights) - 1: out / out.sum(1, keepdims=True) - (y > 0)}
        for l in reversed(range(len(weights) - 1)):
            errors[l] = heard_by(weights, errors, l) * slope(arguments[l], activation)
        weights = [
            (w - RATE * inputs[l].T @ errors[l] / len(x), b - RATE * errors[l].mean(0))
            for l, (w, b) in enumerate(weights)
        ]
    return weights


def last_loss(weights, episode, activation):
    a = np.asarray(episode.query_x)
    for w, b in weights[:-1]:
        a = rise(a @ w + b, activation)
    said = jnp.asarray(a @ weights[-1][0] + weights[-1][1])
    return float(Classes(episode.query_y.shape[1]).loss(said, episode.query_y))


@pytest.mark.parametrize(
    ("name", "activation"),
    [
        ("fa", Activation.RELU),
        ("fa", Activation.TANH),
        ("sign-symmetric", Activation.RELU),
        ("sign-symmetric", Activation.TANH),
    ],
)
def test_feedback_through_other_weights(iris, name, activation):
    learner = baseline(name).make(Arrangement(activation), NETWORK, iris)
    state, episode = begun(learner, iris)
    weights = [(np.asarray(s.forward[0]), np.asarray(s.bias[0, 0])) for s in state.synapses]
    assert not any(b.any() for _, b in weights)
    fixed = [None if s.backward is None else np.asarray(s.backward[0]) for s in state.synapses]
    assert [b is None for b in fixed] == [True, False, False]  # the input layer hears nothing
    size = 2.0 if activation is Activation.RELU else 1.0

    def heard_by(weights, errors, l):
        if name == "fa":
            return errors[l + 1] @ fixed[l + 1]
        w = weights[l + 1][0]
        return errors[l + 1] @ np.sign(w.T) * np.sqrt(size / (len(w) + 1))

    want = aligned_by_hand(weights, heard_by, episode, activation)
    loss = followed(learner, iris)
    assert loss == pytest.approx(last_loss(want, episode, activation), rel=1e-10)
    for t, (x, y) in enumerate(zip(episode.x, episode.y, strict=True)):
        given = {"rate": jnp.asarray(RATE), "key": KEYS[0], "index": jnp.asarray(t)}
        state, _ = learner.step(state, Batch(x, y), **given)
    for got, (w, b), first in zip(state.synapses, want, fixed, strict=True):
        np.testing.assert_allclose(got.forward[0], w, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(got.bias[0, 0], b, rtol=1e-9, atol=1e-12)
        if first is None:
            continue
        signs = np.sign(w.T) * np.sqrt(size / (len(w) + 1))
        np.testing.assert_allclose(got.backward[0], first if name == "fa" else signs, rtol=1e-12)


@pytest.mark.parametrize("activation", [Activation.RELU, Activation.TANH])
def test_direct_feedback_alignment(iris, activation):
    learner = baseline("dfa").make(Arrangement(activation), NETWORK, iris)
    (layers, feedback), episode = begun(learner, iris)
    assert [b.shape for b in feedback] == [(3, 6), (3, 5)]
    fixed = [np.asarray(b) for b in feedback]
    arrays = [(np.asarray(layer.w), np.asarray(layer.b)) for layer in layers]

    def heard_by(weights, errors, l):
        return errors[len(weights) - 1] @ fixed[l]

    want = aligned_by_hand(arrays, heard_by, episode, activation)
    loss = followed(learner, iris)
    assert loss == pytest.approx(last_loss(want, episode, activation), rel=1e-10)


@pytest.mark.parametrize(
    ("name", "task", "sizes"),
    [
        ("sgd", "sine", (1, 8, 1)),
        ("fa", "sine", (1, 8, 1)),
        ("dfa", "sine", (1, 8, 1)),
        ("sign-symmetric", "iris", (4, 3)),
        ("dfa", "iris", (4, 3)),
    ],
)
def test_numbers_one_output_and_no_hidden_layer(name, task, sizes):
    found = get(task)
    learner = baseline(name).make(Arrangement(), Network(sizes), found)
    _, curve = learning_curve(learner, found, KEYS, (1, 60), Split.VALIDATE, rate=0.1, batch=32)
    assert (np.asarray(curve.loss)[:, 1] < np.asarray(curve.loss)[:, 0]).all()
