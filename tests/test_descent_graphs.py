"""Gradient descent on any graph: against equations (5) to (7), and a network written by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from blurax import genome, inner
from blurax.baselines import Arrangement, Tuning, baseline
from blurax.baselines.descent import Weights
from blurax.curves import learning_curve
from blurax.errors import BluraxError
from blurax.links import After, Conv, Dense, Identity, Masked, Pool
from blurax.network import Edge, Network
from blurax.spec import Activation, Rule
from blurax.tasks import Batch, Split, get, signed_one_hot
from closeness import assert_close
from variants import jit

RATE, KEY, CLASSES = 0.1, jax.random.key(0), 3
ONE = {"rate": jnp.asarray(RATE), "key": KEY, "index": jnp.asarray(0)}
EVERY_EDGE = Network(
    ((5, 5, 1), (5, 5, 2), (5, 5, 2), (CLASSES,), (4,), (CLASSES,)),
    (
        Edge(0, 1, Conv(3)),
        Edge(1, 2, Conv(2), plastic=False),
        Edge(1, 2, Identity()),
        Edge(1, 3, bias=False),
        Edge(2, 4, Masked(0.5, 1, Dense())),
        Edge(2, 4, After(Pool(2), Dense()), down=False),
        Edge(4, 5),
    ),
    outputs=(5, 3),
)


def drawn(network, batch=8):
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(batch, *network.groups[0])))
    return Batch(x, signed_one_hot(jnp.asarray(rng.integers(0, CLASSES, batch)), CLASSES))


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_a_step_on_every_kind_of_edge(name):
    """SGD is the genome of back-propagation, whose loss is the sum over outputs, not the mean."""
    batch = drawn(EVERY_EDGE)
    learner = baseline(name).make(Arrangement(Activation.TANH), EVERY_EDGE, get("iris"))
    weights, memory = learner.init(KEY, 8)
    rule = Rule.backprop(Activation.TANH)
    state = EVERY_EDGE.init(KEY, rule, 8)
    weights = Weights(
        tuple(None if s.forward is None else s.forward[0] for s in state.synapses),
        tuple(None if s.bias is None else s.bias[0, 0] for s in state.synapses),
        weights.scale,
    )
    backprop = genome.backprop(rule, RATE / 2)
    said = inner.predict(backprop, state, batch.x)
    assert_close(learner.predict((weights, memory), batch.x), said)
    (after, _), _ = jit(lambda s: learner.step(s, batch, **ONE))((weights, memory))
    np.testing.assert_array_equal(after.w[1], weights.w[1])
    np.testing.assert_array_equal(after.b[1], weights.b[1])
    mask = EVERY_EDGE.edges[4].link.mask((5, 5, 2), (4,))
    assert not np.asarray(after.w[4])[~np.asarray(mask)].any()
    if name == "sgd":
        want, _ = jit(lambda s: inner.step(backprop, s, batch.x, batch.y))(state)
        for w, b, s in zip(after.w, after.b, want.synapses, strict=True):
            for got, one in ((w, s.forward), (b, s.bias)):
                assert (got is None) == (one is None)
                if got is not None:
                    assert_close(got, one.reshape(got.shape), 1e-10)


def test_features_are_normalised_over_positions():
    network = Network(((6, 6, 1), (3, 3, 2), (CLASSES,)), (Edge(0, 1, Conv(3, 2)), Edge(1, 2)))
    learner = baseline("sgd").make(Arrangement(normalise=True), network, get("iris"))
    weights, _ = learner.init(KEY, 8)
    b = jnp.asarray([0.3, -0.2])
    weights = Weights(weights.w, (b, weights.b[1]), (None, jnp.asarray([2.0, 0.5]), None))
    x, other = drawn(network).x, drawn(network, 20).x

    def convolved(x):
        kernel, layout = weights.w[0].reshape(3, 3, 1, 2), ("NHWC", "HWIO", "NHWC")
        return lax.conv_general_dilated(
            x, kernel, (2, 2), [(0, 1), (0, 1)], dimension_numbers=layout
        )

    for known in (x, other):
        z, seen = convolved(x), convolved(known)
        unit = (z - seen.mean((0, 1, 2))) / jnp.sqrt(seen.var((0, 1, 2)) + 1e-5)
        a = jnp.maximum(weights.scale[1] * unit + b, 0)
        assert_close(
            learner.predict_few((weights, None), x, known),
            a.reshape(len(a), -1) @ weights.w[1] + weights.b[1],
        )
    assert_close(learner.predict((weights, None), x), learner.predict_few((weights, None), x, x))


def test_a_convolutional_network_learns_a_task():
    task = get("digits")
    network = Network(((8, 8, 1), (4, 4, 4), (10,)), (Edge(0, 1, Conv(3, 2)), Edge(1, 2)))
    learner = baseline("foof").make(
        Tuning().arrangements(baseline("foof"), network)[1], network, task
    )
    keys = jax.random.split(KEY, 1)
    _, curve = learning_curve(learner, task, keys, (20,), Split.VALIDATE, rate=3.0, batch=64)
    assert float(curve.accuracy[0, 0]) > 0.8


def test_what_the_tuner_may_arrange():
    deep, flat = EVERY_EDGE, Network(((4, 4, 1), (CLASSES,)), (Edge(0, 1),))
    for name, many in (
        ("sgd", (4, 1)),
        ("fa", (2, 1)),
        ("foof", (16, 4)),
        ("kolen-pollack", (6, 3)),
    ):
        found = tuple(len(Tuning().arrangements(baseline(name), n)) for n in (deep, flat))
        assert found == many


def test_a_delay_is_refused():
    network = Network((4, 5, 3), (Edge(0, 1), Edge(1, 1, delay=1), Edge(1, 2)))
    with pytest.raises(BluraxError, match="has edges with a delay, whose gradient"):
        baseline("sgd").make(Arrangement(), network, get("iris"))
