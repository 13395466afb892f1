"""Made sets of graphs, labels of nodes, and tasks of one's own graphs."""

import itertools

import jax
import networkx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blurax.errors import BluraxError
from blurax.tasks import Split, base, from_arrays, from_graphs, get, graph_labels
from blurax.tasks.graph_sets import FLAKES, SETS, SKIPS, Graph, Made, made


def graph_of(found: networkx.Graph) -> Graph:
    edges = np.asarray(found.edges, int).reshape(-1, 2)
    return Graph(edges, np.zeros(len(found), int))


def networkx_of(graph: Graph) -> networkx.Graph:
    found = networkx.Graph()
    found.add_nodes_from((n, {"label": int(l)}) for n, l in enumerate(graph.labels))
    found.add_edges_from(graph.edges.tolist())
    return found


RANDOM = [networkx.gnp_random_graph(9, 0.35, seed=n) for n in range(6)]


def same_partition(one, other) -> bool:
    """Whether two labellings tell the same nodes apart."""
    pairs = set(zip(one, other, strict=True))
    return len(pairs) == len(set(one)) == len(set(other))


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_colours_are_those_of_networkx(rounds):
    """In all graphs together."""
    graphs = [graph_of(each) for each in RANDOM]
    found = np.concatenate(graph_labels.weisfeiler_leman(graphs, rounds)).tolist()
    wanted = []
    for each in RANDOM:
        networkx.set_node_attributes(each, 0, "label")
        wanted.append(
            networkx.weisfeiler_lehman_subgraph_hashes(each, node_attr="label", iterations=rounds)
        )
    assert same_partition(found, [of[n][-1] for of in wanted for n in range(9)])


def test_cycles_are_counted_as_by_networkx():
    for each in RANDOM:
        found = graph_labels.cycle_counts(graph_of(each), (3, 4, 5, 6))
        wanted = np.zeros((9, 4), int)
        for cycle in networkx.simple_cycles(each, length_bound=6):
            wanted[cycle, len(cycle) - 3] += 1
        np.testing.assert_array_equal(found, wanted)


def test_triangles_as_subgraphs_are_cycles_of_three():
    graphs = [graph_of(each) for each in RANDOM]
    triangles = graph_labels.subgraphs(graphs, [networkx.cycle_graph(3)])
    cycles = graph_labels.cycles(graphs, (3,))
    assert same_partition(np.concatenate(triangles).tolist(), np.concatenate(cycles).tolist())
    paths = graph_labels.subgraphs([graph_of(networkx.path_graph(3))], [networkx.path_graph(2)])
    assert paths[0].tolist() == [0, 1, 0]


def test_labels_of_graphs_of_networkx_are_those_of_the_same_graphs_held():
    """In the order of their nodes, whatever these are called."""
    names = "cabdefghi"
    graphs = [networkx.relabel_nodes(each, dict(enumerate(names))) for each in RANDOM]
    bare = [networkx.Graph(each.edges) for each in graphs]
    for each in bare:
        each.add_nodes_from(names)
    triangle = networkx.cycle_graph(3)
    for label in (
        graph_labels.given,
        lambda graphs: graph_labels.weisfeiler_leman(graphs, 2),
        lambda graphs: graph_labels.cycles(graphs, (3, 4)),
        lambda graphs: graph_labels.subgraphs(graphs, [triangle]),
    ):
        wanted = label([graph_of(each) for each in RANDOM])
        for one, two in zip(label(graphs), wanted, strict=True):
            np.testing.assert_array_equal(one, two)
        renamed = label(bare)
        for graph, own, one in zip(bare, renamed, wanted, strict=True):
            assert own.tolist() == [one[names.index(node)] for node in graph]
    parity = [networkx.cycle_graph(4), networkx.cycle_graph(6)]
    for each in parity:
        networkx.set_node_attributes(each, {n: n % 2 for n in each}, "kind")
    found = graph_labels.weisfeiler_leman(parity, 1, label="kind")
    assert [each.tolist() for each in found] == [[0, 1] * 2, [0, 1] * 3]
    assert {*np.concatenate(graph_labels.given(parity)).tolist()} == {0}


