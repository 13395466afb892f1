"""Examples of a batch that excite the lower layer alike inhibit each other. Not in the paper."""

import dataclasses
import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from blurax import rules
from blurax.errors import require
from blurax.products import alike, product, summed
from blurax.rules import Scalar
from blurax.terms.protocol import Gene, Pair, Term

_BLOCK = 32
"""Pivots at a time: fewer are more products, more are more single pivots."""


@dataclasses.dataclass(frozen=True)
class Decorrelation(Term):
    """Examples inhibit each other in (7) by a learned share."""

    name = "decorrelation"
    choice = "update.decorrelate"
    about = "update"
    words = "alike examples inhibiting each other"
    synapse_genes = (
        Gene(
            "decorrelation",
            start=0.0,  # of the share s, before the logistic function
            neutral=-37.0,  # where the logistic function is 1e-16
            label="logit s (decorrelation)",
            latex=r"\mathrm{logit}\,s",
            without="decorrelation: s = 0",
        ),
    )
    width_free: ClassVar[bool] = False
    within: int | None = None
    """`Update.decorrelate_within`."""

    @classmethod
    def chosen(cls, rule: Any) -> Term | None:
        """By `Update.decorrelate` and `width_free`."""
        update = rule.update
        require(
            update.decorrelate or not update.width_free,
            "Update.width_free is on, but Update.decorrelate is off: it is a form of the latter.",
        )
        require(
            update.decorrelate_within is None or update.decorrelate,
            f"Update.decorrelate_within is {update.decorrelate_within}, but Update.decorrelate is "
            "off: it is a form of the latter.",
        )
        chosen = update.decorrelate and cls.width_free is update.width_free
        return cls(update.decorrelate_within) if chosen else None

    def check(self, rule: Any) -> None:
        """A block holds at least one example."""
        within = self.within
        require(
            within is None or within >= 1,
            f"Update.decorrelate_within is {within}; it takes a number >= 1, or None.",
        )

    def described(self) -> str:
        """With the size of the blocks, if there are any."""
        blocks = "" if self.within is None else f" within blocks of {self.within}"
        return super().described() + blocks

    def coupling(
        self, among: Float[Array, "channels events events"] | None, pair: Pair
    ) -> Float[Array, "channels ..."] | None:
        """The inverse of how alike they are, `decorrelation`, unless `change` does it."""
        if self._by_synapses(pair):
            return among
        bias, share = self._genes(pair)
        seen = _seen(pair)
        if self.within is None:
            found = decorrelation(seen, bias, share, self.width_free)
        else:
            found = within_blocks(seen, bias, share, self.width_free, self.within)
        return found if among is None else product(among, rules.whole(found, seen.shape[1]))

    def change(self, changes: list[Array], pair: Pair) -> list[Array]:
        """The same from the other side, where there are fewer synapses into a neuron than events.

        With P what the events see and C what they cause,
        P' ((1 - s) I + s P P' / m)^-1 C = ((1 - s) I + s P' P / m)^-1 P' C.
        """
        if not self._by_synapses(pair):
            return changes
        bias, share = self._genes(pair)
        seen = _seen(pair)
        if bias is not None:
            ones = jnp.broadcast_to(bias[:, None, None], (*seen.shape[:2], 1))
            seen = jnp.concatenate([seen, ones], axis=2)
        found = uncorrelated(summed(seen, seen), share, seen.shape[1], self.width_free)
        whole = product(found, jnp.concatenate(changes, axis=1))
        return jnp.split(whole, [changes[0].shape[1]], axis=1)[: len(changes)]

    def _by_synapses(self, pair: Pair) -> bool:
        """Whether the matrix between synapses is the smaller one; of blocks it is never taken."""
        return self.within is None and _many_events(pair)

    def _genes(self, pair: Pair) -> tuple[Array | None, Array]:
        """What the bias unit offers, if there is one, and the share."""
        bias = jnp.sum(pair.g.nu_tilde, axis=0) if len(pair.old) > 1 else None
        return bias, jax.nn.sigmoid(pair.g.terms["decorrelation"])


def _seen(pair: Pair) -> Float[Array, "channels events i"]:
    """What each event sees, as each channel reads it."""
    return pair.link.unfold(rules.mix(pair.g.nu_tilde.T, pair.a_i), pair.a_j.shape[2:])


