"""Networks as graphs: back-propagation as a genome is gradient descent on any of them."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from blurax import genome, inner, rules
from blurax.activations import phi
from blurax.errors import BluraxError
from blurax.inner import unroll
from blurax.links import After, Conv, Dense, Identity, Index, Masked, Placed, Pool
from blurax.network import Edge, Network, NetworkState
from blurax.spec import Channels, Rule, Symmetry
from closeness import assert_close
from variants import TABLE, jit, labels

BATCH, STEPS, CLASSES, RATE = 4, 50, 3, 1e-2
RULE = Rule.backprop()


def chain(*groups, links):
    """A network of these groups and links, one after the other."""
    edges = tuple(Edge(n, n + 1, link) for n, link in enumerate(links))
    return Network(groups, edges)


def conv(link, pre=(6, 5, 2), features=3):
    return chain(pre, link.post_shape(pre, features), (CLASSES,), links=[link, Dense()])


NETWORKS = {
    "dense": Network((4, 5, CLASSES)),
    "conv": conv(Conv(3)),
    "conv, stride": conv(Conv(3, 2)),
    "conv, even kernel": conv(Conv(2, 2)),
    "conv, valid": conv(Conv(3, 1, "valid")),
    "conv, valid, stride": conv(Conv(2, 2, "valid")),
    "conv of one": conv(Conv(1)),
    "two convs": chain(
        (6, 6, 1), (3, 3, 2), (3, 3, 3), (CLASSES,), links=[Conv(3, 2), Conv(3), Dense()]
    ),
    "pool": chain((6, 6, 1), (6, 6, 2), (CLASSES,), links=[Conv(3), After(Pool(2), Dense())]),
    "a group that pools": Network(
        ((6, 6, 1), (6, 6, 2), (3, 3, 2), (CLASSES,)),
        (Edge(0, 1, Conv(3)), Edge(1, 2, Pool(2)), Edge(2, 3)),
    ),
    "residual": Network(
        (4, 5, 5, 5, CLASSES),
        (
            Edge(0, 1),
            Edge(1, 2),
            Edge(2, 3),
            Edge(1, 3, Identity()),
            Edge(3, 4),
        ),
    ),
    "residual conv": Network(
        ((5, 5, 1), (5, 5, 2), (5, 5, 2), (5, 5, 2), (CLASSES,)),
        (
            Edge(0, 1, Conv(3)),
            Edge(1, 2, Conv(3)),
            Edge(2, 3, Conv(3)),
            Edge(1, 3, Identity()),
            Edge(3, 4, After(Pool(None), Dense())),
        ),
    ),
    "a skip from the input": Network((4, 5, CLASSES), (Edge(0, 1), Edge(1, 2), Edge(0, 2))),
    "a side branch": Network(
        (4, 5, CLASSES, 6, CLASSES),
        (
            Edge(0, 1),
            Edge(1, 2),
            Edge(1, 3),
            Edge(3, 4),
        ),
        outputs=(4, 2),
    ),
    "placed": chain(
        (4,),
        (5,),
        (CLASSES,),
        links=[
            Placed(
                Index.of([[0, 1, 2, -1, 0], [1, 0, 3, 3, 2], [2, -1, 0, 1, 1], [3, 2, 1, 0, -1]])
            ),
            Dense(),
        ],
    ),
    "masked": chain((4,), (9,), (CLASSES,), links=[Masked(0.5), Masked(0.8, 1)]),
}


def outputs_of(network: Network, weights: list, x: jax.Array) -> list[jax.Array]:
    """What an ordinary network with these links computes."""
    groups = [x]
    for j in range(1, len(network.groups)):
        z = 0.0
        for l in network.into(j):
            edge, (w, bias) = network.edges[l], weights[l]
            sent = edge.link.transmit(w, groups[edge.pre][None], network.groups[j])[0]
            z = z + sent
            if bias is not None:
                z = z + edge.link.bias(bias, network.groups[j])[0]
        groups.append(z if j in network.outputs else phi(z, RULE.sigma.forward))
    return [groups[n] for n in network.outputs]


def loss(network: Network, weights: list, x: jax.Array, y: jax.Array) -> jax.Array:
    """The sum over outputs of the mean cross-entropy."""
    found = 0.0
    for out in outputs_of(network, weights, x):
        chosen = jnp.sum(jnp.where(y > 0, out, 0.0), axis=1)
        found += jnp.mean(jax.nn.logsumexp(out, axis=1) - chosen)
    return found


def weights_of(network: Network, state: NetworkState) -> list:
    return [(s.forward, s.bias) for s in state.synapses]


def drawn(network: Network, steps: int = STEPS):
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(steps, BATCH, *network.groups[0])))
    y = jnp.asarray(labels(rng, steps, BATCH, CLASSES))
    return x, y


@pytest.mark.parametrize("name", NETWORKS)
def test_the_backprop_genome_is_gradient_descent_on_any_graph(name: str):
    network = NETWORKS[name]
    x, y = drawn(network)
    state = network.init(jax.random.key(0), RULE, BATCH)
    backprop = genome.backprop(RULE, RATE)

    def both(state: NetworkState):
        learned = unroll(backprop, state, x, y, lambda s, _: weights_of(network, s))[1]

        def descend(weights, batch):
            gradient = jax.grad(lambda w: loss(network, w, *batch))(weights)
            held = []
            for edge, (w, _), (dw, db) in zip(network.edges, weights, gradient, strict=True):
                if w is not None:
                    pre, post = network.groups[edge.pre], network.groups[edge.post]
                    dw = edge.link.held(dw, pre, post)
                held.append((dw, db))
            new = jax.tree.map(lambda w, g: w - RATE * g, weights, held)
            return new, new

        return learned, lax.scan(descend, weights_of(network, state), (x, y))[1]

    learned, descended = jit(both)(state)
    first = [jax.tree.map(lambda leaf: leaf[0], tree) for tree in (learned, descended)]
    assert_close(*first, tolerance=1e-10)
    assert_close(learned, descended, tolerance=1e-8)


def test_a_convolutional_network_is_the_one_written_by_hand():
    network = NETWORKS["two convs"]
    x, _ = drawn(network, 1)
    state = network.init(jax.random.key(0), RULE, BATCH)
    (w1, b1), (w2, b2), (w3, b3) = weights_of(network, state)

    def convolved(a, w, stride, shape, zeros):
        return lax.conv_general_dilated(
            a, w.reshape(shape), (stride, stride), zeros, dimension_numbers=("NHWC", "HWIO", "NHWC")
        )

    a = jnp.tanh(convolved(x[0], w1, 2, (3, 3, 1, 2), [(0, 1), (0, 1)]) + b1[0, 0])
    a = jnp.tanh(convolved(a, w2, 1, (3, 3, 2, 3), [(1, 1), (1, 1)]) + b2[0, 0])
    want = a.reshape(BATCH, -1) @ w3[0] + b3[0, 0]
    got = inner.predict(genome.backprop(RULE, RATE), state, x[0])
    assert_close(got, want)


SHAPED = Network(
    ((5, 5, 1), (5, 5, 2), (5, 5, 2), (CLASSES,)),
    (
        Edge(0, 1, Conv(3)),
        Edge(1, 2, Conv(3)),
        Edge(2, 3, After(Pool(2), Dense())),
        Edge(1, 2, Identity()),
    ),
)


@pytest.mark.parametrize("name", [n for n, rule in TABLE.items() if rule.layers is None])
def test_every_variant_runs_on_every_kind_of_edge(name: str):
    rule = TABLE[name]
    x, y = drawn(SHAPED, 3)
    rng = jax.random.key(1)
    found = genome.random(rng, rule)
    state = SHAPED.init(jax.random.key(0), found, BATCH)
    after, info = jit(lambda s: unroll(found, s, x, y, lambda _, i: i.prediction))(state)
    assert jax.tree.structure(after) == jax.tree.structure(state)
    assert info.shape == (3, BATCH, CLASSES)
    assert bool(jnp.isfinite(info).all())
    moved = [
        not jnp.array_equal(a, b)
        for a, b in zip(
            jax.tree.leaves(after.synapses), jax.tree.leaves(state.synapses), strict=True
        )
    ]
    assert all(moved)


def test_a_genome_of_layers_takes_a_chain():
    rule = dataclasses.replace(RULE, layers=4)
    with pytest.raises(BluraxError, match="no chain of layers"):
        SHAPED.init(jax.random.key(0), rule, BATCH)


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda: Network((2, 3), (Edge(1, 1),)), "closes a circle"),
        (lambda: Network((2, 3), (Edge(0, 2),)), "names group"),
        (lambda: Network((2, 3, 4), (Edge(0, 2),)), "Group 1 of the network gets nothing"),
        (
            lambda: Network((2, 3, 4), outputs=()),
            r"Network.outputs is \(\); it takes a tuple of one or more",
        ),
        (lambda: Network((2, 3, 4), outputs=(5,)), "Network.outputs names group"),
        (lambda: Network((2, 3, 4), outputs=(1, 2)), "leads back into the output group 1"),
        (lambda: Network((2, 3), (Edge(0, 1), Edge(1, 0, delay=1))), "leads to the input"),
        (lambda: Network(((4, 4, 1), (2, 2, 1)), (Edge(0, 1, Conv(3)),)), "not to"),
        (lambda: Edge(0, 1, up=False, down=False), "neither up nor down"),
        (lambda: Edge(0, 1, delay=2), "Edge.delay is 2"),
    ],
)
def test_what_makes_no_network_is_refused(make, names: str):
    with pytest.raises(BluraxError, match=names):
        make()


def test_feedback_alignment_is_a_network():
    """An edge up and a fixed one down: the formula of Lillicrap et al."""
    network = Network(
        (4, 5, CLASSES),
        (
            Edge(0, 1),
            Edge(1, 2, down=False),
            Edge(1, 2, up=False, plastic=False),
        ),
    )
    x, y = drawn(network, 1)
    state = network.init(jax.random.key(0), RULE, BATCH)
    after, _ = inner.step(genome.backprop(RULE, RATE), state, x[0], y[0])
    (w1, b1), (w2, b2), _ = weights_of(network, state)
    feedback = state.synapses[2].backward[0]
    hidden = jnp.tanh(x[0] @ w1[0] + b1[0, 0])
    error = jax.nn.softmax(hidden @ w2[0] + b2[0, 0]) - (y[0] > 0)
    delta = error @ feedback * (1 - hidden**2)
    assert_close(after.synapses[0].forward[0], w1[0] - RATE * x[0].T @ delta / BATCH)
    assert_close(after.synapses[1].forward[0], w2[0] - RATE * hidden.T @ error / BATCH)
    assert_close(after.synapses[2].backward[0], feedback, tolerance=0.0)


def test_a_recurrent_network_is_gradient_descent_truncated_at_one_step():
    network = Network((4, 5, CLASSES), (Edge(0, 1), Edge(1, 1, delay=1, down=False), Edge(1, 2)))
    x, y = drawn(network, 5)
    state = network.init(jax.random.key(0), RULE, BATCH)
    backprop = genome.backprop(RULE, RATE)
    after, _ = unroll(backprop, state, x, y)
    weights, before = weights_of(network, state), jnp.zeros((BATCH, 5))

    def forward(weights, x, before):
        (w1, b1), (wr, br), (w2, b2) = weights
        hidden = jnp.tanh(x @ w1[0] + b1[0, 0] + before @ wr[0] + br[0, 0])
        return hidden @ w2[0] + b2[0, 0], hidden

    def error(weights, x, y, before):
        out, hidden = forward(weights, x, before)
        chosen = jnp.sum(jnp.where(y > 0, out, 0.0), axis=1)
        return jnp.mean(jax.nn.logsumexp(out, axis=1) - chosen), hidden

    for n in range(5):
        gradient, hidden = jax.grad(error, has_aux=True)(weights, x[n], y[n], before)
        weights = jax.tree.map(lambda w, g: w - RATE * g, weights, gradient)
        before = hidden
    assert_close(weights_of(network, after), weights, tolerance=1e-10)


def test_each_output_may_have_labels_of_its_own():
    network = NETWORKS["a side branch"]
    x, y = drawn(network, 1)
    other = jnp.roll(y[0], 1, axis=1)
    state = network.init(jax.random.key(0), RULE, BATCH)
    after, _ = inner.step(genome.backprop(RULE, RATE), state, x[0], (y[0], other))

    def both(weights):
        found = 0.0
        for out, labelled in zip(outputs_of(network, weights, x[0]), (y[0], other), strict=True):
            chosen = jnp.sum(jnp.where(labelled > 0, out, 0.0), axis=1)
            found += jnp.mean(jax.nn.logsumexp(out, axis=1) - chosen)
        return found

    weights = weights_of(network, state)
    want = jax.tree.map(lambda w, g: w - RATE * g, weights, jax.grad(both)(weights))
    assert_close(weights_of(network, after), want, tolerance=1e-10)
    with pytest.raises(BluraxError, match=r"y holds 3 arrays; .* has 2 outputs"):
        inner.step(genome.backprop(RULE, RATE), state, x[0], (y[0],) * 3)


def test_permuting_features_of_images_permutes_synapses_alike():
    """No neuron knows its number: a network of permuted features learns the permuted numbers."""
    rule = TABLE["smooth"]
    network = chain((4, 4, 3), (4, 4, 2), (CLASSES,), links=[Conv(3), Dense()])
    x, y = drawn(network, 3)
    order = jnp.array([2, 0, 1])
    found = genome.random(jax.random.key(3), rule)
    state = network.init(jax.random.key(0), found, BATCH)

    def permuted(w):
        c, _, j = w.shape
        return w.reshape(c, 9, 3, j)[:, :, order].reshape(c, 27, j)

    first, *others = state.synapses
    other = dataclasses.replace(first, forward=permuted(first.forward))
    turned = dataclasses.replace(state, synapses=(other, *others))
    (after, _), (again, _) = (
        unroll(found, s, inputs, y) for s, inputs in ((state, x), (turned, x[..., order]))
    )
    assert_close(permuted(after.synapses[0].forward), again.synapses[0].forward, 1e-10)
    assert_close(after.synapses[1], again.synapses[1], 1e-10)


def test_one_channel_for_all_states_and_own_synapses_back_on_convolutions():
    for channels in Channels:
        for symmetry in Symmetry:
            rule = Rule(states=3, channels=channels, symmetry=symmetry)
            state = SHAPED.init(jax.random.key(0), rule, BATCH)
            own = [s.backward is not None for s in state.synapses]
            wanted = symmetry is Symmetry.ASYMMETRIC
            assert own == [False, wanted, wanted, False]
            count = 3 if channels is Channels.MULTI else 1
            assert state.synapses[0].forward.shape == (count, 9, 2)


def test_rules_are_the_links_business():
    a = jnp.ones((2, 3, 4, 4, 1))
    got = rules.arrive(Conv(2, 2), jnp.ones((1, 4, 5)), jnp.eye(2), a, (2, 2, 5))
    assert_close(got, 4 * jnp.ones((2, 3, 2, 2, 5)))
