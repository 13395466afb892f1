"""The inhibitory term (8) of the synapse update in its three forms (App. B, release)."""

import dataclasses
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from blurax import rules
from blurax.choices import Oja
from blurax.terms.protocol import Gene, Pair, Term
from blurax.terms.vectors import sum_into


@dataclasses.dataclass(frozen=True)
class _OjaTerm(Term):
    """What the three have in common."""

    choice = "stabilise.oja"

    @classmethod
    def chosen(cls, rule: Any) -> Term | None:
        """By `Stabilise.oja`."""
        return cls() if f"oja-{rule.stabilise.oja.value}" == cls.name else None


def _multiplier(start: float, scale: float = 1.0) -> tuple[Gene, ...]:
    """The multiplier m; of a negative one, with which synapses would explode, the size counts."""
    without = "Oja: m = 0"
    return (Gene("oja", start, 0.0, (), True, "m (Oja)", "m", without, scale),)


@dataclasses.dataclass(frozen=True)
class OjaMultiplier(_OjaTerm):
    """-|m| w_ij^c Σ_r (w_rj^c)²: the first term of (8) with a learned multiplier m (App. B)."""

    name = f"oja-{Oja.MULTIPLIER}"
    takes_masks = True
    words = "Oja's term (multiplier)"
    synapse_genes = _multiplier(1e-3, 1e-3)

    def after(self, new: list[Array], pair: Pair) -> list[Array]:
        """Added to (7)."""
        m, pairs = pair.g.terms["oja"], zip(new, pair.old, strict=True)
        return [n + -jnp.abs(m) * w * pair.square for n, w in pairs]


@dataclasses.dataclass(frozen=True)
class OjaActivation(_OjaTerm):
    """-|m| w_ij^c Σ_b |η~| (Σ_d μ~^{cd} a_j^d)²: Oja's own term (release, its default).

    In place of the length of the synapses, as in (8), the activity of the neuron that they lead to,
    as (7) reads it, with a learned multiplier m.
    """

    name = f"oja-{Oja.ACTIVATION}"
    words = "Oja's term (activation)"
    follows = True
    synapse_genes = _multiplier(1.0)  # gated by η~, as in the release
    shares_length = True  # one m for all channels

    def after(self, new: list[Array], pair: Pair) -> list[Array]:
        """Added to (7)."""
        g, pairs = pair.g, zip(new, pair.old, strict=True)
        activity = rules.activity(pair.a_j, g.mu_tilde, g.eta_tilde, pair.batch, pair.link)
        return [n + -jnp.abs(g.terms["oja"]) * w * activity for n, w in pairs]

    def canonical_synapse(
        self, genes: dict[str, Array], eta_tilde: Array, moved: Array
    ) -> dict[str, Array]:
        """What went into μ~ is made up for by m: |η~| m μ~² = m' μ~'²."""
        size = jnp.abs(eta_tilde) * moved[..., 0] ** 2
        return genes | {"oja": genes["oja"] / jnp.where(size > 0, size, 1.0)}


@dataclasses.dataclass(frozen=True)
class OjaFull(_OjaTerm):
    """(8): -(f~ - 1) w_ij^c Σ_r (w_rj^c)² - w_ij^c Σ_r w_rj^c η~ h_rj^c, with the gates of (7).

    h_rj^c = Σ_{e,d} a_r^e ν~^{ec} μ~^{cd} a_j^d is `rules.hebbian` of this update.
    """

    name = f"oja-{Oja.FULL}"
    takes_masks = True
    words = "Oja's term (full)"
    fades = False
    follows = True

    def after(self, new: list[Array], pair: Pair) -> list[Array]:
        """Added to (7)."""
        along = sum_into(*(w * c for w, c in zip(pair.old, pair.changes, strict=True)))
        both = (pair.f_tilde - 1) * pair.square + along
        return [n + -w * both for n, w in zip(new, pair.old, strict=True)]
