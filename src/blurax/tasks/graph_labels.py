"""Labels of nodes that do not depend on how nodes are numbered, and distances between nodes.

Graphs are undirected ones of networkx, or those of `graph_sets`. A list of labels goes with each,
in the order of its nodes, as `from_graphs` takes them. Equal labels stand for the same in all
graphs that are labelled together. The attribute `label` of nodes holds the label that they have, a
whole number >= 0; where no node of any graph has it, all are 0.
"""

import enum
import numbers
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Int

from blurax.bounds import check_count
from blurax.errors import require, shown
from blurax.tasks.given_graphs import LABEL, AnyGraph, held
from blurax.tasks.graph_sets import Graph

Labels = list[Int[np.ndarray, " _"]]
"""Of each graph's nodes, whole numbers from 0."""


class Subgraph(enum.StrEnum):
    """Small graphs that nodes may be counted in."""

    TRIANGLE = "triangle"
    SQUARE = "square"
    """A cycle of four nodes."""
    PENTAGON = "pentagon"
    """A cycle of five nodes."""
    PAW = "paw"
    """A triangle with a node on one of its corners."""
    DIAMOND = "diamond"
    """Four nodes of which all but two are joined."""
    CLIQUE4 = "clique4"
    """Four nodes that are all joined."""
    CLAW = "claw"
    """A node joined to three others."""


SUBGRAPHS: dict[Subgraph, tuple[tuple[int, int], ...]] = {
    Subgraph.TRIANGLE: ((0, 1), (1, 2), (2, 0)),
    Subgraph.SQUARE: ((0, 1), (1, 2), (2, 3), (3, 0)),
    Subgraph.PENTAGON: ((0, 1), (1, 2), (2, 3), (3, 4), (4, 0)),
    Subgraph.PAW: ((0, 1), (1, 2), (2, 0), (0, 3)),
    Subgraph.DIAMOND: ((0, 1), (1, 2), (2, 3), (3, 0), (0, 2)),
    Subgraph.CLIQUE4: ((0, 1), (1, 2), (2, 3), (3, 0), (0, 2), (1, 3)),
    Subgraph.CLAW: ((0, 1), (0, 2), (0, 3)),
}
"""The edges of each."""


def given(graphs: Iterable[AnyGraph], label: str = LABEL) -> Labels:
    """The labels that nodes have, numbered in their order without gaps."""
    return _numbered([graph.labels.tolist() for graph in held(graphs, label)])


def weisfeiler_leman(graphs: Iterable[AnyGraph], rounds: int, label: str = LABEL) -> Labels:
    """The colours of the test of Weisfeiler and Leman (1968) after some rounds.

    In each round a node's colour becomes its own with the colours of its neighbours.

    Args:
        rounds: 0 leaves the labels that nodes have.
        label: the attribute that holds these.
    """
    require(_whole(rounds), f"rounds is {shown(rounds)}; it takes a whole number.")
    check_count("rounds", rounds, least=0)
    every = held(graphs, label)
    near = [neighbours(graph) for graph in every]
    colours = given(every)
    for _ in range(rounds):
        colours = _numbered(
            [
                [(own[v], *sorted(own[list(around)])) for v, around in enumerate(of)]
                for own, of in zip(colours, near, strict=True)
            ]
        )
    return colours


def cycles(graphs: Iterable[AnyGraph], lengths: Iterable[int], label: str = LABEL) -> Labels:
    """How many simple cycles of each length a node is on, beside the label that it has."""
    every, wanted = held(graphs, label), sorted({*_lengths(lengths)})
    return _beside(every, _each(every, lambda graph: cycle_counts(graph, wanted)))


def subgraphs(
    graphs: Iterable[AnyGraph], patterns: Sequence[AnyGraph | str], label: str = LABEL
) -> Labels:
    """How many copies of each pattern a node is in, beside the label that it has.

    Copies are sets of edges: a triangle is one copy of a triangle, and three of a path of three.

    Args:
        patterns: graphs with an edge at least, or names of `Subgraph`. Small ones: the time grows
            fast with their size.
        label: the attribute that holds the labels that nodes have.

    Raises:
        BluraxError: for what is no pattern.
    """
    every, small = held(graphs, label), _patterns(patterns)

    def count(graph: Graph) -> Int[np.ndarray, "nodes patterns"]:
        return np.stack([_copies(graph, pattern) for pattern in small], axis=1)

    return _beside(every, _each(every, count))


def _copies(graph: Graph, pattern: Graph) -> Int[np.ndarray, " nodes"]:
    """In how many copies of a pattern each node is.

    A copy is found once for each way to lay the pattern on itself.
    """
    found = np.bincount(_placings(graph, pattern).ravel(), minlength=graph.nodes)
    return found // len(_placings(pattern, pattern))


def _placings(graph: Graph, pattern: Graph) -> Int[np.ndarray, "placings nodes"]:
    """All ways to lay a pattern on a graph, so that its edges come to lie on edges.

    The nodes of the pattern are laid one after the other, each next to one that lies already where
    it has an edge to one, for all ways side by side.
    """
    joined = np.zeros((graph.nodes, graph.nodes), bool)
    joined[graph.edges[:, 0], graph.edges[:, 1]] = joined[graph.edges[:, 1], graph.edges[:, 0]] = 1
    near, order = neighbours(pattern), [0]
    while len(order) < pattern.nodes:
        rest = [v for v in range(pattern.nodes) if v not in order]
        order.append(max(rest, key=lambda v: len({*near[v]} & {*order})))
    laid = np.arange(graph.nodes)[:, None]
    for n, v in enumerate(order[1:], 1):
        fits = np.ones((len(laid), graph.nodes), bool)
        for earlier in (k for k in range(n) if order[k] in near[v]):
            fits &= joined[laid[:, earlier]]
        fits[np.arange(len(laid))[:, None], laid] = False
        which, place = fits.nonzero()
        laid = np.concatenate([laid[which], place[:, None]], axis=1)
    return laid


