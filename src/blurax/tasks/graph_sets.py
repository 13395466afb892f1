"""Made sets of graphs to tell apart, after those on which RuleGNN was tried.

Each generator draws `count` graphs, as many of each class as can be, from a generator of NumPy.
Source: Seiffarth et al., "Rule Based Learning with Dynamic (Graph) Neural Networks", 2024.
"""

import dataclasses
import enum
from collections.abc import Callable

import numpy as np
from jaxtyping import Int

from blurax.errors import require


@dataclasses.dataclass(frozen=True, eq=False)
class Graph:
    """An undirected graph with a label at each node."""

    edges: Int[np.ndarray, "edges 2"]
    """Each edge once, by the numbers of its nodes, from 0."""
    labels: Int[np.ndarray, " nodes"]
    """Whole numbers from 0; all 0 where nodes are alike."""

    @property
    def nodes(self) -> int:
        """How many nodes it has."""
        return len(self.labels)


Drawn = tuple[list[Graph], Int[np.ndarray, " graphs"]]
"""Graphs, and the class of each, from 0."""


def ring(nodes: int) -> Int[np.ndarray, "nodes 2"]:
    """The edges of a cycle."""
    places = np.arange(nodes)
    return np.stack([places, (places + 1) % nodes], axis=1)


def long_rings(random: np.random.Generator, count: int, nodes: int) -> Drawn:
    """Which of the labels 2, 3 and 4 is opposite to label 1, in a ring whose other labels are 0.

    The four labels are a quarter of the ring apart.
    """
    edges, quarter = ring(nodes), nodes // 4
    graphs, classes = [], np.arange(count) % 3
    for each in classes:
        labels = np.zeros(nodes, int)
        across, rest = each + 2, [n for n in (2, 3, 4) if n != each + 2]
        first, second = random.permutation(rest)
        start = random.integers(nodes)
        for step, label in enumerate((1, first, across, second)):
            labels[(start + step * quarter) % nodes] = label
        graphs.append(Graph(edges, labels))
    return graphs, classes


