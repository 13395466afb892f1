"""Convolution: the same synapses at every position of an image or a sequence of it."""

import dataclasses

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from blurax.bounds import check_counts
from blurax.errors import require
from blurax.frozen import check_types
from blurax.links.convolution import Geometry, Side, convolve, convolve_members
from blurax.links.protocol import Link, Shape


@dataclasses.dataclass(frozen=True)
class Conv(Link):
    """Neurons `[height, width, features]`; each position sees a square patch of those below.

    Synapses are `[channels, kernel x kernel x features below, features]`.

    Raises:
        BluraxError: if kernel or stride is no whole number >= 1, or the padding unknown.
    """

    kernel: int = 3
    """The side of a patch."""
    stride: int = 1
    """How far apart the patches of neighbouring positions are."""
    padding: str = "same"
    """`same`: zeros around, so that ceil(side / stride) positions are left; `valid`: none."""

    def __post_init__(self) -> None:
        check_types(self)
        check_counts(self, "kernel", "stride")
        require(
            self.padding in ("same", "valid"),
            f"Conv.padding is {self.padding!r}; it takes 'same' or 'valid'.",
        )

    def _side(self, n: int) -> tuple[int, tuple[int, int]]:
        """How many positions a side of n has, and the zeros before and after it."""
        if self.padding == "valid":
            return (n - self.kernel) // self.stride + 1, (0, 0)
        positions = -(-n // self.stride)
        zeros = max((positions - 1) * self.stride + self.kernel - n, 0)
        return positions, (zeros // 2, zeros - zeros // 2)

    def post_shape(self, pre: Shape, features: int) -> Shape:
        """The positions, and the features of each."""
        require(
            len(pre) == 3,
            f"{self} takes neurons [height, width, features], not {pre}.",
        )
        sides = tuple(self._side(n)[0] for n in pre[:2])
        require(min(sides) >= 1, f"{self} has a kernel larger than its neurons {pre}.")
        return (*sides, features)

    def count(self, pre: Shape, post: Shape) -> int:
        """A patch."""
        return self.kernel**2 * pre[2]

    def unfold(self, a: Float[Array, "c b *pre"], post: Shape) -> Float[Array, "c events i"]:
        """The patch at each position of each example."""
        (rows, above), (columns, left) = self._side(a.shape[2]), self._side(a.shape[3])
        padded = jnp.pad(a, ((0, 0), (0, 0), above, left, (0, 0)))
        return _patches(padded, rows, columns, self.stride, range(self.kernel))

    def transmit(
        self, w: Float[Array, "channels i j"], a: Float[Array, "k b *pre"], post: Shape
    ) -> Float[Array, "_ b *post"]:
        """As few convolutions as do it, see `convolution.py`."""
        kernels = w.reshape(len(w), self.kernel, self.kernel, -1, w.shape[-1])
        geometry = self._geometry(a.shape[2:], post)
        if len(w) == 1:  # all states are further examples
            z = convolve(a.reshape(-1, *a.shape[2:]), kernels[0], geometry)
            return z.reshape(*a.shape[:2], *post)
        if len(a) == 1:  # all channels are further features
            joined = jnp.moveaxis(kernels, 0, 3).reshape(*kernels.shape[1:4], -1)
            z = convolve(a[0], joined, geometry)
            return jnp.moveaxis(z.reshape(*z.shape[:3], len(w), -1), 3, 0)
        return convolve_members(a, kernels, geometry)

    def hebbian(
        self, a_i: Float[Array, "d b *pre"], a_j: Float[Array, "c b *post"]
    ) -> Float[Array, "c i j"]:
        """The transpose of `transmit` in w."""
        pre, post = a_i.shape[2:], a_j.shape[2:]
        like = jax.ShapeDtypeStruct((len(a_j), self.count(pre, post), post[-1]), a_j.dtype)
        return jax.linear_transpose(lambda w: self.transmit(w, a_i, post), like)(a_j)[0]

    def unfold_back(self, a: Float[Array, "c b *post"], pre: Shape) -> Float[Array, "c events i"]:
        """For each lower neuron the upper ones that see it, in the order of the kernel."""
        edges = []
        for side, n in zip(a.shape[2:4], pre[:2], strict=True):
            _, (before, _) = self._side(n)
            spread = (side - 1) * self.stride + 1  # with zeros between positions
            low = self.kernel - 1 - before
            edges.append((low, n + self.kernel - 1 - low - spread, self.stride - 1))
        padded = lax.pad(a, jnp.zeros((), a.dtype), ((0, 0, 0), (0, 0, 0), *edges, (0, 0, 0)))
        return _patches(padded, pre[0], pre[1], 1, range(self.kernel - 1, -1, -1))

    def _geometry(self, pre: Shape, post: Shape) -> Geometry:
        rows, columns = (
            Side(n, m, self.kernel, self._side(n)[1][0])
            for n, m in zip(pre[:2], post[:2], strict=True)
        )
        return Geometry((rows, columns), self.stride)


def _patches(
    a: Float[Array, "c b h w i"], rows: int, columns: int, stride: int, offsets: range
) -> Float[Array, "c events _"]:
    """The patches that begin at every stride-th place, features last."""
    down, across = (rows - 1) * stride + 1, (columns - 1) * stride + 1
    cut = [
        a[:, :, y : y + down : stride, x : x + across : stride] for y in offsets for x in offsets
    ]
    return jnp.concatenate(cut, axis=-1).reshape(len(a), -1, len(cut) * a.shape[-1])
