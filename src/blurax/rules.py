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
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Float

from blurax.choices import Backward, Reduction
from blurax.links import Dense, Link, Shape
from blurax.products import at_once, mixed, product, scaled, summed, summed_at_once, total

Scalar = Float[Array, ""]

INPUT = "input"
"""The name under which a gradient may keep the products of a sweep, see `inner.Remat`."""

DENSE = Dense()

SMALL = 4096
"""Synapses between two groups, times the square of the states, up to which states go together."""


class Multiples(NamedTuple):
    """gain^c one + offset^c: what the states of a group get from a single state."""

    gain: Float[Array, "c 1 *_"]
    one: Float[Array, "1 b *j"]
    offset: Float[Array, "c 1 *_"] | float

    def all(self) -> Float[Array, "c b *j"]:
        """What each state gets."""
        return self.gain * self.one + self.offset

    @property
    def even(self) -> bool:
        """Whether a feature gets the same offset at all positions."""
        return all(n == 1 for n in jnp.shape(self.offset)[2:-1])


def forward(
    a_j: Float[Array, "k b *j"] | None, f: Scalar, arriving: list[Float[Array, "k b *j"]]
) -> Float[Array, "k b *j"]:
    """(5): f a_j^c + η Σ_{i,d} w_ij^c ν^{cd} a_i^d, the bias unit among the i.

    Args:
        a_j: None where it is 0, so that no gradient asks what f makes of it.
        arriving: the second term from `arrive` with η ν, for each group i that leads to j.
    """
    first, *others = arriving if a_j is None else [f * a_j, *arriving]
    return sum(others, first)


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
    if len(a_i) == 1 and shared(w_ij):
        return multiples(link, w_ij, transform, a_i, post, bias_j, length).all()
    z = transmit(w_ij, transform, a_i, link, post)
    if bias_j is not None:
        z = z + bias(bias_j, transform, link, post)
    return z if length is None else z / link.at(length, post)


def multiples(
    link: Link,
    w_ij: Any,
    transform: Float[Array, "c k"],
    a_i: Float[Array, "1 b *i"],
    post: Shape,
    bias_j: Float[Array, "1 1 j"] | None = None,
    length: Float[Array, "1 1 j"] | None = None,
) -> Multiples:
    """`arrive` of one state by synapses `[1, i, j]`: the input needs no gradient then."""
    one = checkpoint_name(link.transmit(w_ij, a_i, post), INPUT)
    offset = 0.0 if bias_j is None else bias(bias_j, transform, link, post)
    if length is not None:
        one, offset = one / link.at(length, post), offset / link.at(length, post)
    return Multiples(transform[:, :1].reshape(-1, *[1] * (one.ndim - 1)), one, offset)


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
    among: Float[Array, "channels ..."] | None = None,
    link: Link = DENSE,
) -> Float[Array, "channels i j"]:
    """η~ Σ_{e,d} a_i^e ν~^{ec} μ~^{cd} a_j^d, summed or averaged over the batch.

    Where a link has synapses that act in several places the sum is over these too. For the synapse
    from j to i exchange the roles: a_j is then pre-synaptic.

    Args:
        among: how the events of the link, the examples of the batch where it is fully connected,
            act on each other between a_i and a_j, if they do (`Term.coupling`): a matrix
            `[channels, events, events]`, or those of blocks of events in turn, `[channels, blocks,
            size, size]`, the last of them perhaps not full.
    """
    if among is None and _is_small(link, len(a_j), a_i.shape[2:], a_j.shape[2:]):
        asks = _rate(eta_tilde, a_j, batch) * mu_tilde[:, : len(a_j)]
        return summed_at_once(nu_tilde[: len(a_i)], asks, a_i, a_j)
    post = _asked(a_j, mu_tilde, eta_tilde, batch)
    if len(a_i) == 1:  # one state: its transform joins the other side
        pre, post = a_i, nu_tilde[0].reshape(-1, *[1] * (post.ndim - 1)) * post
    else:
        pre = mix(nu_tilde.T, a_i)
    if among is None:
        return link.hebbian(pre, post)
    seen = link.unfold(pre, a_j.shape[2:])
    return summed(seen, acted(among, link.events(post)))


