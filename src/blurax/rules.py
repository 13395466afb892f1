"""The rule itself: equations (5), (6) and (7) of the paper, each as one line of arrays.

Letters: b batch, i pre-synaptic (lower layer), j post-synaptic (upper layer), c d e states.
States lead: activations are `[k, batch, n]`, synapses `[channels, from, to]`, where channels is k,
or 1 for a synapse that all states share. The input layer has state 1 alone, `[1, batch, n]`: its
others would be 0 for ever. The bias unit is 1 in every state; its synapses stand apart, so that no
array has to be extended by it. The gates η and η~ multiply the small matrices ν, μ and μ~ rather
than what these make of the neurons: the same product, and a gradient that needs less kept.

The functions return the argument of σ; normalisation and σ follow in `network.py`. Source: Sandler
et al., "Meta-Learning Bidirectional Update Rules", ICML 2021, section 3.2.
"""

import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Float

from blurax.choices import Backward, Reduction

Scalar = Float[Array, ""]

INPUT = "input"
"""The name under which a gradient may keep the products of a sweep, see `inner.Remat`."""


def forward(
    a_i: Float[Array, "d b i"],
    a_j: Float[Array, "k b j"],
    w_ij: Float[Array, "channels i j"],
    bias_j: Float[Array, "channels 1 j"],
    nu: Float[Array, "k k"],
    f: Scalar,
    eta: Scalar,
    length: Float[Array, "channels 1 j"] | None = None,
) -> Float[Array, "k b j"]:
    """(5): f a_j^c + η Σ_{i,d} w_ij^c ν^{cd} a_i^d, the bias unit among the i.

    Args:
        bias_j: the synapses of the bias unit.
        length: what the synapses into a neuron are divided by (App. B), if by anything.
    """
    z = transmit(w_ij, eta * nu, a_i) + bias(bias_j, eta * nu)
    return f * a_j + (z if length is None else z / length)


def backward(
    a_i: Float[Array, "k b i"],
    a_j: Float[Array, "k b j"],
    w_ji: Float[Array, "channels j i"],
    mu: Float[Array, "k k"],
    f: Scalar,
    eta: Scalar,
    how: Backward = Backward.ADDITIVE,
    length: Float[Array, "channels 1 i"] | None = None,
) -> Float[Array, "k b i"]:
    """(6): f a_i^c + η Σ_{j,d} w_ji^c μ^{cd} a_j^d, or its multiplicative variants (Fig. 9)."""
    kept, z = f * a_i, transmit(w_ji, eta * mu, a_j)
    z = z if length is None else z / length
    match how:
        case Backward.ADDITIVE:
            return kept + z
        case Backward.MULTIPLICATIVE:
            return kept * z
        case Backward.MULTIPLICATIVE_STATE_2:
            return jnp.concatenate([kept[:1], kept[1:] * z[1:]])


def synapse(
    w_ij: Float[Array, "channels i j"],
    change: Float[Array, "channels i j"],
    f_tilde: Scalar | Float[Array, "channels 1 j"],
) -> Float[Array, "channels i j"]:
    """(7): f~ w_ij^c + η~ Σ_{e,d} a_i^e ν~^{ec} μ~^{cd} a_j^d, the second term from `hebbian`."""
    return f_tilde * w_ij + change


def hebbian(
    a_i: Float[Array, "d b i"],
    a_j: Float[Array, "e b j"],
    nu_tilde: Float[Array, "k channels"],
    mu_tilde: Float[Array, "channels k"],
    eta_tilde: Scalar,
    batch: Reduction = Reduction.SUM,
    among: Float[Array, "channels b b"] | None = None,
) -> Float[Array, "channels i j"]:
    """η~ Σ_{e,d} a_i^e ν~^{ec} μ~^{cd} a_j^d, summed or averaged over the batch.

    For the synapse from j to i exchange the roles: a_j is then pre-synaptic.

    Args:
        among: how the examples of the batch act on each other between a_i and a_j, if they do
            (`Term.coupling`).
    """
    mu_tilde = _gated(mu_tilde, eta_tilde, a_i.shape[1], batch)
    if a_i.shape[0] == 1:  # one state: its transform joins that of the other side
        return jnp.matmul(_turned(a_i), _among(among, mix(nu_tilde[:1].T * mu_tilde, a_j)))
    return jnp.matmul(_turned(mix(nu_tilde.T, a_i)), _among(among, mix(mu_tilde, a_j)))


