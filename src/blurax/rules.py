"""The rule itself: equations (5), (6) and (7) of the paper, each as one line of arrays.

Letters: b batch, i pre-synaptic (lower layer), j post-synaptic (upper layer), c d e states.
States lead: activations are `[k, batch, n]`, synapses `[channels, from, to]`, where channels is k,
or 1 for a synapse that all states share. The functions return the argument of σ; normalisation
and σ follow in `network.py`. Source: Sandler et al., "Meta-Learning Bidirectional Update Rules",
ICML 2021, section 3.2.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from blurax.spec import Backward, Reduction

Scalar = Float[Array, ""]


def with_bias(a: Float[Array, "k b i"]) -> Float[Array, "k b i1"]:
    """Append the bias unit, which is 1 in every state."""
    return jnp.concatenate([a, jnp.ones_like(a[..., :1])], axis=-1)


def mix(transform: Float[Array, "c d"], a: Float[Array, "d b n"]) -> Float[Array, "c b n"]:
    """Σ_d transform^{cd} a^d, neuron by neuron."""
    return jnp.einsum("cd,dbn->cbn", transform, a)


def transmit(w: Float[Array, "channels i j"], a: Float[Array, "k b i"]) -> Float[Array, "k b j"]:
    """Σ_i w_ij^c a_i^c; a synapse with a single channel serves every state."""
    if w.shape[0] == 1:
        return jnp.einsum("ij,cbi->cbj", w[0], a)
    return jnp.einsum("cij,cbi->cbj", w, a)


def forward(
    a_i: Float[Array, "k b i"],
    a_j: Float[Array, "k b j"],
    w_ij: Float[Array, "channels i1 j"],
    nu: Float[Array, "k k"],
    f: Scalar,
    eta: Scalar,
) -> Float[Array, "k b j"]:
    """(5): f a_j^c + η Σ_{i,d} w_ij^c ν^{cd} a_i^d, the bias unit among the i."""
    return f * a_j + eta * transmit(w_ij, mix(nu, with_bias(a_i)))


def backward(
    a_i: Float[Array, "k b i"],
    a_j: Float[Array, "k b j"],
    w_ji: Float[Array, "channels j i"],
    mu: Float[Array, "k k"],
    f: Scalar,
    eta: Scalar,
    how: Backward = Backward.ADDITIVE,
) -> Float[Array, "k b i"]:
    """(6): f a_i^c + η Σ_{j,d} w_ji^c μ^{cd} a_j^d, or its multiplicative variants (Fig. 9)."""
    kept, heard = f * a_i, eta * transmit(w_ji, mix(mu, a_j))
    match how:
        case Backward.ADDITIVE:
            return kept + heard
        case Backward.MULTIPLICATIVE:
            return kept * heard
        case Backward.MULTIPLICATIVE_STATE_2:
            return jnp.concatenate([kept[:1], kept[1:] * heard[1:]])


def synapse(
    a_i: Float[Array, "k b i"],
    a_j: Float[Array, "k b j"],
    w_ij: Float[Array, "channels i j"],
    nu_tilde: Float[Array, "k channels"],
    mu_tilde: Float[Array, "channels k"],
    f_tilde: Scalar,
    eta_tilde: Scalar,
    batch: Reduction = Reduction.SUM,
) -> Float[Array, "channels i j"]:
    """(7): f~ w_ij^c + η~ Σ_{e,d} a_i^e ν~^{ec} μ~^{cd} a_j^d, reduced over the batch.

    For the synapse from j to i exchange the roles: a_j is then pre-synaptic.
    """
    return f_tilde * w_ij + eta_tilde * hebbian(a_i, a_j, nu_tilde, mu_tilde, batch)


def hebbian(
    a_i: Float[Array, "k b i"],
    a_j: Float[Array, "k b j"],
    nu_tilde: Float[Array, "k channels"],
    mu_tilde: Float[Array, "channels k"],
    batch: Reduction = Reduction.SUM,
) -> Float[Array, "channels i j"]:
    """Σ_{e,d} a_i^e ν~^{ec} μ~^{cd} a_j^d, summed or averaged over the batch."""
    products = jnp.einsum("cbi,cbj->cij", mix(nu_tilde.T, a_i), mix(mu_tilde, a_j))
    return products / a_i.shape[1] if batch is Reduction.MEAN else products
