"""Forward-forward, predictive coding and equilibrium propagation: loops and what papers say."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from blurax.baselines import (
    BASELINES,
    LOCAL,
    OPTIMISERS,
    RIVALS,
    Arrangement,
    EquilibriumPropagation,
    ForwardForward,
    PredictiveCoding,
    Setting,
    Tuning,
    baseline,
    named,
    tune,
)
from blurax.curves import learning_curve
from blurax.errors import BluraxError
from blurax.links import Conv
from blurax.network import Edge, Network
from blurax.spec import Activation
from blurax.targets import Classes, Regression
from blurax.tasks import Batch, Split, get, signed_one_hot

KEY = jax.random.key(0)
NETWORK = Network((4, 6, 5, 3))
RNG = np.random.default_rng(0)
X = RNG.normal(size=(8, 4))
LABELS = RNG.integers(0, 3, 8)
BATCH = Batch(jnp.asarray(X), signed_one_hot(jnp.asarray(LABELS), 3))
SGD = OPTIMISERS["sgd"]


def forward_forward(network=NETWORK, target=None, threshold=1.5, label=2.0):
    numbers = {"threshold": jnp.asarray(threshold), "label": jnp.asarray(label)}
    return ForwardForward(network, SGD, target or Classes(3), **numbers)


def predictive(steps=7, inference=0.1, variance=1.0, network=NETWORK, target=None):
    numbers = {"inference": jnp.asarray(inference), "variance": jnp.asarray(variance)}
    target = target or Classes(3)
    return PredictiveCoding(
        network, SGD, target, activation=Activation.TANH, steps=steps, **numbers
    )


def equilibrium(beta=0.3, free=9, nudged=4, centred=True, network=NETWORK, target=None):
    numbers = {"beta": jnp.asarray(beta), "epsilon": jnp.asarray(0.5)}
    phases = {"free": free, "nudged": nudged, "centred": centred}
    return EquilibriumPropagation(network, SGD, target or Classes(3), **phases, **numbers)


EACH = {
    "forward-forward": forward_forward,
    "predictive-coding": predictive,
    "equilibrium-propagation": equilibrium,
}


def flat(layers):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(layers)])


def cosine(one, other):
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def arrays(layers):
    return [(np.array(w), np.array(b)) for w, b in layers]


# The equations, number by number.


def goodness_of(layers, x, label, strength):
    """The goodness of each layer for one example, with what each layer saw and said."""
    seen = [*x, *(strength if n == label else 0.0 for n in range(3))]
    found = []
    for w, b in layers:
        said = [
            max(0.0, b[j] + sum(s * w[i][j] for i, s in enumerate(seen))) for j in range(len(b))
        ]
        good = sum(a * a for a in said) / len(said)
        found.append((good, seen, said))
        seen = [a / (good**0.5 + 1e-8) for a in said]
    return found


def test_forward_forward_is_its_equations():
    learner = forward_forward()
    layers, _ = learner.init(KEY, 8)
    rows = arrays(layers)
    assert [w.shape for w, _ in rows] == [(7, 6), (6, 5)]
    got = arrays(eqx.filter_jit(learner.changes)(layers, BATCH, KEY))
    wrong = (LABELS + np.asarray(jax.random.randint(KEY, (8,), 1, 3))) % 3
    assert (wrong != LABELS).all()
    want = [(np.zeros_like(w), np.zeros_like(b)) for w, b in rows]
    for n in range(8):
        for label, sign in ((LABELS[n], -1), (wrong[n], 1)):
            for (dw, db), (good, seen, said) in zip(
                want, goodness_of(rows, X[n], label, 2.0), strict=True
            ):
                slope = sign / (1 + np.exp(-sign * (good - 1.5))) / 8
                for j, a in enumerate(said):
                    db[j] += slope * 2 * a / len(said)
                    for i, s in enumerate(seen):
                        dw[i][j] += slope * 2 * a * s / len(said)
    np.testing.assert_allclose(flat(got), flat(want), rtol=1e-10, atol=1e-10)
    scores = learner.predict((layers, None), BATCH.x)
    for n in range(8):
        second = [goodness_of(rows, X[n], label, 2.0)[1][0] for label in range(3)]
        np.testing.assert_allclose(scores[n], second, rtol=1e-10)


def test_forward_forward_counts_a_single_hidden_layer_and_a_single_output():
    alone = forward_forward(Network((4, 6, 1)), Classes(1))
    layers, _ = alone.init(KEY, 8)
    first, second = (alone.goodness(layers, BATCH.x, jnp.asarray(n))[0] for n in (0, 1))
    np.testing.assert_allclose(alone.predict((layers, None), BATCH.x)[:, 0], second - first)
    np.testing.assert_array_equal(alone.labels(jnp.array([[-1.0], [1.0]])), [0, 1])


def predictions(rows, x, neurons):
    """What the layer below says of each neuron, and the slope there."""
    found, below = [], x
    for l, (w, b) in enumerate(rows):
        z = [b[j] + sum(s * w[i][j] for i, s in enumerate(below)) for j in range(len(b))]
        last = l == len(rows) - 1
        said = z if last else [np.tanh(v) for v in z]
        found.append((said, [1.0 if last else 1 - np.tanh(v) ** 2 for v in z]))
        below = said if neurons is None else neurons[l]
    return found


def errors_of(rows, x, neurons, variance):
    found = []
    for l, (said, slope) in enumerate(predictions(rows, x, neurons)):
        v = variance if l == len(rows) - 1 else 1.0
        found.append([(n - s) / v * d for n, s, d in zip(neurons[l], said, slope, strict=True)])
    return found


def test_predictive_coding_is_its_equations():
    learner = predictive(variance=2.0)
    layers, _ = learner.init(KEY, 8)
    got = eqx.filter_jit(learner.changes)(layers, BATCH, KEY)
    rows = arrays(layers)
    want = [(np.zeros_like(w), np.zeros_like(b)) for w, b in rows]
    for n in range(8):
        x, y = X[n], np.asarray(BATCH.y)[n]
        neurons = [np.array(said) for said, _ in predictions(rows, x, None)]
        neurons[-1] = y
        for _ in range(7):
            said = [np.array(s) for s, _ in predictions(rows, x, neurons)]
            errors = errors_of(rows, x, neurons, 2.0)
            for l in range(len(rows) - 1):
                above = rows[l + 1][0]
                pull = [
                    sum(above[i][j] * e for j, e in enumerate(errors[l + 1]))
                    for i in range(len(above))
                ]
                neurons[l] = neurons[l] - 0.1 * (neurons[l] - said[l] - np.array(pull))
        errors = errors_of(rows, x, neurons, 2.0)
        for l, below in enumerate([x, *neurons[:-1]]):
            for j, e in enumerate(errors[l]):
                want[l][1][j] -= e / 8
                for i, s in enumerate(below):
                    want[l][0][i][j] -= e * s / 8
    np.testing.assert_allclose(flat(got), flat(want), rtol=1e-10, atol=1e-10)


def settled(rows, x, neurons, steps, beta, y):
    for _ in range(steps):
        found = []
        for l, (w, b) in enumerate(rows):
            below, here = x if l == 0 else neurons[l - 1], []
            for j, s in enumerate(neurons[l]):
                force = b[j] - s + sum(a * w[i][j] for i, a in enumerate(below))
                if l + 1 < len(rows):
                    force += sum(a * rows[l + 1][0][j][i] for i, a in enumerate(neurons[l + 1]))
                else:
                    force += beta * (y[j] - s)
                here.append(min(1.0, max(0.0, s + 0.5 * force)))
            found.append(here)
        neurons = found
    return neurons


@pytest.mark.parametrize("centred", [True, False])
def test_equilibrium_propagation_is_its_equations(centred):
    learner = equilibrium(centred=centred)
    layers, _ = learner.init(KEY, 8)
    got = eqx.filter_jit(learner.changes)(layers, BATCH, KEY)
    rows = arrays(layers)
    want = [(np.zeros_like(w), np.zeros_like(b)) for w, b in rows]
    sign = 1.0 if centred else float(jax.random.rademacher(KEY, (), float))
    for n in range(8):
        y = [float(label == LABELS[n]) for label in range(3)]
        free = settled(rows, X[n], [[0.0] * len(b) for _, b in rows], 9, 0.0, y)
        up = settled(rows, X[n], free, 4, sign * 0.3, y)
        down = settled(rows, X[n], free, 4, -0.3, y) if centred else free
        for states, by in ((up, -1), (down, 1)):
            share = by / 8 / (0.6 if centred else sign * 0.3)
            for l, below in enumerate([X[n], *states[:-1]]):
                for j, s in enumerate(states[l]):
                    want[l][1][j] += share * s
                    for i, a in enumerate(below):
                        want[l][0][i][j] += share * a * s
        np.testing.assert_allclose(
            learner.predict((layers, None), BATCH.x)[n], 2 * np.array(free[-1]) - 1, atol=1e-10
        )
    np.testing.assert_allclose(flat(got), flat(want), rtol=1e-10, atol=1e-10)


# What the papers say.


def test_no_gradient_goes_from_layer_to_layer():
    """Hinton 2022: the first layer's change is the same without the second."""
    both, alone = forward_forward(), forward_forward(Network((4, 6, 3)))
    layers, _ = both.init(KEY, 8)
    found, first = both.changes(layers, BATCH, KEY), alone.changes(layers[:1], BATCH, KEY)
    np.testing.assert_allclose(flat(found[0]), flat(first[0]), rtol=1e-12)


