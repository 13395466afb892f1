"""The rule itself: equations (5), (6) and (7) of the paper, each as one line of arrays.

Letters: b batch, i pre-synaptic (lower group), j post-synaptic (upper group), c d e states.
States lead: activations are `[k, b, *shape]`, synapses `[channels, i, j]`, where channels is k, or
1 for a synapse that all states share. The input has state 1 alone, `[1, b, *shape]`: its others
would be 0 for ever. The bias unit is 1 in every state; its synapses stand apart, so that no array
has to be extended by it. The gates η and η~ multiply the small matrices ν, μ and μ~ rather than
what these make of the neurons: the same product, and a gradient that needs less kept.

Which neuron leads to which is a link's business (`links/`): Σ_i w_ij a_i below is
`link.transmit`, fully connected or by convolution, and Σ_b a_i a_j its transpose in w.

The functions return the argument of σ; normalisation and σ follow in `sweeps.py`. Source: Sandler
et al., "Meta-Learning Bidirectional Update Rules", ICML 2021, section 3.2.
"""

import math
from typing import Any

import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Float

from blurax.choices import Backward, Reduction
from blurax.links import Dense, Link, Shape
from blurax.products import mixed, product, scaled, summed

Scalar = Float[Array, ""]

INPUT = "input"
"""The name under which a gradient may keep the products of a sweep, see `inner.Remat`."""

DENSE = Dense()


def forward(
    a_j: Float[Array, "k b *j"], f: Scalar, arriving: list[Float[Array, "k b *j"]]
) -> Float[Array, "k b *j"]:
    """(5): f a_j^c + η Σ_{i,d} w_ij^c ν^{cd} a_i^d, the bias unit among the i.

    Args:
        arriving: the second term from `arrive` with η ν, for each group i that leads to j.
    """
    return sum(arriving, f * a_j)


def backward(
    a_i: Float[Array, "k b *i"],
    f: Scalar,
    arriving: list[Float[Array, "_ b *i"]],
    how: Backward = Backward.ADDITIVE,
) -> Float[Array, "k b *i"]:
    """(6): f a_i^c + η Σ_{j,d} w_ji^c μ^{cd} a_j^d, or its multiplicative variants (Fig. 9).

    Args:
        arriving: the second term from `arrive` with η μ, for each group j that leads back to i, of
            the states that are `reached`.
    """
    first, *others = arriving
    kept, z = f * a_i, sum(others, first)
    match how:
        case Backward.ADDITIVE:
            return kept + z
        case Backward.MULTIPLICATIVE:
            return kept * z
        case Backward.MULTIPLICATIVE_STATE_2:
            return jnp.concatenate([kept[:1], kept[1:] * z])


def reached(how: Backward) -> slice:
    """The states that what arrives by (6) reaches: nothing else of it has to be computed."""
    return slice(1 if how is Backward.MULTIPLICATIVE_STATE_2 else 0, None)


def arrive(
    link: Link,
    w_ij: Float[Array, "channels i j"] | None,
    transform: Float[Array, "c k"],
    a_i: Float[Array, "d b *i"],
    post: Shape,
    bias_j: Float[Array, "channels 1 j"] | None = None,
    length: Float[Array, "channels 1 j"] | None = None,
) -> Float[Array, "c b *j"]:
    """Σ_{i,d} w_ij^c transform^{cd} a_i^d: what a group of neurons gets from another.

    Args:
        w_ij: None where the link has no synapses.
        post: the shape of the group that gets it.
        bias_j: the synapses of the bias unit.
        length: what the synapses into a neuron are divided by (App. B), if by anything.
    """
    z = transmit(w_ij, transform, a_i, link, post)
    if bias_j is not None:
        z = z + bias(bias_j, transform, link, post)
    return z if length is None else z / link.at(length, post)


def synapse(
    w_ij: Float[Array, "channels i j"],
    change: Float[Array, "channels i j"],
    f_tilde: Scalar | Float[Array, "channels 1 j"],
) -> Float[Array, "channels i j"]:
    """(7): f~ w_ij^c + η~ Σ_{e,d} a_i^e ν~^{ec} μ~^{cd} a_j^d, the second term from `hebbian`."""
    return scaled(w_ij, f_tilde) + change


