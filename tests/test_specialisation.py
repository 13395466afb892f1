"""What neurons specialise in: every measure against loops over single numbers."""

import dataclasses
import itertools
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from blurax import genome as genomes
from blurax import specialisation as special
from blurax.baselines import Arrangement, baseline
from blurax.errors import BluraxError
from blurax.learner import Blur, Learner
from blurax.links import Conv
from blurax.network import Edge, Network
from blurax.spec import Activation, Init, InitScale, Normalise, Rule, Stabilise
from blurax.tasks import get
from closeness import assert_close
from variants import jit

KEY = jax.random.key(0)
EXAMPLES, INPUTS, HIDDEN = 5, 4, 6
NETWORK = Network((INPUTS, HIDDEN, 5, 3))
EXACT = Rule.backprop(Activation.TANH, init=Init(1.0, InitScale.FAN_IN))
measured = eqx.filter_jit(special.measured)
RNG = np.random.default_rng(0)
A = RNG.normal(size=(EXAMPLES, HIDDEN, INPUTS))
A[:, 2] = 0.0  # a neuron that attributes nothing
PHI = RNG.normal(size=(EXAMPLES, HIDDEN))
X = jnp.asarray(RNG.normal(size=(EXAMPLES, INPUTS)))


def cosine(a, b):
    sizes = math.sqrt(sum(v * v for v in a) * sum(v * v for v in b))
    return sum(v * w for v, w in zip(a, b, strict=True)) / sizes if sizes > 0 else 0.0


def naive_sparsity(a):
    return float(np.mean([[sum(abs(v) for v in n) / len(n) for n in example] for example in a]))


def naive_overlap(a, pairs):
    return float(np.mean([[abs(cosine(e[i], e[j])) for i, j in pairs] for e in a]))


def naive_s(phi, gamma):
    s = np.zeros((phi.shape[1],) * 2)
    for n, m in np.ndindex(*s.shape):
        s[n, m] = sum(math.exp(-gamma * (row[n] - row[m]) ** 2) for row in phi) / len(phi)
    return s


def test_attributions_of_neurons_are_measured_as_by_loops():
    all_pairs = [*itertools.combinations(range(HIDDEN), 2)]
    assert special.sparsity(jnp.asarray(A)) == pytest.approx(naive_sparsity(A), rel=1e-10)
    assert special.overlap(jnp.asarray(A)) == pytest.approx(naive_overlap(A, all_pairs), rel=1e-10)
    some = [(0, 1), (2, 4), (5, 3)]
    got = special.overlap(jnp.asarray(A), jnp.asarray(some))
    assert got == pytest.approx(naive_overlap(A, some), rel=1e-10)
    assert special.overlap(jnp.asarray(A[:, :1])) == 0  # a neuron alone
    assert np.isfinite(jax.grad(special.overlap)(jnp.asarray(A))).all()  # at a length of 0 too


@pytest.mark.parametrize("gamma", [0.5, 10.0])
def test_similarities_are_those_of_loops(gamma):
    s, want = special.similarities(jnp.asarray(PHI), gamma), naive_s(PHI, gamma)
    assert_close(s, want, 1e-10)
    assert special.direct(s) == pytest.approx(want.sum() - HIDDEN, rel=1e-10)
    assert special.size(jnp.asarray(PHI)) == pytest.approx((PHI**2).mean(), rel=1e-10)
    for jitter in (0.0, 0.1):
        mixed = (want + jitter * np.eye(HIDDEN)) / (1 + jitter)
        got = special.log_determinant(s, jitter)
        assert float(got) == pytest.approx(np.linalg.slogdet(mixed)[1], rel=1e-10)


def test_the_slope_of_the_determinant_is_that_of_finite_differences():
    def value(phi):
        return special.log_determinant(special.similarities(phi, 2.0))

    slope, phi, step = jit(jax.grad(value))(jnp.asarray(PHI)), jnp.asarray(PHI), 1e-6
    value = jit(value)
    for place in ((0, 0), (3, 4)):
        up, down = (float(value(phi.at[place].add(s))) for s in (step, -step))
        assert float(slope[place]) == pytest.approx((up - down) / (2 * step), rel=1e-6)


def test_two_neurons_that_say_the_same_count_as_one():
    same = jnp.asarray(PHI).at[:, 1].set(PHI[:, 0])
    s = special.similarities(same)
    assert s[0, 1] == 1
    jitter = special.JITTER
    twin = math.log(jitter * (2 + jitter) / (1 + jitter) ** 2)  # det of [[1+e, 1], [1, 1+e]] / ...
    apart = special.log_determinant(special.similarities(same[:, 1:]))
    assert special.log_determinant(s) < apart + 0.7 * twin
    assert np.isfinite(special.log_determinant(s))


def test_pairs_are_of_two_neurons_and_reach_all():
    pairs = np.asarray(special.drawn_pairs(KEY, 5, 400))
    assert (pairs[:, 0] != pairs[:, 1]).all()
    assert {*map(tuple, pairs.tolist())} == {*itertools.permutations(range(5), 2)}
    assert special.drawn_pairs(KEY, 1).shape == (0, 2)
    assert special.overlap(jnp.asarray(A), special.drawn_pairs(KEY, 1)) == 0


def layer_by_numpy(w, b, below, slope):
    """What tanh neurons say, and their slopes by the inputs, `[b, n, inputs]`."""
    said = np.tanh(below @ w + b)
    own = (1 - said**2)[:, :, None] * np.transpose(w)[None]
    return said, own if slope is None else own @ slope


