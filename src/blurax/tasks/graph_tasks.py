"""Tasks of telling graphs apart: made sets, and the user's own."""

from collections.abc import Iterable, Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax.bounds import check_seed
from blurax.errors import BluraxError, require, shown
from blurax.links import Indexed
from blurax.links.by_rule import DISTANCE, LABEL
from blurax.network import Network
from blurax.targets import Classes, Target
from blurax.tasks import given_graphs, graph_labels
from blurax.tasks.arrays import ArrayTask, divide
from blurax.tasks.base import Episode, EpisodeSpec, Split, Task, check_name
from blurax.tasks.folds import Fold, check_fold, fold_of
from blurax.tasks.graph_sets import Graph
from blurax.tasks.rule_network import RULES, rule_network

MOST = 2**31
"""The most distances between nodes that a task holds, in all its graphs."""


class GraphTask(Task):
    """Graphs with a class each, split once into train, validate and test.

    Inputs are `Indexed`: x is 1 at each node and 0 at the padding, `[b, nodes]`, and `label` and
    `distance` travel with it (`links/by_rule.py`).
    """

    whole: ArrayTask
    """The labels of nodes, `[graphs, nodes]`, -1 at the padding, and the classes."""
    distances: Int[Array, "graphs nodes nodes"]
    """-1 where no path leads, and at the padding; graphs as `whole` has them."""
    layers: tuple[tuple[int, ...], ...] = eqx.field(static=True)
    """The distances at which nodes see each other, layer by layer, in the network `rules`."""
    name: str = eqx.field(static=True, init=False)
    input_shape: tuple[int, ...] = eqx.field(static=True, init=False)
    """The nodes of the largest graph."""
    target: Target = eqx.field(static=True, init=False)

    def __post_init__(self) -> None:
        self.name, self.target = self.whole.name, self.whole.target
        self.input_shape = self.whole.x.shape[1:]

    @property
    def bounds(self) -> tuple[int, int]:
        """Where the validation and the test graphs start."""
        return self.whole.bounds

    def called(self, name: str) -> "GraphTask":
        """The task by another name."""
        return GraphTask(self.whole.called(name), self.distances, self.layers)

    @property
    def augmentable(self) -> bool:
        """Labels and distances are no numbers to calculate with."""
        return False

    def networks_with(self, outputs: int) -> dict[str, Network]:
        """The RuleGNN of its labels and distances."""
        labels, distances = np.asarray(self.whole.x), np.asarray(self.distances)
        return {RULES: rule_network(labels, distances, self.layers, outputs)}

    @property
    def labels(self) -> int:
        """How many different labels nodes have."""
        return int(self.whole.x.max()) + 1

    def pool(self, spec: EpisodeSpec, split: Split) -> int:
        """As of any stored examples."""
        return self.whole.pool(spec, split)

    def sample(
        self, key: PRNGKeyArray, spec: EpisodeSpec, split: Split, first: int | Int[Array, ""] = 0
    ) -> Episode:
        """Draw an episode; each graph of the support is seen once before any is seen again."""
        support, query = self.whole.indices(key, spec, split, first)
        return Episode(*self._graphs(support), *self._graphs(query))

    def _graphs(self, index: Int[Array, "..."]) -> tuple[Indexed, Float[Array, "... classes"]]:
        labels = self.whole.x[index]
        travelling = {LABEL: labels, DISTANCE: self.distances[index]}
        y = self.target.encode(self.whole.labels[index])
        return Indexed((labels >= 0).astype(float), travelling), y


def from_graphs(
    graphs: Sequence[Any],
    classes: Sequence[int] | np.ndarray,
    name: str = "graphs",
    *,
    labels: Sequence[Sequence[int] | np.ndarray] | str = "label",
    distances: Sequence[Sequence[int]] = ((1,),),
    fold: Fold = (),
    seed: int = 0,
) -> GraphTask:
    """A task from the user's own graphs: 60 % to train, 20 % to validate, 20 % to test.

    Args:
        graphs: undirected graphs of networkx; any size, with an edge each at least.
        classes: the class of each, whole numbers 0, 1, ... classes - 1.
        name: what to call the task.
        labels: the attribute of nodes that holds their label, a whole number >= 0; or for each
            graph the labels of its nodes in their order, such as `graph_labels` makes.
        distances: those at which nodes see each other, for each layer of the network `rules`; one
            beyond every graph joins no nodes.
        fold: (3, 5) for the third of five folds.
        seed: of the shuffle before the split.

    Raises:
        BluraxError: for graphs without edges or labels, labels or classes that do not go with them,
            fewer than 10 graphs, a distance below 0, or more nodes than memory holds distances of.
    """
    check_fold("fold", fold)
    check_seed("seed", seed)
    check_name("name", name)
    layers = _layers(distances)
    found = _graphs_of(graphs, labels)
    whole = _classes(classes, len(found))
    return task_of(found, graph_labels.given(found), whole, name, layers, fold, seed)