def hebbian(
    a_i: Float[Array, "d b *i"],
    a_j: Float[Array, "e b *j"],
    nu_tilde: Float[Array, "k channels"],
    mu_tilde: Float[Array, "channels k"],
    eta_tilde: Scalar,
    batch: Reduction = Reduction.SUM,
    among: Float[Array, "channels events events"] | None = None,
    link: Link = DENSE,
) -> Float[Array, "channels i j"]:
    """η~ Σ_{e,d} a_i^e ν~^{ec} μ~^{cd} a_j^d, summed or averaged over the batch.

    Where a link has synapses that act in several places the sum is over these too. For the synapse
    from j to i exchange the roles: a_j is then pre-synaptic.

    Args:
        among: how the events of the link, the examples of the batch where it is fully connected,
            act on each other between a_i and a_j, if they do (`Term.coupling`).
    """
    mu_tilde = _gated(mu_tilde, eta_tilde, a_i.shape[1], batch)
    if len(a_i) == 1:  # one state: its transform joins that of the other side
        pre, post = a_i, mix(nu_tilde[:1].T * mu_tilde, a_j)
    else:
        pre, post = mix(nu_tilde.T, a_i), mix(mu_tilde, a_j)
    if among is None:
        return link.hebbian(pre, post)
    seen = link.unfold(pre, a_j.shape[2:])
    return summed(seen, product(among, link.events(post)))


def hebbian_bias(
    a_j: Float[Array, "e b *j"],
    nu_tilde: Float[Array, "k channels"],
    mu_tilde: Float[Array, "channels k"],
    eta_tilde: Scalar,
    batch: Reduction = Reduction.SUM,
    among: Float[Array, "channels events events"] | None = None,
    link: Link = DENSE,
) -> Float[Array, "channels 1 j"]:
    """The same for the synapses of the bias unit, a_i^e = 1."""
    mu_tilde = _gated(mu_tilde, eta_tilde, a_j.shape[1], batch)
    weight = jnp.sum(nu_tilde, axis=0)[:, None] * mu_tilde
    if among is not None:  # its sum first: that over a product is slow where XLA fuses the two
        heard = jnp.sum(among, axis=1, keepdims=True)
        return product(heard, link.events(mix(weight, a_j)))
    caused = jnp.sum(link.events(a_j), axis=1)
    return jnp.einsum("cd,dj->cj", weight[:, : len(a_j)], caused)[:, None]


def activity(
    a_j: Float[Array, "e b *j"],
    mu_tilde: Float[Array, "channels k"],
    eta_tilde: Scalar,
    batch: Reduction = Reduction.SUM,
    link: Link = DENSE,
) -> Float[Array, "channels 1 j"]:
    """|η~| (Σ_d μ~^{cd} a_j^d)², summed or averaged over the batch as `hebbian` is."""
    rate = jnp.abs(eta_tilde) / (a_j.shape[1] if batch is Reduction.MEAN else 1)
    return rate * jnp.sum(link.events(mix(mu_tilde, a_j)) ** 2, axis=1, keepdims=True)


def mix(transform: Float[Array, "c k"], a: Float[Array, "d b *n"]) -> Float[Array, "c b *n"]:
    """Σ_d transform^{cd} a^d, neuron by neuron; states that `a` lacks are 0."""
    return mixed(transform[:, : len(a)], a)


def transmit(
    w: Any,
    transform: Float[Array, "c k"],
    a: Float[Array, "d b *i"],
    link: Link,
    post: Shape,
) -> Float[Array, "c b *j"]:
    """Σ_{i,d} w_ij^c transform^{cd} a_i^d; a synapse with a single channel serves every state.

    Args:
        w: `[channels, i, j]`; None where the link has no synapses.
    """
    if len(a) == 1:  # one state: transformed afterwards, the input needs no gradient then
        product = checkpoint_name(link.transmit(w, a, post), INPUT)
        return transform[:, :1].reshape(-1, *[1] * (product.ndim - 1)) * product
    if _mixes_later(w, transform, a, post):
        return mix(transform, checkpoint_name(link.transmit(w, a, post), INPUT))
    return checkpoint_name(link.transmit(w, mix(transform, a), post), INPUT)


def _mixes_later(w: Any, transform: Array, a: Array, post: Shape) -> bool:
    """Whether states may mix after the synapses, and are fewer numbers there."""
    shared = w is None or len(w) == 1
    return shared and len(a) <= len(transform) and math.prod(post) < math.prod(a.shape[2:])


def bias(
    bias_j: Float[Array, "channels 1 j"],
    transform: Float[Array, "k k"],
    link: Link,
    post: Shape,
) -> Float[Array, "k 1 *_"]:
    """What the bias unit transmits: Σ_d bias_j^c transform^{cd}."""
    return jnp.sum(transform, axis=1).reshape(-1, *[1] * (1 + len(post))) * link.bias(bias_j, post)


def _gated(
    mu_tilde: Float[Array, "channels k"], eta_tilde: Scalar, examples: int, batch: Reduction
) -> Float[Array, "channels k"]:
    return eta_tilde / (examples if batch is Reduction.MEAN else 1) * mu_tilde