def hebbian_bias(
    a_j: Float[Array, "e b j"],
    nu_tilde: Float[Array, "k channels"],
    mu_tilde: Float[Array, "channels k"],
    eta_tilde: Scalar,
    batch: Reduction = Reduction.SUM,
    among: Float[Array, "channels b b"] | None = None,
) -> Float[Array, "channels 1 j"]:
    """The same for the synapses of the bias unit, a_i^e = 1."""
    mu_tilde = _gated(mu_tilde, eta_tilde, a_j.shape[1], batch)
    weight = jnp.sum(nu_tilde, axis=0)[:, None] * mu_tilde
    if among is not None:
        return jnp.sum(_among(among, mix(weight, a_j)), axis=1, keepdims=True)
    return jnp.einsum("cd,dj->cj", weight[:, : a_j.shape[0]], jnp.sum(a_j, axis=1))[:, None]


def activity(
    a_j: Float[Array, "e b j"],
    mu_tilde: Float[Array, "channels k"],
    eta_tilde: Scalar,
    batch: Reduction = Reduction.SUM,
) -> Float[Array, "channels 1 j"]:
    """|η~| (Σ_d μ~^{cd} a_j^d)², summed or averaged over the batch as `hebbian` is."""
    rate = jnp.abs(eta_tilde) / (a_j.shape[1] if batch is Reduction.MEAN else 1)
    return rate * jnp.sum(mix(mu_tilde, a_j) ** 2, axis=1, keepdims=True)


def mix(transform: Float[Array, "c k"], a: Float[Array, "d b n"]) -> Float[Array, "c b n"]:
    """Σ_d transform^{cd} a^d, neuron by neuron; states that `a` lacks are 0."""
    return jnp.einsum("cd,dbn->cbn", transform[:, : a.shape[0]], a)


def transmit(
    w: Float[Array, "channels i j"], transform: Float[Array, "k k"], a: Float[Array, "d b i"]
) -> Float[Array, "k b j"]:
    """Σ_{i,d} w_ij^c transform^{cd} a_i^d; a synapse with a single channel serves every state."""
    if a.shape[0] == 1:  # one state: transformed afterwards, the input needs no gradient then
        return transform[:, :1, None] * checkpoint_name(jnp.matmul(a, w), INPUT)
    if w.shape[0] == 1:
        return checkpoint_name(jnp.einsum("ij,cbi->cbj", w[0], mix(transform, a)), INPUT)
    return checkpoint_name(jnp.matmul(mix(transform, a), w), INPUT)


def bias(
    bias_j: Float[Array, "channels 1 j"], transform: Float[Array, "k k"]
) -> Float[Array, "k 1 j"]:
    """What the bias unit transmits: Σ_d bias_j^c transform^{cd}."""
    return jnp.sum(transform, axis=1)[:, None, None] * bias_j


def _gated(
    mu_tilde: Float[Array, "channels k"], eta_tilde: Scalar, examples: int, batch: Reduction
) -> Float[Array, "channels k"]:
    return eta_tilde / (examples if batch is Reduction.MEAN else 1) * mu_tilde


def _among(among: Float[Array, "c b b"] | None, a: Float[Array, "c b j"]) -> Float[Array, "c b j"]:
    return a if among is None else jnp.matmul(among, a)


def _turned(a: Float[Array, "c b i"]) -> Float[Array, "c i b"]:
    return jnp.swapaxes(a, 1, 2)
