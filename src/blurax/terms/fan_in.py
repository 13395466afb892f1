"""Rates relative to how many neurons lead into one, and in how many places. Not in the paper."""

import dataclasses
from typing import Any

from jaxtyping import Array

from blurax.terms.protocol import Gene, Pair, Term

WIDTH = 64
"""The fan-in at which p means nothing, so that η~ and p can be learned side by side."""


@dataclasses.dataclass(frozen=True)
class FanIn(Term):
    """η~ (64 / n)^p / m^q for a link with n neurons into one and synapses that act in m places.

    So one genome can serve readouts of 64 and of 3,000 inputs (m = 1), and filters that every
    position shares. The bias unit's synapses change at the same rate.
    """

    name = "fan-in"
    choice = "update.fan_in"
    about = "update"
    takes_masks = True
    words = "rates relative to fan-in"
    follows = True
    synapse_genes = (
        Gene("fan_in", 0.0, 0.0, label="p (fan-in)", latex="p", without="fan-in: p = 0"),
        Gene("places", 0.0, 0.0, label="q (places)", latex="q", without="places: q = 0"),
    )

    @classmethod
    def chosen(cls, rule: Any) -> Term | None:
        """By `Update.fan_in`."""
        return cls() if rule.update.fan_in else None

    def change(self, changes: list[Array], pair: Pair) -> list[Array]:
        """At that rate."""
        pre, post = pair.a_i.shape[2:], pair.a_j.shape[2:]
        n, genes = pair.link.fan_in(pre, post), pair.g.terms
        m = pair.link.events(pair.a_j).shape[1] / pair.a_j.shape[1]
        rate = (WIDTH / n) ** genes["fan_in"] * m ** -genes["places"]
        return [rate * change for change in changes]