def test_a_distance_beyond_every_graph_takes_no_table():
    task = from_graphs(FINE, TWO, distances=[[1, 10**8], [10**8], [10**30]])
    same = from_graphs(FINE, TWO, distances=[[1]])
    links = [edge.link for edge in task.networks["rules"].edges]
    assert links[0] == same.networks["rules"].edges[0].link
    assert links[2].table.shape == links[4].table.shape == (0, 0, 0)
    assert links[2].numbers == 1


def test_labels_made_of_graphs_of_networkx_make_a_task():
    graphs = [networkx.cycle_graph(3 + n % 2) for n in range(10)]
    labels = graph_labels.cycles(graphs, [3])
    task = from_graphs(graphs, TWO, labels=labels)
    assert task.labels == 2
    first = np.asarray(task.whole.x[:, 0])
    np.testing.assert_array_equal(first, 1 - np.asarray(task.whole.labels))


@pytest.mark.parametrize(("name", "copies"), [
    ("triangle", 3), ("square", 3), ("pentagon", 0), ("paw", 12), ("diamond", 6), ("clique4", 1),
    ("claw", 4),
])  # fmt: skip
def test_small_graphs_by_name_are_counted_in_four_joined_nodes(name, copies):
    """Each node of the complete graph of 4 nodes is in 3 of its 4 triangles, and so on."""
    (alone, whole) = graph_labels.subgraphs(
        [networkx.path_graph(2), networkx.complete_graph(4)], [name]
    )
    assert {*whole.tolist()} == {int(copies > 0)}
    assert {*alone.tolist()} == {0}
    pattern = networkx.Graph(graph_labels.SUBGRAPHS[graph_labels.Subgraph(name)])
    matcher = networkx.algorithms.isomorphism.GraphMatcher(networkx.complete_graph(4), pattern)
    same = sum(
        1
        for _ in networkx.algorithms.isomorphism.GraphMatcher(
            pattern, pattern
        ).subgraph_monomorphisms_iter()
    )
    around = sum(0 in of for of in matcher.subgraph_monomorphisms_iter())
    assert around == copies * same


def test_subgraphs_are_counted_as_networkx_finds_them():
    house = networkx.Graph([(0, 1), (1, 2), (2, 3), (3, 0), (3, 4), (4, 0)])
    apart = networkx.Graph([(0, 1), (2, 3)])
    for pattern in (house, apart, networkx.path_graph(4)):
        for each in RANDOM[:4]:
            matcher = networkx.algorithms.isomorphism.GraphMatcher(each, pattern)
            copies = set()
            for of in matcher.subgraph_monomorphisms_iter():
                to = {small: large for large, small in of.items()}
                copies.add(frozenset(frozenset((to[a], to[b])) for a, b in pattern.edges))
            wanted = [sum(n in frozenset().union(*copy) for copy in copies) for n in each]
            (found,) = graph_labels.subgraphs([each], [pattern])
            assert same_partition(found.tolist(), wanted)


def test_circulants_differ_in_squares_and_triangles_as_far_as_their_cycles_do():
    """CSL's ten circulants, by subgraphs of the task option, and by cycles of the same lengths."""
    said = "graphs:csl,count=20,"
    found = get(said + "labels=subgraphs,subgraphs=triangle/square/pentagon")
    cycles = get(said + "labels=cycles,cycles=3-5")
    np.testing.assert_array_equal(np.asarray(found.whole.x), np.asarray(cycles.whole.x))
    usual = get(said + "labels=subgraphs")
    assert usual.labels == get(said + "labels=cycles,cycles=3/4").labels
    called = get("graphs:csl", count=20, labels="subgraphs", subgraphs=["triangle", "square"])
    np.testing.assert_array_equal(np.asarray(called.whole.x), np.asarray(usual.whole.x))


def test_distances_are_those_of_networkx():
    for each in RANDOM:
        found = graph_labels.distances([graph_of(each)])[0]
        lengths = dict(networkx.all_pairs_shortest_path_length(each))
        for i, j in itertools.product(range(9), repeat=2):
            assert found[i, j] == lengths[i].get(j, -1)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31 - 1))
def test_labels_do_not_depend_on_how_nodes_are_numbered(seed):
    order = np.random.default_rng(seed).permutation(9)
    whole = graph_of(RANDOM[seed % len(RANDOM)])
    moved = Graph(order[whole.edges], whole.labels)
    for label in (
        lambda graphs: graph_labels.weisfeiler_leman(graphs, 2),
        lambda graphs: graph_labels.cycles(graphs, (3, 4)),
    ):
        one, other = label([whole, moved])
        np.testing.assert_array_equal(one, other[order])


