"""Tasks of telling graphs apart: made sets, and the user's own."""

import dataclasses
import enum
import functools
from collections.abc import Sequence
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax.bounds import check_count, check_seed
from blurax.errors import BluraxError, require
from blurax.frozen import check_types
from blurax.links import Indexed
from blurax.links.by_rule import DISTANCE, LABEL
from blurax.network import Network
from blurax.targets import Classes, Target
from blurax.tasks import graph_labels
from blurax.tasks.arrays import ArrayTask, divide
from blurax.tasks.base import Episode, EpisodeSpec, Split, Task
from blurax.tasks.folds import Fold, check_fold, fold_of
from blurax.tasks.graph_sets import SETS, Graph, Made, made
from blurax.tasks.rule_network import RULES, rule_network


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
    def networks(self) -> dict[str, Network]:
        """The RuleGNN of its labels and distances."""
        labels, distances = np.asarray(self.whole.x), np.asarray(self.distances)
        return {RULES: rule_network(labels, distances, self.layers, self.outputs)}

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


class Labelling(enum.StrEnum):
    """What nodes are labelled by."""

    GIVEN = "given"
    """The labels that they have."""
    WL = "wl"
    """The colours of the test of Weisfeiler and Leman, from these labels on."""
    CYCLES = "cycles"
    """How many cycles they are on, beside these labels."""


@dataclasses.dataclass(frozen=True)
class GraphOptions:
    """A made set of graphs.

    Raises:
        BluraxError: for no set, a count below 1, a cycle shorter than 3, or a fold that there is
            not.
    """

    word: ClassVar[str] = "set"

    set: Made | None = None
    """Which: graphs:csl is the same as graphs:set=csl."""
    count: int | None = None
    """How many graphs; as many as the paper has if it is not said."""
    nodes: int | None = None
    """Of each ring, or the most flakes of a snowflake; as in the paper if it is not said."""
    labels: Labelling | None = None
    """What nodes are labelled by; csl and snowflakes by cycles if it is not said, others as
    given."""
    rounds: int = 2
    """Of Weisfeiler and Leman."""
    cycles: tuple[int, ...] = ()
    """The lengths of cycles that are counted, 4/5 or 3-10; as in the paper if they are not said."""
    distances: tuple[int, ...] = ()
    """At which distance nodes see each other in the network `rules`, layer by layer, 8/4; as in the
    paper if it is not said."""
    seed: int = 0
    """Of the graphs, and of the order of their nodes; folds do not depend on it."""
    fold: Fold = ()
    """One of some folds of cross-validation, 3/5: the third of five tests, the next one validates,
    the others train; without one 60 % of the graphs train, 20 % validate and 20 % test."""

    def __post_init__(self) -> None:
        check_types(self)
        check_fold("GraphOptions.fold", self.fold)
        check_seed("GraphOptions.seed", self.seed)
        check_count("GraphOptions.rounds", self.rounds, least=0)
        for name in ("count", "nodes"):
            value = getattr(self, name)
            if value is not None:
                check_count(f"GraphOptions.{name}", value)
        require(
            self.set is not None,
            f"The task graphs takes a set, such as graphs:csl; there are {', '.join(Made)}.",
        )


def load(options: GraphOptions, text: str) -> GraphTask:
    """The task of a made set.

    Args:
        text: what to call the task.

    Raises:
        BluraxError: for nodes, cycles or a fold of which there are no graphs.
    """
    source = SETS[Made(options.set)]
    drawn = _drawn(dataclasses.replace(options, fold=(), distances=()))
    seen = options.distances or source.distances(options.nodes or source.nodes)
    layers = tuple((d,) for d in seen)
    order = np.random.default_rng(options.seed + 1)
    return _task(*drawn, text, layers, options.fold, 0, order)


