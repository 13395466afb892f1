"""Synapses that a rule places by the labels and distances of nodes: the layers of a RuleGNN.

Inputs are `Indexed`: x is 1 at each node and 0 where there is none, `[b, nodes]`, and with it
travel `label`, `[b, nodes]`, negative where there is no node, and `distance`, `[b, nodes, nodes]`,
negative where no path leads. From them each link makes the index of `Travelling`.
Source: Seiffarth et al., "Rule Based Learning with Dynamic (Graph) Neural Networks", 2024.
"""

import abc
import collections
import dataclasses
import itertools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from blurax.errors import require
from blurax.links.placed import MOST, Index
from blurax.links.protocol import Link
from blurax.links.travelling import Travelling

LABEL, DISTANCE = "label", "distance"
"""What travels with the inputs."""

NOWHERE = Index((0, 0, 0), b"")
"""The table of a rule that places no synapse."""
NO_PAIRS = Index((0, 3), b"")
"""The list of none."""


@dataclasses.dataclass(frozen=True)
class ByRule(Travelling):
    """A `Travelling` link whose index follows from the labels of nodes and their distances."""

    @property
    def birth(self) -> float:
        """As the paper has it: from normal numbers optimisers generalise worse."""
        return 0.01

    def bound(self, index: Mapping[str, Array]) -> Link:
        """The link for the examples that labels and distances came with."""
        known, nodes = ", ".join(index) or "none", self.pre
        require(
            LABEL in index and DISTANCE in index,
            f"{self} takes labels and distances of nodes with each example; the inputs have "
            f"{known}.",
        )
        labels, distances = index[LABEL], index[DISTANCE]
        fits = labels.shape[1:] == (nodes,) and distances.shape[1:] == (nodes, nodes)
        whole = all(jnp.issubdtype(a.dtype, jnp.integer) for a in (labels, distances))
        require(
            fits and whole,
            f"The labels have shape {labels.shape} and type {labels.dtype}, the distances "
            f"{distances.shape} and {distances.dtype}; {self} takes whole numbers of shapes "
            f"(examples, {nodes}) and (examples, {nodes}, {nodes}).",
        )
        ids = self.ids(labels.astype(jnp.int32), distances.astype(jnp.int32))
        return super().bound({self.name: ids})

    @abc.abstractmethod
    def ids(
        self, labels: Int[Array, "b nodes"], distances: Int[Array, "b nodes nodes"]
    ) -> Int[Array, "b nodes post"]:
        """Which number of theta each synapse is, negative where there is none."""


@dataclasses.dataclass(frozen=True)
class PairRule(ByRule):
    """w_ij = theta[table[label of i, label of j, distance of i and j]], from nodes to nodes.

    Raises:
        BluraxError: if the table is no `[labels, labels, distances]`, or names a synapse that theta
            does not have.
    """

    table: Index = NOWHERE
    """`[labels, labels, distances]`, negative where there is no synapse; labels and distances
    beyond it have none."""

    def __post_init__(self) -> None:
        super().__post_init__()
        shape = self.table.shape
        require(
            len(shape) == 3 and shape[0] == shape[1],
            f"PairRule.table has shape {shape}; it takes Index.of an array (labels, labels, "
            "distances).",
        )
        require(
            self.table.largest < self.numbers,
            f"PairRule.table holds the number {self.table.largest}; theta has {self.numbers}, from "
            "0 on.",
        )

    def ids(
        self, labels: Int[Array, "b nodes"], distances: Int[Array, "b nodes nodes"]
    ) -> Int[Array, "b nodes nodes"]:
        """By the table."""
        if 0 in self.table.shape:
            return jnp.full_like(distances, -1)
        known, _, far = self.table.shape
        i, j = labels[:, :, None], labels[:, None, :]
        there = (i >= 0) & (j >= 0) & (i < known) & (j < known)
        there &= (distances >= 0) & (distances < far)
        places = (jnp.where(there, n, 0) for n in (i, j, distances))
        return jnp.where(there, self.table.array[tuple(places)], -1)


