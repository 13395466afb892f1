"""RuleGNN: links placed by a rule against loops over nodes, and what does not matter to them."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import blurax
from blurax import inner
from blurax.baselines import Arrangement, baseline
from blurax.baselines.descent import Weights, forward
from blurax.baselines.gin import Gin
from blurax.baselines.weights import initial_weights
from blurax.batch import Batch
from blurax.curves import learning_curve
from blurax.errors import BluraxError
from blurax.fit import network_for
from blurax.links import (
    After,
    Dense,
    Identity,
    Index,
    Indexed,
    Masked,
    NodeRule,
    PairRule,
    Placed,
    ReadoutRule,
    SparsePairRule,
)
from blurax.links.by_rule import DISTANCE, LABEL
from blurax.network import Edge, Network
from blurax.spec import Activation, Rule, Signal
from blurax.tasks import Split, from_arrays, get
from blurax.tasks.rule_network import rule_network
from closeness import assert_close

NODES, KNOWN, CLASSES, BATCH, FAR = 6, 3, 2, 4, 4
LAYERS = ((1,), (0, 2))
SIZES = (6, 5, 3, 4)
"""Of the graphs: all but the first have padding."""


def drawn(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels and distances of random graphs; the last two nodes of a graph have no path to it."""
    random = np.random.default_rng(seed)
    labels = np.full((BATCH, NODES), -1)
    distances = np.full((BATCH, NODES, NODES), -1)
    for g, size in enumerate(SIZES):
        labels[g, :size] = random.integers(0, KNOWN, size)
        upper = np.triu(random.integers(1, FAR, (size, size)), 1)
        upper[:, -1] = -1
        distances[g, :size, :size] = upper + upper.T
        np.fill_diagonal(distances[g, :size, :size], 0)
    return labels, distances


LABELS, DISTANCES = drawn()
NETWORK = rule_network(LABELS, DISTANCES, LAYERS, CLASSES)
Y = 2.0 * jax.nn.one_hot(np.arange(BATCH) % CLASSES, CLASSES) - 1


def indexed(labels=LABELS, distances=DISTANCES) -> Indexed:
    given = {LABEL: jnp.asarray(labels), DISTANCE: jnp.asarray(distances)}
    return Indexed(jnp.asarray(labels >= 0, float), given)


def pair_numbers(seen: tuple[int, ...]) -> dict[tuple[int, int, int], int]:
    """The number of each label, label and distance, in the order of the three."""
    found = set()
    for labels, distances, size in zip(LABELS, DISTANCES, SIZES, strict=True):
        for i in range(size):
            for j in range(size):
                if distances[i, j] in seen:
                    found.add((labels[i], labels[j], distances[i, j]))
    return {key: number for number, key in enumerate(sorted(found))}


PAIRS = [pair_numbers(seen) for seen in LAYERS]


def by_loops(w, g: int):
    """The outputs for one graph: σ(W_R(x) x + b_R(x)) layer by layer, and the sum over nodes."""
    labels, distances, size = LABELS[g], DISTANCES[g], SIZES[g]
    a = [1.0] * size
    for l, numbers in enumerate(PAIRS):
        theta, bias = w[2 * l], w[2 * l + 1]
        new = []
        for j in range(size):
            z = bias[labels[j], 0]
            for i in range(size):
                key = labels[i], labels[j], distances[i, j]
                if key in numbers:
                    z = z + theta[numbers[key], 0] * a[i]
            new.append(jnp.tanh(z))
        a = new
    return jnp.stack(
        [sum(w[4][labels[i] * CLASSES + c, 0] * a[i] for i in range(size)) for c in range(CLASSES)]
    )


def weights_of(state):
    return [s.forward[0] for s in state.synapses]


GENOME = blurax.backprop(Rule.backprop(Activation.TANH, signal=Signal.CROSS_ENTROPY), 0.3)
STEP = jax.jit(inner.step)


def test_a_network_of_rules_is_loops_over_the_nodes_of_each_graph():
    state = NETWORK.init(jax.random.key(0), GENOME.rule, BATCH)
    found = inner.predict(GENOME, state, indexed())
    wanted = jnp.stack([by_loops(weights_of(state), g) for g in range(BATCH)])
    assert_close(found, wanted, 1e-12)


