"""Shared synapses by a map of places: w_ij = theta[index_ij] (RuleGNN)."""

import array
import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from blurax.errors import require, shown
from blurax.links.dense import Dense
from blurax.links.protocol import Link, Shape

MOST = 2**31
"""Numbers lie below it, and not below its negative."""


@dataclasses.dataclass(frozen=True)
class Index:
    """An array of whole numbers that can be compared and hashed, as a network must be."""

    shape: Shape
    data: bytes

    @classmethod
    def of(cls, numbers: Any) -> "Index":
        """The index that holds these numbers: an array, or nested lists.

        Raises:
            BluraxError: if they are no array of whole numbers of 32 bits; larger ones are refused.
        """
        try:
            given = jnp.asarray(numbers)
            whole = jnp.issubdtype(given.dtype, jnp.integer)
        except (TypeError, ValueError, OverflowError):
            whole = False
        fits = whole and all(-MOST <= end < MOST for end in _ends(numbers))
        require(
            fits,
            f"numbers is {shown(numbers)}; Index.of takes an array of whole numbers of 32 bits.",
        )
        held = jax.device_get(jnp.asarray(numbers, jnp.int32))
        return cls(held.shape, held.tobytes())

    @property
    def array(self) -> Int[Array, "..."]:
        """The numbers."""
        if not self.data:
            return jnp.zeros(self.shape, jnp.int32)
        return jnp.frombuffer(self.data, jnp.int32).reshape(self.shape)

    @property
    def largest(self) -> int:
        """The largest number."""
        return max(memoryview(self.data).cast("i"), default=-1)

    @property
    def transposed(self) -> "Index":
        """The matrix the other way; no JAX, so that a step that is traced may ask for it."""
        (rows, columns), flat = self.shape, memoryview(self.data).cast("i").tolist()
        turned = (flat[i * columns + j] for j in range(columns) for i in range(rows))
        return Index((columns, rows), array.array("i", turned).tobytes())

    def __repr__(self) -> str:
        return f"Index{self.shape}"


def _ends(numbers: Any) -> list[int]:
    """The least and the largest of whole numbers, as they are before JAX makes 32 bits of them."""
    if hasattr(numbers, "min"):
        return [int(numbers.min()), int(numbers.max())] if numbers.size else []
    if isinstance(numbers, list | tuple):
        ends = [end for each in numbers for end in _ends(each)]
        return [min(ends), max(ends)] if ends else []
    return [int(numbers)]


class Shared(Link):
    """A link of one synapse vector theta, `[channels, n, 1]`, that leads into all neurons."""

    def features(self, post: Shape) -> int:
        """One vector leads into all neurons."""
        return 1

    def pre_features(self, pre: Shape) -> int:
        """As many lead back: one."""
        return 1

    def turned(self, w: Float[Array, "c n 1"], pre: Shape, post: Shape) -> Float[Array, "c n 1"]:
        """The same numbers."""
        return w


@dataclasses.dataclass(frozen=True)
class Placed(Shared):
    """w_ij = theta[index_ij]; there is no synapse where the index is negative.

    Synapses are `[channels, n, 1]`: one vector leads into all neurons, n the largest index + 1.
    Source: Seiffarth et al., "Rule Based Learning with Dynamic (Graph) Neural Networks", 2024.

    Raises:
        BluraxError: if the index is no matrix `[pre, post]`, or names no synapse.
    """

    index: Index
    """`[i, j]`, over the neurons of the two groups in a row; `Index.of(matrix)`."""

    def __post_init__(self) -> None:
        require(
            isinstance(self.index, Index) and len(self.index.shape) == 2,
            f"Placed.index is {self.index!r}; it takes Index.of a matrix [pre, post].",
        )
        require(self.index.largest >= 0, "Placed.index holds no number >= 0: there is no synapse.")

    def post_shape(self, pre: Shape, features: int) -> Shape:
        """Neurons in a row, as many as the index has columns."""
        return (self.index.shape[1],)

    def check(self, pre: Shape, post: Shape) -> None:
        """The index has a row for each lower neuron and a column for each upper one."""
        dense = Dense()
        sizes = dense.features(pre), dense.features(post)
        require(
            self.index.shape == sizes,
            f"Placed.index has shape {self.index.shape}; from neurons {pre} to {post} it takes "
            f"{sizes}.",
        )

    def count(self, pre: Shape, post: Shape) -> int:
        """All numbers."""
        return self.index.largest + 1

    def fan_in(self, pre: Shape, post: Shape) -> float:
        """Synapses that are there, on average."""
        there = sum(n >= 0 for n in memoryview(self.index.data).cast("i").tolist())
        return there / self.index.shape[1]

    def matrix(self, w: Float[Array, "c n 1"]) -> Float[Array, "c i j"]:
        """Each synapse in its place."""
        ended = jnp.pad(w[:, :, 0], ((0, 0), (0, 1)))  # index -1 finds the 0 at the end
        return ended[:, self.index.array]

    def unfold(self, a: Float[Array, "c b *pre"], post: Shape) -> Float[Array, "c events n"]:
        """For each upper neuron the sums of lower ones that reach it by the same number."""
        flat, n = Dense().unfold(a, post), self.count((), post)
        ids, columns = self.index.array, jnp.arange(self.index.shape[1])
        places = jnp.where(ids < 0, n, ids) + (n + 1) * columns  # [i, j]
        spread = jnp.broadcast_to(flat[..., None], (*flat.shape, len(columns)))
        summed = jax.ops.segment_sum(
            jnp.moveaxis(spread, (2, 3), (0, 1)).reshape(-1, *flat.shape[:2]),
            places.ravel(),
            (n + 1) * len(columns),
        )
        by_neuron = jnp.moveaxis(
            summed.reshape(len(columns), n + 1, *flat.shape[:2]), (0, 1), (2, 3)
        )
        return by_neuron[..., :n].reshape(len(a), -1, n)

    def transmit(
        self, w: Float[Array, "channels n 1"], a: Float[Array, "k b *pre"], post: Shape
    ) -> Float[Array, "_ b *post"]:
        """As fully connected, with the matrix that theta makes."""
        return Dense().transmit(self.matrix(w), a, post)

    def hebbian(
        self, a_i: Float[Array, "d b *pre"], a_j: Float[Array, "c b *post"]
    ) -> Float[Array, "c n 1"]:
        """As fully connected; what falls to the same number is summed."""
        whole, n = Dense().hebbian(a_i, a_j), self.count((), ())
        ids = jnp.where(self.index.array < 0, n, self.index.array).ravel()
        summed = jax.ops.segment_sum(whole.reshape(len(whole), -1).T, ids, n + 1)
        return summed[:n].T[:, :, None]

    @property
    def back(self) -> Link:
        """The transposed index."""
        return Placed(self.index.transposed)