@dataclasses.dataclass(frozen=True)
class SparsePairRule(ByRule):
    """`PairRule` by a list in the place of a table, for more labels than a table can hold.

    w_ij = theta[n] where row n of `pairs` is label of i, label of j, distance of i and j; there is
    no synapse where no row is. A row is found by bisection among those of its first label.

    Raises:
        BluraxError: if the pairs are no `[numbers, 3]` in ascending order of numbers >= 0, or so
            many labels and distances that 32 bits do not number them.
    """

    pairs: Index = NO_PAIRS
    """`[numbers, 3]`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        shape = self.pairs.shape
        require(
            shape == (self.numbers, 3),
            f"SparsePairRule.pairs has shape {shape}; it takes Index.of an array "
            f"({self.numbers}, 3): label, label and distance for each number of theta.",
        )
        rows = [*zip(*self._columns, strict=True)]
        require(
            min(map(min, self._columns)) >= 0 and all(a < b for a, b in itertools.pairwise(rows)),
            "SparsePairRule.pairs is not in ascending order of numbers >= 0, each row once.",
        )
        labels, far = max(self._columns[1]) + 1, max(self._columns[2]) + 1
        require(
            labels * far < MOST,
            f"SparsePairRule.pairs holds {labels} labels at {far} distances; their product is to "
            f"be below {MOST:,}.",
        )

    @property
    def _columns(self) -> tuple[memoryview, ...]:
        """The first labels, the second labels, and the distances."""
        flat = memoryview(self.pairs.data).cast("i")
        return tuple(flat[n::3] for n in range(3))

    def ids(
        self, labels: Int[Array, "b nodes"], distances: Int[Array, "b nodes nodes"]
    ) -> Int[Array, "b nodes nodes"]:
        """By bisection."""
        first, second, apart = self._columns
        rows = collections.Counter(first)
        known, most, far = max(first) + 1, max(second) + 1, max(apart) + 1
        starts = jnp.asarray([*itertools.accumulate((rows[n] for n in range(known)), initial=0)])
        pairs = self.pairs.array
        keys = pairs[:, 1] * far + pairs[:, 2]
        i, j = labels[:, :, None], labels[:, None, :]
        there = (i >= 0) & (j >= 0) & (i < known) & (j < most)
        there &= (distances >= 0) & (distances < far)
        i = jnp.where(there, i, 0)
        wanted = jnp.where(there, j * far + distances, -1)

        def closer(_: Any, ends: tuple[Array, Array]) -> tuple[Array, Array]:
            low, high = ends
            middle = (low + high) // 2
            above = (low < high) & (keys[jnp.minimum(middle, len(keys) - 1)] < wanted)
            return jnp.where(above, middle + 1, low), jnp.where(above, high, middle)

        begin = jnp.broadcast_to(starts[i], wanted.shape).astype(jnp.int32)
        end = jnp.broadcast_to(starts[i + 1], wanted.shape).astype(jnp.int32)
        place, _ = jax.lax.fori_loop(0, max(rows.values()).bit_length(), closer, (begin, end))
        found = there & (place < end) & (keys[jnp.minimum(place, len(keys) - 1)] == wanted)
        return jnp.where(found, place, -1)


@dataclasses.dataclass(frozen=True)
class NodeRule(ByRule):
    """w_ii = theta[label of i]: from the input, which is 1 at each node, a bias by label.

    Labels beyond theta have none.
    """

    def ids(
        self, labels: Int[Array, "b nodes"], distances: Int[Array, "b nodes nodes"]
    ) -> Int[Array, "b nodes nodes"]:
        """The labels on the diagonal."""
        known = jnp.where(labels < self.numbers, labels, -1)
        return jnp.where(jnp.eye(self.pre, dtype=bool), known[:, :, None], -1)


@dataclasses.dataclass(frozen=True)
class ReadoutRule(ByRule):
    """w_ic = theta[label of i, class c]: what all nodes say for each class, summed.

    Nodes of labels beyond theta say nothing.
    """

    def ids(
        self, labels: Int[Array, "b nodes"], distances: Int[Array, "b nodes nodes"]
    ) -> Int[Array, "b nodes classes"]:
        """A row of theta for each label."""
        numbers = labels[:, :, None] * self.post + jnp.arange(self.post, dtype=labels.dtype)
        known = (labels >= 0) & (labels < self.numbers // self.post)
        return jnp.where(known[:, :, None], numbers, -1)
