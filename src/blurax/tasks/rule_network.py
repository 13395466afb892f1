"""The RuleGNN that goes with some labelled graphs: a network whose synapses a rule places.

Source: Seiffarth et al., "Rule Based Learning with Dynamic (Graph) Neural Networks", 2024.
"""

import numpy as np
from jaxtyping import Int

from blurax.links.by_rule import NodeRule, PairRule, ReadoutRule
from blurax.links.placed import Index
from blurax.network import Edge, Network

RULES = "rules"
"""What the network is called among those of a task."""


def rule_network(
    labels: Int[np.ndarray, "graphs nodes"],
    distances: Int[np.ndarray, "graphs nodes nodes"],
    layers: tuple[tuple[int, ...], ...],
    classes: int,
) -> Network:
    """A layer for each set of distances, and the sum over all nodes for each class.

    In a layer W_ij = theta[label of i, label of j, distance], of the pairs that there are, and the
    bias is one for each label; the readout has one number for each label and class.

    Args:
        labels: -1 at the padding.
        distances: -1 where no path leads.
        layers: the distances at which nodes see each other, layer by layer.
    """
    nodes, known = labels.shape[1], int(labels.max()) + 1
    links = [_pairs(labels, distances, each, nodes, known) for each in layers]
    last = len(links)
    edges = [
        edge
        for l, link in enumerate(links)
        for edge in (
            Edge(l, l + 1, link, bias=False),
            Edge(0, l + 1, NodeRule(nodes, nodes, known, neighbours=1.0), bias=False),
        )
    ]
    readout = ReadoutRule(nodes, classes, known * classes, neighbours=_mean_nodes(labels))
    edges.append(Edge(last, last + 1, readout, bias=False))
    return Network((*[nodes] * (last + 1), classes), tuple(edges))


def _pairs(
    labels: Int[np.ndarray, "graphs nodes"],
    distances: Int[np.ndarray, "graphs nodes nodes"],
    seen: tuple[int, ...],
    nodes: int,
    known: int,
) -> PairRule:
    """The link of a layer: a number for each pair of labels at each distance that occurs."""
    table = np.full((known, known, max(seen) + 1), -1, np.int32)
    there = np.isin(distances, seen)
    graph, i, j = there.nonzero()
    table[labels[graph, i], labels[graph, j], distances[graph, i, j]] = 0
    found = (table == 0).nonzero()
    numbers = len(found[0])
    table[found] = np.arange(numbers)
    mean = len(graph) / max(1, int((labels >= 0).sum()))
    # A layer in which no pair is that far apart has one number, which no synapse is.
    return PairRule(
        nodes, nodes, max(1, numbers), neighbours=mean or None, table=Index.of(table.tolist())
    )


def _mean_nodes(labels: Int[np.ndarray, "graphs nodes"]) -> float:
    """How many nodes a graph has on average."""
    return float((labels >= 0).sum(1).mean())
