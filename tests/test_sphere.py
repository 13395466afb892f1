"""Optimisers without a learning rate: weights on spheres, and those of optax."""

import itertools
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import blurax
from blurax.baselines import (
    BASELINES,
    NOTHING_TUNED,
    Arrangement,
    AutoSphere,
    Tuning,
    baseline,
    named,
    tune,
)
from blurax.baselines.descent import Weights, forward
from blurax.baselines.sphere import OnSpheres, curvature, majorised_step, moved
from blurax.errors import BluraxError
from blurax.links import Conv, Identity
from blurax.network import Edge, Network
from blurax.spec import Activation
from blurax.targets import Classes, Regression, Target
from blurax.tasks import Batch, get, signed_one_hot
from closeness import assert_close

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(16, 4))
LABELS = RNG.integers(0, 3, 16)
NETWORKS = {
    "dense": Network((4, 6, 5, 3)),
    "branches": Network(
        (4, 6, 6, 3), (Edge(0, 1), Edge(1, 2), Edge(1, 2, Identity()), Edge(2, 3), Edge(0, 3))
    ),
    "conv": Network(((4, 4, 1), (2, 2, 3), (3,)), (Edge(0, 1, Conv(3, 2)), Edge(1, 2))),
}


def data(network):
    """A batch for a network of three outputs."""
    shape = network.groups[0]
    x = RNG.normal(size=(16, *shape)) if len(shape) > 1 else X
    return Batch(jnp.asarray(x, float), signed_one_hot(jnp.asarray(LABELS), 3))


def after(learner, batch, steps, state=None):
    """The states after each of so many steps on a batch."""
    state, step = state or learner.init(KEY, len(batch.y)), eqx.filter_jit(learner.step)
    found = [state]
    for t in range(steps):
        state, _ = step(state, batch, rate=jnp.zeros(()), key=KEY, index=jnp.asarray(t))
        found.append(state)
    return found


def norms(state):
    return np.array([float(jnp.linalg.norm(w)) for w in state.points if w is not None])


