"""Rates relative to the size of what the lower layer offers. Not in the paper."""

import dataclasses
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from blurax import rules
from blurax.terms.protocol import Gene, Pair, Term

SIZE = 200
"""The size at which p means nothing, so that η~ and p can be learned side by side."""


@dataclasses.dataclass(frozen=True)
class InputSize(Term):
    """η~ (200 / c)^p, where c is the mean over the batch of |p|², p what the lower layer offers.

    A step moves the arguments of the upper neurons by about η~ c times what they ask for, so that
    one rate is too low for few inputs and too high for many. With p = 1 the move is the same for
    all. The bias unit counts in c, and its synapses change at the same rate.
    """

    name = "input-size"
    choice = "update.input_size"
    about = "update"
    words = "rates relative to the size of what the lower layer offers"
    follows = True
    synapse_genes = (
        Gene("input_size", 0.75, 0.0, label="p (input size)", latex="p", without="rates: p = 0"),
    )

    @classmethod
    def chosen(cls, rule: Any) -> Term | None:
        """By `Update.input_size`."""
        return cls() if rule.update.input_size else None

    def change(self, changes: list[Array], pair: Pair) -> list[Array]:
        """At that rate."""
        offered = rules.mix(pair.g.nu_tilde.T, pair.a_i)
        seen = pair.link.unfold(offered, pair.a_j.shape[2:])
        size = jnp.mean(jnp.sum(seen**2, axis=2), axis=1)
        if len(pair.old) > 1:
            size = size + jnp.sum(pair.g.nu_tilde, axis=0) ** 2
        silent = size == 0  # nothing changes then, at any rate
        rate = (SIZE / jnp.where(silent, SIZE, size)) ** pair.g.terms["input_size"]
        return [rate[:, None, None] * change for change in changes]

    def taken_over(self, scale: Array, genes: dict[str, Array]) -> Array:
        """As c falls by the square of what divides ν~."""
        return jnp.abs(scale) ** (-2 * genes["input_size"][..., None, None])
