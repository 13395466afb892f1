"""Synapse vectors of length 1: where the sweeps use them (App. B), or where they are stored."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from jaxtyping import Array

from blurax.errors import require
from blurax.genes import NeuronGenes
from blurax.terms.protocol import Gain, Sweep, Term, Where
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