def backprop(learner, layers):
    """The gradient of half the squared error."""

    def loss(layers):
        return jnp.sum((learner.forward(layers, BATCH.x)[-1] - BATCH.y) ** 2) / 2 / len(X)

    return jax.grad(loss)(layers)


def test_inference_lowers_the_energy():
    layers, _ = (learner := predictive(steps=60)).init(KEY, 8)
    _, energies = learner.inferred(layers, BATCH.x, BATCH.y)
    assert energies.shape == (60, 8)
    assert (np.diff(energies, axis=0) <= 0).all()
    assert (energies[-1] < 0.9 * energies[0]).all()
    first = np.sum((learner.forward(layers, BATCH.x)[-1] - BATCH.y) ** 2, axis=-1) / 2
    np.testing.assert_allclose(energies[0], first, rtol=1e-12)


def test_predictive_coding_comes_close_to_backpropagation_with_the_outputs_variance():
    """Whittington and Bogacz 2017: at equilibrium, the larger v_L the closer."""
    found = []
    for variance in (1.0, 10.0, 100.0, 1000.0):
        learner = predictive(steps=400, variance=variance)
        layers, _ = learner.init(KEY, 8)
        got = flat(learner.changes(layers, BATCH, KEY))
        want = flat(backprop(learner, layers))
        found.append((cosine(got, want), np.linalg.norm(got * variance - want)))
    angles, distances = zip(*found, strict=True)
    assert angles[0] < 0.999  # with all variances 1 it is another direction
    assert angles == tuple(sorted(angles))
    assert 1 - angles[-1] < 1e-5
    assert distances[-1] < distances[-2] / 9  # the difference is of first order in 1 / v_L


