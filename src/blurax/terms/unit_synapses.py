"""Synapse vectors of length 1: where the sweeps use them (App. B), or where they are stored."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from jaxtyping import Array

from blurax.errors import require
from blurax.genes import NeuronGenes
from blurax.terms.protocol import Gain, Gene, Sweep, Term, Where
from blurax.terms.vectors import length, to_length


def _has_direction(rule: Any, choice: str) -> bool:
    """Whether a choice is on; refused where initial synapses are 0."""
    chosen = getattr(rule.stabilise, choice)
    require(
        rule.init.std > 0 or not chosen,
        f"Init.std is 0 and Stabilise.{choice} is on: "
        "a synapse vector of length 0 has no direction to normalise.",
    )
    return chosen


@dataclasses.dataclass(frozen=True)
class NormalisedSynapses(Term):
    """Use w_ij / sqrt(Σ_i' w_i'j²) in both sweeps; the stored values are untouched.

    Normalised synapses are never formed: what they bring is divided.
    """

    name = "normalise-synapses"
    choice = "stabilise.normalise_synapses"
    takes_masks = True
    words = "normalised synapses"
    fades = False

    @classmethod
    def chosen(cls, rule: Any) -> Term | None:
        """By `Stabilise.normalise_synapses`."""
        return cls() if _has_direction(rule, "normalise_synapses") else None

    def gain(self, gain: Gain, g: NeuronGenes, where: Where, into: Sequence[Array]) -> Gain:
        """Divided by the length."""
        return gain._replace(length=length(*into))


@dataclasses.dataclass(frozen=True)
class LengthPower(Term):
    """Use w_ij / |w_j|^λ in the place of w_ij / |w_j|, with |w_j|² = Σ_i' w_i'j². Not in the paper.

    With λ = 1 outputs that are not normalised keep their scale for ever. Below, they become surer
    as their synapses grow, and with λ = 0 synapses are used as they are.
    """

    name = "length-power"
    choice = "stabilise.normalise_power"
    takes_masks = True
    words = "by a power of their length"  # said of the synapses just mentioned
    neuron_genes = (
        Gene(
            "length_power",
            start=0.5,
            neutral=1.0,
            label="λ (power of length)",
            latex=r"\lambda",
            without="divided by the whole length: λ = 1",
        ),
    )

    @classmethod
    def chosen(cls, rule: Any) -> Term | None:
        """By `Stabilise.normalise_power`."""
        stable = rule.stabilise
        require(
            stable.normalise_synapses or not stable.normalise_power,
            "Stabilise.normalise_power is on, but synapses are not divided by their length: switch "
            "on Stabilise.normalise_synapses.",
        )
        return cls() if stable.normalise_power else None

    def gain(self, gain: Gain, g: NeuronGenes, where: Where, into: Sequence[Array]) -> Gain:
        """Divided by a power of the length."""
        if gain.length is None:
            return gain
        return gain._replace(length=gain.length ** g.terms["length_power"])


@dataclasses.dataclass(frozen=True)
class NormalisedStored(Term):
    """Before each step divide the stored synapses into a neuron by their length (release).

    Where there is a gene of `rescale.Rescaling` they are brought to that length.
    """

    name = "normalise-stored"
    choice = "stabilise.normalise_stored"
    takes_masks = True
    words = "normalised stored synapses"
    fades = False

    @classmethod
    def chosen(cls, rule: Any) -> Term | None:
        """By `Stabilise.normalise_stored`."""
        if not _has_direction(rule, "normalise_stored"):
            return None
        require(
            not rule.init.learned,
            "Init.learned is on, but Stabilise.normalise_stored fixes the length of every synapse "
            "vector: the standard deviation would mean nothing.",
        )
        return cls()

    def stored(self, into: list[Array], g: NeuronGenes, sweep: Sweep) -> list[Array]:
        """Of length 1, or of the gene's."""
        return to_length(g.terms.get(f"{sweep}_rescale"), *into)
