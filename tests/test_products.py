"""Products written for speed are the products, and so are their derivatives."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from blurax import products
from blurax.mapping import mapped
from closeness import assert_close
from variants import jit

Shape = tuple[int, ...]

PAIRS = {
    "product": (products.product, "#ni,#ij->#nj", (5, 7), (7, 3)),
    "product over few": (products.product, "#ni,#ij->#nj", (5, 2), (2, 3)),
    "summed": (products.summed, "#ni,#nj->#ij", (6, 5), (6, 3)),
    "scaled": (products.scaled, "#ni,#li->#ni", (6, 5), (1, 5)),
}
MIXES = [(1, 4), (2, 2), (4, 4), (3, 4), (1, 9), (4, 1)]


def drawn(*shapes: Shape) -> list[jax.Array]:
    rng = np.random.default_rng(0)
    return [jnp.asarray(rng.normal(size=shape)) for shape in shapes]


def assert_same(got, want, *arguments: jax.Array) -> None:
    """Values, gradients, tangents, gradients of gradients, and side by side."""
    assert_close(got(*arguments), want(*arguments))
    seed = drawn(want(*arguments).shape)[0]
    every = tuple(range(len(arguments)))

    def slopes(function):
        weighed = lambda *a: jnp.sum(seed * jnp.tanh(function(*a)))  # noqa: E731
        return jax.grad(weighed, every)

    def bent(function):
        return lambda *a: sum(jnp.sum(s**2) for s in slopes(function)(*a))

    def all_of(function, *arguments):
        along = tuple(drawn(*(a.shape for a in arguments)))
        many = [jnp.stack([a, 2 * a, -a]) for a in arguments]
        return (
            slopes(function)(*arguments),
            jax.jvp(function, arguments, along)[1],
            jax.grad(bent(function), every)(*arguments),
            jax.vmap(function)(*many),
            jax.vmap(function, first)(many[0], *arguments[1:]),
        )

    first = (0, *(None for _ in arguments[1:]))
    found, wanted = (jit(partial(all_of, function))(*arguments) for function in (got, want))
    assert_close(found, wanted)


@pytest.mark.parametrize("channels", [(1, 1), (3, 3), (1, 3)])
@pytest.mark.parametrize("name", PAIRS)
def test_products_and_their_derivatives(name: str, channels: tuple[int, int]):
    function, subscripts, *shapes = PAIRS[name]
    if name == "scaled" and channels == (1, 3):
        channels = (3, 1)
    a, b = drawn(*((c, *shape) for c, shape in zip(channels, shapes, strict=True)))

    def naive(a: jax.Array, b: jax.Array) -> jax.Array:
        wide = [jnp.broadcast_to(v, (max(channels), *v.shape[1:])) for v in (a, b)]
        return jnp.einsum(subscripts.replace("#", "c"), *wide)

    assert_same(function, naive, a, b)


@pytest.mark.parametrize("rows", [3, 64, 65, 70])
@pytest.mark.parametrize("channels", [1, 2])
def test_alike_is_the_product_with_the_own_transpose(rows: int, channels: int):
    (a,) = drawn((channels, rows, 5))
    assert_same(products.alike, lambda a: jnp.matmul(a, jnp.swapaxes(a, 1, 2)), a)


@pytest.mark.parametrize("channels", [1, 3])
def test_turned_is_the_transpose(channels: int):
    (w,) = drawn((channels, 4, 5))
    assert_same(products.turned, lambda w: jnp.swapaxes(w, 1, 2), w)


@pytest.mark.parametrize("shape", [(6, 5), (2, 3, 3, 4)])
@pytest.mark.parametrize("states", MIXES)
def test_mixed_sums_over_states(states: tuple[int, int], shape: Shape):
    transform, a = drawn(states, (states[1], *shape))
    assert_same(products.mixed, lambda t, a: jnp.tensordot(t, a, 1), transform, a)


def test_one_argument_alone_may_be_differentiated():
    transform, a = drawn((2, 2), (2, 4, 3))
    for n in (0, 1):
        got = jax.grad(lambda t, a: jnp.sum(products.mixed(t, a) ** 2), n)(transform, a)
        want = jax.grad(lambda t, a: jnp.sum(jnp.tensordot(t, a, 1) ** 2), n)(transform, a)
        assert_close(got, want)


@pytest.mark.parametrize("many", [1, 3])
def test_mapped_is_vmap_whatever_the_number(many: int):
    a, b = drawn((many, 4), (many, 2, 2))

    def both(tree: dict[str, jax.Array], b: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jnp.sum(tree["a"]), b @ b

    for got, want in zip(mapped(both, {"a": a}, b), jax.vmap(both)({"a": a}, b), strict=True):
        assert_close(got, want)


def test_a_single_thing_meets_no_leading_axis():
    shapes = []

    def seen(a: jax.Array) -> jax.Array:
        shapes.append(jax.typeof(a).shape)
        return 2 * a

    text = str(jax.make_jaxpr(lambda a: mapped(seen, a))(jnp.ones((1, 5))))
    assert shapes == [(5,)]
    assert "[1,5] = mul" not in text


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("states", [1, 4])
def test_all_states_at_once(states: int, channels: int):
    transform, w, a = drawn((3, states), (channels, 5, 2), (states, 6, 5))
    want = partial(jnp.einsum, "cd,cnm,dbn->cbm")
    spread = jnp.broadcast_to(w, (3, 5, 2))
    assert_same(partial(products.at_once, name="input"), want, transform, spread, a)
    assert_close(products.at_once(transform, w, a, "input"), want(transform, spread, a))


@pytest.mark.parametrize("states", [1, 4])
def test_sums_over_examples_of_all_states_at_once(states: int):
    left, right, a, b = drawn((states, 2), (2, 3), (states, 6, 5), (3, 6, 4))
    want = partial(jnp.einsum, "dc,ce,dbn,ebm->cnm")
    assert_same(products.summed_at_once, want, left, right, a, b)
    assert_same(products.total, lambda b: jnp.sum(b, axis=1), b)
