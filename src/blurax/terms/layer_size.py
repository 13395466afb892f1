"""Rates relative to the number of neurons that synapses lead to. Not in the paper."""

import dataclasses
from typing import Any

from jaxtyping import Array

from blurax.terms.protocol import Gene, Pair, Term

SIZE = 64
"""The number of neurons at which p means nothing, so that η~ and p can be learned side by side."""


@dataclasses.dataclass(frozen=True)
class LayerSize(Term):
    """η~ (64 / n)^p, n being the neurons that the synapses lead to; in convolutions the channels.

    `InputSize` knows what comes in, and not how many share the task of answering it: with the two,
    a rate can depend on the shape of a layer, so that a narrow layer below many inputs is told from
    a narrow one among narrow ones.
    """

    name = "layer-size"
    choice = "update.layer_size"
    about = "update"
    words = "rates relative to the number of neurons that synapses lead to"
    follows = True
    synapse_genes = (
        Gene("layer_size", 0.25, 0.0, label="p (layer size)", latex="p", without="rates: p = 0"),
    )

    @classmethod
    def chosen(cls, rule: Any) -> Term | None:
        """By `Update.layer_size`."""
        return cls() if rule.update.layer_size else None

    def change(self, changes: list[Array], pair: Pair) -> list[Array]:
        """At that rate."""
        rate = (SIZE / pair.old[0].shape[2]) ** pair.g.terms["layer_size"]
        return [rate * change for change in changes]
