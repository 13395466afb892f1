"""Rates relative to the number of examples in a batch. Not in the paper."""

import dataclasses
from typing import Any

from jaxtyping import Array

from blurax.terms.protocol import Gene, Pair, Term

SIZE = 128
"""The number of examples at which p means nothing: that of the library's own comparisons."""


@dataclasses.dataclass(frozen=True)
class BatchSize(Term):
    """η~ (b / 128)^p, b being the examples of the batch.

    The mean over few examples is noisier, so that its rate has to be lower, and over many the rate
    may be higher: p = 1/2 keeps the noise of a step the same, p = 1 that of a pass over the data
    (Krizhevsky 2014). Where synapses act in several places, these are not counted.
    """

    name = "batch-size"
    choice = "update.batch_size"
    about = "update"
    words = "rates relative to the number of examples in a batch"
    follows = True
    synapse_genes = (
        Gene("batch_size", 0.5, 0.0, label="p (batch size)", latex="p", without="rates: p = 0"),
    )

    @classmethod
    def chosen(cls, rule: Any) -> Term | None:
        """By `Update.batch_size`."""
        return cls() if rule.update.batch_size else None

    def change(self, changes: list[Array], pair: Pair) -> list[Array]:
        """At that rate."""
        examples = pair.a_j.shape[1]
        if examples == SIZE:
            return changes  # to the bit: a factor of 1 can change how products are fused
        rate = (examples / SIZE) ** pair.g.terms["batch_size"]
        return [rate * change for change in changes]
