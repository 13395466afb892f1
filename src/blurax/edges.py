"""The edges of a network: which group of neurons drives which, and how."""

import dataclasses

from blurax.errors import require
from blurax.frozen import check_types
from blurax.links import Dense, Link, Shape

GROUPS = 1000
"""The most groups of a network: each is a part of the program of its own, to trace and compile."""


@dataclasses.dataclass(frozen=True)
class Edge:
    """One group drives another.

    Raises:
        BluraxError: for a field of another type, or an edge that does nothing.
    """

    pre: int
    """The number of the lower group."""
    post: int
    """The number of the upper group."""
    link: Link = Dense()
    """How."""
    up: bool = True
    """Whether `post` gets the states of `pre` in the forward sweep, (5)."""
    down: bool = True
    """Whether `pre` gets those of `post` in the backward sweep, (6). Without `up`, by synapses of
    its own: feedback alignment is an edge up and another one down."""
    plastic: bool = True
    """Whether (7) changes its synapses."""
    delay: int = 0
    """1: it transmits what the inner step before has left, so that it may lead anywhere."""
    bias: bool = True
    """Whether the bias unit of `pre` leads to `post` too."""

    def __post_init__(self) -> None:
        check_types(self)
        require(self.up or self.down, f"Edge({self.pre}, {self.post}) leads neither up nor down.")
        require(self.delay in (0, 1), f"Edge.delay is {self.delay}; it takes 0 or 1.")


def chain(groups: int) -> tuple[Edge, ...]:
    """Each group leads to the next."""
    return tuple(Edge(l, l + 1) for l in range(groups - 1))


def check_groups(count: int) -> None:
    """Raise `BluraxError` for more groups than a network may have."""
    require(count <= GROUPS, f"A network of {count} groups has more than {GROUPS}; take fewer.")


def check_edges(
    groups: tuple[Shape, ...], edges: tuple[Edge, ...], outputs: tuple[int, ...]
) -> None:
    """Raise `BluraxError` for edges or outputs that make no network of these groups."""
    count = len(groups)
    for name, numbers in (
        *((f"Edge({e.pre}, {e.post})", (e.pre, e.post)) for e in edges),
        ("Network.outputs", outputs),
    ):
        wrong = [n for n in numbers if not 0 <= n < count]
        require(not wrong, f"{name} names group {wrong[:1]}; the network has 0 to {count - 1}.")
    for edge in edges:
        name = f"Edge({edge.pre}, {edge.post})"
        require(
            edge.delay > 0 or edge.pre < edge.post,
            f"{name} does not lead to a later group: it closes a circle; give it delay=1.",
        )
        require(edge.post > 0, f"{name} leads to the input, which only the task sets.")
        edge.link.check(groups[edge.pre], groups[edge.post])
        require(
            edge.pre not in outputs or not edge.down,
            f"{name} leads back into the output group {edge.pre}, whose states the error signal "
            "sets; give it down=False.",
        )
    for group in range(1, count):
        require(
            any(e.up and e.post == group and not e.delay for e in edges),
            f"Group {group} of the network gets nothing from the groups before it.",
        )
