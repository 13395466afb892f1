"""A learned length of normalised synapses, in place of 1 (release)."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from blurax.choices import Symmetry
from blurax.errors import require
from blurax.genes import NeuronGenes
from blurax.terms.protocol import SHORT, Gain, Gene, Sweep, Term, Where


@dataclasses.dataclass(frozen=True)
class Rescaling(Term):
    """A factor of normalised synapses for each direction; stored ones have its size as length."""

    name = "rescale"
    choice = "stabilise.rescale"
    takes_masks = True
    words = "rescaled"  # said of the synapses just mentioned
    used: bool
    """Whether synapses are normalised where the sweeps use them."""
    stored_too: bool
    """Whether they are where they are stored."""
    backward: bool
    """Whether there are backward synapses of a length of their own: transposed ones have none."""

    @classmethod
    def chosen(cls, rule: Any) -> Term | None:
        """By `Stabilise.rescale`."""
        used, stored = rule.stabilise.normalise_synapses, rule.stabilise.normalise_stored
        require(
            used or stored or not rule.stabilise.rescale,
            "Stabilise.rescale is on, but no synapses are normalised: switch on "
            "Stabilise.normalise_synapses or Stabilise.normalise_stored.",
        )
        own = used or rule.symmetry is Symmetry.ASYMMETRIC
        return cls(used, stored, own) if rule.stabilise.rescale else None

    @property
    def neuron_genes(self) -> tuple[Gene, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """One for each direction."""
        up, down = (
            Gene(
                f"{sweep}_rescale",
                start=1.0,
                neutral=1.0,
                label=f"{SHORT[sweep]} |w|",
                latex=rf"|w_{{\{arrow}}}|",
                without=f"{sweep}: |w| = 1",
            )
            for sweep, arrow in zip(Sweep, ("uparrow", "downarrow"), strict=True)
        )
        return (up, down) if self.backward else (up,)

    def gain(self, gain: Gain, g: NeuronGenes, where: Where, into: Sequence[Array]) -> Gain:
        """η with the factor: all that normalised synapses bring has it."""
        if not self.used:
            return gain
        return gain._replace(eta=gain.eta * g.terms[f"{where.sweep}_rescale"])

    def canonical_neuron(
        self, gain: dict[Sweep, Array], genes: dict[str, Array]
    ) -> tuple[dict[Sweep, Array], dict[str, Array]]:
        """A mere factor goes into ν and μ; the length of stored synapses is more, and stays."""
        for sweep in Sweep:
            name = f"{sweep}_rescale"
            if name not in genes:
                continue
            scale, eta = genes[name], gain[sweep]
            if not self.stored_too:
                gain, left = gain | {sweep: eta * scale}, jnp.ones_like(scale)
            else:
                signed = jnp.where(scale < 0, -eta, eta) if self.used else eta
                gain, left = gain | {sweep: signed}, jnp.abs(scale)
            genes = genes | {name: left}
        return gain, genes