def _patterns(patterns: Any) -> list[Graph]:
    """Each pattern as a graph."""
    every = list(patterns) if isinstance(patterns, Iterable) else []
    require(
        len(every) > 0 and not isinstance(patterns, str),
        f"patterns is {shown(patterns)}; it takes a list of graphs of networkx, or of names: "
        f"{', '.join(Subgraph)}.",
    )
    found = []
    for pattern in every:
        if isinstance(pattern, str):
            require(
                pattern in list(Subgraph),
                f"patterns holds {shown(pattern)}; there are {', '.join(Subgraph)}.",
            )
            edges = np.asarray(SUBGRAPHS[Subgraph(pattern)])
            found.append(Graph(edges, np.zeros(edges.max() + 1, int)))
        else:
            (own,) = held([pattern])
            require(
                len(own.edges) > 0 and len({*own.edges.ravel().tolist()}) == own.nodes,
                "patterns holds a graph with a node that no edge joins, or none; leave such nodes "
                "out.",
            )
            found.append(own)
    return found


def neighbours(graph: AnyGraph) -> list[list[int]]:
    """The neighbours of each node."""
    (graph,) = held([graph])
    near: list[list[int]] = [[] for _ in range(graph.nodes)]
    for a, b in graph.edges.tolist():
        near[a].append(b)
        near[b].append(a)
    return near


def cycle_counts(graph: AnyGraph, lengths: Sequence[int]) -> Int[np.ndarray, "nodes lengths"]:
    """How many simple cycles of each length lead through each node.

    All paths from a node over nodes of larger numbers grow side by side; one that ends next to
    where it began is a cycle, in the one of its two directions whose second node is the smaller.
    """
    (graph,) = held([graph])
    lengths, near, n = _lengths(lengths), neighbours(graph), graph.nodes
    around = np.full((n, max(map(len, near), default=0)), -1)
    joined = np.zeros((n, n), bool)
    for v, of in enumerate(near):
        around[v, : len(of)] = of
        joined[v, of] = True
    found = np.zeros((n, len(lengths)), int)
    paths = np.arange(n)[:, None]
    for length in range(2, max(lengths) + 1):
        further = around[paths[:, -1]]
        fresh = (further > paths[:, :1]) & (further[:, :, None] != paths[:, None]).all(-1)
        which, place = fresh.nonzero()
        paths = np.concatenate([paths[which], further[which, place][:, None]], axis=1)
        if length in lengths:
            closed = joined[paths[:, -1], paths[:, 0]] & (paths[:, 1] < paths[:, -1])
            there = np.bincount(paths[closed].ravel(), minlength=n)
            found[:, lengths.index(length)] = there
    return found


def is_distance(value: Any) -> bool:
    """Whether nodes may be that far apart: a whole number >= 0."""
    return _whole(value) and value >= 0


def _whole(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _lengths(lengths: Any) -> list[int]:
    """Lengths of cycles as they should be."""
    found = list(lengths) if isinstance(lengths, Iterable) else []
    require(
        len(found) > 0 and all(_whole(each) and each >= 3 for each in found),
        f"The lengths of cycles are {shown(lengths)}; they take whole numbers from 3 on.",
    )
    return [int(each) for each in found]


def distances(graphs: Iterable[AnyGraph]) -> list[Int[np.ndarray, "_ _"]]:
    """How many edges the shortest path between two nodes has; -1 where none leads."""
    from scipy.sparse import coo_array  # comes with scikit-learn; imported when used
    from scipy.sparse.csgraph import shortest_path

    def one(graph: Graph) -> Int[np.ndarray, "nodes nodes"]:
        shape, ones = (graph.nodes, graph.nodes), np.ones(len(graph.edges))
        edges = coo_array((ones, (graph.edges[:, 0], graph.edges[:, 1])), shape=shape)
        found = shortest_path(edges.tocsr(), directed=False, unweighted=True)
        return np.where(np.isfinite(found), found, -1).astype(np.int16)

    return _each(held(graphs), one)


def _each(graphs: Sequence[Graph], of: Callable[[Graph], np.ndarray]) -> list[np.ndarray]:
    """What follows from edges alone: once for each set of them, for rings are all alike."""
    known: dict[tuple[int, bytes], np.ndarray] = {}
    found = []
    for graph in graphs:
        key = graph.nodes, graph.edges.tobytes()
        if key not in known:
            known[key] = of(graph)
        found.append(known[key])
    return found


def _beside(graphs: Sequence[Graph], counts: list[np.ndarray]) -> Labels:
    """Counts with the labels that nodes have."""
    pairs = zip(graphs, counts, strict=True)
    return _numbered(
        [list(zip(g.labels.tolist(), map(tuple, c.tolist()), strict=True)) for g, c in pairs]
    )


def _numbered(values: Sequence[Sequence[Hashable]]) -> Labels:
    """Values that can be sorted by their place among all of them."""
    every: Any = {value for each in values for value in each}
    order = {value: number for number, value in enumerate(sorted(every))}
    return [np.asarray([order[value] for value in each], int) for each in values]
