"""Terms that are no part of blurax, to be driven through all of it."""

import dataclasses

import jax.numpy as jnp

from blurax.terms import Gene, Term


@dataclasses.dataclass(frozen=True)
class Decay(Term):
    """In each step synapses lose a learned share of what they were."""

    name = "decay"
    synapse_genes = (Gene("decay", start=1e-3, neutral=0.0, scale=1e-3, even=True),)  # no sign
    spare_bias: bool = True

    def after(self, new, pair):
        """Take it away, after (7)."""
        share = jnp.abs(pair.g.terms["decay"])
        shorter = [n - share * w for n, w in zip(new, pair.old, strict=True)]
        return shorter[:1] + new[1:] if self.spare_bias else shorter


@dataclasses.dataclass(frozen=True)
class Mixing(Term):
    """The channels of what (7) adds mix by a learned matrix, c from d."""

    name = "mixing"
    synapse_genes = (Gene("mixing", start=1.0, axes=("channel", "channel")),)

    def change(self, changes, pair):
        """Σ_d F^cd of the changes in channel d."""
        return [jnp.einsum("cd,dij->cij", pair.g.terms["mixing"], c) for c in changes]
