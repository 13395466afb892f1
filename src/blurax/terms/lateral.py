"""Neurons of a layer that say the same inhibit each other. Not in the paper."""

import dataclasses
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from blurax.errors import require
from blurax.genes import NeuronGenes
from blurax.terms.protocol import Gene, Term

GAMMA = 10.0
"""γ of exp(-γ (a_n - a_m)²): neurons act on each other that are closer than about a third."""


@dataclasses.dataclass(frozen=True)
class LateralInhibition(Term):
    """In the backward sweep state 2 of a neuron also gets what pushes it away from its neighbours.

    That is s ∂P/∂φ_n, where φ is state 1 of the N neurons of its layer and

        P = Σ_n Σ_{m≠n} exp(-γ (φ_n - φ_m)²) / (N - 1)
        ∂P/∂φ_n = -4 γ / (N - 1) Σ_m (φ_n - φ_m) exp(-γ (φ_n - φ_m)²):

    each neuron needs to know only what the others say in the same example. It is added to what
    arrives by synapses, before (6) combines that with the neuron's states.

    Under back-propagation's genome state 2 then is the gradient of the loss plus s times the direct
    form of WLD-Reg (Laakom et al., AAAI 2023), summed over the examples and divided by N - 1, so
    that a neuron is inhibited by the mean over the others at any width. With s above 0 neurons
    drift apart. Of maps, features at the same position act on each other.
    """

    name = "lateral-inhibition"
    choice = "lateral"
    about = "update"
    takes_masks = True
    words = "alike neurons of a layer inhibiting each other"
    neuron_genes = (
        Gene(
            "lateral",
            start=0.0,
            neutral=0.0,
            label="s (lateral inhibition)",
            latex="s",
            without="lateral inhibition: s = 0",
        ),
    )

    @classmethod
    def chosen(cls, rule: Any) -> Term | None:
        """By `Rule.lateral`."""
        require(
            not rule.lateral or rule.states > 1,
            "Rule.lateral is on, but Rule.states is 1: inhibition goes into state 2.",
        )
        return cls() if rule.lateral else None

    def lateral(
        self, given: Float[Array, "k b *n"], a: Float[Array, "k b *n"], g: NeuronGenes
    ) -> Float[Array, "k b *n"]:
        """Added to what other terms say."""
        return given.at[1].add(g.terms["lateral"] * inhibition(a[0]))


def inhibition(phi: Float[Array, "b ..."], gamma: float = GAMMA) -> Float[Array, "b ..."]:
    """∂P/∂φ of `LateralInhibition`."""
    apart = phi[..., :, None] - phi[..., None, :]
    near = jnp.exp(-gamma * apart**2)
    return -4 * gamma / max(phi.shape[-1] - 1, 1) * jnp.sum(apart * near, axis=-1)