def test_back_propagation_in_it_is_the_gradient_of_the_loops():
    state = NETWORK.init(jax.random.key(0), GENOME.rule, BATCH)

    def loss(w):
        outputs = jnp.stack([by_loops(w, g) for g in range(BATCH)])
        return -jnp.mean(jnp.sum((Y > 0) * jax.nn.log_softmax(outputs), axis=1))

    w = weights_of(state)
    after, _ = STEP(GENOME, state, indexed(), Y)
    for one, before, slope in zip(weights_of(after), w, jax.jit(jax.grad(loss))(w), strict=True):
        assert_close(one, before - 0.3 * slope, 1e-12)


def test_a_pair_rule_on_one_graph_is_a_placed_link():
    """Of a graph of which every example is a copy, with the matrix written out."""
    rule = NETWORK.edges[0].link
    table = np.asarray(rule.table.array)
    matrix = np.full((NODES, NODES), -1)
    for i in range(NODES):
        for j in range(NODES):
            if DISTANCES[0, i, j] in LAYERS[0]:
                matrix[i, j] = table[LABELS[0, i], LABELS[0, j], DISTANCES[0, i, j]]
    placed = Placed(Index.of(matrix))
    many = [np.broadcast_to(each[0], (BATCH, *each.shape[1:])) for each in (LABELS, DISTANCES)]
    bound = rule.bound(indexed(*many).index)
    random = jax.random.normal(jax.random.key(0), (3, BATCH, NODES))
    w = jax.random.normal(jax.random.key(1), (1, rule.numbers, 1))
    few = w[:, : placed.count((), ())]
    assert_close(bound.transmit(w, random, (NODES,)), placed.transmit(few, random, (NODES,)), 1e-12)
    found, wanted = bound.hebbian(random, random), placed.hebbian(random, random)
    assert_close(found[:, : wanted.shape[1]], wanted, 1e-12)
    assert not jnp.any(found[:, wanted.shape[1] :])


@pytest.mark.parametrize("seed", range(4))
def test_pairs_in_a_list_are_those_of_a_table(seed, monkeypatch):
    """With labels and distances that neither knows, too."""
    labels, distances = drawn(seed)
    tables = rule_network(labels, distances, LAYERS, CLASSES)
    monkeypatch.setattr("blurax.tasks.rule_network.TABLE", 1)
    lists = rule_network(labels, distances, LAYERS, CLASSES)
    random = np.random.default_rng(seed)
    others = random.integers(-1, KNOWN + 2, (BATCH, NODES))
    far = random.integers(-1, FAR + 2, (BATCH, NODES, NODES))
    for n in (0, 2):
        one, other = tables.edges[n].link, lists.edges[n].link
        assert isinstance(one, PairRule)
        assert isinstance(other, SparsePairRule)
        assert (one.numbers, one.neighbours) == (other.numbers, other.neighbours)
        for own, apart in ((labels, distances), (others, far)):
            given = jnp.asarray(own, jnp.int32), jnp.asarray(apart, jnp.int32)
            found, wanted = jax.jit(other.ids)(*given), one.ids(*given)
            np.testing.assert_array_equal(found, wanted)
        assert {*np.unique(one.ids(*map(jnp.asarray, (labels, distances))))} - {-1} == {
            *range(one.numbers)
        }
    state = lists.init(jax.random.key(0), GENOME.rule, BATCH)
    one, other = (STEP(GENOME, state, indexed(labels, distances), Y)[0] for _ in range(2))
    same = dataclasses.replace(
        tables.init(jax.random.key(0), GENOME.rule, BATCH), synapses=state.synapses
    )
    wanted, _ = STEP(GENOME, same, indexed(labels, distances), Y)
    for a, b in zip(weights_of(one), weights_of(wanted), strict=True):
        assert_close(a, b, 1e-12)