@pytest.mark.parametrize("name", Made)
def test_a_set_has_as_many_graphs_of_each_class_and_comes_of_its_seed(name):
    graphs, classes = made(name, 60)
    assert np.ptp(np.bincount(classes)) == 0
    again, _ = made(name, 60)
    others, _ = made(name, 60, seed=1)
    for one, other in zip(graphs, again, strict=True):
        np.testing.assert_array_equal(one.labels, other.labels)
        np.testing.assert_array_equal(one.edges, other.edges)
    if name is not Made.CSL:
        pairs = zip(graphs, others, strict=True)
        assert (
            any(
                a.labels.tolist() != b.labels.tolist() or len(a.edges) != len(b.edges)
                for a, b in pairs
            )
            or name is Made.SNOWFLAKES
        )


def test_classes_of_rings_are_what_they_say():
    for graph, label in zip(*made(Made.LONG_RINGS, 30, 16), strict=True):
        at = int(np.flatnonzero(graph.labels == 1)[0])
        assert graph.labels[(at + 8) % 16] == label + 2
        assert sorted(graph.labels[(at + np.arange(4) * 4) % 16]) == [1, 2, 3, 4]
    for graph, label in zip(*made(Made.EVEN_ODD_RINGS, 40), strict=True):
        place = {int(l): n for n, l in enumerate(graph.labels)}
        own = networkx.single_source_shortest_path_length(networkx_of(graph), place[0])
        (across,) = (graph.labels[n] for n, d in own.items() if d == 8)
        near = sum(graph.labels[n] for n, d in own.items() if d == 4)
        assert label == 2 * (across % 2) + near % 2
    for graph, label in zip(*made(Made.EVEN_ODD_COUNTS, 40), strict=True):
        odd = sum((graph.labels[n] + graph.labels[(n + 8) % 16]) % 2 for n in range(16))
        assert label == (odd > 8)


def test_circulants_are_ten_graphs_that_colours_do_not_tell_apart():
    graphs, classes = made(Made.CSL, 10)
    assert len({networkx.weisfeiler_lehman_graph_hash(networkx_of(g)) for g in graphs}) == 1
    for graph in graphs:
        assert set(dict(networkx_of(graph).degree).values()) == {4}
    labels = graph_labels.cycles(graphs, SETS[Made.CSL].cycles)
    assert [len({*each.tolist()}) for each in labels] == [1] * len(SKIPS)
    assert sorted(int(each[0]) for each in labels) == classes.tolist()