def hebbian_bias(
    a_j: Float[Array, "e b *j"],
    nu_tilde: Float[Array, "k channels"],
    mu_tilde: Float[Array, "channels k"],
    eta_tilde: Scalar,
    batch: Reduction = Reduction.SUM,
    among: Float[Array, "channels ..."] | None = None,
    link: Link = DENSE,
    pre: Shape | None = None,
) -> Float[Array, "channels 1 j"]:
    """The same for the synapses of the bias unit, a_i^e = 1.

    Args:
        pre: the shape of the lower group, with whose synapses these go; None for a large one.
    """
    if among is None and pre is not None and _is_small(link, len(a_j), pre, a_j.shape[2:]):
        asks = _rate(eta_tilde, a_j, batch) * mu_tilde[:, : len(a_j)]
        return jnp.sum(nu_tilde, axis=0)[:, None, None] * (asks @ total(a_j))[:, None]
    post = link.events(_asked(a_j, mu_tilde, eta_tilde, batch))
    # Its sum as a product: XLA would fuse a sum with what made `post`, and compute that slowly.
    one = jnp.ones((len(post), 1, post.shape[1]), post.dtype)
    heard = one if among is None else _heard(among, post.shape[1])
    return jnp.sum(nu_tilde, axis=0)[:, None, None] * product(heard, post)


def acted(
    among: Float[Array, "channels ..."], events: Float[Array, "channels events j"]
) -> Float[Array, "channels events j"]:
    """What events cause, after they acted on each other: `among` as in `hebbian`."""
    if among.ndim == 3:
        return product(among, events)
    channels, blocks, size, _ = among.shape
    count = events.shape[1]
    full = jnp.pad(events, ((0, 0), (0, blocks * size - count), (0, 0)))
    found = jnp.matmul(among, full.reshape(channels, blocks, size, -1))
    return found.reshape(channels, blocks * size, -1)[:, :count]


def whole(
    among: Float[Array, "channels ..."], events: int
) -> Float[Array, "channels events events"]:
    """One matrix in the place of those of blocks."""
    if among.ndim == 3:
        return among
    channels, blocks, size, _ = among.shape
    apart = jnp.eye(blocks, dtype=among.dtype)[None, :, None, :, None]
    found = (apart * among[:, :, :, None, :]).reshape(channels, blocks * size, blocks * size)
    return found[:, :events, :events]


def _heard(among: Float[Array, "channels ..."], events: int) -> Float[Array, "channels 1 events"]:
    """The sum over the events that act."""
    return jnp.sum(among, axis=-2).reshape(len(among), 1, -1)[:, :, :events]


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
    if _is_small(link, len(transform), a.shape[2:], post):
        return at_once(transform[:, : len(a)], w, a, INPUT)
    if len(a) == 1:  # one state: transformed afterwards, the input needs no gradient then
        product = checkpoint_name(link.transmit(w, a, post), INPUT)
        return transform[:, :1].reshape(-1, *[1] * (product.ndim - 1)) * product
    if _mixes_later(w, transform, a, post):
        return mix(transform, checkpoint_name(link.transmit(w, a, post), INPUT))
    return checkpoint_name(link.transmit(w, mix(transform, a), post), INPUT)


def _is_small(link: Link, states: int, pre: Shape, post: Shape) -> bool:
    """Whether two groups are so small that all states of all neurons go by a single product."""
    rows = isinstance(link, Dense) and len(pre) == len(post) == 1
    return rows and math.prod((states, *pre, states, *post)) <= SMALL


def _mixes_later(w: Any, transform: Array, a: Array, post: Shape) -> bool:
    """Whether states may mix after the synapses, and are fewer numbers there."""
    fewer = math.prod(post) < math.prod(a.shape[2:])
    return shared(w) and len(a) <= len(transform) and fewer


def shared(w: Any) -> bool:
    """Whether all states go by the same synapses, or there are none."""
    return w is None or len(w) == 1


def bias(
    bias_j: Float[Array, "channels 1 j"],
    transform: Float[Array, "k k"],
    link: Link,
    post: Shape,
) -> Float[Array, "k 1 *_"]:
    """What the bias unit transmits: Σ_d bias_j^c transform^{cd}."""
    return jnp.sum(transform, axis=1).reshape(-1, *[1] * (1 + len(post))) * link.bias(bias_j, post)


def _asked(
    a_j: Float[Array, "e b *j"],
    mu_tilde: Float[Array, "channels k"],
    eta_tilde: Scalar,
    batch: Reduction,
) -> Float[Array, "channels b *j"]:
    """η~ Σ_d μ~^{cd} a_j^d: the same for neurons and bias unit, so that it is computed once."""
    return mix(_rate(eta_tilde, a_j, batch) * mu_tilde, a_j)


def _rate(eta_tilde: Scalar, a_j: Float[Array, "e b *j"], batch: Reduction) -> Scalar:
    """η~, of each example."""
    return eta_tilde / (a_j.shape[1] if batch is Reduction.MEAN else 1)
