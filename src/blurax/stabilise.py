"""What keeps long learning stable: section 3.4 and appendix B. Pure functions of arrays.

Shapes as in `rules.py`: activations `[k, batch, n]`, synapses `[channels, from, to]`.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from blurax.rules import Scalar

ACTIVATION_EPSILON = 1e-5
"""Added to the variance over the batch."""
SYNAPSE_EPSILON = 1e-9
"""Added to the squared length of a synapse vector."""


Moments = tuple[Float[Array, "_ 1 _"], Float[Array, "_ 1 _"]]
"""The mean and variance of each state of each neuron over a batch, `[k, 1, n]`."""


def moments(z: Float[Array, "k b n"], weights: Float[Array, " b"] | None = None) -> Moments:
    """The mean and variance over the batch.

    Args:
        weights: how much each example counts, with sum 1; the same each if None.
    """
    if weights is None:
        mean = jnp.mean(z, axis=1, keepdims=True)
        return mean, jnp.mean((z - mean) ** 2, axis=1, keepdims=True)
    mean = jnp.einsum("b,kbn->kn", weights, z)[:, None]
    return mean, jnp.einsum("b,kbn->kn", weights, (z - mean) ** 2)[:, None]


def normalise_activations(
    z: Float[Array, "k b n"],
    scale: Float[Array, " k"],
    shift: Float[Array, " k"],
    known: Moments | None = None,
) -> Float[Array, "k b n"]:
    """Each state of each neuron to mean 0, variance 1 over the batch, then scale and shift.

    The learnable scale and shift are one number a state, for a genome knows no neuron apart from
    another (sec. 3.4).

    Args:
        known: mean and variance to use in place of the batch's own.
    """
    mean, variance = moments(z) if known is None else known
    unit = (z - mean) / jnp.sqrt(variance + ACTIVATION_EPSILON)
    return scale[:, None, None] * unit + shift[:, None, None]


def squared_length(*parts: Float[Array, "channels _ j"]) -> Float[Array, "channels 1 j"]:
    """Σ_r w_rj² over all that leads into a neuron: the neurons below, and the bias unit."""
    return sum_into(*(part**2 for part in parts))


def sum_into(*parts: Float[Array, "channels _ j"]) -> Float[Array, "channels 1 j"]:
    """Σ_r over the neurons below, in each of the parts."""
    first, *others = (jnp.sum(part, axis=1, keepdims=True) for part in parts)
    return sum(others, first)


def length(*parts: Float[Array, "channels _ j"]) -> Float[Array, "channels 1 j"]:
    """sqrt(Σ_i' w_i'j²), which makes the synapses into a neuron a unit vector (App. B)."""
    return jnp.sqrt(squared_length(*parts) + SYNAPSE_EPSILON)


def oja_multiplier(
    w: Float[Array, "channels _ j"], square: Float[Array, "channels 1 j"], m: Scalar
) -> Float[Array, "channels _ j"]:
    """-|m| w_ij^c Σ_r (w_rj^c)²: the first term of (8) with a learnable multiplier (App. B).

    Of m only the size counts, as in the release: a negative one would make synapses explode.

    Args:
        square: `squared_length` of the synapses into the neuron.
    """
    return -jnp.abs(m) * w * square


def oja_activation(
    w: Float[Array, "channels _ j"], activity: Float[Array, "channels 1 j"], m: Scalar
) -> Float[Array, "channels _ j"]:
    """-|m| w_ij^c Σ_b |η~| (Σ_d μ~^{cd} a_j^d)²: Oja's own term, with a learnable multiplier.

    The release has it by default: in place of the length of the synapses, as in (8), the activity
    of the neuron that they lead to, as (7) reads it.

    Args:
        activity: `rules.activity` of the upper neurons.
    """
    return -jnp.abs(m) * w * activity


def oja_full(
    w: Float[Array, "channels _ j"],
    square: Float[Array, "channels 1 j"],
    along: Float[Array, "channels 1 j"],
    f_tilde: Scalar | Float[Array, "channels 1 j"],
) -> Float[Array, "channels _ j"]:
    """(8): -(f~ - 1) w_ij^c Σ_r (w_rj^c)² - w_ij^c Σ_r w_rj^c η~ h_rj^c.

    Args:
        square: `squared_length` of the synapses into the neuron.
        along: Σ_r w_rj^c η~ h_rj^c, where h_rj^c = Σ_{e,d} a_r^e ν~^{ec} μ~^{cd} a_j^d is
            `rules.hebbian` of this update.
    """
    return -w * ((f_tilde - 1) * square + along)


def to_length(
    scale: Scalar | None, *parts: Float[Array, "channels _ j"]
) -> list[Float[Array, "channels _ j"]]:
    """|r| w_ij / sqrt(Σ_i' w_i'j²): the synapses into a neuron, brought to the length |r|, or 1."""
    whole = length(*parts) if scale is None else length(*parts) / jnp.abs(scale)
    return [part / whole for part in parts]


def saturate(w: Float[Array, "channels i j"], alpha: Scalar) -> Float[Array, "channels i j"]:
    """α tanh(w / α): a synapse never leaves (-|α|, |α|)."""
    return alpha * jnp.tanh(w / alpha)


def shorten(
    w: Float[Array, "channels _ j"], square: Float[Array, "channels 1 j"], alpha: Scalar
) -> Float[Array, "channels _ j"]:
    """Shorten to w min(1, exp(α) / |w_j|): no vector into a neuron longer than exp(α).

    Args:
        square: `squared_length` of the synapses into the neuron.
    """
    return w * jnp.minimum(1.0, jnp.exp(alpha) / jnp.sqrt(square + SYNAPSE_EPSILON))


def slowed_gate(
    square: Float[Array, "channels 1 j"], f_tilde: Scalar, alpha: Scalar
) -> Float[Array, "channels 1 j"]:
    """1 + (f~ - 1) |w_j|^-exp(α): f~, but the closer to 1 the longer the vector is, above length 1.

    Args:
        square: `squared_length` of the synapses into the neuron.
    """
    return 1 + (f_tilde - 1) * jnp.maximum(square, 1.0) ** (-0.5 * jnp.exp(alpha))


def saturate_exponentially(
    w: Float[Array, "channels i j"], updated: Float[Array, "channels i j"], s: Scalar
) -> Float[Array, "channels i j"]:
    """W + (updated - w) exp(-|s| |w|): the larger a synapse, the less it moves (release)."""
    return w + (updated - w) * jnp.exp(-jnp.abs(s) * jnp.abs(w))


def decorrelation(
    pre: Float[Array, "c b _"],
    bias: Float[Array, " c"] | None,
    share: Scalar,
    width_free: bool = False,
) -> Float[Array, "c b b"]:
    """((1 - s) I + s K)^-1, where K_bb' = Σ_i p_i[b] p_i[b'] with a mean of 1 on its diagonal.

    Between Σ_b and a_j of (7), it makes the examples of a batch inhibit each other as far as they
    excite the lower layer alike, so that what they have in common is not learned once for each.
    With s = 0 nothing changes; near 1 the argument of the upper neurons moves by what they ask for,
    whatever the correlations below: descent on neurons in place of synapses (Benzing, "Gradient
    Descent on Neurons and its Link to Approximate Second-Order Optimization", ICML 2022). Not in
    the paper.

    Args:
        pre: what the lower layer offers to each channel, p = Σ_e a_i^e ν~^{ec}.
        bias: what its bias unit offers; None where it has none.
        share: s, from 0 to 1.
        width_free: divide the whole by the mean that the diagonal of K had before: of what the
            lower layer offers then only the direction counts, not the length.
    """
    alike = jnp.matmul(pre, jnp.swapaxes(pre, 1, 2))
    if bias is not None:
        alike = alike + bias[:, None, None] ** 2
    mean = jnp.mean(jnp.diagonal(alike, axis1=1, axis2=2), axis=1)[:, None, None]
    mean = jnp.where(mean > 0, mean, 1.0)
    unit = jnp.eye(pre.shape[1], dtype=pre.dtype)
    found = inverse((1 - share) * unit + share * alike / mean)
    return found / mean if width_free else found


@jax.custom_jvp
def inverse(a: Float[Array, "c b b"]) -> Float[Array, "c b b"]:
    """The inverse of symmetric, positive definite matrices.

    On a CPU in plain array operations: LAPACK's own, called side by side from two threads, has been
    seen to wait for ever inside XLA. Elsewhere, where a loop of small operations is slow (7 times
    on an H200 for 8 matrices of 128 x 128), by Cholesky's factors.
    """
    return jax.lax.platform_dependent(a, cpu=_by_pivots, default=_by_factors)


def _by_factors(a: Float[Array, "c b b"]) -> Float[Array, "c b b"]:
    """L^-T L^-1 where a = L L^T."""
    unit = jnp.broadcast_to(jnp.eye(a.shape[-1], dtype=a.dtype), a.shape)
    lower = jax.lax.linalg.triangular_solve(
        jax.lax.linalg.cholesky(a), unit, left_side=True, lower=True
    )
    return jnp.matmul(jnp.swapaxes(lower, -1, -2), lower)


def _by_pivots(a: Float[Array, "c b b"]) -> Float[Array, "c b b"]:
    """Pivot by pivot (Gauss and Jordan).

    For a batch of 128 it takes less than the product of the lower layer.
    """
    places = jnp.arange(a.shape[-1])

    def pivot(p: Array, a: Array) -> Array:
        across, down = (places == p)[None, None, :], (places == p)[None, :, None]
        row = jax.lax.dynamic_slice_in_dim(a, p, 1, axis=-2)
        column = jax.lax.dynamic_slice_in_dim(a, p, 1, axis=-1)
        row = jnp.where(across, 1.0, row) / jax.lax.dynamic_slice_in_dim(row, p, 1, axis=-1)
        return jnp.where(down, row, jnp.where(across, 0.0, a) - column * row)

    return jax.lax.fori_loop(0, a.shape[-1], pivot, a)


@inverse.defjvp
def _(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    """d(A^-1) = -A^-1 dA A^-1: a gradient keeps the inverse, not the pivots."""
    found = inverse(*primals)
    return found, -jnp.matmul(jnp.matmul(found, tangents[0]), found)