def test_a_small_error_alone_does_not_make_it_backpropagation():
    """At equilibrium outputs relax by their part of the Jacobian, however near the target is."""
    learner = predictive(steps=400)
    layers, _ = learner.init(KEY, 8)
    said = learner.forward(layers, BATCH.x)[-1]
    angles = []
    for share in (1e-2, 1e-4):
        batch = Batch(BATCH.x, said + share * (BATCH.y - said))
        got, want = learner.changes(layers, batch, KEY), backprop(learner, layers)
        angles.append(cosine(flat(got), flat(want)))
    assert angles[1] == pytest.approx(angles[0], abs=1e-3)
    assert angles[1] < 0.999


def test_short_inference_gives_each_layer_the_direction_of_its_gradient():
    """The first order in the rate of inference: errors come down once and nothing relaxes."""
    worst = []
    for inference in (1e-1, 1e-2, 1e-3):
        learner = predictive(steps=2, inference=inference)
        layers, _ = learner.init(KEY, 8)
        got, want = learner.changes(layers, BATCH, KEY), backprop(learner, layers)
        worst.append(min(cosine(flat(g), flat(w)) for g, w in zip(got, want, strict=True)))
    assert worst == sorted(worst)
    assert 1 - worst[-1] < 1e-4


def test_equilibrium_propagation_is_the_gradient_at_the_fixed_point():
    """Scellier and Bengio 2017, theorem 1; centred, the error is of second order in beta."""
    layers, _ = equilibrium().init(KEY, 8)
    y = (BATCH.y > 0).astype(float)
    settles = equilibrium(free=600)

    def loss(layers):
        return jnp.sum((settles.resting(layers, BATCH.x)[-1] - y) ** 2) / 2 / len(X)

    want, off = flat(jax.grad(loss)(layers)), {}
    assert np.linalg.norm(want) > 0.1
    for centred in (True, False):
        for beta in (1e-3, 1e-4):  # a larger one takes a neuron across a kink
            learner = equilibrium(beta, free=600, nudged=600, centred=centred)
            got = flat(learner.changes(layers, BATCH, KEY))
            off[centred, beta] = np.linalg.norm(got - want) / np.linalg.norm(want)
    assert off[True, 1e-4] < 1e-6
    assert off[True, 1e-3] < 1e-4
    assert off[False, 1e-4] < 1e-3
    assert off[True, 1e-3] > 30 * off[True, 1e-4]
    assert off[False, 1e-3] == pytest.approx(10 * off[False, 1e-4], rel=0.2)


