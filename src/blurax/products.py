"""Products of arrays `[c, n, m]`, written in the ways that XLA's library for CPUs is fast at.

As one would write them it is slow where the leading axis is 1, as in synapses of a single channel,
and where a factor is transposed. Measured in docs/explanation/performance.md.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Float

FEW_STATES, FEW_INPUTS = 8, 4
"""States or inputs whose sum goes term by term."""
BLOCK = 32
"""Rows that are worth a product of their own."""


def _bilinear(
    function: Callable,
    in_a: Callable,
    in_b: Callable,
    primals: tuple[Array, Array],
    tangents: tuple[Any, Any],
) -> tuple[Array, Array]:
    """Differentiate a function that is a product, as the product is written for either factor."""
    (a, b), (along_a, along_b) = primals, tangents
    parts = []
    if not isinstance(along_a, SymbolicZero):
        parts.append(in_a(along_a, b))
    if not isinstance(along_b, SymbolicZero):
        parts.append(in_b(a, along_b))
    return function(a, b), sum(parts[1:], parts[0])


def scaled(a: Float[Array, "c n *_"], factor: Float[Array, "..."]) -> Float[Array, "c n *_"]:
    """Multiply by a factor for each column, `[c, 1, *_]` or less.

    A gradient sums a times what comes back over the second axis, and with a first axis of 1 that
    takes 15 times as long as without the axis.
    """
    if len(a) == 1 and factor.ndim == a.ndim:
        return (a[0] * factor[0])[None]
    return a * factor


def product(a: Float[Array, "#c n m"], b: Float[Array, "#c m p"]) -> Float[Array, "c n p"]:
    """Multiply each pair of matrices: a b."""
    return few_terms(a, b) if a.shape[2] <= FEW_INPUTS else _product(a, b)


@jax.custom_jvp
def few_terms(a: Float[Array, "#c n m"], b: Float[Array, "#c m p"]) -> Float[Array, "c n p"]:
    """Multiply a b for a small m, term by term: XLA fuses that with what is made of it.

    Of a product of one a with many b it would exchange the first two axes, which takes four times
    as long. A gradient takes the product.
    """
    first, *others = (a[:, :, i : i + 1] * b[:, i : i + 1] for i in range(a.shape[2]))
    return sum(others, first)


def _product(a: Float[Array, "#c n m"], b: Float[Array, "#c m p"]) -> Float[Array, "c n p"]:
    return jnp.matmul(a[0], b[0])[None] if len(a) == len(b) == 1 else jnp.matmul(a, b)


few_terms.defjvp(partial(_bilinear, few_terms, _product, _product), symbolic_zeros=True)


def summed(a: Float[Array, "#c n i"], b: Float[Array, "#c n j"]) -> Float[Array, "c i j"]:
    """Multiply a' b, Σ_n a_ni b_nj, without forming a'."""
    if len(a) != len(b):
        return jnp.matmul(jnp.swapaxes(a, 1, 2), b)
    return jnp.einsum("cni,cnj->cij", a, b)


def alike(a: Float[Array, "c n m"]) -> Float[Array, "c n n"]:
    """Multiply a a', of whose two blocks beside the diagonal only one is computed."""
    half = a.shape[1] // 2
    if a.shape[1] % 2 or half < BLOCK:
        return jnp.einsum("cim,cjm->cij", a, a)
    pairs = (a[:, :half], a[:, :half]), (a[:, :half], a[:, half:]), (a[:, half:], a[:, half:])
    first, beside, last = (jnp.einsum("cim,cjm->cij", *pair) for pair in pairs)
    top = jnp.concatenate([first, beside], axis=2)
    low = jnp.concatenate([jnp.swapaxes(beside, 1, 2), last], axis=2)
    return jnp.concatenate([top, low], axis=1)