def test_a_network_of_thousands_of_labels_is_made_and_learns():
    """Colours of two rounds: a table of their pairs would have three thousand million places."""
    task = get("graphs:even-odd-rings,labels=wl,rounds=2,distances=8")
    assert task.labels == 18_491
    network = network_for(task, "rules")
    link = network.edges[0].link
    assert isinstance(link, SparsePairRule)
    labels, distances = np.asarray(task.whole.x), np.asarray(task.distances)
    graph, i, j = (distances == 8).nonzero()
    pairs = {*zip(labels[graph, i].tolist(), labels[graph, j].tolist(), strict=True)}
    assert link.numbers == len(pairs)
    numbers = {pair: n for n, pair in enumerate(sorted(pairs))}
    ids = link.ids(jnp.asarray(labels[:3]), jnp.asarray(distances[:3], jnp.int32))
    for g in range(3):
        for i, j in np.argwhere(distances[g] == 8):
            assert ids[g, i, j] == numbers[labels[g, i], labels[g, j]]
    found = learning_curve(
        *(baseline("adam").make(Arrangement(Activation.TANH), network, task), task),
        *(jax.random.split(jax.random.key(0), 1), (2,), Split.TEST),
        rate=0.01,
        batch=16,
    )[1]
    assert np.isfinite(found.accuracy).all()


def test_labels_that_theta_does_not_know_have_no_synapse():
    labels = jnp.asarray([[0, 2, 5, -1]])
    near = jnp.zeros((1, 4, 4), jnp.int32)
    bias = NodeRule(4, 4, 3).ids(labels, near)
    np.testing.assert_array_equal(jnp.diagonal(bias[0]), [0, 2, -1, -1])
    read = ReadoutRule(4, 2, 6).ids(labels, near)
    np.testing.assert_array_equal(read[0], [[0, 1], [4, 5], [-1, -1], [-1, -1]])


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**31 - 1))
def test_the_order_of_nodes_does_not_matter(seed):
    """Nor where the padding is."""
    random = np.random.default_rng(seed)
    orders = [random.permutation(NODES) for _ in range(BATCH)]
    labels = np.stack([own[order] for own, order in zip(LABELS, orders, strict=True)])
    distances = np.stack([d[o][:, o] for d, o in zip(DISTANCES, orders, strict=True)])
    state = NETWORK.init(jax.random.key(0), GENOME.rule, BATCH)
    one, other = (STEP(GENOME, state, x, Y) for x in (indexed(), indexed(labels, distances)))
    assert_close(other[1].prediction, one[1].prediction, 1e-12)
    for a, b in zip(weights_of(other[0]), weights_of(one[0]), strict=True):
        assert_close(a, b, 1e-12)


def test_optimisers_compute_the_same_network():
    state = NETWORK.init(jax.random.key(1), GENOME.rule, BATCH)
    weights = Weights(tuple(weights_of(state)), (None,) * 5, (None,) * 4)
    (*_, logits), _ = forward(NETWORK, weights, indexed(), Activation.TANH)
    assert_close(logits, inner.predict(GENOME, state, indexed()), 1e-12)


def test_gin_is_loops_over_nodes_and_does_not_know_their_order():
    task = get("graphs:even-odd-counts,count=20,nodes=8")
    learner = Gin(task, layers=2, width=3)
    weights, _ = learner.init(jax.random.key(0), 4)
    weights["readout"] = [
        jax.random.normal(jax.random.key(l), w.shape) for l, w in enumerate(weights["readout"])
    ]
    graph = task._graphs(jnp.asarray([0]))[0]
    labels, near = np.asarray(graph.index[LABEL][0]), np.asarray(graph.index[DISTANCE][0]) == 1
    h = np.eye(task.labels)[labels]
    wanted = weights["last"] + h.sum(0) @ weights["readout"][0]
    for l in range(2):
        z = np.stack([h[v] + sum(h[u] for u in np.flatnonzero(near[v])) for v in range(8)])
        z = np.maximum(z @ weights["in"][l], 0)
        h = np.maximum(z @ weights["out"][l], 0)
        wanted = wanted + h.sum(0) @ weights["readout"][l + 1]
    assert_close(learner.predict((weights, None), graph)[0], wanted, 1e-12)


@pytest.mark.long
def test_rules_learn_what_messages_do_not():
    """Circulants: all nodes of degree 4, so that messages say the same everywhere."""
    task = get("graphs:csl,count=50,cycles=3-8,fold=1/5")
    network = network_for(task, "rules")
    rules = baseline("adam").make(Arrangement(Activation.TANH), network, task)
    given = get("graphs:csl,count=50,labels=given,fold=1/5")
    keys = jax.random.split(jax.random.key(0), 1)
    found = [
        learning_curve(learner, of, keys, (30,), Split.TEST, rate=rate, batch=10)[1].accuracy
        for learner, of, rate in ((rules, task, 0.05), (Gin(given, 2, 8), given, 0.01))
    ]
    assert found[0] == 1.0
    assert found[1] == 0.1