@pytest.mark.parametrize("majorised", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_steps_keep_the_norm_in_double_precision(name, majorised):
    network = NETWORKS[name]
    learner, batch = AutoSphere(network, Classes(3), majorised=majorised), data(network)
    states = after(learner, batch, 10)
    for state in states:
        assert np.abs(norms(state) - 1).max() < 1e-12
    assert (states[0].points[-1] != states[-1].points[-1]).any()
    losses = [float(learner.target.loss(learner.predict(s, batch.x), batch.y)) for s in states]
    assert losses[-1] < 0.9 * losses[0]


def test_steps_keep_the_norm_in_single_precision(float32):
    for majorised in (False, True):
        learner = AutoSphere(NETWORKS["dense"], Classes(3), majorised=majorised)
        states = after(learner, data(learner.network), 10)
        assert states[-1].points[0].dtype == jnp.float32
        assert np.abs(norms(states[-1]) - 1).max() < 1e-6


def test_the_map_itself_keeps_the_norm_and_leaves_points_at_rest():
    w = jnp.asarray(RNG.normal(size=(5, 3)))
    w = w / jnp.linalg.norm(w)
    v = jnp.asarray(RNG.normal(size=(5, 3)))
    v = v - jnp.sum(v * w) * w
    for t in (0.0, 1e-6, 0.3, 40.0):
        new, rest = moved((w, w), (v, jnp.zeros_like(v)), jnp.asarray(t))
        assert float(jnp.linalg.norm(new)) == pytest.approx(1.0, abs=1e-12)
        angle = t * float(jnp.linalg.norm(v))
        assert float(jnp.sum(new * w)) == pytest.approx(math.cos(angle), abs=1e-12)
        assert_close(rest, w, 0.0)


QUADRATIC = Network((4, 2), (Edge(0, 1, bias=False),))
WANTED = X @ RNG.normal(size=(4, 2))


def quadratic(w, gain):
    """The loss, its Riemannian gradient with the sign turned, L' and L'' along that, by NumPy."""
    rest = gain * X @ w - WANTED
    gradient = 2 * gain * X.T @ rest / rest.size
    v = -(gradient - np.sum(gradient * w) * w)
    along = gain * X @ v
    first = 2 * np.mean(rest * along)
    second = 2 * np.mean(along**2 - rest * gain * (X @ w) * np.sum(v**2))
    return np.mean(rest**2), v, first, second


def test_on_a_quadratic_each_step_is_newtons_along_the_curve():
    learner = AutoSphere(QUADRATIC, Regression(2))
    batch = Batch(jnp.asarray(X), jnp.asarray(WANTED))
    states = after(learner, batch, 12)
    gain, losses, slopes = float(states[0].gains[0]), [], []
    for before, now in itertools.pairwise(states):
        w = np.asarray(before.points[0])
        loss, v, first, second = quadratic(w, gain)
        speed = np.linalg.norm(v)
        assert first == pytest.approx(-(speed**2), rel=1e-10)
        t = min(-first / abs(second), math.pi / 2 / speed)
        want = w * math.cos(t * speed) + v / speed * math.sin(t * speed)
        # Near the bottom v is a difference of numbers far larger than itself.
        assert_close(now.points[0], jnp.asarray(want), 1e-12 / min(1.0, speed**2))
        losses.append(loss)
        slopes.append(speed)
    assert (np.diff(losses) < 1e-12).all()
    assert slopes[-1] < 1e-6 * slopes[0]


def test_a_majorised_step_minimises_its_bound():
    slope, speed, first, second = -0.7, 1.3, 0.4, 2.5

    def bound(t):
        u = math.exp(t * speed) - 1
        return slope * t + first * (u - t * speed) + second * u**2 / 2

    t = float(majorised_step(*map(jnp.asarray, (slope, speed, first, second))))
    around = [bound(t + s) for s in (-1e-3, 0.0, 1e-3)]
    assert around[1] == min(around)
    assert bound(t) < 0
    assert float(majorised_step(*map(jnp.asarray, (0.0, 0.0, first, second)))) == 0


def test_curvatures_bound_those_of_the_losses():
    class Cubes(Target):
        """A target without a bound of its own."""

        def losses(self, outputs, y):
            return jnp.sum(jnp.abs(outputs - y) ** 3, axis=1)

        def score(self, outputs, y, mask=None):
            return jnp.zeros(())

    said, y = jnp.asarray(RNG.normal(size=(8, 3))), signed_one_hot(jnp.asarray(LABELS[:8]), 3)
    for target, found, wanted in (
        (Classes(3), said, y),
        (Classes(1), said[:, :1], y[:, :1]),
        (Regression(3), said, y),
        (Cubes(3), said, y),
    ):
        most = largest(target, found, wanted)
        assert 0 < most <= float(curvature(target, found, wanted)) + 1e-12
    assert largest(Regression(3), said, y) == pytest.approx(2 / 3)


def largest(target, said, y):
    """The largest curvature of a loss."""

    def loss(said, y):
        return target.loss(said[None], y[None])

    return np.linalg.eigvalsh(jax.vmap(jax.hessian(loss))(said, y)).max()


def test_factors_are_the_inputs_gain_of_a_chain_of_relus_without_biases():
    network = Network((4, 6, 5, 3), tuple(Edge(l, l + 1, bias=False) for l in range(3)))
    learner, x = AutoSphere(network, Classes(3)), jnp.asarray(X)
    state = learner.init(KEY, 16)
    gain = math.prod(float(g) for g in state.gains)
    bare = Weights(state.points, (None,) * 3, (None,) * 4)
    said = forward(network, bare, gain * x, Activation.RELU)[0][-1]
    assert_close(learner.predict(state, x), said, 1e-12)
    usual = baseline("sgd").make(Arrangement(Activation.RELU), network, get("iris"))
    assert_close(usual.predict(usual.init(KEY, 16), x), said, 1e-12)  # the usual initial network


def test_biases_are_a_row_of_the_matrix_and_what_is_not_plastic_stays():
    network = Network((4, 6, 3), (Edge(0, 1, plastic=False), Edge(1, 2)))
    learner = AutoSphere(network, Classes(3))
    first, *_, last = after(learner, data(network), 3)
    assert [w.shape for w in first.points] == [(5, 6), (7, 3)]
    assert not first.points[1][-1].any()
    assert last.points[1][-1].any()
    assert_close(last.points[0], first.points[0], 1e-15)


def test_where_there_is_nothing_to_descend_weights_stay():
    learner = AutoSphere(QUADRATIC, Regression(2))
    state = learner.init(KEY, 16)
    batch = Batch(jnp.zeros((16, 4)), jnp.zeros((16, 2)))
    for majorised in (False, True):
        learner = AutoSphere(QUADRATIC, Regression(2), majorised=majorised)
        assert_close(after(learner, batch, 1, state)[-1].points, state.points, 1e-15)


@pytest.mark.parametrize("name", ["prodigy", "mechanic"])
def test_those_of_optax_are_plain_loops(name):
    make = {
        "prodigy": optax.contrib.prodigy(),
        "mechanic": optax.contrib.mechanize(optax.adam(1.0)),
    }[name]
    network, batch = NETWORKS["dense"], data(NETWORKS["dense"])
    learner = baseline(name).make(Arrangement(Activation.TANH), network, get("iris"))
    state = learner.init(KEY, 16)
    weights, memory = state[0], make.init(state[0])
    step, gradient, update = map(eqx.filter_jit, (learner.step, learner.gradient, make.update))
    for t in range(4):
        state, _ = step(state, batch, rate=jnp.zeros(()), key=KEY, index=jnp.asarray(t))
        updates, memory = update(gradient(weights, batch), memory, weights)
        weights = optax.apply_updates(weights, updates)
    assert_close(state[0], weights, 1e-10)


def test_nothing_is_tuned_and_validation_is_run_once(monkeypatch):
    calls = []
    real = blurax.baselines.trials.learning_curve

    def counted(*args, **named):
        calls.append((args[3], named["rate"]))
        return real(*args, **named)

    monkeypatch.setattr("blurax.baselines.trials.learning_curve", counted)
    found = tune("auto-sphere", Network((4, 6, 3)), get("iris"), KEY, (2, 5))
    assert calls == [((2, 5), 0.0)]
    assert [(c.rate, c.arrangement, c.at_edge) for c in found] == [(None, Arrangement(), False)] * 2
    assert all(0 < c.validation <= 1 for c in found)
    assert named(["tuning-free"]) == NOTHING_TUNED
    assert len(NOTHING_TUNED) == 4
    for name in NOTHING_TUNED:
        each = baseline(name)
        assert len(Tuning().arrangements(each, Network((4, 6, 3)))) == 1
        assert not Tuning().arrangements(each, Network((4, 3)))[0].normalise


def test_what_has_no_rate_may_have_strengths_to_tune():
    tuning = Tuning(seeds=2)
    (choice,) = tune("prodigy+l2", Network((4, 6, 3)), get("iris"), KEY, (3,), tuning=tuning)
    assert choice.rate is None
    assert [s.name for s in choice.arrangement.settings] == ["l2"]


def test_a_comparison_shows_no_rate(tmp_path, capsys):
    how = {"tasks": ("iris",), "hidden": ("6",), "budgets": (3,), "seeds": 2}
    found = blurax.compare((), baselines="auto-sphere", directory=tmp_path / "c", **how)
    (row,) = found.rows
    assert (row["rate"], row["network"]) == (None, "relu")
    print(found)
    assert "at rate" not in capsys.readouterr().out
    again = blurax.compare((), baselines="auto-sphere", directory=tmp_path / "c", **how)
    assert again.rows == found.rows


def test_own_baselines_may_have_no_rate(own_baselines_forgotten):
    blurax.add_baseline("steady-sgd", lambda rate: optax.sgd(0.1), scale=None)
    assert BASELINES["steady-sgd"].scale is None
    (choice,) = tune("steady-sgd", Network((4, 3)), get("iris"), KEY, (3,), tuning=Tuning(seeds=2))
    assert choice.rate is None
    with pytest.raises(BluraxError, match=r"scale is 0.0; it takes a learning rate above 0, or"):
        blurax.add_baseline("other", lambda rate: optax.sgd(0.1), scale=0.0)


def test_delayed_edges_are_refused():
    network = Network((4, 6, 3), (Edge(0, 1), Edge(1, 2), Edge(1, 1, delay=1)))
    with pytest.raises(BluraxError, match="auto-sphere takes a network without"):
        AutoSphere(network, Classes(3))


def test_it_learns_a_task_of_many_inputs():
    learner = baseline("auto-sphere").make(Arrangement(), Network((64, 32, 10)), get("digits"))
    assert isinstance(learner.init(KEY, 8), OnSpheres)
    _, curve = blurax.learning_curve(
        learner, get("digits"), jax.random.split(KEY, 2), (1, 30), blurax.Split.VALIDATE
    )
    assert float(curve.accuracy[:, 1].min()) > 0.7
