"""Errors that pass a neuron on their way down, whatever its derivative. Not in the paper."""

import dataclasses
from typing import Any

from jaxtyping import Array, Float

from blurax.choices import Backward
from blurax.errors import require
from blurax.genes import NeuronGenes
from blurax.terms.protocol import Gene, Term


@dataclasses.dataclass(frozen=True)
class PassThrough(Term):
    """An error goes on to the layer below by (1 - ℓ) φ' + ℓ, where the neuron's own is φ'.

    So two errors leave (6): the neuron's own, which its synapses change by in (7), is exact; what
    the layers below hear is that of a unit with a more even slope, of a linear one with ℓ = 1, as a
    straight-through estimator has it (Bengio et al., arXiv 1308.3432). Both are normalised by
    themselves, with the same scale and shift. Edges with a delay carry the neuron's own.

    It acts where layers lie above each other: with one hidden layer no error goes on.
    """

    name = "pass-through"
    choice = "sigma.pass_through"
    about = "σ"
    takes_masks = True
    words = "errors passing through to lower layers"
    neuron_genes = (
        Gene(
            "pass_through",
            start=0.5,
            neutral=0.0,
            label="ℓ (errors pass through)",
            latex=r"\ell",
            without="errors pass by φ' alone: ℓ = 0",
        ),
    )

    @classmethod
    def chosen(cls, rule: Any) -> Term | None:
        """By `Sigma.pass_through`."""
        if not rule.sigma.pass_through:
            return None
        require(
            rule.sigma.derivative and rule.backward is not Backward.ADDITIVE,
            "Sigma.pass_through is on, but no φ' multiplies an error on its way: switch on "
            "Sigma.derivative and take a multiplicative Rule.backward.",
        )
        return cls()

    def passed(self, a: Float[Array, "k b *n"], g: NeuronGenes) -> Float[Array, "k b *n"]:
        """φ' of state 2 drawn towards 1."""
        return a.at[1].add(g.terms["pass_through"] * (1 - a[1]))
