"""Products of arrays `[c, n, m]`, written in the ways that XLA's library for CPUs is fast at.

As one would write them it is slow where the leading axis is 1, as in synapses of a single channel,
and where a factor is transposed. Measured in docs/explanation/performance.md.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float


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
    return jnp.matmul(a[0], b[0])[None] if len(a) == len(b) == 1 else jnp.matmul(a, b)


def summed(a: Float[Array, "#c n i"], b: Float[Array, "#c n j"]) -> Float[Array, "c i j"]:
    """Multiply a' b, Σ_n a_ni b_nj, without forming a'."""
    if len(a) != len(b):
        return jnp.matmul(jnp.swapaxes(a, 1, 2), b)
    return jnp.einsum("cni,cnj->cij", a, b)


def alike(a: Float[Array, "c n m"]) -> Float[Array, "c n n"]:
    """Multiply a a'."""
    return jnp.einsum("cim,cjm->cij", a, a)


def turned(w: Float[Array, "c i j"]) -> Float[Array, "c j i"]:
    """Transposed, so that a product with it need not form it."""
    return w[0].T[None] if len(w) == 1 else jnp.swapaxes(w, 1, 2)
