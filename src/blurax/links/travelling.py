"""`Placed` with an index that differs from example to example and travels with the inputs."""

import dataclasses
from collections.abc import Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, Float, Int, Shaped

from blurax.bounds import check_counts
from blurax.errors import BluraxError, require
from blurax.frozen import check_types
from blurax.links.dense import Dense
from blurax.links.placed import Shared
from blurax.links.protocol import Link, Shape


class Indexed(eqx.Module):
    """Inputs and the indices that travel with them."""

    x: Shaped[Array, "..."]
    """What the first group of neurons takes, `[b, ...]`; all may have axes before b, as batches
    have those of the steps."""
    index: Mapping[str, Shaped[Array, "..."]]
    """Whole numbers `[b, i, j]` by the name that a `Travelling` link has for them; negative, such
    as -1, where there is no synapse."""


@dataclasses.dataclass(frozen=True)
class Travelling(Shared):
    """w_ij = theta[index_ij] with an index of each example's own: the rule of a graph, say.

    A batch's inputs are `Indexed`. Synapses are `[channels, numbers, 1]`, as those of `Placed`, and
    all examples share them. There is none where the index is negative. One that is not below
    `numbers` is refused where its values are known; within `jax.jit` and `jax.vmap` they are not,
    and there is no synapse at such a place.
    Source: Seiffarth et al., "Rule Based Learning with Dynamic (Graph) Neural Networks", 2024.

    Raises:
        BluraxError: for a size that is no whole number >= 1, or more neighbours than neurons.
    """

    pre: int
    """The neurons of the lower group."""
    post: int
    """The neurons of the upper group."""
    numbers: int
    """How many numbers theta holds."""
    name: str = "index"
    """Of the index in `Indexed.index`."""
    neighbours: float | None = None
    """How many neurons lead into one, on average, for initial synapses and rates by fan-in; all of
    the lower group if None."""

    def __post_init__(self) -> None:
        check_types(self)
        check_counts(self, "pre", "post", "numbers")
        require(
            self.neighbours is None or 0 < self.neighbours <= self.pre,
            f"Travelling.neighbours is {self.neighbours}; it takes a number above 0 and at most "
            f"pre, {self.pre}, or None.",
        )

    @property
    def travels(self) -> bool:
        """With the index."""
        return True

    def bound(self, index: Mapping[str, Array]) -> Link:
        """The link for the examples that an index came with."""
        known = ", ".join(index) or "none"
        require(
            self.name in index,
            f"{self} takes an index {self.name!r} with each example; the inputs have {known}.",
        )
        ids, (pre, post) = index[self.name], (self.pre, self.post)
        whole = jnp.issubdtype(ids.dtype, jnp.integer)
        require(
            whole and ids.shape[-2:] == (pre, post) and ids.ndim == 3,
            f"The index {self.name!r} has shape {ids.shape} and type {ids.dtype}; {self} takes "
            f"whole numbers of shape (examples, {pre}, {post}).",
        )
        if not isinstance(ids, Tracer) and ids.size:
            with jax.ensure_compile_time_eval():  # within a trace too, where ids are known
                largest = int(jnp.max(ids))
            require(
                largest < self.numbers,
                f"The index {self.name!r} holds the number {largest}; {self} has {self.numbers} "
                "numbers, from 0 on; -1 stands for no synapse.",
            )
        return _Bound(self, jnp.where((ids < 0) | (ids >= self.numbers), self.numbers, ids))

    def post_shape(self, pre: Shape, features: int) -> Shape:
        """Neurons in a row."""
        return (self.post,)

    def check(self, pre: Shape, post: Shape) -> None:
        """As many neurons as the index is for."""
        sizes, dense = (self.pre, self.post), Dense()
        given = dense.features(pre), dense.features(post)
        require(given == sizes, f"{self} from neurons {pre} to {post} takes {sizes} of them.")

    def count(self, pre: Shape, post: Shape) -> int:
        """All numbers."""
        return self.numbers

    def fan_in(self, pre: Shape, post: Shape) -> float:
        """The neighbours."""
        return float(self.pre if self.neighbours is None else self.neighbours)

    def unfold(self, a: Float[Array, "c b *pre"], post: Shape) -> Float[Array, "c events n"]:
        """Not to be known without an index."""
        raise BluraxError(
            f"{self} takes an index with each example: inputs that are blurax.links.Indexed, and a "
            "learner that knows them, as genomes and optimisers do."
        )

    @property
    def back(self) -> Link:
        """By the transposed index."""
        return dataclasses.replace(self, pre=self.post, post=self.pre, neighbours=None)


@dataclasses.dataclass(frozen=True)
class _Bound(Shared):
    """A `Travelling` link on the examples whose index it holds."""

    link: Travelling
    ids: Int[Array, "b i j"]
    """The index; `numbers` where there is no synapse."""

    def post_shape(self, pre: Shape, features: int) -> Shape:
        """The link's."""
        return self.link.post_shape(pre, features)

    def check(self, pre: Shape, post: Shape) -> None:
        """As the link."""
        self.link.check(pre, post)

    def count(self, pre: Shape, post: Shape) -> int:
        """All numbers."""
        return self.link.numbers

    def fan_in(self, pre: Shape, post: Shape) -> float:
        """The link's."""
        return self.link.fan_in(pre, post)

    def transmit(
        self, w: Float[Array, "channels n 1"], a: Float[Array, "k b *pre"], post: Shape
    ) -> Float[Array, "_ b *post"]:
        """As fully connected, with a matrix for each example."""
        ended = jnp.pad(w[:, :, 0], ((0, 0), (0, 1)))  # where there is no synapse it finds 0
        seen = Dense().unfold(a, post)[:, :, None]
        product = jnp.matmul(seen, ended[:, self.ids])
        return product.reshape(-1, a.shape[1], *post)

    def hebbian(
        self, a_i: Float[Array, "d b *pre"], a_j: Float[Array, "c b *post"]
    ) -> Float[Array, "c n 1"]:
        """What falls to the same number is summed, over examples too."""
        lower, upper = Dense().unfold(a_i, ()), Dense().unfold(a_j, ())
        pairs = lower[..., None] * upper[:, :, None]
        n = self.link.numbers
        summed = jax.ops.segment_sum(pairs.reshape(len(pairs), -1).T, self.ids.ravel(), n + 1)
        return summed[:n].T[:, :, None]

    def unfold(self, a: Float[Array, "c b *pre"], post: Shape) -> Float[Array, "c events n"]:
        """For each upper neuron the sums of lower ones that reach it by the same number."""
        n, flat = self.link.numbers, Dense().unfold(a, post)

        def one(column: Int[Array, " i"], a: Float[Array, "i c"]) -> Float[Array, "c n"]:
            return jax.ops.segment_sum(a, column, n + 1)[:n].T

        by_column = jax.vmap(one, in_axes=(1, None))  # [j, c, n]
        found = jax.vmap(by_column)(self.ids, jnp.moveaxis(flat, 0, 2))  # [b, j, c, n]
        return jnp.moveaxis(found, 2, 0).reshape(len(a), -1, n)

    @property
    def back(self) -> Link:
        """By the transposed index."""
        return _Bound(self.link.back, jnp.swapaxes(self.ids, 1, 2))  # pyright: ignore[reportArgumentType]
