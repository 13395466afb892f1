"""Links whose index travels with each example: against `Placed`, loops and graphs."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import blurax
from blurax import inner
from blurax.baselines import Arrangement, baseline
from blurax.baselines.descent import Weights, forward
from blurax.curves import learning_curve
from blurax.errors import BluraxError
from blurax.links import After, Dense, Identity, Index, Indexed, Masked, Placed, Travelling
from blurax.network import Edge, Network
from blurax.spec import Activation, Rule, Signal
from blurax.tasks import Episode, EpisodeSpec, Split
from closeness import assert_close
from test_graphs import TABLE as RULES
from variants import jit

NODES, NUMBERS, CLASSES, BATCH = 5, 4, 3, 6
RNG = np.random.default_rng(0)


def graph(link):
    """Two layers of the same rule over the nodes of a graph, and a readout."""
    edges = Edge(0, 1, link), Edge(1, 2, link), Edge(2, 3)
    return Network((NODES, NODES, NODES, CLASSES), edges)


TRAVELLING = Travelling(NODES, NODES, NUMBERS)
NETWORK = graph(TRAVELLING)
IDS = RNG.integers(-1, NUMBERS, (BATCH, NODES, NODES))
X = RNG.normal(size=(BATCH, NODES))
Y = 2.0 * jax.nn.one_hot(RNG.integers(0, CLASSES, BATCH), CLASSES) - 1


def with_index(ids=IDS, x=X):
    return Indexed(jnp.asarray(x), {"index": jnp.asarray(ids)})


def plain_loss(w, b, x, ids):
    """Cross-entropy of the network written as loops over examples."""
    outputs = []
    for n in range(len(x)):
        a = x[n]
        for l in range(2):
            z = []
            for j in range(NODES):
                terms = [w[l][ids[n, i, j], 0] * a[i] for i in range(NODES) if ids[n, i, j] >= 0]
                z.append(sum(terms, b[l][0]))
            a = jnp.tanh(jnp.stack(z))
        outputs.append(a @ w[2] + b[2])
    logits = jnp.stack(outputs)
    chosen = jnp.sum((Y + 1) / 2 * jax.nn.log_softmax(logits), axis=1)
    return -jnp.mean(chosen)


def parts(state):
    return [s.forward[0] for s in state.synapses], [s.bias[0, 0] for s in state.synapses]


@pytest.mark.parametrize(("steps", "tolerance"), [(1, 1e-10), (50, 1e-8)])
def test_back_propagation_is_the_gradient_of_loops_over_examples(steps, tolerance):
    rule = Rule.backprop(Activation.TANH, signal=Signal.CROSS_ENTROPY)
    genome = blurax.backprop(rule, 0.3)
    state = NETWORK.init(jax.random.key(1), rule, BATCH)
    w, b = parts(state)
    descend = jax.jit(jax.grad(lambda wb: plain_loss(*wb, X, IDS)))
    step = jax.jit(inner.step)
    for number in range(steps):
        state, _ = step(genome, state, with_index(), Y, number)
        w, b = jax.tree.map(lambda p, g: p - 0.3 * g, [w, b], descend([w, b]))
    for found, wanted in zip(parts(state), (w, b), strict=True):
        for one, other in zip(found, wanted, strict=True):
            assert_close(one, other, tolerance)


@pytest.mark.parametrize("name", [n for n, rule in RULES.items() if rule.layers is None])
def test_an_index_that_all_examples_share_is_that_of_placed(name):
    rule = RULES[name]
    genome = blurax.genome.random(jax.random.key(0), rule)
    ids = RNG.integers(-1, NUMBERS, (NODES, NODES))
    ids[0, 0] = NUMBERS - 1
    same = graph(Placed(Index.of(ids)))
    travelling = graph(dataclasses.replace(TRAVELLING, neighbours=float((ids >= 0).sum() / NODES)))
    state = travelling.init(jax.random.key(1), genome, BATCH)
    shared = dataclasses.replace(
        same.init(jax.random.key(1), genome, BATCH), synapses=state.synapses
    )
    index = np.broadcast_to(ids, (BATCH, NODES, NODES))
    step = jit(inner.step)
    for number in range(3):
        state, _ = step(genome, state, with_index(index), Y, number)
        shared, _ = step(genome, shared, jnp.asarray(X), Y, number)
    for one, other in zip(jax.tree.leaves(state), jax.tree.leaves(shared), strict=True):
        assert_close(one, other, 1e-10)


def test_the_order_of_nodes_does_not_matter():
    rule = Rule.backprop(Activation.TANH)
    genome = blurax.backprop(rule, 0.3)
    readout = Edge(2, 3, Travelling(NODES, CLASSES, 2 * CLASSES, "readout"))
    network = Network(NETWORK.groups, (*NETWORK.edges[:2], readout))
    state = network.init(jax.random.key(1), rule, BATCH)
    to = RNG.integers(-1, 2 * CLASSES, (BATCH, NODES, CLASSES))

    def learned(order):
        x = jnp.asarray(np.take_along_axis(X, order, 1))
        rows = np.take_along_axis(IDS, order[:, :, None], 1)
        index = np.take_along_axis(rows, order[:, None], 2)
        read = np.take_along_axis(to, order[:, :, None], 1)
        found = Indexed(x, {"index": jnp.asarray(index), "readout": jnp.asarray(read)})
        after, info = inner.step(genome, state, found, Y)
        return after.synapses, info.prediction

    orders = np.stack([RNG.permutation(NODES) for _ in range(BATCH)])
    one, other = learned(np.tile(np.arange(NODES), (BATCH, 1))), learned(orders)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        assert_close(a, b, 1e-10)


def test_optimisers_compute_with_the_same_index():
    state = NETWORK.init(jax.random.key(1), Rule.backprop(), BATCH)
    w, b = parts(state)
    weights = Weights(tuple(w), tuple(b), (None,) * 4)
    (*_, logits), _ = forward(NETWORK, weights, with_index(), Activation.TANH)
    genome = blurax.backprop(Rule.backprop(Activation.TANH), 0.1)
    assert_close(logits, inner.predict(genome, state, with_index()), 1e-12)


@pytest.mark.parametrize(
    "wrap", [lambda link: Masked(0.5, 1, link), lambda l: After(Identity(), l)]
)
def test_other_links_around_it_get_the_index(wrap):
    rule = Rule.backprop()
    network, bare = graph(wrap(TRAVELLING)), graph(TRAVELLING)
    state = network.init(jax.random.key(0), rule, BATCH)
    there = [np.asarray(s.forward) != 0 for s in state.synapses]
    after, _ = inner.step(blurax.backprop(rule, 0.1), state, with_index(), Y)
    for kept, s in zip(there, after.synapses, strict=True):
        np.testing.assert_array_equal(np.asarray(s.forward) != 0, kept)
    same = dataclasses.replace(bare.init(jax.random.key(0), rule, BATCH), synapses=state.synapses)
    genome = blurax.backprop(rule, 0.1)
    found, wanted = (inner.predict(genome, s, with_index()) for s in (state, same))
    assert_close(found, wanted, 1e-12)


class Rings(blurax.Task):
    """Whether a graph of nodes of value 1 is one ring or two: not to be seen in the nodes alone."""

    name: str = "rings"
    input_shape: tuple[int, ...] = (6,)
    target: blurax.Target = blurax.Classes(2)

    def sample(self, key, spec, split, first=0):
        one = np.zeros((6, 6), int)
        two = np.zeros((6, 6), int)
        for i in range(6):
            one[i, (i + 1) % 6] = one[(i + 1) % 6, i] = 1
            two[i, i // 3 * 3 + (i + 1) % 3] = two[i // 3 * 3 + (i + 1) % 3, i] = 1
        graphs = jnp.asarray(
            [[np.linalg.matrix_power(g, p) > 0 for p in (1, 2)] for g in (one, two)]
        )

        def drawn(key, shape):
            which = jax.random.bernoulli(key, shape=shape).astype(int)
            near, far = graphs[which, 0], graphs[which, 1]
            index = jnp.where(near, 0, jnp.where(far, 1, -1)) * jnp.ones((), int)
            y = 2.0 * jax.nn.one_hot(which, 2) - 1
            return Indexed(jnp.ones((*shape, 6)), {"index": index}), y

        batches, query = jax.random.split(jax.random.fold_in(key, first))
        many = spec.query if split is Split.TRAIN else spec.held_out
        x, y = drawn(batches, (spec.steps, spec.batch))
        return Episode(x, y, *drawn(query, (many,)))


def test_a_genome_learns_what_only_the_graph_says():
    task = Rings()
    network = Network((6, 6, 2), (Edge(0, 1, Travelling(6, 6, 2)), Edge(1, 2)))
    genome = blurax.backprop(Rule.backprop(Activation.TANH), 0.2)
    found = blurax.learn(genome, network, task, steps=40, batch=16).curve.accuracy
    assert found[-1] == 1.0
    blind = Network((6, 6, 2), (Edge(0, 1, Dense()), Edge(1, 2)))
    with pytest.raises(BluraxError, match=r"no link of the network .* takes one"):
        blurax.learn(genome, blind, task, steps=1)
    learner = baseline("adam").make(Arrangement(Activation.TANH), network, task)
    keys = jax.random.split(jax.random.key(0), 2)
    curve = learning_curve(learner, task, keys, (40,), Split.TEST, rate=0.1, batch=16)[1]
    assert jnp.min(curve.accuracy) == 1.0


def test_a_genome_is_meta_learned_on_graphs():
    network = Network((6, 6, 2), (Edge(0, 1, Travelling(6, 6, 2)), Edge(1, 2)))
    genome = blurax.backprop(Rule.backprop(Activation.TANH), 0.01)
    spec = EpisodeSpec(steps=10, batch=8, query=16)
    learner = blurax.Blur(genome, network)
    _, losses = blurax.improve(learner, Rings(), meta_steps=30, rate=0.02, spec=spec)
    assert losses[-6:].mean() < 0.2 < losses[0]


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (jnp.asarray(X), "takes an index with each example: inputs that are blurax.links.Indexed"),
        (Indexed(jnp.asarray(X), {"rule": jnp.asarray(IDS)}), "'index' .* the inputs have rule"),
        (
            Indexed(jnp.asarray(X), {"index": jnp.asarray(IDS[:, :2])}),
            r"of shape \(examples, 5, 5\)",
        ),
        (Indexed(jnp.asarray(X), {"index": jnp.asarray(IDS * 1.0)}), "takes whole numbers"),
        (
            Indexed(jnp.asarray(X), {"index": jnp.asarray(IDS).at[2, 1, 0].set(9)}),
            "'index' holds the number 9; .* has 4 numbers, from 0 on; -1 stands for no synapse",
        ),
        (
            Indexed(jnp.asarray(X), {"index": jnp.asarray(IDS[:3])}),
            "index .* is of 3 examples, and the inputs of 6",
        ),
    ],
)
def test_an_index_that_does_not_fit_is_refused(x, message):
    genome = blurax.backprop(Rule.backprop(), 0.1)
    state = NETWORK.init(jax.random.key(0), genome.rule, BATCH)
    with pytest.raises(BluraxError, match=message):
        inner.step(genome, state, x, Y)


def test_an_index_outside_theta_is_no_synapse_where_values_are_traced():
    ids = jnp.asarray(IDS).at[2, 1, 0].set(9)
    genome = blurax.backprop(Rule.backprop(), 0.1)
    state = NETWORK.init(jax.random.key(0), genome.rule, BATCH)
    predict = jax.jit(inner.predict)
    found = predict(genome, state, with_index(ids))
    wanted = inner.predict(genome, state, with_index(ids.at[2, 1, 0].set(-1)))
    assert_close(found, wanted, 1e-12)


@pytest.mark.parametrize(
    "numbers",
    [
        np.asarray([2**40 + 3]),
        [2**40 + 3],
        [[0, 1], [2**31, 0]],
        np.asarray([-(2**31) - 1]),
        [2**70],
        np.asarray([2**63], np.uint64),
        [[0, 1], [2]],
        [0.5],
        [True],
        None,
    ],
)
def test_an_index_takes_whole_numbers_of_32_bits_alone(numbers):
    with pytest.raises(BluraxError, match=r"Index\.of takes an array of whole numbers of 32 bits"):
        Index.of(numbers)
    ends = Index.of(np.asarray([[-(2**31), 2**31 - 1]]))
    assert (np.asarray(ends.array).tolist(), ends.largest) == ([[-(2**31), 2**31 - 1]], 2**31 - 1)


def test_what_makes_no_travelling_link_is_refused():
    for make, message in (
        (lambda: Travelling(0, 1, 1), "Travelling.pre is 0"),
        (lambda: Travelling(3, 3, 2, neighbours=4.0), "above 0 and at most pre, 3"),
        (lambda: graph(Travelling(4, 5, 2)), r"takes \(4, 5\) of them"),
    ):
        with pytest.raises(BluraxError, match=message):
            make()


def test_an_index_that_is_known_is_checked_under_a_trace_too():
    net = Network((4, 3), edges=(Edge(0, 1, link=Travelling(4, 3, 5)),))
    learner = blurax.Blur(blurax.backprop(Rule.backprop(), 0.1), net)
    state = learner.init(jax.random.key(0), 2)
    x = Indexed(jnp.ones((2, 4)), {"index": jnp.full((2, 4, 3), 4)})
    want = learner.predict(state, x)
    assert_close(jit(lambda state: learner.predict(state, x))(state), want)
    wrong = Indexed(x.x, {"index": jnp.full((2, 4, 3), 5)})
    with pytest.raises(BluraxError, match="holds the number 5"):
        jit(lambda state: learner.predict(state, wrong))(state)
