"""A second number for each synapse: momentum, averages, fast weights. Not in the paper."""

import dataclasses
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from blurax.genes import SynapseGenes
from blurax.terms.protocol import Gene, Pair, Term


@dataclasses.dataclass(frozen=True)
class Trace(Term):
    """Each synapse w has a trace m, which begins at 0.

    With Δ, the second term of (7),

        w <- f~ w + Δ + F¹² m
        m <- F²¹ w + F²² m + ω Δ        with the w of the line above and the m before it.

    Sweeps go by w + ρ m, predictions by π¹ w + π² m. So the forget gate is a matrix over the two
    numbers of a synapse, and these are special cases:

    - momentum μ (Polyak, 1964): F¹² = F²² = μ, ω = 1, F²¹ = 0; with ρ = μ it is Nesterov's.
    - predictions by an average of the synapses (Polyak and Juditsky, 1992): F²² = β, F²¹ = 1 - β,
      F¹² = ω = ρ = 0, π = (0, 1). It begins at 0, which normalised synapses do not notice.

    At first nothing but (7) moves w, and an average over about 6 steps predicts; before the first
    step it predicts nothing. Synapses that are not plastic have no use for a trace.
    """

    name = "trace"
    choice = "update.trace"
    about = "update"
    takes_masks = True
    words = "traces of synapses"
    synapse_genes = (
        Gene("trace_to_synapse", 0.0, 0.0, label="F¹² (trace moves synapse)", latex="F^{12}"),
        Gene(
            "trace_of_synapse",
            start=0.15,
            neutral=0.15,  # what nobody reads may follow; at 0 no gradient would lead there
            label="F²¹ (trace follows synapse)",
            latex="F^{21}",
            idle=0.0,
        ),
        Gene("trace_kept", 0.85, 0.85, label="F²² (trace is kept)", latex="F^{22}", idle=1.0),
        Gene("trace_of_change", 0.0, 0.0, label="ω (trace adds up changes)", latex=r"\omega"),
        Gene("trace_in_sweeps", 0.0, 0.0, label="ρ (sweeps read trace)", latex=r"\rho"),
        Gene("predict_synapse", 0.0, 1.0, label="π¹ (predictions read synapse)", latex=r"\pi^1"),
        Gene("predict_trace", 1.0, 0.0, label="π² (predictions read trace)", latex=r"\pi^2"),
    )

    @classmethod
    def chosen(cls, rule: Any) -> Term | None:
        """By `Update.trace`."""
        return cls() if rule.update.trace else None

    def begin(self, into: list[Array]) -> list[Array]:
        """Nothing happened yet."""
        return [jnp.zeros_like(w) for w in into]

    def after(self, new: list[Array], pair: Pair) -> list[Array]:
        """Moved by the traces."""
        moves = pair.g.terms["trace_to_synapse"]
        return [w + moves * m for w, m in zip(new, pair.kept[self.name], strict=True)]

    def remember(self, new: list[Array], pair: Pair) -> list[Array]:
        """The traces that follow."""
        g = pair.g.terms
        parts = zip(new, pair.kept[self.name], pair.changes, strict=True)
        return [
            g["trace_of_synapse"] * w + g["trace_kept"] * m + g["trace_of_change"] * change
            for w, m, change in parts
        ]

    def read(
        self, into: list[Array], kept: list[Array], g: SynapseGenes, predicting: bool
    ) -> list[Array]:
        """Synapse and trace, mixed for each use by numbers of its own."""
        own, trace = 1.0, g.terms["trace_in_sweeps"]
        if predicting:
            own, trace = g.terms["predict_synapse"], g.terms["predict_trace"]
        return [own * w + trace * m for w, m in zip(into, kept, strict=True)]
