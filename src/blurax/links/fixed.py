"""Links without synapses: a fixed linear map from neurons to neurons."""

import abc
import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from blurax.bounds import check_counts
from blurax.errors import require
from blurax.frozen import check_types
from blurax.links.protocol import Back, Link, Shape


@dataclasses.dataclass(frozen=True)
class Fixed(Link):
    """A link without synapses; a subclass says `post_shape`, `apply` and perhaps `spread`."""

    has_synapses: ClassVar[bool] = False

    @abc.abstractmethod
    def apply(self, a: Float[Array, "k b *pre"]) -> Float[Array, "k b *post"]:
        """The map."""

    @abc.abstractmethod
    def spread(self, v: Float[Array, "c 1 *_"], pre: Shape) -> Float[Array, "c 1 *_"]:
        """The length of the synapse vectors into `pre` of synapses whose length is v after it."""

    def count(self, pre: Shape, post: Shape) -> int:
        """None."""
        return 0

    def unfold(self, a: Float[Array, "c b *pre"], post: Shape) -> Float[Array, "c events i"]:
        """Nothing is learned of events."""
        raise NotImplementedError

    def transmit(
        self, w: Any, a: Float[Array, "k b *pre"], post: Shape
    ) -> Float[Array, "k b *post"]:
        """The map; w is None."""
        return self.apply(a)

    @property
    def back(self) -> Link:
        """The transposed map."""
        return _FixedBack(self)

    def turned(self, w: Any, pre: Shape, post: Shape) -> Any:
        """Nothing."""


@dataclasses.dataclass(frozen=True)
class _FixedBack(Back):
    """The transpose of a fixed map."""

    has_synapses: ClassVar[bool] = False

    def transmit(
        self, w: Any, a: Float[Array, "k b *pre"], post: Shape
    ) -> Float[Array, "k b *post"]:
        """The transposed map; w is None."""
        like = jax.ShapeDtypeStruct((*a.shape[:2], *post), a.dtype)
        return jax.linear_transpose(lambda x: self.link.transmit(w, x, a.shape[2:]), like)(a)[0]

    def turned(self, w: Any, pre: Shape, post: Shape) -> Any:
        """Nothing."""


@dataclasses.dataclass(frozen=True)
class Identity(Fixed):
    """Each neuron leads into the one in its place: the skip of a residual network."""

    def post_shape(self, pre: Shape, features: int) -> Shape:
        """The same."""
        return pre

    def apply(self, a: Float[Array, "k b *pre"]) -> Float[Array, "k b *post"]:
        """As they are."""
        return a

    def spread(self, v: Float[Array, "c 1 *_"], pre: Shape) -> Float[Array, "c 1 *_"]:
        """As it is."""
        return v


@dataclasses.dataclass(frozen=True)
class Pool(Fixed):
    """The average over square windows side by side; what is left over at the edges is not seen.

    Raises:
        BluraxError: if the size is no whole number >= 1.
    """

    size: int | None = 2
    """The side of a window; None for one window over everything."""

    def __post_init__(self) -> None:
        check_types(self)
        check_counts(self, "size")

    def _window(self, pre: Shape) -> tuple[int, int]:
        return (self.size, self.size) if self.size is not None else (pre[0], pre[1])

    def post_shape(self, pre: Shape, features: int) -> Shape:
        """The windows, with the features of the neurons below."""
        require(len(pre) == 3, f"{self} takes neurons [height, width, features], not {pre}.")
        h, w = self._window(pre)
        require(
            pre[0] >= h and pre[1] >= w,
            f"{self} has a window larger than its neurons {pre}.",
        )
        return (pre[0] // h, pre[1] // w, pre[2])

    def apply(self, a: Float[Array, "k b h w i"]) -> Float[Array, "k b _ _ i"]:
        """The averages."""
        k, b, *pre = a.shape
        h, w = self._window(tuple(pre))
        rows, columns = pre[0] // h, pre[1] // w
        seen = a[:, :, : rows * h, : columns * w]
        return jnp.mean(seen.reshape(k, b, rows, h, columns, w, -1), axis=(3, 5))

    def spread(self, v: Float[Array, "c 1 *_"], pre: Shape) -> Float[Array, "c 1 *_"]:
        """A neuron has its share of its window's; what no window sees has length 1."""
        h, w = self._window(pre)
        for axis, (side, n) in enumerate(zip((h, w), pre[:2], strict=True), start=2):
            if v.shape[axis] > 1:
                v = jnp.repeat(v, side, axis)
                left = [(0, 0)] * v.ndim
                left[axis] = (0, n - v.shape[axis])
                v = jnp.pad(v, left, constant_values=float(h * w))
        return v / (h * w)