def even_odd_rings(random: np.random.Generator, count: int, nodes: int) -> Drawn:
    """Two parities, four classes, in a ring where each of the labels 0 to nodes - 1 stands once.

    The one is that of the label opposite to label 0, the other that of the sum of the two labels a
    quarter of the ring away from it.
    """

    def parities(labels: Int[np.ndarray, " nodes"]) -> int:
        at, quarter = int(np.argmin(labels)), nodes // 4
        near = labels[(at + quarter) % nodes] + labels[at - quarter]
        return int(2 * (labels[(at + nodes // 2) % nodes] % 2) + near % 2)

    return _permuted(random, count, nodes, 4, parities)


def even_odd_counts(random: np.random.Generator, count: int, nodes: int) -> Drawn:
    """Whether more of the sums of labels that are opposite to each other are odd than even."""

    def odd(labels: Int[np.ndarray, " nodes"]) -> int:
        sums = labels + np.roll(labels, nodes // 2)
        return int((sums % 2).sum() > nodes / 2)

    return _permuted(random, count, nodes, 2, odd)


def _permuted(
    random: np.random.Generator,
    count: int,
    nodes: int,
    classes: int,
    class_of: Callable[[Int[np.ndarray, " nodes"]], int],
) -> Drawn:
    """Rings with labels in all orders, as many of each class, drawn until there are enough."""
    edges, wanted = ring(nodes), np.bincount(np.arange(count) % classes, minlength=classes)
    graphs, found = [], []
    while len(graphs) < count:
        labels = random.permutation(nodes)
        each = class_of(labels)
        if wanted[each] > 0:
            wanted[each] -= 1
            graphs.append(Graph(edges, labels))
            found.append(each)
    return graphs, np.asarray(found)


SKIPS = (2, 3, 4, 5, 6, 9, 11, 12, 13, 16)
"""Of the ten circulants of 41 nodes."""


def circulants(random: np.random.Generator, count: int, nodes: int) -> Drawn:
    """Which circulant C_n(1, r) a graph is: cycles with skips (CSL), all nodes of degree 4.

    Source: Murphy et al., "Relational Pooling for Graph Representations", ICML 2019.
    """
    del random  # there is nothing to draw: copies differ in the order of their nodes alone
    places, labels = np.arange(nodes), np.zeros(nodes, int)
    kinds = [
        Graph(np.concatenate([ring(nodes), np.stack([places, (places + r) % nodes], 1)]), labels)
        for r in SKIPS
    ]
    classes = np.arange(count) % len(kinds)
    return [kinds[c] for c in classes], classes


FLAKES = ((10,), (7, 3), (6, 4), (5, 5))
"""The cycles of each flake: 10 nodes in all, joined to its centre each."""


def snowflakes(random: np.random.Generator, count: int, nodes: int) -> Drawn:
    """Which of four flakes hangs on the marked node of a cycle, in graphs of 3 to 12 flakes.

    A flake is a centre that is joined to ten nodes in one or two cycles: all four have the same
    colours under the test of Weisfeiler and Leman, but not the same cycles of length 4 and 5. The
    centres stand in a cycle, and one of them has label 1. (The flakes are ours.)

    Args:
        nodes: the most flakes of a graph.
    """
    classes = np.arange(count) % len(FLAKES)
    graphs = []
    for n, each in enumerate(classes):
        size = 3 + n // len(FLAKES) % (nodes - 2)
        kinds = random.integers(len(FLAKES), size=size)
        kinds[0] = each
        edges, free = [ring(size)], size
        for centre, kind in enumerate(kinds):
            around = np.arange(free, free + sum(FLAKES[kind]))
            edges.append(np.stack([np.full(len(around), centre), around], axis=1))
            for length in FLAKES[kind]:
                edges.append(free + ring(length))
                free += length
        labels = np.zeros(free, int)
        labels[0] = 1
        graphs.append(Graph(np.concatenate(edges), labels))
    return graphs, classes


class Made(enum.StrEnum):
    """The made sets by name."""

    LONG_RINGS = "long-rings"
    EVEN_ODD_RINGS = "even-odd-rings"
    EVEN_ODD_COUNTS = "even-odd-counts"
    CSL = "csl"
    SNOWFLAKES = "snowflakes"


@dataclasses.dataclass(frozen=True)
class Source:
    """A made set, and how the paper has it."""

    draw: Callable[[np.random.Generator, int, int], Drawn]
    count: int
    """Graphs."""
    nodes: int
    """Of a ring, or the most flakes of a snowflake."""
    distances: Callable[[int], tuple[int, ...]]
    """At which nodes of a size see each other, layer by layer."""
    cycles: tuple[int, ...] = ()
    """The lengths of the cycles that nodes are labelled by; empty: the labels are given."""
    fewest: int = 8
    """The least that `nodes` may be."""
    by: int = 4
    """What `nodes` is to be a multiple of."""


SETS: dict[Made, Source] = {
    Made.LONG_RINGS: Source(long_rings, 1200, 100, lambda n: (n // 2,)),
    Made.EVEN_ODD_RINGS: Source(even_odd_rings, 1200, 16, lambda n: (n // 2, n // 4)),
    Made.EVEN_ODD_COUNTS: Source(even_odd_counts, 1200, 16, lambda n: (n // 2,)),
    Made.CSL: Source(circulants, 150, 41, lambda n: (1,), tuple(range(3, 11)), 41, 1),
    Made.SNOWFLAKES: Source(snowflakes, 1000, 12, lambda n: (1,), (4, 5), 3, 1),
}
"""Each with its settings."""


def made(name: Made, count: int | None = None, nodes: int | None = None, seed: int = 0) -> Drawn:
    """The graphs of a set, and their classes.

    Args:
        count: how many graphs; as many as the paper has if None.
        nodes: of each ring, or the most flakes of a snowflake; as in the paper if None.
        seed: the same gives the same graphs.

    Raises:
        BluraxError: for a number of nodes of which the set makes no graph.
    """
    source = SETS[name]
    size = source.nodes if nodes is None else nodes
    fine = size >= source.fewest and size % source.by == 0
    fine &= name is not Made.CSL or size == source.nodes
    takes = "a whole number" if source.by == 1 else f"a multiple of {source.by}"
    takes = "41" if name is Made.CSL else f"{takes} from {source.fewest} on"
    require(fine, f"The task option nodes is {size}; graphs:{name} takes {takes}.")
    return source.draw(np.random.default_rng(seed), count or source.count, size)
