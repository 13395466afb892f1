"""The RuleGNN that goes with some labelled graphs: a network whose synapses a rule places.

Source: Seiffarth et al., "Rule Based Learning with Dynamic (Graph) Neural Networks", 2024.
"""

import numpy as np
from jaxtyping import Int

from blurax.links.by_rule import NodeRule, PairRule, ReadoutRule, SparsePairRule
from blurax.links.placed import Index
from blurax.network import Edge, Network

RULES = "rules"
"""What the network is called among those of a task."""
TABLE = 2**20
"""The most places of a table of labels, labels and distances; beyond it, pairs that occur are
listed, and looked up by bisection."""


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
) -> PairRule | SparsePairRule:
    """The link of a layer: a number for each pair of labels at each distance that occurs."""
    farthest = int(distances.max())
    near = [d for d in seen if d <= farthest]
    graph, i, j = np.isin(distances, near).nonzero()
    mean = len(graph) / max(1, int((labels >= 0).sum())) or None
    if len(graph) == 0:  # one number, which no synapse is
        return PairRule(nodes, nodes, 1)
    depth, own = max(near) + 1, labels.astype(np.int64)
    pairs = (own[graph, i] * known + own[graph, j]) * depth + distances[graph, i, j]
    shape = (known, known, depth)
    rows = np.stack(np.unravel_index(np.unique(pairs), shape), axis=1)
    numbers = len(rows)
    if known**2 * depth > TABLE:
        return SparsePairRule(nodes, nodes, numbers, neighbours=mean, pairs=Index.of(rows))
    table = np.full(shape, -1, np.int32)
    table[tuple(rows.T)] = np.arange(numbers)
    return PairRule(nodes, nodes, numbers, neighbours=mean, table=Index.of(table))


def _mean_nodes(labels: Int[np.ndarray, "graphs nodes"]) -> float:
    """How many nodes a graph has on average."""
    return float((labels >= 0).sum(1).mean())
