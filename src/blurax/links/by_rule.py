"""Synapses that a rule places by the labels and distances of nodes: the layers of a RuleGNN.

Inputs are `Indexed`: x is 1 at each node and 0 where there is none, `[b, nodes]`, and with it
travel `label`, `[b, nodes]`, negative where there is no node, and `distance`, `[b, nodes, nodes]`,
negative where no path leads. From them each link makes the index of `Travelling`.
Source: Seiffarth et al., "Rule Based Learning with Dynamic (Graph) Neural Networks", 2024.
"""

import abc
import dataclasses
from collections.abc import Mapping

import jax.numpy as jnp
from jaxtyping import Array, Int

from blurax.errors import require
from blurax.links.placed import Index
from blurax.links.protocol import Link
from blurax.links.travelling import Travelling

LABEL, DISTANCE = "label", "distance"
"""What travels with the inputs."""

NOWHERE = Index((0, 0, 0), b"")
"""The table of a rule that places no synapse."""


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
class NodeRule(ByRule):
    """w_ii = theta[label of i]: from the input, which is 1 at each node, a bias by label."""

    def ids(
        self, labels: Int[Array, "b nodes"], distances: Int[Array, "b nodes nodes"]
    ) -> Int[Array, "b nodes nodes"]:
        """The labels on the diagonal."""
        return jnp.where(jnp.eye(self.pre, dtype=bool), labels[:, :, None], -1)


@dataclasses.dataclass(frozen=True)
class ReadoutRule(ByRule):
    """w_ic = theta[label of i, class c]: what all nodes say for each class, summed."""

    def ids(
        self, labels: Int[Array, "b nodes"], distances: Int[Array, "b nodes nodes"]
    ) -> Int[Array, "b nodes classes"]:
        """A row of theta for each label."""
        numbers = labels[:, :, None] * self.post + jnp.arange(self.post, dtype=labels.dtype)
        return jnp.where(labels[:, :, None] < 0, -1, numbers)
