"""What keeps long learning stable: section 3.4 and appendix B. Pure functions of arrays.

Shapes as in `rules.py`: activations `[k, batch, n]`, synapses `[channels, from, to]`.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from blurax.rules import Scalar

ACTIVATION_EPSILON = 1e-5
"""Added to the variance over the batch."""
SYNAPSE_EPSILON = 1e-9
"""Added to the squared length of a synapse vector."""


Moments = tuple[Float[Array, "_ 1 _"], Float[Array, "_ 1 _"]]
"""The mean and variance of each state of each neuron over a batch, `[k, 1, n]`."""


def moments(z: Float[Array, "k b n"]) -> Moments:
    """The mean and variance over the batch."""
    mean = jnp.mean(z, axis=1, keepdims=True)
    return mean, jnp.mean((z - mean) ** 2, axis=1, keepdims=True)


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
    """-m w_ij^c Σ_r (w_rj^c)²: the first term of (8) with a learnable multiplier (App. B).

    Args:
        square: `squared_length` of the synapses into the neuron.
    """
    return -m * w * square


def oja_full(
    w: Float[Array, "channels _ j"],
    square: Float[Array, "channels 1 j"],
    along: Float[Array, "channels 1 j"],
    f_tilde: Scalar,
) -> Float[Array, "channels _ j"]:
    """(8): -(f~ - 1) w_ij^c Σ_r (w_rj^c)² - w_ij^c Σ_r w_rj^c η~ h_rj^c.

    Args:
        square: `squared_length` of the synapses into the neuron.
        along: Σ_r w_rj^c η~ h_rj^c, where h_rj^c = Σ_{e,d} a_r^e ν~^{ec} μ~^{cd} a_j^d is
            `rules.hebbian` of this update.
    """
    return -w * ((f_tilde - 1) * square + along)


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


def saturate_exponentially(
    w: Float[Array, "channels i j"], updated: Float[Array, "channels i j"], s: Scalar
) -> Float[Array, "channels i j"]:
    """W + (updated - w) exp(-|s| |w|): the larger a synapse, the less it moves (release)."""
    return w + (updated - w) * jnp.exp(-jnp.abs(s) * jnp.abs(w))