def _many_events(pair: Pair) -> bool:
    """Whether there are more events than synapses into a neuron: the matrix of these is smaller."""
    shape = pair.a_j.shape[2:]
    events = pair.a_j.shape[1] * (math.prod(shape) // pair.link.features(shape))
    return events > pair.link.count(pair.a_i.shape[2:], shape) + len(pair.old) - 1


@dataclasses.dataclass(frozen=True)
class WidthFree(Decorrelation):
    """The same, whatever the number of neurons below and the size of their states."""

    name = "decorrelation-width-free"
    fades = False  # the width counts even where the share is 0
    words = "alike examples inhibiting each other, at any width alike"
    width_free = True

    def taken_over(self, scale: Array, genes: dict[str, Array]) -> Array:
        """It divides by the square of what the lower layer offers, ν~ included."""
        return scale**-2.0


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
    between = alike(pre)
    if bias is not None:
        between = between + bias[:, None, None] ** 2
    return uncorrelated(between, share, pre.shape[1], width_free)


def within_blocks(
    pre: Float[Array, "c n _"],
    bias: Float[Array, " c"] | None,
    share: Scalar,
    width_free: bool,
    within: int,
) -> Float[Array, "c blocks size size"]:
    """`decorrelation` of each block of events by itself: as few blocks as can be, alike in size.

    The last may be smaller. It is filled up with events that see nothing, which inhibit none.
    """
    channels, events = pre.shape[:2]
    count = -(-events // within)
    size = -(-events // count)
    pre = jnp.pad(pre, ((0, 0), (0, count * size - events), (0, 0)))
    pre = pre.reshape(channels * count, size, -1)
    real = jnp.arange(count * size).reshape(count, size) < events
    between = alike(pre).reshape(channels, count, size, size)
    if bias is not None:
        both = real[:, :, None] & real[:, None, :]
        between = between + jnp.where(both, bias[:, None, None, None] ** 2, 0.0)
    counts = jnp.tile(jnp.sum(real, axis=1), channels)
    between = between.reshape(-1, size, size)
    return uncorrelated(between, share, counts, width_free).reshape(channels, count, size, size)


def uncorrelated(
    alike: Float[Array, "c n n"],
    share: Scalar,
    events: int | Int[Array, " c"],
    width_free: bool,
) -> Float[Array, "c n n"]:
    """((1 - s) I + s A / m)^-1, where m is the mean square of what an event sees."""
    mean = (jnp.sum(jnp.diagonal(alike, axis1=1, axis2=2), axis=1) / events)[:, None, None]
    mean = jnp.where(mean > 0, mean, 1.0)
    unit = jnp.eye(alike.shape[1], dtype=alike.dtype)
    found = inverse((1 - share) * unit + share * alike / mean)
    return found / mean if width_free else found


@jax.custom_jvp
def inverse(a: Float[Array, "c b b"]) -> Float[Array, "c b b"]:
    """The inverse of symmetric, positive definite matrices.

    On a CPU in plain array operations: LAPACK's own, called side by side from two threads, has been
    seen to wait for ever inside XLA. Elsewhere, where a loop of small operations is slow (7 times
    on an H200 for 8 matrices of 128 x 128), by Cholesky's factors.
    """
    return jax.lax.platform_dependent(a, cpu=_by_blocks, default=_by_factors)


def _by_factors(a: Float[Array, "c b b"]) -> Float[Array, "c b b"]:
    """L^-T L^-1 where a = L L^T."""
    unit = jnp.broadcast_to(jnp.eye(a.shape[-1], dtype=a.dtype), a.shape)
    lower = jax.lax.linalg.triangular_solve(
        jax.lax.linalg.cholesky(a), unit, left_side=True, lower=True
    )
    return jnp.matmul(jnp.swapaxes(lower, -1, -2), lower)


def _by_blocks(a: Float[Array, "c b b"]) -> Float[Array, "c b b"]:
    """Block of pivots by block (Gauss and Jordan): all but the blocks themselves is products.

    For a batch of 128 it takes a third of the time of single pivots.
    """
    size = a.shape[-1]
    if size <= _BLOCK:
        return _by_pivots(a)
    more = -size % _BLOCK
    a = jnp.pad(a, ((0, 0), (0, more), (0, more)))
    a = a + jnp.diag(jnp.arange(size + more) >= size).astype(a.dtype)  # whose inverse is itself
    unit = jnp.broadcast_to(jnp.eye(_BLOCK, dtype=a.dtype), (len(a), _BLOCK, _BLOCK))
    places = jnp.arange(size + more) // _BLOCK

    def pivots(p: Array, a: Array) -> Array:
        row = jax.lax.dynamic_slice_in_dim(a, p * _BLOCK, _BLOCK, axis=1)
        column = jax.lax.dynamic_slice_in_dim(a, p * _BLOCK, _BLOCK, axis=2)
        found = _by_pivots(jax.lax.dynamic_slice_in_dim(row, p * _BLOCK, _BLOCK, axis=2))
        row = jnp.matmul(found, jax.lax.dynamic_update_slice_in_dim(row, unit, p * _BLOCK, axis=2))
        others = jnp.where(places == p, 0.0, a) - jnp.matmul(column, row)
        return jax.lax.dynamic_update_slice_in_dim(others, row, p * _BLOCK, axis=1)

    return jax.lax.fori_loop(0, (size + more) // _BLOCK, pivots, a)[:, :size, :size]


def _by_pivots(a: Float[Array, "c b b"]) -> Float[Array, "c b b"]:
    """The same, pivot by pivot."""
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
