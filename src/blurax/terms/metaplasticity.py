"""Synapses that changed much change less from then on. Not in the paper."""

import dataclasses
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from blurax.terms.protocol import Gene, Pair, Term


@dataclasses.dataclass(frozen=True)
class Metaplasticity(Term):
    """Each synapse has a sum s of squares, which begins at 0 and slows it down.

        Δ' = (1 + exp(κ) s)^-q Δ        with Δ the second term of (7) so far
        s <- s + N Δ'²

    and Δ' takes the place of Δ. N is the number of neurons below, so that s is 1 where a vector of
    length 1 of equal synapses has changed by itself.

    What was learned once is kept where it mattered: by how much a synapse has moved methods against
    forgetting tell how much depends on it (Zenke et al., ICML 2017; Laborieux et al., 2021), here
    without being told that a task is over. With q = 1/2 and large κ it is the step of Adagrad
    (Duchi et al., 2011), but for the square of Δ' in the place of that of Δ.
    """

    name = "metaplasticity"
    choice = "update.metaplastic"
    about = "update"
    takes_masks = True
    words = "synapses that slow down by what they changed"
    follows = True
    synapse_genes = (
        Gene("metaplastic_scale", 0.0, 0.0, label="κ (metaplasticity)", latex=r"\kappa"),
        Gene(
            "metaplastic_power",
            start=0.3,
            neutral=0.0,
            label="q (metaplasticity)",
            latex="q_s",
            without="metaplasticity: q = 0",
        ),
    )

    @classmethod
    def chosen(cls, rule: Any) -> Term | None:
        """By `Update.metaplastic`."""
        return cls() if rule.update.metaplastic else None

    def begin(self, into: list[Array]) -> list[Array]:
        """Nothing changed yet."""
        return [jnp.zeros_like(w) for w in into]

    def change(self, changes: list[Array], pair: Pair) -> list[Array]:
        """Smaller where synapses changed before."""
        g, many = pair.g.terms, jnp.exp(pair.g.terms["metaplastic_scale"])
        parts = zip(changes, pair.kept[self.name], strict=True)
        return [c * jnp.exp(-g["metaplastic_power"] * jnp.log1p(many * s)) for c, s in parts]

    def remember(self, new: list[Array], pair: Pair) -> list[Array]:
        """With the squares of this step."""
        below = pair.old[0].shape[1]
        parts = zip(pair.kept[self.name], pair.changes, strict=True)
        return [s + below * change**2 for s, change in parts]
