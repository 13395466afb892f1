"""Rates that fall with the number of steps, whose end is not known. Not in the paper."""

import dataclasses
import math
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Int

from blurax.genes import SynapseGenes
from blurax.terms.protocol import Gene, Term

START = math.log(100)


@dataclasses.dataclass(frozen=True)
class Decay(Term):
    """η~ (1 + t / exp(τ))^-q in step t, counted from 0 (Robbins and Monro, 1951).

    A constant rate leaves noise of constant size in the synapses, and an optimiser's schedule has
    to be told when learning ends. This one falls from step exp(τ) on, as a power of the steps.
    """

    name = "rate-decay"
    choice = "update.decay"
    about = "update"
    takes_masks = True
    words = "rates that fall with the steps"
    follows = True
    synapse_genes = (
        Gene("decay_time", START, START, label="τ (log of steps)", latex=r"\tau"),
        Gene("decay_power", 1.0, 0.0, label="q (decay)", latex="q", without="rates: q = 0"),
    )

    @classmethod
    def chosen(cls, rule: Any) -> Term | None:
        """By `Update.decay`."""
        return cls() if rule.update.decay else None

    def at(self, g: SynapseGenes, index: Int[Array, ""]) -> SynapseGenes:
        """At a lower rate."""
        steps = index / jnp.exp(g.terms["decay_time"])
        rate = jnp.exp(-g.terms["decay_power"] * jnp.log1p(steps))
        return dataclasses.replace(g, eta_tilde=rate * g.eta_tilde)