@functools.lru_cache(maxsize=2)  # of all folds of a set: cycles take seconds to count
def _drawn(options: GraphOptions) -> tuple[list[Graph], graph_labels.Labels, np.ndarray]:
    """The graphs of a made set, the labels of their nodes, and their classes."""
    name = Made(options.set)
    source = SETS[name]
    graphs, classes = made(name, options.count, options.nodes, options.seed)
    usual = Labelling.CYCLES if source.cycles else Labelling.GIVEN
    match options.labels or usual:
        case Labelling.GIVEN:
            labels = graph_labels.given(graphs)
        case Labelling.WL:
            labels = graph_labels.weisfeiler_leman(graphs, options.rounds)
        case Labelling.CYCLES:
            labels = graph_labels.cycles(graphs, options.cycles or source.cycles or (4, 5))
    return graphs, labels, classes


def from_graphs(
    graphs: Sequence[Any],
    classes: Sequence[int] | np.ndarray,
    name: str = "graphs",
    *,
    labels: Sequence[Sequence[int]] | str = "label",
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
        distances: those at which nodes see each other, for each layer of the network `rules`.
        fold: (3, 5) for the third of five folds.
        seed: of the shuffle before the split.

    Raises:
        BluraxError: for graphs without edges or labels, labels or classes that do not go with them,
            fewer than 10 graphs, or a distance below 0.
    """
    check_fold("fold", fold)
    check_seed("seed", seed)
    found = [_graph(graph, n, labels) for n, graph in enumerate(graphs)]
    whole = np.asarray(classes)
    require(
        whole.shape == (len(found),) and np.issubdtype(whole.dtype, np.integer),
        f"classes has shape {whole.shape} and type {whole.dtype}; it takes a whole number for each "
        f"of {len(found)} graphs.",
    )
    require(len(found) >= 10, f"There are {len(found)} graphs; a split takes at least 10.")
    kinds = sorted({*whole.tolist()})
    require(
        len(kinds) > 1 and kinds == list(range(len(kinds))),
        f"classes holds {kinds[:10]}; it takes two or more classes, numbered 0, 1, 2, ...",
    )
    numbered = graph_labels.given(found)
    layers = tuple(tuple(each) for each in distances)
    return _task(found, numbered, whole, name, layers, fold, seed)


def _graph(graph: Any, n: int, labels: Sequence[Sequence[int]] | str) -> Graph:
    """A graph of networkx as we hold it."""
    try:
        nodes, edges = list(graph.nodes), list(graph.edges)
        directed = graph.is_directed()
    except (AttributeError, TypeError) as error:
        raise BluraxError(
            f"Graph {n} is a {type(graph).__name__}; from_graphs takes graphs of networkx."
        ) from error
    require(not directed, f"Graph {n} is directed; from_graphs takes undirected graphs.")
    require(len(edges) > 0, f"Graph {n} has {len(nodes)} nodes and no edge; take it out.")
    if isinstance(labels, str):
        lacking = [node for node in nodes if labels not in graph.nodes[node]]
        require(
            not lacking,
            f"Graph {n} has no label {labels!r} at node {lacking[:1]}; name the attribute with "
            "labels=, or give labels as lists, all 0 where nodes are alike.",
        )
        own: Any = [graph.nodes[node][labels] for node in nodes]
    else:
        own = labels[n] if n < len(labels) else ()
    held = np.asarray(own)
    fine = held.shape == (len(nodes),) and np.issubdtype(held.dtype, np.integer)
    require(
        fine and int(held.min()) >= 0,
        f"The labels of graph {n} have shape {held.shape} and type {held.dtype}; it takes a whole "
        f"number >= 0 for each of {len(nodes)} nodes.",
    )
    place = {node: k for k, node in enumerate(nodes)}
    pairs = sorted({tuple(sorted((place[e[0]], place[e[1]]))) for e in edges if e[0] != e[1]})
    require(len(pairs) > 0, f"Graph {n} has {len(nodes)} nodes and no edge; take it out.")
    return Graph(np.asarray(pairs), held)


def _task(
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
    require(
        len(layers) > 0 and all(each and min(each) >= 0 for each in layers),
        f"distances is {layers}; it takes one or more whole numbers >= 0 for each layer.",
    )
    far = graph_labels.distances(graphs)
    size, n = max(graph.nodes for graph in graphs), len(graphs)
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