def _graphs_of(graphs: Any, labels: Any) -> list[Graph]:
    """Graphs of networkx with labels, and an edge at least each."""
    every = given_graphs.listed("graphs", graphs)
    edges = [given_graphs.edges_of(graph, n) for n, graph in enumerate(every)]
    for n, graph in enumerate(every):
        require(len(edges[n]) > 0, f"Graph {n} has {len(graph)} nodes and no edge; take it out.")
    if isinstance(labels, str):
        own = [labels] * len(every)
    else:
        fine = isinstance(labels, Iterable)
        own = list(labels) if fine else []
        require(
            fine and len(own) == len(every),
            f"labels is {shown(labels)}; it takes the attribute of nodes that holds their label, "
            f"or a list of labels for each of {len(every)} graphs.",
        )
    parts = enumerate(zip(every, edges, own, strict=True))
    return [Graph(pairs, given_graphs.labels_of(g, n, of)) for n, (g, pairs, of) in parts]


def _classes(classes: Any, many: int) -> Int[np.ndarray, " graphs"]:
    """The class of each of so many graphs."""
    try:
        whole = np.asarray(classes)
    except ValueError as error:  # lists of different lengths
        raise BluraxError(
            f"classes is {shown(classes)}; it takes a whole number for each graph."
        ) from error
    require(
        whole.shape == (many,) and np.issubdtype(whole.dtype, np.integer),
        f"classes has shape {whole.shape} and type {whole.dtype}; it takes a whole number for each "
        f"of {many} graphs.",
    )
    require(many >= 10, f"There are {many} graphs; a split takes at least 10.")
    kinds = sorted({*whole.tolist()})
    require(
        len(kinds) > 1 and kinds == list(range(len(kinds))),
        f"classes holds {kinds[:10]}; it takes two or more classes, numbered 0, 1, 2, ...",
    )
    return whole


def _layers(distances: Any) -> tuple[tuple[int, ...], ...]:
    """The distances of each layer as whole numbers."""
    fine = isinstance(distances, Iterable) and not isinstance(distances, str)
    every = list(distances) if fine else []
    fine = len(every) > 0 and all(isinstance(each, Iterable) for each in every)
    rows = [list(each) for each in every] if fine else []
    require(
        fine and all(each and all(map(graph_labels.is_distance, each)) for each in rows),
        f"distances is {shown(distances)}; it takes a list of whole numbers >= 0 for each layer, "
        "such as [[1], [1, 2]].",
    )
    return tuple(tuple(int(d) for d in each) for each in rows)


def task_of(
    graphs: Sequence[Graph],
    labels: graph_labels.Labels,
    classes: Int[np.ndarray, " graphs"],
    name: str,
    layers: tuple[tuple[int, ...], ...],
    fold: Fold,
    seed: int,
    order: np.random.Generator | None = None,
) -> GraphTask:
    """The task of labelled graphs.

    Args:
        seed: of the split.
        order: puts the nodes of each graph in another order.
    """
    size, n = max(graph.nodes for graph in graphs), len(graphs)
    require(
        n * size**2 <= MOST,
        f"{n} graphs of up to {size:,} nodes have {n * size**2:,} distances between nodes; a task "
        f"holds up to {MOST:,}: take smaller graphs, or fewer.",
    )
    far = graph_labels.distances(graphs)
    held = np.full((n, size), -1, np.int32)
    apart = np.full((n, size, size), -1, np.int8 if max(d.max() for d in far) < 128 else np.int16)
    for g, (own, d) in enumerate(zip(labels, far, strict=True)):
        places = np.arange(len(own)) if order is None else order.permutation(len(own))
        held[g, : len(own)] = own[places]
        apart[g, : len(own), : len(own)] = d[places][:, places]
    if fold:
        shuffled, bounds = fold_of(classes, fold, True, seed)
    else:
        shuffled, bounds = np.random.default_rng(seed).permutation(n), divide(n)
    whole = ArrayTask(
        x=jnp.asarray(held[shuffled]),
        labels=jnp.asarray(classes[shuffled], jnp.int32),
        shift=jnp.zeros((), float),
        scale=jnp.ones((), float),
        name=name,
        target=Classes(int(classes.max()) + 1),
        bounds=bounds,
    )
    return GraphTask(whole, jnp.asarray(apart[shuffled]), layers)
