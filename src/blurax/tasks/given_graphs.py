"""Graphs of networkx as the tasks hold them."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from jaxtyping import Int

from blurax.errors import BluraxError, described, require, shown
from blurax.tasks.graph_sets import Graph

LABEL = "label"
"""The attribute of nodes that holds their label, where no other is named."""
AnyGraph = Any
"""An undirected graph of networkx, whose nodes are numbered in the order of `graph.nodes`; or a
`graph_sets.Graph`."""


def held(graphs: Iterable[AnyGraph], label: str = LABEL) -> list[Graph]:
    """Graphs as `graph_sets` has them; self-loops and further edges of a pair are left out.

    Args:
        graphs: of networkx, or held already.
        label: the attribute of nodes that holds their label, a whole number >= 0; all are 0 where
            no node of any graph has it.

    Raises:
        BluraxError: for what is no undirected graph, or nodes of which some have no label.
    """
    every = listed("graphs", graphs)
    check_attribute("label", label)
    own = [n for n, graph in enumerate(every) if not isinstance(graph, Graph)]
    edges = {n: edges_of(every[n], n) for n in own}
    bare = not any(label in every[n].nodes[node] for n in own for node in every[n].nodes)
    return [
        graph
        if isinstance(graph, Graph)
        else Graph(edges[n], np.zeros(len(graph), int) if bare else labels_of(graph, n, label))
        for n, graph in enumerate(every)
    ]


def listed(name: str, graphs: Any) -> list[AnyGraph]:
    """The graphs of a list, which a graph by itself is not."""
    fine = isinstance(graphs, Iterable) and not isinstance(graphs, str) and not _is_graph(graphs)
    require(fine, f"{name} is {described(graphs)}; it takes a list of graphs of networkx.")
    return list(graphs)


def check_attribute(name: str, label: Any) -> None:
    """Raise `BluraxError` for what cannot be the name of an attribute."""
    require(isinstance(label, str), f"{name} is {shown(label)}; it takes the name of an attribute.")


def _is_graph(value: Any) -> bool:
    return isinstance(value, Graph) or hasattr(value, "is_directed")


def edges_of(graph: Any, n: int) -> Int[np.ndarray, "edges 2"]:
    """Each edge of a graph of networkx once, by the places of its nodes."""
    try:
        nodes, edges = list(graph.nodes), list(graph.edges)
        directed = graph.is_directed()
    except (AttributeError, TypeError) as error:
        raise BluraxError(
            f"Graph {n} is {described(graph)}; it takes a graph of networkx."
        ) from error
    require(not directed, f"Graph {n} is directed; it takes an undirected graph.")
    require(len(nodes) > 0, f"Graph {n} has no node; take it out.")
    place = {node: k for k, node in enumerate(nodes)}
    pairs = {tuple(sorted((place[e[0]], place[e[1]]))) for e in edges if e[0] != e[1]}
    return np.asarray(sorted(pairs), int).reshape(-1, 2)


def labels_of(graph: Any, n: int, labels: Any) -> Int[np.ndarray, " nodes"]:
    """The labels of a graph's nodes in their order: an attribute, or these."""
    nodes = list(graph.nodes)
    own: Any = labels
    if isinstance(labels, str):
        lacking = [node for node in nodes if labels not in graph.nodes[node]]
        require(
            not lacking,
            f"Graph {n} has no label {labels!r} at node {lacking[:1]}; name the attribute of nodes "
            "that holds it, or label all nodes, with 0 where they are alike.",
        )
        own = [graph.nodes[node][labels] for node in nodes]
    try:
        found = np.asarray(own)
    except ValueError:  # a list of lists of other lengths
        found = np.asarray(())
    fine = found.shape == (len(nodes),) and np.issubdtype(found.dtype, np.integer)
    require(
        fine and int(found.min()) >= 0,
        f"The labels of graph {n} are {shown(own)}; it takes a whole number >= 0 for each of "
        f"{len(nodes)} nodes.",
    )
    return found
