"""Tasks of made sets of graphs, and their options."""

import dataclasses
import enum
import functools
from typing import ClassVar

import numpy as np

from blurax.bounds import check_count, check_seed
from blurax.errors import require
from blurax.frozen import check_types
from blurax.tasks import graph_labels
from blurax.tasks.folds import Fold, check_fold
from blurax.tasks.graph_labels import Subgraph
from blurax.tasks.graph_sets import SETS, Graph, Made, made
from blurax.tasks.graph_tasks import GraphTask, task_of


class Labelling(enum.StrEnum):
    """What nodes are labelled by."""

    GIVEN = "given"
    """The labels that they have."""
    WL = "wl"
    """The colours of the test of Weisfeiler and Leman, from these labels on."""
    CYCLES = "cycles"
    """How many cycles they are on, beside these labels."""
    SUBGRAPHS = "subgraphs"
    """How many copies of small graphs they are in, beside these labels."""


SETTINGS = {
    Labelling.WL: "rounds",
    Labelling.CYCLES: "cycles",
    Labelling.SUBGRAPHS: "subgraphs",
}
"""The option that goes with each way to label nodes, and with no other."""
ROUNDS = 2
"""Of Weisfeiler and Leman."""


@dataclasses.dataclass(frozen=True)
class GraphOptions:
    """A made set of graphs.

    Raises:
        BluraxError: for no set, a count below 1, a cycle shorter than 3, a fold that there is not,
            or an option of labels that are not asked for.
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
    rounds: int | None = None
    """Of Weisfeiler and Leman; 2 if it is not said."""
    cycles: tuple[int, ...] = ()
    """The lengths of cycles that are counted, 4/5 or 3-10; as in the paper if they are not said."""
    subgraphs: tuple[Subgraph, ...] = ()
    """The small graphs that are counted, triangle/square where nothing is said, of triangle,
    square, pentagon, paw, diamond, clique4 and claw."""
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
        for name in ("count", "nodes"):
            value = getattr(self, name)
            if value is not None:
                check_count(f"GraphOptions.{name}", value)
        if self.rounds is not None:
            check_count("GraphOptions.rounds", self.rounds, least=0)
        require(
            self.set is not None,
            f"The task graphs takes a set, such as graphs:csl; there are {', '.join(Made)}.",
        )
        for way, name in SETTINGS.items():
            value = getattr(self, name)
            idle = self.labelling is not way and value not in (None, ())
            require(
                not idle,
                f"The task option {name} says nothing where nodes are labelled by "
                f"{self.labelling}; it goes with labels={way}.",
            )

    @property
    def labelling(self) -> Labelling:
        """What nodes are labelled by, where nothing is said as well."""
        usual = Labelling.CYCLES if SETS[Made(self.set)].cycles else Labelling.GIVEN
        return self.labels or usual


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
    return task_of(*drawn, text, layers, options.fold, 0, order)


@functools.lru_cache(maxsize=2)  # of all folds of a set: cycles take seconds to count
def _drawn(options: GraphOptions) -> tuple[list[Graph], graph_labels.Labels, np.ndarray]:
    """The graphs of a made set, the labels of their nodes, and their classes."""
    name = Made(options.set)
    source = SETS[name]
    graphs, classes = made(name, options.count, options.nodes, options.seed)
    rounds = ROUNDS if options.rounds is None else options.rounds
    match options.labelling:
        case Labelling.GIVEN:
            labels = graph_labels.given(graphs)
        case Labelling.WL:
            labels = graph_labels.weisfeiler_leman(graphs, rounds)
        case Labelling.CYCLES:
            labels = graph_labels.cycles(graphs, options.cycles or source.cycles or (4, 5))
        case Labelling.SUBGRAPHS:
            patterns = options.subgraphs or (Subgraph.TRIANGLE, Subgraph.SQUARE)
            labels = graph_labels.subgraphs(graphs, patterns)
    return graphs, labels, classes
