"""The products of a convolution: against XLA's own, their derivatives, and mapped over anything."""

import jax
import jax.numpy as jnp
import pytest
from jax import lax

from blurax.links.conv import Conv
from blurax.links.convolution import convolve
from closeness import assert_close

GEOMETRIES = [
    (Conv(3, 1), (6, 5)),
    (Conv(2, 1), (5, 4)),
    (Conv(3, 2), (7, 6)),
    (Conv(5, 3), (7, 8)),
    (Conv(1, 2), (6, 5)),
    (Conv(2, 3), (8, 9)),
    (Conv(3, 1, "valid"), (5, 6)),
    (Conv(3, 2, "valid"), (6, 8)),
]


def _case(link: Conv, sides: tuple[int, int]):
    pre = (*sides, 2)
    geometry = link._geometry(pre, link.post_shape(pre, 4))
    keys = jax.random.split(jax.random.key(0), 4)
    a, da = jax.random.normal(keys[0], (2, 3, *pre))
    w, dw = jax.random.normal(keys[1], (2, link.kernel, link.kernel, 2, 4))

    def ours(a, w):
        return convolve(a, w, geometry)

    def theirs(a, w):
        return lax.conv_general_dilated(
            a,
            w,
            (link.stride, link.stride),
            link.padding.upper(),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )

    return ours, theirs, (a, w), (da, dw)


@pytest.mark.parametrize(("link", "sides"), GEOMETRIES, ids=str)
def test_all_derivatives_are_those_of_xla(link, sides):
    ours, theirs, at, towards = _case(link, sides)
    assert_close(ours(*at), theirs(*at), tolerance=1e-12)

    def gradient(f, *at):
        return jax.grad(lambda *at: jnp.sum(jnp.sin(f(*at))), (0, 1))(*at)

    def turned(f, *at):
        """A gradient along a direction, whose own gradient takes all products once more."""
        return jax.grad(
            lambda *at: sum(jnp.vdot(g, d) for g, d in zip(gradient(f, *at), towards, strict=True)),
            (0, 1),
        )(*at)

    for derivative in (
        gradient,
        turned,
        lambda f, *at: jax.jvp(f, at, towards),
        lambda f, *at: jax.jvp(lambda *at: gradient(f, *at), at, towards),
    ):
        for mine, other in zip(
            jax.tree.leaves(derivative(ours, *at)),
            jax.tree.leaves(derivative(theirs, *at)),
            strict=True,
        ):
            assert_close(mine, other, tolerance=1e-11)


@pytest.mark.parametrize("axes", [(0, None), (None, 0), (0, 0), (2, 1), (1, None), (None, 3)])
def test_mapped_it_is_each_alone(axes):
    """And so are the two transposes, mapped twice."""
    link, sides = GEOMETRIES[2]
    ours, _, at, towards = _case(link, sides)
    several = [
        x if axis is None else jnp.stack([x, 2 * d], axis)
        for x, d, axis in zip(at, towards, axes, strict=True)
    ]

    def all_three(a, w):
        z, back = jax.vjp(ours, a, w)
        return z, *back(jnp.cos(z))

    for program in (all_three, lambda a, w: jax.vmap(lambda s: all_three(a, s * w))(jnp.ones(2))):
        mapped = jax.vmap(program, axes)(*several)
        for n in range(2):
            alone = program(
                *(
                    x if axis is None else jnp.take(x, n, axis)
                    for x, axis in zip(several, axes, strict=True)
                )
            )
            for mine, other in zip(mapped, alone, strict=True):
                assert_close(mine[n], other, tolerance=1e-12)


def test_elsewhere_members_are_side_by_side():
    """What other devices compile: one grouped convolution instead of a loop over members."""
    ours, _, (a, w), _ = _case(*GEOMETRIES[0])
    members = jax.jit(jax.vmap(ours)).trace(jnp.stack([a, a]), jnp.stack([w, w]))
    for platform, loops in (("cpu", True), ("cuda", False)):
        text = members.lower(lowering_platforms=(platform,)).as_text()
        assert ("stablehlo.while" in text) is loops
        assert ("feature_group_count = 2" in text) is not loops


def test_in_a_loop_every_product_has_the_layout_that_is_fast():
    """XLA puts convolutions of a loop on a CPU into no other layout than they are written in."""
    ours, _, (a, w), _ = _case(*GEOMETRIES[2])

    def step(w, a):
        return w - jax.grad(lambda w, a: jnp.sum(ours(a, w) ** 2), (0, 1))(w, a)[0], None

    text = jax.jit(lambda w, a: lax.scan(step, w, a)[0]).lower(w, jnp.stack([a, a])).as_text()
    found = [line for line in text.splitlines() if "stablehlo.convolution" in line]
    assert len(found) >= 2
    layouts = "dim_numbers = [b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]"
    assert all(layouts in line for line in found)
