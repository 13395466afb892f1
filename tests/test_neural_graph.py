"""A network as a graph: as many neurons and synapses, and the same sums over them."""

import dataclasses

import jax
import jax.numpy as jnp
import networkx
import numpy as np
import pytest

import blurax.cli.commands as cli
from blurax import genome as genomes
from blurax.errors import BluraxError
from blurax.export import NeuralGraph, neural_graph
from blurax.fit import network_for
from blurax.inner import predict
from blurax.links import Conv, Dense, Identity, Index, Masked, Placed, Pool
from blurax.network import Edge, Network
from blurax.spec import Activation, Channels, Init, Rule, Symmetry
from blurax.tasks import get

LINEAR = Rule.backprop(Activation.LINEAR, init=Init(1.0))
NETWORKS = {
    "chain": Network((4, 3, 2)),
    "residual": Network((3, 4, 4, 2), (Edge(0, 1), Edge(1, 2), Edge(1, 2, Identity()), Edge(2, 3))),
    "conv": Network(
        ((4, 4, 1), (4, 4, 2), (2, 2, 2), (3,)),
        (Edge(0, 1, Conv(3)), Edge(1, 2, Pool(2)), Edge(2, 3, Dense(), bias=False)),
    ),
    "placed": Network((3, 4, 2), (Edge(0, 1, Placed(Index.of([[0, 1, -1, 0]] * 3))), Edge(1, 2))),
}


def sums(graph, x, states=None):
    """The outputs of a linear network, neuron by neuron, synapse by synapse."""
    a = np.zeros(len(graph.nodes))
    a[: len(x)] = x
    done = len(x)
    for group in range(1, graph.group.max() + 1):
        for n in np.flatnonzero(graph.group == group):
            a[n] = graph.nodes[n, 0]
            for e in np.flatnonzero(graph.receivers == n):
                a[n] += graph.edges[e, 0] * a[graph.senders[e]]
            done += 1
    assert done == len(a)
    return a[graph.group == graph.group.max()]


@pytest.mark.parametrize("name", NETWORKS)
def test_sums_over_the_graph_are_the_predictions_of_a_linear_network(name):
    network, genome = NETWORKS[name], genomes.backprop(LINEAR, 0.1)
    state = network.init(jax.random.key(1), genome, 1)
    x = jax.random.normal(jax.random.key(2), (2, *network.groups[0]))
    graph = neural_graph(network, state.synapses)
    wanted = predict(genome, state, x)
    for row, want in zip(np.asarray(x), wanted, strict=True):
        np.testing.assert_allclose(sums(graph, row.ravel()), want, rtol=1e-12, atol=1e-12)


def test_a_chain_in_numbers():
    network = NETWORKS["chain"]
    rule = Rule(states=2, symmetry=Symmetry.ASYMMETRIC, channels=Channels.MULTI)
    state = network.init(jax.random.key(1), rule, 1)
    graph = neural_graph(network, state.synapses)
    first, second = state.synapses
    assert graph.nodes.shape == (9, 2)
    assert graph.group.tolist() == [0, 0, 0, 0, 1, 1, 1, 2, 2]
    assert graph.place.tolist() == [0, 1, 2, 3, 0, 1, 2, 0, 1]
    assert graph.position.tolist() == [0, 1, 2, 3, 4, 4, 4, 5, 6]
    assert graph.edges.shape == (4 * 3 + 3 * 2, 4)
    at = np.flatnonzero((graph.senders == 5) & (graph.receivers == 8)).item()
    assert graph.link[at] == 1
    np.testing.assert_array_equal(
        graph.edges[at], [*second.forward[:, 1, 1], *second.backward[:, 1, 1]]
    )
    np.testing.assert_array_equal(graph.edges[:12, 2:], 0)  # nothing leads back to the input
    np.testing.assert_array_equal(graph.nodes[4:7], first.bias[:, 0].T)


def test_where_there_is_no_synapse_there_is_no_edge():
    network = NETWORKS["placed"]
    state = network.init(jax.random.key(1), LINEAR, 1)
    zero = jax.tree.map(jnp.zeros_like, state.synapses)
    graph = neural_graph(network, zero)  # a synapse of 0 is still one
    joined = {(int(i), int(j)) for i, j in zip(graph.senders, graph.receivers, strict=True)}
    assert joined == {(i, 3 + j) for i in range(3) for j in (0, 1, 3)} | {
        (3 + j, 7 + n) for j in range(4) for n in range(2)
    }


def test_networkx_says_the_same():
    network = NETWORKS["residual"]
    graph = neural_graph(network, network.init(jax.random.key(1), LINEAR, 1).synapses)
    made = graph.to_networkx()
    assert isinstance(made, networkx.MultiDiGraph)
    assert (made.number_of_nodes(), made.number_of_edges()) == (13, len(graph.edges))
    assert networkx.is_directed_acyclic_graph(made)
    assert made.number_of_edges(3, 7) == 2  # a synapse, and the identity
    for lower, upper, says in made.edges(data=True):
        at = (graph.senders == lower) & (graph.receivers == upper) & (graph.link == says["link"])
        np.testing.assert_array_equal(graph.edges[at][0], says["synapse"])
    assert made.nodes[12]["position"] == graph.position[12] == 6