def test_flakes_have_the_same_colours_and_other_cycles():
    graphs, classes = made(Made.SNOWFLAKES, 40, 5)
    colours = graph_labels.weisfeiler_leman(graphs, 6)
    for size in (3, 4, 5):
        alike = [
            np.sort(c).tolist()
            for c, g in zip(colours, graphs, strict=True)
            if g.nodes == 11 * size
        ]
        assert len(alike) >= 8
        assert all(each == alike[0] for each in alike)
    labels = graph_labels.cycles(graphs, (4, 5))
    kinds: dict[tuple[int, ...], set[int]] = {}
    for graph, own, label in zip(graphs, labels, classes, strict=True):
        (centre,) = np.flatnonzero(graph.labels)
        near = [n for n in graph_labels.neighbours(graph)[centre] if n >= graph.nodes // 11]
        kinds.setdefault(tuple(sorted(own[near].tolist())), set()).add(int(label))
    assert sorted(kinds.values(), key=str) == [{n} for n in range(len(FLAKES))]


@pytest.mark.parametrize(
    "name",
    [
        "graphs:csl,count=20,cycles=3-5,fold=1/5",
        "graphs:snowflakes,count=12,nodes=4",
        "graphs:long-rings,count=12,nodes=8,labels=wl,rounds=1",
    ],
)
def test_a_task_draws_what_the_protocol_says(name):
    spec = base.EpisodeSpec(steps=2, batch=3, query=2, held_out=3)
    for split in Split:
        base.check_task(get(name), spec, split)
    task = get(name)
    episode = jax.jit(lambda key: task.sample(key, spec, Split.TEST))(jax.random.key(0))
    labels, distances = (np.asarray(episode.x.index[n]) for n in ("label", "distance"))
    np.testing.assert_array_equal(np.asarray(episode.x.x), labels >= 0)
    there = (labels >= 0)[..., :, None] & (labels >= 0)[..., None, :]
    assert ((distances >= 0) <= there).all()
    np.testing.assert_array_equal(distances, np.swapaxes(distances, -1, -2))


def test_folds_test_each_graph_once():
    whole = get("graphs:even-odd-rings,count=40,nodes=8")
    every = sorted(map(bytes, np.asarray(whole.whole.x)))
    tested = []
    for number in range(1, 6):
        task = get(f"graphs:even-odd-rings,count=40,nodes=8,fold={number}/5")
        tested += map(bytes, np.asarray(task.whole.x)[task.bounds[1] :])
    assert sorted(tested) == every


def test_graphs_of_ones_own_are_held_as_they_are():
    graphs = [networkx.cycle_graph(3 + n % 3) for n in range(12)]
    for each in graphs:
        networkx.set_node_attributes(each, {n: n % 2 for n in each}, "label")
    task = from_graphs(graphs, [n % 3 for n in range(12)])
    assert (task.features, task.outputs, task.labels) == (5, 3, 2)
    sizes = (np.asarray(task.whole.x) >= 0).sum(1)
    np.testing.assert_array_equal(sizes, 3 + np.asarray(task.whole.labels))
    own = from_graphs(graphs, [n % 3 for n in range(12)], labels=[[7] * len(g) for g in graphs])
    assert own.labels == 1
    assert own.networks["rules"].groups == ((5,), (5,), (3,))


def labelled(graph: networkx.Graph) -> networkx.Graph:
    networkx.set_node_attributes(graph, 0, "label")
    return graph


FINE = [labelled(networkx.cycle_graph(4)) for _ in range(10)]
TWO = [0, 1] * 5
LONG = networkx.path_graph(20_000)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: from_graphs([*FINE[:9], networkx.path_graph(3)], TWO), "Graph 9 has no label"),
        (
            lambda: from_graphs([networkx.empty_graph(3), *FINE[:9]], TWO),
            "Graph 0 has 3 nodes and no edge",
        ),
        (lambda: from_graphs(FINE, TWO[:9]), r"classes has shape \(9,\)"),
        (lambda: from_graphs(FINE[:9], TWO[:9]), "There are 9 graphs; a split takes at least 10"),
        (lambda: from_graphs(FINE, [1, 2] * 5), "classes holds .*numbered 0, 1, 2"),
        (
            lambda: from_graphs(["ring"] * 10, TWO),
            "Graph 0 is of type str; it takes a graph of networkx",
        ),
        (
            lambda: from_graphs([labelled(networkx.DiGraph([(0, 1)]))] * 10, TWO),
            "Graph 0 is directed",
        ),
        (lambda: from_graphs(FINE, TWO, labels=[[0, 0]] * 10), "labels of graph 0 .* 4 nodes"),
        (
            lambda: from_graphs(FINE, TWO, labels=[[0] * 4] * 9),
            "labels is .* for each of 10 graphs",
        ),
        (lambda: from_graphs(FINE, TWO, labels=[[0] * 4] * 11), "for each of 10 graphs"),
        (lambda: from_graphs(FINE, TWO, labels=[[[0], [0, 1]]] * 10), "labels of graph 0 are"),
        (lambda: from_graphs(FINE, TWO, labels=None), "labels is None; it takes the attribute"),
        (lambda: from_graphs(FINE, TWO, labels=3), "labels is 3; it takes the attribute"),
        (lambda: from_graphs(FINE, TWO, labels=[3] * 10), "labels of graph 0 are 3"),
        (lambda: from_graphs(FINE, TWO, distances=[[]]), r"distances is \[\[\]\]; it takes a list"),
        (lambda: from_graphs(FINE, TWO, distances=[]), r"distances is \[\]"),
        (lambda: from_graphs(FINE, TWO, distances=[1, 2]), r"distances is \[1, 2\]; .*\[\[1\], "),
        (lambda: from_graphs(FINE, TWO, distances=1), "distances is 1;"),
        (lambda: from_graphs(FINE, TWO, distances=[[1.5]]), r"distances is \[\[1.5\]\]"),
        (lambda: from_graphs(FINE, TWO, distances=["1"]), r"distances is \['1'\]"),
        (lambda: from_graphs(FINE, TWO, distances=[[-1]]), r"distances is \[\[-1\]\]"),
        (lambda: from_graphs(FINE, [[0], [1, 2]] * 5), "classes is .*whole number for each graph"),
        (lambda: from_graphs(FINE, None), r"classes has shape \(\)"),
        (lambda: from_graphs(None, TWO), "graphs is of type NoneType; it takes a list of graphs"),
        (lambda: from_graphs(FINE[0], TWO), "graphs is of type Graph; it takes a list of graphs"),
        (lambda: from_graphs(FINE, TWO, 5), "name is 5; it takes a text"),
        (lambda: from_arrays(np.eye(10), np.arange(10) % 2, 5), "name is 5; it takes a text"),
        (lambda: from_graphs(FINE, TWO, fold=3), "fold is 3; it takes one of three or more folds"),
        (lambda: from_graphs(FINE, TWO, fold=(1.5, 5)), "fold is 1.5/5; it takes"),
        (
            lambda: from_graphs([LONG] * 10, TWO, labels=[[0] * 20_000] * 10),
            "10 graphs of up to 20,000 nodes have 4,000,000,000 distances .* up to 2,147,483,648",
        ),
        (lambda: graph_labels.weisfeiler_leman(FINE, -1), "rounds is -1"),
        (lambda: graph_labels.weisfeiler_leman(FINE, 1.5), "rounds is 1.5"),
        (lambda: graph_labels.weisfeiler_leman(FINE[0], 1), "it takes a list of graphs"),
        (lambda: graph_labels.weisfeiler_leman(FINE, 1, 5), "label is 5; it takes the name"),
        (lambda: graph_labels.cycles(FINE, 4), "lengths of cycles are 4"),
        (lambda: graph_labels.cycles(["ring"], [4]), "Graph 0 is of type str"),
        (lambda: graph_labels.given([*FINE, networkx.path_graph(2)]), "Graph 10 has no label"),
        (lambda: graph_labels.subgraphs(FINE, "triangle"), "patterns is 'triangle'"),
        (lambda: graph_labels.subgraphs(FINE, ["ring"]), "patterns holds 'ring'; there are tri"),
        (lambda: graph_labels.subgraphs(FINE, [networkx.empty_graph(2)]), "that no edge joins"),
        (lambda: get("graphs:csl,labels=subgraphs,subgraphs=ring"), "it takes triangle, square"),
        (lambda: get("graphs"), "takes a set, such as graphs:csl"),
        (lambda: get("graphs:csl,nodes=40"), "nodes is 40; graphs:csl takes 41"),
        (lambda: get("graphs:long-rings,nodes=10"), "a multiple of 4 from 8 on"),
        (lambda: get("graphs:snowflakes,count=12,cycles=2"), "whole numbers from 3 on"),
        (lambda: get("graphs:snowflakes,nodes=2"), "nodes is 2; .* takes a whole number from 3 on"),
        (
            lambda: get("graphs:even-odd-rings,cycles=4"),
            "cycles says nothing where nodes are labelled by given; it goes with labels=cycles",
        ),
        (lambda: get("graphs:even-odd-rings,labels=given,rounds=3"), "goes with labels=wl"),
        (lambda: get("graphs:csl,labels=given,cycles=3"), "cycles says nothing .* by given"),
        (lambda: get("graphs:csl,subgraphs=claw"), "by cycles; it goes with labels=subgraphs"),
        (lambda: get("graphs:csl,labels=wl,rounds=-1"), "GraphOptions.rounds is -1"),
        (lambda: get("picture:dog"), "no option dog; it takes china, flower, and has image, path"),
        (lambda: get("graphs:ring"), "no option ring; it takes long-rings, .*, and has set, "),
        (lambda: get("graphs:csl,fold=1/2"), "fold"),
        (lambda: get("graphs:csl,count=0"), "GraphOptions.count"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_makes_no_task_is_refused(make, message):
    with pytest.raises(BluraxError, match=message):
        make()
