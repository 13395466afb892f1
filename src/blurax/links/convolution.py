"""The three products of a convolution: forward, and its transposes in the neurons and the kernel.

XLA for CPUs has one layout of convolutions that is fast, and it rewrites others into it only
outside loops; the transposes that JAX derives are in another. Inside a `scan`, where all learning
is, the transpose in the kernel took 14 to 130 times as long as it has to, that in the neurons up to
11 times (benchmarks/convolution.py). So each product is written in that layout here. They are
primitives, and the transposes of each are the two others: so derivatives of every order, by either
mode and mapped, stay in it.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.core import ShapedArray
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array, Float

_LAYOUT = ("NHWC", "HWIO", "NHWC")


class Side(NamedTuple):
    """How a kernel goes along one side of an image."""

    pre: int
    """Positions below."""
    post: int
    """Positions above."""
    kernel: int
    before: int
    """Zeros before the first position below."""


class Geometry(NamedTuple):
    """How a kernel goes over an image."""

    sides: tuple[Side, Side]
    stride: int


def convolve(
    a: Float[Array, "n h w i"], kernel: Float[Array, "s s i j"], geometry: Geometry
) -> Float[Array, "n _ _ j"]:
    """What each position gets: the sum over a patch below it, times the kernel."""
    return _FORWARD.bind(a[None], kernel[None], geometry=geometry)[0]


def convolve_members(
    a: Float[Array, "m n h w i"], kernel: Float[Array, "m s s i j"], geometry: Geometry
) -> Float[Array, "m n _ _ j"]:
    """The same for several images and kernels, each with its own."""
    return _FORWARD.bind(a, kernel, geometry=geometry)


# The three products of one member: a [n, h, w, i] below, y [n, h', w', j] above, w [s, s, i, j].


def _forward(a: Array, w: Array, geometry: Geometry) -> Array:
    stride, zeros = geometry.stride, []
    for side in geometry.sides:
        seen = (side.post - 1) * stride + side.kernel
        zeros.append((side.before, seen - side.pre - side.before))
    return _convolved(a, w, zeros, window_strides=(stride, stride))


def _backward(y: Array, w: Array, geometry: Geometry) -> Array:
    """The transpose in a: zeros between positions, and the kernel turned round."""
    stride, zeros = geometry.stride, []
    for side in geometry.sides:
        first = side.kernel - 1 - side.before
        spread = (side.post - 1) * stride + 1
        zeros.append((first, side.pre + side.kernel - 1 - first - spread))
    turned = jnp.swapaxes(w[::-1, ::-1], 2, 3)
    return _convolved(y, turned, zeros, window_strides=(1, 1), lhs_dilation=(stride, stride))


def _hebbian(a: Array, y: Array, geometry: Geometry) -> Array:
    """The transpose in w: what is above is the kernel, and examples are features."""
    stride, zeros = geometry.stride, []
    for axis, side in enumerate(geometry.sides, 1):
        reach = (side.post - 1) * stride + side.kernel - side.before
        seen = min(side.pre, reach)  # with stride the last ones may be seen by none
        a = lax.slice_in_dim(a, 0, seen, axis=axis)
        zeros.append((side.before, reach - seen))
    images, kernel = jnp.transpose(a, (3, 1, 2, 0)), jnp.transpose(y, (1, 2, 0, 3))
    found = _convolved(images, kernel, zeros, window_strides=(1, 1), rhs_dilation=(stride, stride))
    return jnp.transpose(found, (1, 2, 0, 3))


def _convolved(a: Array, kernel: Array, zeros: list[tuple[int, int]], **how: Any) -> Array:
    return lax.conv_general_dilated(a, kernel, padding=zeros, dimension_numbers=_LAYOUT, **how)


# The primitives. Their operands lead with an axis of members, each with a product of its own.

_Product = Callable[[Array, Array, Geometry], Array]


def _primitive(name: str, product: _Product, folds: tuple[tuple[int, int], ...]) -> Primitive:
    """A product as a primitive.

    Args:
        folds: for each operand an axis that the result has too and the other operand has not, and
            where the result has it: an operand that is mapped alone is folded into this axis.
    """
    primitive = Primitive(name)

    def in_turn(left: Array, right: Array, geometry: Geometry) -> Array:
        if len(left) == 1:
            return product(left[0], right[0], geometry)[None]
        return lax.map(lambda each: product(each[0], each[1], geometry), (left, right))

    def side_by_side(left: Array, right: Array, geometry: Geometry) -> Array:
        return jax.vmap(lambda one, other: product(one, other, geometry))(left, right)

    def shaped(left: Any, right: Any, *, geometry: Geometry) -> Any:
        found = jax.eval_shape(functools.partial(side_by_side, geometry=geometry), left, right)
        return ShapedArray(found.shape, found.dtype)

    def mapped(operands: Any, axes: Any, *, geometry: Geometry) -> tuple[Array, int]:
        alone = [axis is not None for axis in axes]
        front = [
            x if axis is None else jnp.moveaxis(x, axis, 0)
            for x, axis in zip(operands, axes, strict=True)
        ]
        if all(alone):
            size, *_ = front[0].shape
            merged = [x.reshape(-1, *x.shape[2:]) for x in front]
            found = primitive.bind(*merged, geometry=geometry)
            return found.reshape(size, -1, *found.shape[1:]), 0
        which = alone.index(True)
        size, (inside, outside) = len(front[which]), folds[which]
        front[which] = _folded(front[which], inside)
        found = primitive.bind(*front, geometry=geometry)
        return found.reshape(*found.shape[:outside], size, -1, *found.shape[outside + 1 :]), outside

    @functools.partial(jax.jit, static_argnames="geometry")
    def compiled(left: Array, right: Array, geometry: Geometry) -> Array:
        return primitive.bind(left, right, geometry=geometry)

    primitive.def_impl(compiled)
    primitive.def_abstract_eval(shaped)
    batching.primitive_batchers[primitive] = mapped
    # Members side by side are one grouped convolution, for which CPUs have no fast kernel.
    mlir.register_lowering(primitive, mlir.lower_fun(in_turn, False), platform="cpu")
    mlir.register_lowering(primitive, mlir.lower_fun(side_by_side, False))
    return primitive


def _folded(x: Array, axis: int) -> Array:
    """The leading axis joined with another, as its outer part."""
    x = jnp.moveaxis(x, 0, axis)
    return x.reshape(*x.shape[:axis], -1, *x.shape[axis + 2 :])


_FORWARD = _primitive("convolve", _forward, ((1, 1), (4, 4)))
_BACKWARD = _primitive("convolve_back", _backward, ((1, 1), (3, 4)))
_HEBBIAN = _primitive("convolve_hebbian", _hebbian, ((4, 3), (4, 4)))

ad.defbilinear(
    _FORWARD,
    lambda ct, a, w, geometry: _BACKWARD.bind(ct, w, geometry=geometry),
    lambda ct, a, w, geometry: _HEBBIAN.bind(a, ct, geometry=geometry),
)
ad.defbilinear(
    _BACKWARD,
    lambda ct, y, w, geometry: _FORWARD.bind(ct, w, geometry=geometry),
    lambda ct, y, w, geometry: _HEBBIAN.bind(ct, y, geometry=geometry),
)
ad.defbilinear(
    _HEBBIAN,
    lambda ct, a, y, geometry: _BACKWARD.bind(y, ct, geometry=geometry),
    lambda ct, a, y, geometry: _FORWARD.bind(a, ct, geometry=geometry),
)
