"""Rules near gradient descent on fully connected and convolutional networks, against NumPy."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from blurax.baselines import (
    Arrangement,
    NeuronDescent,
    Setting,
    baseline,
    direct_feedback,
    feedback_alignment,
)
from blurax.curves import learning_curve
from blurax.errors import BluraxError
from blurax.links import After, Conv, Dense, Identity, Pool
from blurax.network import Edge, Network
from blurax.spec import Activation
from blurax.tasks import Batch, Split, get, signed_one_hot
from test_links import conv_matrix

STEPS, BATCH, RATE, CLASSES = 4, 6, 0.05, 3
KEYS = jax.random.split(jax.random.key(3), 2)
NETWORKS = {
    "dense": Network((4, 6, 5, CLASSES)),
    "conv": Network(
        ((8, 8, 1), (4, 4, 3), (4, 4, 2), (CLASSES,)),
        (Edge(0, 1, Conv(3, 2)), Edge(1, 2, Conv(2)), Edge(2, 3)),
    ),
}


def spread(edge, network):
    """[neuron below, synapse, position]: where each synapse finds its neuron, by loops."""
    pre, post = network.groups[edge.pre], network.groups[edge.post]
    if isinstance(edge.link, Dense):
        return np.eye(int(np.prod(pre)))[:, :, None]
    units = np.eye(edge.link.kernel**2 * pre[2])
    one = (*post[:2], 1)
    return np.stack([conv_matrix(edge.link, pre, one, unit) for unit in units], axis=1)


def slope(z, activation):
    return 1 - np.tanh(z) ** 2 if activation is Activation.TANH else (z > 0).astype(float)


def rise(z, activation):
    return np.tanh(z) if activation is Activation.TANH else np.maximum(z, 0)


class ByHand:
    """Weights w [synapse, feature] and b of each layer; `back` are w on the way back."""

    def __init__(self, network, activation, w, b, back, direct, kept=1.0, damping=None):
        self.places = [spread(edge, network) for edge in network.edges]
        self.activation, self.kept, self.damping = activation, kept, damping
        self.w, self.b, self.back, self.direct = w, b, back, direct

    def outputs(self, x):
        """What each layer sees at each position, and what it makes of it."""
        a, seen, arguments = x.reshape(len(x), -1), [], []
        for w, b, places in zip(self.w, self.b, self.places, strict=True):
            seen.append(np.einsum("bI,Inp->bpn", a, places))
            arguments.append(seen[-1] @ w + b)
            a = rise(arguments[-1], self.activation).reshape(len(x), -1)
        return seen, arguments

    def step(self, x, y):
        seen, arguments = self.outputs(x)
        out = np.exp(arguments[-1] - arguments[-1].max(-1, keepdims=True))
        errors = {len(self.w) - 1: out / out.sum(-1, keepdims=True) - (y > 0)[:, None]}
        for l in reversed(range(len(self.w) - 1)):
            if self.direct is not None:
                arriving = errors[len(self.w) - 1][:, 0] @ self.direct[l]
            else:
                above = errors[l + 1], self.back[l + 1], self.places[l + 1]
                arriving = np.einsum("bpj,nj,Inp->bI", *above)
            z = arguments[l]
            errors[l] = arriving.reshape(z.shape) * slope(z, self.activation)
        for l, (w, b) in enumerate(zip(self.w, self.b, strict=True)):
            dw, db = self.change(seen[l], errors[l] / len(x))
            self.w[l], self.b[l] = self.kept * w - RATE * dw, self.kept * b - RATE * db

    def change(self, seen, errors):
        """Σ over events of what they see times their error."""
        p = np.concatenate([seen, np.ones((*seen.shape[:2], 1))], axis=2)
        p, e = p.reshape(-1, p.shape[2]), errors.reshape(-1, errors.shape[2])
        found = p.T @ e
        if self.damping is not None:
            alike = sum(np.outer(one, one) for one in p)
            mean = np.mean([one @ one for one in p])
            whole = self.damping * np.eye(len(alike)) + (1 - self.damping) * alike / mean
            found = np.linalg.solve(whole, found)
        return found[:-1], found[-1]


def back_as_forward(edge, backward, network):
    """Synapses [patch x upper features, lower features] in the order of forward ones."""
    if isinstance(edge.link, Dense):
        return np.asarray(backward[0]).T
    features = network.groups[edge.pre][2], network.groups[edge.post][2]
    split = np.asarray(backward[0]).reshape(-1, features[1], features[0])
    return np.swapaxes(split, 1, 2).reshape(-1, features[1])


CASES = [
    (name, network, activation)
    for name in ("fa", "sign-symmetric", "kolen-pollack", "dfa", "foof")
    for network, activation in (
        ("dense", Activation.TANH),
        ("conv", Activation.RELU),
        ("conv", Activation.TANH),
    )
]
SETTINGS = {"kolen-pollack": ("decay", 0.1), "foof": ("damping", 0.01)}


def made(name, activation, network):
    setting = SETTINGS.get(name)
    settings = () if setting is None else (Setting(*setting),)
    return baseline(name).make(Arrangement(activation, settings=settings), network, get("iris"))


def synapses_of(learner, state, network):
    """w, b, and what leads back, by layer or by hidden group."""
    if isinstance(learner, NeuronDescent):
        return [np.asarray(w) for w in state[0].w], [np.asarray(b) for b in state[0].b], []
    pairs = list(zip(learner.network.edges, state.synapses, strict=True))
    w = [np.asarray(s.forward[0]) for edge, s in pairs if edge.up]
    b = [np.asarray(s.bias[0, 0]) for edge, s in pairs if edge.up]
    down = [(edge, s.backward) for edge, s in pairs if not edge.up]
    return w, b, down


@pytest.mark.parametrize(("name", "which", "activation"), CASES)
def test_each_rule_is_its_formula(name, which, activation):
    network = NETWORKS[which]
    learner = made(name, activation, network)
    state = learner.init(KEYS[0], BATCH)
    w, b, down = synapses_of(learner, state, network)
    assert len(down) == (0 if name == "foof" else 2)
    assert not any(each.any() for each in b)
    size = 2.0 if activation is Activation.RELU else 1.0
    signs = [np.sign(each) * np.sqrt(size / (len(each) + 1)) for each in w]
    direct = [np.asarray(v[0]) for _, v in down] if name == "dfa" else None
    back = [None, *(back_as_forward(edge, v, network) for edge, v in down)]
    if name == "foof":
        back = w
    if name == "sign-symmetric":
        for got, want in zip(back[1:], signs[1:], strict=True):
            np.testing.assert_array_equal(got, want)
    options = dict([SETTINGS[name]]) if name in SETTINGS else {}
    kept = 1 - options.get("decay", 0.0)
    hand = ByHand(network, activation, w, b, back, direct, kept, options.get("damping"))

    rng = np.random.default_rng(0)
    x = rng.normal(size=(STEPS, BATCH, *network.groups[0]))
    y = 2.0 * np.eye(CLASSES)[rng.integers(0, CLASSES, (STEPS, BATCH))] - 1
    step = eqx.filter_jit(learner.step)
    for t in range(STEPS):
        batch, before = Batch(jnp.asarray(x[t]), jnp.asarray(y[t])), list(hand.w)
        how = {"rate": jnp.asarray(RATE), "key": KEYS[0], "index": jnp.asarray(t)}
        state, _ = step(state, batch, **how)
        hand.step(x[t], y[t])
        if name == "sign-symmetric":
            hand.back = [np.sign(each) * np.sqrt(size / (len(each) + 1)) for each in hand.w]
        elif name == "kolen-pollack":
            changes = [new - kept * old for new, old in zip(hand.w, before, strict=True)]
            hand.back[1:] = [
                kept * old + change for old, change in zip(hand.back[1:], changes[1:], strict=True)
            ]
    w, b, down = synapses_of(learner, state, network)
    for got, want in zip((*w, *b), (*hand.w, *hand.b), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12)
    if name in ("fa", "sign-symmetric", "kolen-pollack"):
        for (edge, got), want in zip(down, hand.back[1:], strict=True):
            np.testing.assert_allclose(back_as_forward(edge, got, network), want, rtol=1e-10)
    got = learner.predict(state, jnp.asarray(x[0]))
    np.testing.assert_allclose(got, hand.outputs(x[0])[1][-1][:, 0], rtol=1e-10, atol=1e-12)


RESIDUAL = Network(
    ((6, 6, 1), (6, 6, 2), (6, 6, 2), (CLASSES,), (CLASSES,)),
    (
        Edge(0, 1, Conv(3)),
        Edge(1, 2, Conv(3)),
        Edge(1, 2, Identity()),
        Edge(1, 3),
        Edge(2, 4, After(Pool(2), Dense())),
    ),
    outputs=(4, 3),
)


def test_the_edges_of_feedback():
    aligned, direct = feedback_alignment(RESIDUAL), direct_feedback(RESIDUAL)
    down = [(e.pre, e.post, e.link) for e in aligned.edges if not e.up]
    assert down == [(1, 2, Conv(3)), (1, 3, Dense()), (2, 4, After(Pool(2), Dense()))]
    assert [e for e in aligned.edges if e.up and e.down and e.pre] == [Edge(1, 2, Identity())]
    assert not any(e.up and e.down for e in direct.edges)
    down = [(e.pre, e.post, e.link) for e in direct.edges if not e.up]
    assert down == [(1, 4, Dense()), (1, 3, Dense()), (2, 4, Dense()), (2, 3, Dense())]
    for network in (aligned, direct):
        assert network.synapse_count == RESIDUAL.synapse_count
        assert not any(e.plastic or e.bias for e in network.edges if not e.up)
    assert feedback_alignment(Network((4, 3))) == Network((4, 3))


@pytest.mark.parametrize("name", ["fa", "dfa"])
def test_a_residual_network_with_two_outputs_learns(name):
    learner = made(name, Activation.TANH, RESIDUAL)
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, 30)
    x = jnp.asarray(rng.normal(size=(30, 6, 6, 1)) + labels[:, None, None, None] - 1)
    batch = Batch(x, signed_one_hot(jnp.asarray(labels), CLASSES))
    how = {"rate": jnp.asarray(0.03), "key": KEYS[0]}

    def one(state, index):
        return learner.step(state, batch, index=index, **how)[0], None

    before = learner.init(KEYS[0], 30)
    after, _ = jax.jit(lambda s: jax.lax.scan(one, s, jnp.arange(200)))(before)
    first, last = (
        float(learner.target.loss(learner.predict(s, x), batch.y)) for s in (before, after)
    )
    assert last < 0.6 * first


@pytest.mark.parametrize(
    ("name", "task", "sizes"),
    [
        ("sgd", "sine", (1, 8, 1)),
        ("foof", "sine", (1, 8, 1)),
        ("muon", "iris", (4, 3)),
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


def test_damping_takes_no_mask():
    learner = made("foof", Activation.RELU, NETWORKS["dense"])
    batch = Batch(jnp.ones((2, 4)), jnp.ones((2, 3)), jnp.ones(2, bool))
    with pytest.raises(BluraxError, match="NeuronDescent as it is lets examples"):
        learner.takes(batch)