@pytest.mark.long
def test_a_genome_and_meta_training_take_them():
    task = get("graphs:even-odd-counts,count=60,nodes=8")
    learner = blurax.Blur(GENOME, network_for(task, "rules"))
    spec = blurax.EpisodeSpec(steps=5, batch=8, query=8)
    _, losses = blurax.improve(learner, task, meta_steps=3, rate=0.02, spec=spec)
    assert np.isfinite(np.asarray(losses)).all()


def other(**parts) -> Indexed:
    return dataclasses.replace(indexed(), index={**indexed().index, **parts})


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (Indexed(jnp.ones((BATCH, NODES)), {LABEL: jnp.asarray(LABELS)}), "the inputs have label"),
        (other(distance=jnp.asarray(DISTANCES[:, :3])), r"\(examples, 6, 6\)"),
        (other(label=jnp.asarray(LABELS * 1.0)), "takes whole numbers"),
        (jnp.ones((BATCH, NODES)), "takes an index with each example"),
    ],
)
def test_inputs_that_are_no_graphs_are_refused(x, message):
    state = NETWORK.init(jax.random.key(0), GENOME.rule, BATCH)
    with pytest.raises(BluraxError, match=message):
        inner.step(GENOME, state, x, Y)


@pytest.mark.usefixtures("unchecked")
def test_what_makes_no_rule_is_refused():
    for make, message in (
        (lambda: PairRule(3, 3, 2, table=Index.of([[[2]]])), "number 2; theta has 2, from 0 on"),
        (lambda: PairRule(3, 3, 2, table=Index.of([[0, 1]])), r"has shape \(1, 2\)"),
        (lambda: NodeRule(0, 3, 2), "NodeRule.pre is 0"),
        (lambda: SparsePairRule(3, 3, 2), r"pairs has shape \(0, 3\); .* \(2, 3\): label"),
        (
            lambda: SparsePairRule(3, 3, 2, pairs=Index.of([[0, 1, 1], [0, 0, 1]])),
            "not in ascending order",
        ),
        (lambda: SparsePairRule(3, 3, 1, pairs=Index.of([[0, -1, 1]])), "numbers >= 0"),
        (
            lambda: SparsePairRule(3, 3, 1, pairs=Index.of([[0, 2**20, 2**12]])),
            "1048577 labels at 4097 distances",
        ),
        (
            lambda: Network((4, 3, 2), (Edge(0, 1, ReadoutRule(3, 3, 2)), Edge(1, 2))),
            r"takes \(3, 3\) of them",
        ),
        (lambda: Gin(from_arrays(np.eye(10), np.arange(10) % 2)), "Gin takes a task of graphs"),
        (lambda: Gin(get("graphs:csl,count=20"), layers=-1), "layers is -1; it takes .* >= 0"),
        (lambda: Gin(get("graphs:csl,count=20"), layers=1.5), "layers is 1.5; it takes a whole"),
        (lambda: Gin(get("graphs:csl,count=20"), width=0), "width is 0; it takes .* >= 1"),
        (lambda: network_for(get("xor"), "rules"), "one of tasks of graphs alone"),
        (
            lambda: Gin(get("graphs:csl,count=20,labels=given")).takes(Batch(jnp.ones(3), 0)),
            "Gin takes labels and distances",
        ),
    ):
        with pytest.raises(BluraxError, match=message):
            make()


def test_optimisers_begin_at_the_birth_of_the_paper():
    made = baseline("adam").make(Arrangement(Activation.TANH), NETWORK, get("graphs:csl,count=50"))
    weights, _ = made.init(jax.random.key(0), BATCH)
    for w in weights.w:
        assert w is not None
        np.testing.assert_array_equal(w, np.full(w.shape, 0.01, w.dtype))


def test_a_birth_is_that_of_the_link_inside():
    (pairs, *_) = (edge.link for edge in NETWORK.edges if isinstance(edge.link, PairRule))
    assert Masked(0.5, link=pairs).birth == After(Identity(), pairs).birth == pairs.birth == 0.01
    assert Masked(0.5, link=Dense()).birth is None
    drawn = initial_weights(jax.random.key(0), Network((6, 5, 2)), Activation.TANH)
    assert all(float(jnp.std(w)) > 0.1 for w in drawn.w if w is not None)