def naive_measures(said, a, gamma=special.GAMMA):
    s, pairs = naive_s(said, gamma), [*itertools.combinations(range(said.shape[1]), 2)]
    mixed = (s + special.JITTER * np.eye(len(s))) / (1 + special.JITTER)
    return (
        naive_sparsity(a),
        naive_overlap(a, pairs),
        (s.sum() - len(s)) / (len(s) * (len(s) - 1)),
        np.linalg.slogdet(mixed)[1] / len(s),
    )


def assert_measured(got, wants):
    for l, want in enumerate(wants):
        found = [float(v[l]) for v in (got.sparsity, got.overlap, got.similarity, got.diversity)]
        np.testing.assert_allclose(found, want, rtol=1e-10)


def test_a_genomes_network_and_a_baselines_are_measured_alike():
    state = NETWORK.init(KEY, EXACT, EXAMPLES)
    w = [s.forward[0] for s in state.synapses]
    b = [s.bias[0, 0] for s in state.synapses]

    first = layer_by_numpy(w[0], b[0], X, None)
    wants = [naive_measures(*first), naive_measures(*layer_by_numpy(w[1], b[1], *first))]
    genome = Blur(genomes.backprop(EXACT, 0.1), NETWORK)
    assert_measured(measured(genome, state, X), wants)
    adam = baseline("adam").make(Arrangement(Activation.TANH), NETWORK, get("iris"))
    weights, memory = adam.init(KEY, EXAMPLES)
    weights = eqx.tree_at(lambda t: (t.w, t.b), weights, (tuple(w), tuple(b)))
    assert_measured(measured(adam, (weights, memory), X), wants)


def test_feedback_alignment_is_measured_too():
    learner = baseline("fa").make(Arrangement(Activation.TANH), Network((4, 6, 3)), get("iris"))
    state = learner.init(KEY, EXAMPLES)
    w = state.synapses[0].forward[0]
    got = measured(learner, state, X)
    assert_measured(got, [naive_measures(*layer_by_numpy(w, 0.0, X, None))])


def test_normalised_neurons_attribute_to_their_own_example_alone():
    network = Network((INPUTS, HIDDEN, 3))
    adam = baseline("adam").make(Arrangement(Activation.TANH, True), network, get("iris"))
    state = adam.init(KEY, EXAMPLES)
    w = state[0].w[0]
    z = X @ w
    std = np.sqrt(z.var(0) + 1e-5)
    want = naive_measures(*layer_by_numpy(w / std, -z.mean(0) / std, X, None))
    assert_measured(measured(adam, state, X), [want])
    rule = dataclasses.replace(EXACT, stabilise=Stabilise(Normalise.FORWARD))
    genome = Blur(genomes.backprop(rule, 0.1), network)
    of_genome = network.init(KEY, rule, EXAMPLES)
    of_genome = eqx.tree_at(lambda s: s.synapses[0].forward, of_genome, w[None])
    zero = jnp.zeros_like(of_genome.synapses[0].bias)
    of_genome = eqx.tree_at(lambda s: s.synapses[0].bias, of_genome, zero)
    assert_measured(measured(genome, of_genome, X), [want])


def test_maps_are_compared_by_feature_and_attribute_by_position():
    network = Network(
        ((6, 6, 1), (4, 4, 2), (3,)), (Edge(0, 1, Conv(3, padding="valid")), Edge(1, 2))
    )
    learner = Blur(genomes.backprop(EXACT, 0.1), network)
    state = network.init(KEY, EXACT, 4)
    x = jnp.asarray(RNG.normal(size=(4, 6, 6, 1)))
    said = np.asarray(learner.activations(state, x, x)[1])  # no jit: as it stands
    got = measured(learner, state, x)
    s = naive_s(said.reshape(-1, 2), special.GAMMA)
    assert got.similarity[0] == pytest.approx(s[0, 1], rel=1e-10)

    def layer(row):
        return learner.activations(state, row.reshape(1, 6, 6, 1), x)[1].ravel()

    a = np.asarray(jax.vmap(jax.jacrev(layer))(x.reshape(4, -1)))
    assert got.sparsity[0] == pytest.approx(naive_sparsity(a), rel=1e-10)


def test_of_many_neurons_some_are_looked_at(monkeypatch):
    monkeypatch.setattr(special, "NEURONS", 3)
    state = NETWORK.init(KEY, EXACT, EXAMPLES)
    w, b = state.synapses[0].forward[0], state.synapses[0].bias[0, 0]
    places = np.array([0, 2, 5])
    learner = Blur(genomes.backprop(EXACT, 0.1), NETWORK)
    got = jit(lambda x: special.measured(learner, state, x))(X)
    want = naive_measures(*layer_by_numpy(w[:, places], b[places], X, None))
    assert_measured(got, [want])


class Silent(Learner):
    """A learner that shows nothing."""

    network: Network = eqx.field(static=True)

    def init(self, key, batch):
        return ()

    def step(self, state, batch, *, rate, key, index):
        return state, None

    def predict(self, state, x):
        return x


def test_a_learner_that_shows_no_neurons_is_told():
    with pytest.raises(BluraxError, match=r"Silent does not show its neurons; .*activations"):
        measured(Silent(NETWORK), (), X)
    blank = measured(Blur(genomes.backprop(EXACT, 0.1), Network((4, 3))), *flat())
    assert blank.overlap.shape == (0,)


def flat():
    return Network((4, 3)).init(KEY, EXACT, EXAMPLES), X