def test_the_free_phase_lowers_its_energy_and_stays_in_range():
    layers, _ = equilibrium().init(KEY, 8)

    def energy(neurons):
        found = sum(jnp.sum(s**2) / 2 for s in neurons)
        pairs = zip((BATCH.x, *neurons), neurons, layers, strict=False)
        return float(found - sum(jnp.sum((below @ w + b) * s) for below, s, (w, b) in pairs))

    states = [equilibrium(free=n).resting(layers, BATCH.x) for n in (1, 2, 4, 8, 16, 32)]
    energies = [energy(each) for each in states]
    assert energies == sorted(energies, reverse=True)
    assert all(((s >= 0) & (s <= 1)).all() for each in states for s in each)


# As baselines.


@pytest.mark.parametrize("name", LOCAL)
def test_it_learns_and_is_tuned(name):
    task, network = get("iris"), Network((4, 16, 3))
    tuning = Tuning((Activation.TANH,), (False,), seeds=2)
    choice = tune(name, network, task, KEY, (40,), batch=32, tuning=tuning)[0]
    keys = jax.random.split(jax.random.key(1), 2)
    learner = baseline(name).make(choice.arrangement, network, task)
    how = {"rate": choice.rate, "schedule": choice.schedule, "batch": 32}
    _, curve = learning_curve(learner, task, keys, (1, 40), Split.TEST, **how)
    assert curve.accuracy[:, 1].mean() > 0.85


@pytest.mark.parametrize("name", LOCAL)
def test_what_a_mask_hides_teaches_nothing(name):
    learner = EACH[name]()
    layers, _ = learner.init(KEY, 8)
    mask = jnp.arange(8) < 5
    other = jnp.where(mask[:, None], BATCH.x, 7.0)
    one, two = (learner.changes(layers, Batch(x, BATCH.y, mask), KEY) for x in (BATCH.x, other))
    np.testing.assert_allclose(flat(one), flat(two), rtol=1e-12)
    full = learner.changes(layers, BATCH, KEY)
    assert not np.allclose(flat(one), flat(full))


def test_the_group_and_its_settings():
    assert named(["local"]) == LOCAL
    assert not {*LOCAL} & {*RIVALS}
    few = Arrangement(Activation.TANH, settings=(Setting("steps", 3),))
    made = BASELINES["predictive-coding"].make(few, NETWORK, get("iris"))
    assert (made.steps, made.activation, float(made.inference)) == (3, Activation.TANH, 0.1)


def test_predictive_coding_learns_numbers():
    learner = predictive(network=Network((4, 6, 2)), target=Regression(2))
    y = jnp.asarray(X[:, :2] * 3)
    state, step = learner.init(KEY, 8), eqx.filter_jit(learner.step)
    losses = []
    for t in range(60):
        losses.append(float(learner.target.loss(learner.predict(state, BATCH.x), y)))
        how = {"rate": jnp.asarray(0.1), "key": KEY, "index": jnp.asarray(t)}
        state, _ = step(state, Batch(BATCH.x, y), **how)
    assert losses[-1] < losses[0] / 2


CONV = Network(((4, 4, 1), (2, 2, 3), (3,)), (Edge(0, 1, Conv(3, 2)), Edge(1, 2)))


@pytest.mark.parametrize("name", LOCAL)
def test_other_networks_are_refused(name):
    with pytest.raises(BluraxError, match=r"is not a fully connected chain; .* takes one"):
        EACH[name](network=CONV)


@pytest.mark.parametrize(
    ("make", "values", "message"),
    [
        (forward_forward, {"target": Regression(3)}, "ForwardForward takes a task of classes"),
        (forward_forward, {"network": Network((4, 3))}, "has no hidden layer; ForwardForward"),
        (forward_forward, {"threshold": 0.0}, "ForwardForward.threshold is 0.0; it takes a"),
        (forward_forward, {"label": -1.0}, "ForwardForward.label is -1.0; it takes a number"),
        (predictive, {"steps": 0}, "PredictiveCoding.steps is 0; it takes a whole number >= 1"),
        (predictive, {"inference": 0.0}, "PredictiveCoding.inference is 0.0; it takes"),
        (predictive, {"variance": 0.0}, "PredictiveCoding.variance is 0.0; it takes"),
        (equilibrium, {"target": Regression(3)}, "EquilibriumPropagation takes a task of classes"),
        (equilibrium, {"beta": 1.5}, "EquilibriumPropagation.beta is 1.5; it takes a number above"),
        (equilibrium, {"free": 0}, "EquilibriumPropagation.free is 0; it takes a whole number"),
    ],
)
def test_mistakes_are_sentences(make, values, message):
    with pytest.raises(BluraxError, match=message):
        make(**values)