def in_rows(a: Float[Array, "d b n"]) -> Float[Array, "dn b"]:
    """The states of all neurons, one row each: to XLA this is a layout, not a copy."""
    return jnp.swapaxes(a, 1, 2).reshape(-1, a.shape[1])


def at_once(
    transform: Float[Array, "c d"], w: Float[Array, "#c n m"], a: Float[Array, "d b n"], name: str
) -> Float[Array, "c b m"]:
    """Σ_{n,d} w^c_nm transform^{cd} a^d_n as one product over states and neurons together.

    It takes d times the operations. Where all of it is small the number of kernels counts, and that
    the examples are next to each other.
    """
    c, (d, b, n) = len(transform), a.shape
    whole = transform[:, None, :, None] * jnp.swapaxes(w, 1, 2)[:, :, None]  # [c, m, d, n]
    sent = checkpoint_name(whole.reshape(-1, d * n) @ in_rows(a), name)
    return jnp.swapaxes(sent.reshape(c, -1, b), 1, 2)


def summed_at_once(
    left: Float[Array, "d c"],
    right: Float[Array, "c e"],
    a: Float[Array, "d b n"],
    b: Float[Array, "e b m"],
) -> Float[Array, "c n m"]:
    """Σ_b Σ_{d,e} a^d_bn left^{dc} right^{ce} b^e_bm, for all states together."""
    pairs = (in_rows(a) @ in_rows(b).T).reshape(len(a), a.shape[2], len(b), b.shape[2])
    return jnp.einsum("dnem,dc,ce->cnm", pairs, left, right)


def total(a: Float[Array, "d b n"]) -> Float[Array, "d n"]:
    """The sum over examples, where these are next to each other as in `at_once`."""
    return jnp.sum(jnp.swapaxes(a, 1, 2), axis=2)


def turned(w: Float[Array, "c i j"]) -> Float[Array, "c j i"]:
    """Transposed, so that a product with it need not form it."""
    return w[0].T[None] if len(w) == 1 else jnp.swapaxes(w, 1, 2)


@jax.custom_jvp
def mixed(transform: Float[Array, "c d"], a: Float[Array, "d b *n"]) -> Float[Array, "c b *n"]:
    """Σ_d transform^{cd} a^d, neuron by neuron.

    A sum over a few states goes term by term: XLA fuses it with what made them, which a product of
    matrices would want written down first. A gradient, for which they are written down, takes the
    product, but for a single sum.
    """
    return _mixed(transform, a) if len(a) > FEW_STATES else _by_terms(transform, a)


def _mixed(transform: Float[Array, "c d"], a: Float[Array, "d b *n"]) -> Float[Array, "c b *n"]:
    return jnp.einsum("cd,db...->cb...", transform, a)


def _by_terms(transform: Float[Array, "c d"], a: Float[Array, "d b *n"]) -> Float[Array, "c b *n"]:
    columns = transform.reshape(*transform.shape, *[1] * (a.ndim - 1))
    first, *others = (columns[:, d] * a[d : d + 1] for d in range(len(a)))
    return sum(others, first)


def _kept(transform: Float[Array, "c d"], a: Float[Array, "d b *n"]) -> Float[Array, "c b *n"]:
    """`mixed` where a gradient is wanted."""
    return mixed(transform, a) if len(transform) == 1 else _mixed(transform, a)


def _turned(transform: Float[Array, "c d"], a: Float[Array, "d b *n"]) -> Float[Array, "c b *n"]:
    """`_mixed`, with a transpose in a as fast: XLA would exchange axes for a product [n, 2] [2, 2].

    From three states on the product is the faster one.
    """
    if max(transform.shape) > 2:
        return _mixed(transform, a)
    each = jax.lax.split(a, [1] * len(a))
    rows = [[transform[c, d] * one for d, one in enumerate(each)] for c in range(len(transform))]
    return jnp.concatenate([sum(row[1:], row[0]) for row in rows])


mixed.defjvp(partial(_bilinear, _kept, _mixed, _turned), symbolic_zeros=True)
