"""Labels of nodes that do not depend on how nodes are numbered, and distances between nodes.

Equal labels stand for the same in all graphs that are labelled together.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Int

from blurax.errors import BluraxError, require
from blurax.tasks.graph_sets import Graph

Labels = list[Int[np.ndarray, " _"]]
"""Of each graph's nodes, whole numbers from 0."""


def given(graphs: Sequence[Graph]) -> Labels:
    """The labels that nodes have, numbered in their order without gaps."""
    return _numbered([graph.labels.tolist() for graph in graphs])


def weisfeiler_leman(graphs: Sequence[Graph], rounds: int) -> Labels:
    """The colours of the test of Weisfeiler and Leman (1968) after some rounds.

    In each round a node's colour becomes its own with the colours of its neighbours.

    Args:
        rounds: 0 leaves the labels that nodes have.
    """
    near = [neighbours(graph) for graph in graphs]
    colours = given(graphs)
    for _ in range(rounds):
        colours = _numbered(
            [
                [(own[v], *sorted(own[list(around)])) for v, around in enumerate(of)]
                for own, of in zip(colours, near, strict=True)
            ]
        )
    return colours


def cycles(graphs: Sequence[Graph], lengths: Iterable[int]) -> Labels:
    """How many simple cycles of each length a node is on, beside the label that it has."""
    wanted = sorted({*lengths})
    counts = _each(graphs, lambda graph: cycle_counts(graph, wanted))
    return _beside(graphs, counts)


def subgraphs(graphs: Sequence[Graph], patterns: Sequence[Any]) -> Labels:
    """How many copies of each pattern a node is in, beside the label that it has.

    Copies are sets of edges: a triangle is one copy of a triangle, and three of a path of three.

    Args:
        patterns: graphs of networkx, small ones: the time grows fast with their size.

    Raises:
        BluraxError: without the extra `graphs`.
    """
    networkx = needs_networkx("subgraphs")

    def count(graph: Graph) -> Int[np.ndarray, "nodes patterns"]:
        found = np.zeros((graph.nodes, len(patterns)), int)
        whole = networkx.Graph(graph.edges.tolist())
        for place, pattern in enumerate(patterns):
            matcher = networkx.algorithms.isomorphism.GraphMatcher(whole, pattern)
            copies = set()
            for of in matcher.subgraph_monomorphisms_iter():
                to = {small: large for large, small in of.items()}
                copies.add(frozenset(frozenset((to[a], to[b])) for a, b in pattern.edges))
            for copy in copies:
                found[list(frozenset().union(*copy)), place] += 1
        return found

    return _beside(graphs, _each(graphs, count))


def needs_networkx(what: str) -> Any:
    """networkx, or a sentence on how to install it."""
    try:
        import networkx  # an extra
    except ImportError as error:
        raise BluraxError(
            f"{what} takes networkx; install it with pip install 'blurax[graphs]'."
        ) from error
    return networkx


def neighbours(graph: Graph) -> list[list[int]]:
    """The neighbours of each node."""
    near: list[list[int]] = [[] for _ in range(graph.nodes)]
    for a, b in graph.edges.tolist():
        near[a].append(b)
        near[b].append(a)
    return near


def cycle_counts(graph: Graph, lengths: Sequence[int]) -> Int[np.ndarray, "nodes lengths"]:
    """How many simple cycles of each length lead through each node.

    All paths from a node over nodes of larger numbers grow side by side; one that ends next to
    where it began is a cycle, in the one of its two directions whose second node is the smaller.
    """
    require(
        len(lengths) > 0 and min(lengths) >= 3,
        f"The lengths of cycles are {tuple(lengths)}; they take whole numbers from 3 on.",
    )
    n, near = graph.nodes, neighbours(graph)
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
            found[:, list(lengths).index(length)] = there
    return found


def distances(graphs: Sequence[Graph]) -> list[Int[np.ndarray, "_ _"]]:
    """How many edges the shortest path between two nodes has; -1 where none leads."""
    from scipy.sparse import coo_array  # comes with scikit-learn; imported when used
    from scipy.sparse.csgraph import shortest_path

    def one(graph: Graph) -> Int[np.ndarray, "nodes nodes"]:
        shape, ones = (graph.nodes, graph.nodes), np.ones(len(graph.edges))
        edges = coo_array((ones, (graph.edges[:, 0], graph.edges[:, 1])), shape=shape)
        found = shortest_path(edges.tocsr(), directed=False, unweighted=True)
        return np.where(np.isfinite(found), found, -1).astype(np.int16)

    return _each(graphs, one)


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