@pytest.mark.parametrize("wrap", [lambda link: link, Masked])
def test_a_network_whose_synapses_travel_is_no_single_graph(wrap):
    task = get("graphs:csl,count=20")
    network = network_for(task, "rules")
    edges = network.edges
    if wrap is Masked:
        edges = tuple(dataclasses.replace(e, link=Masked(0.5, link=e.link)) for e in edges)
    network = Network(network.groups, edges)
    state = network.init(jax.random.key(0), Rule.backprop(), 2)
    with pytest.raises(BluraxError, match="as those of the network rules do; there is no single"):
        neural_graph(network, state.synapses)


def test_the_command_says_that_rules_are_no_graph(tmp_path, capsys):
    words = ["--graph", "--task", "graphs:csl,count=20", "--hidden", "rules", "--steps", "1"]
    assert cli.main(["export", str(tmp_path / "g"), *words]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "cannot be exported as one" in said
    assert "blurax.links.Indexed" not in said


@pytest.mark.parametrize("name", NETWORKS)
def test_a_file_is_read_as_the_graph_that_was_written(name, tmp_path):
    network = NETWORKS[name]
    graph = neural_graph(network, network.init(jax.random.key(0), LINEAR, 2).synapses)
    path = tmp_path / "graph.npz"
    graph.write(path)
    again = NeuralGraph.read(path)
    for field in dataclasses.fields(NeuralGraph):
        one, other = getattr(again, field.name), getattr(graph, field.name)
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype
    same, wanted = again.to_networkx(), graph.to_networkx()
    assert networkx.utils.edges_equal(same.edges(keys=True), wanted.edges(keys=True))
    assert same.nodes[0]["position"] == wanted.nodes[0]["position"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda arrays: arrays.pop("edges"), "lacks the arrays edges"),
        (
            lambda arrays: arrays.update(senders=arrays["senders"][:-1]),
            r"senders has shape \(17,\)",
        ),
        (lambda arrays: arrays.update(group=arrays["group"] * 1.0), "group .* float64"),
        (lambda arrays: arrays.update(receivers=arrays["receivers"] + 99), "no neuron is"),
        (lambda arrays: arrays.update(edges=arrays["edges"][:, 0]), r"edges has shape \(18,\)"),
        (
            lambda arrays: arrays.update(nodes=np.asarray([None] * 9, object)),
            "cannot be read as arrays",
        ),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_is_no_graph_is_not_read(change, message, tmp_path):
    network = NETWORKS["chain"]
    graph = neural_graph(network, network.init(jax.random.key(0), LINEAR, 2).synapses)
    arrays = dict(vars(graph))
    change(arrays)
    path = tmp_path / "graph.npz"
    np.savez(path, **arrays)
    with pytest.raises(BluraxError, match=message):
        NeuralGraph.read(path)


def test_synapses_of_another_network_are_refused():
    state = NETWORKS["chain"].init(jax.random.key(1), LINEAR, 1)
    with pytest.raises(BluraxError, match=r"those of 2 edges, but the network .* has 4"):
        neural_graph(NETWORKS["residual"], state.synapses)


@pytest.mark.parametrize("steps", [0, 2])
def test_the_command_writes_arrays_that_numpy_reads(steps, tmp_path, capsys):
    words = ["export", str(tmp_path), "--graph", "--task", "iris", "--hidden", "5"]
    assert cli.main([*words, "--steps", str(steps)]) == 0
    path = tmp_path / f"graph-default-iris-5-{steps}.npz"
    assert path.name in capsys.readouterr().out.replace("\n", "")
    with np.load(path, allow_pickle=False) as found:
        assert found["nodes"].shape[0] == 4 + 5 + 3
        assert len(found["senders"]) == len(found["receivers"]) == 4 * 5 + 5 * 3
        assert np.isfinite(found["edges"]).all()
    assert cli.main([*words, "--steps", str(steps)]) == 2  # it is there already


def test_mistakes_of_the_command(tmp_path, capsys):
    assert cli.main(["export", str(tmp_path), "--graph", "--steps", "-1"]) == 2
    assert "--steps is -1; it takes a whole number >= 0." in " ".join(
        capsys.readouterr().err.split()
    )


def test_a_damaged_file_is_refused_in_a_sentence(tmp_path):
    network = NETWORKS["chain"]
    graph = neural_graph(network, network.init(jax.random.key(0), LINEAR, 2).synapses)
    path = tmp_path / "graph.npz"
    graph.write(path)
    whole, draw, refused = path.read_bytes(), np.random.default_rng(0), 0
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[draw.integers(len(whole))] = draw.integers(256)
        path.write_bytes(damaged)
        try:
            NeuralGraph.read(path)  # what is damaged may say nothing, such as a date
        except BluraxError as error:
            refused += str(path) in str(error)
    assert refused > 100


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04"])
def test_a_file_that_is_no_archive_is_told(content, tmp_path):
    (tmp_path / "text.npz").write_bytes(content)
    np.save(tmp_path / "one.npy", np.zeros(3))
    for name in ("text.npz", "one.npy", "missing.npz", ""):
        with pytest.raises(BluraxError, match=f"{name} cannot be read as arrays"):
            NeuralGraph.read(tmp_path / name)


@pytest.mark.usefixtures("unchecked")
def test_synapses_of_other_shapes_are_refused():
    one, other = Network((4, 4, 3)), Network((4, 8, 3))
    synapses = other.init(jax.random.key(0), Rule(), 2).synapses
    with pytest.raises(BluraxError, match=r"have shape \(4, 8\); the network .* takes \(4, 4\)"):
        neural_graph(one, synapses)
    with pytest.raises(BluraxError, match="synapses takes those of each edge"):
        neural_graph(one, None)
