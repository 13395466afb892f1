"""How synapses are kept from growing without bound, in four forms (App. B, release)."""

import dataclasses
from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array

from blurax.choices import Saturation
from blurax.errors import require
from blurax.terms.protocol import Gene, Pair, Term
from blurax.terms.vectors import length


@dataclasses.dataclass(frozen=True)
class _SaturationTerm(Term):
    """What the four have in common: one gene, α or s."""

    choice = "stabilise.saturation"
    takes_masks = True
    follows = True

    by_length: ClassVar[bool] = False
    """Whether it goes by the length of the synapses into a neuron."""

    @classmethod
    def chosen(cls, rule: Any) -> Term | None:
        """By `Stabilise.saturation`."""
        if f"saturation-{rule.stabilise.saturation.value}" != cls.name:
            return None
        require(
            not (cls.by_length and rule.stabilise.normalise_stored),
            f"Stabilise.saturation is {rule.stabilise.saturation.value!r}, which goes by the "
            "length of a synapse vector, but Stabilise.normalise_stored fixes that length.",
        )
        return cls()


def _alpha(
    start: float, neutral: float, without: str = "no bound", even: bool = False
) -> tuple[Gene, ...]:
    """α; its neutral value does nothing in single precision too."""
    label, latex = "α (saturation)", r"\alpha"
    return (Gene("saturation", start, neutral, (), even, label, latex, without),)


@dataclasses.dataclass(frozen=True)
class Tanh(_SaturationTerm):
    """A synapse w becomes α tanh(w / α) after each update, and never leaves (-|α|, |α|)."""

    name = f"saturation-{Saturation.TANH}"
    words = "saturation (tanh)"
    fades = False  # every α shortens synapses a little
    follows = False
    synapse_genes = _alpha(1.0, 1e6, even=True)

    def after(self, new: list[Array], pair: Pair) -> list[Array]:
        """Bounded."""
        alpha = pair.g.terms["saturation"]
        return [alpha * jnp.tanh(n / alpha) for n in new]


@dataclasses.dataclass(frozen=True)
class Exponential(_SaturationTerm):
    """The change of w is multiplied by exp(-|s| |w|): a large synapse moves less (release)."""

    name = f"saturation-{Saturation.EXPONENTIAL}"
    words = "saturation (exponential)"
    synapse_genes = (Gene("saturation", 1.0, 0.0, (), True, "s (saturation)", "s", "no bound"),)

    def after(self, new: list[Array], pair: Pair) -> list[Array]:
        """Moved less."""
        s, pairs = pair.g.terms["saturation"], zip(pair.old, new, strict=True)
        return [w + (n - w) * jnp.exp(-jnp.abs(s) * jnp.abs(w)) for w, n in pairs]


@dataclasses.dataclass(frozen=True)
class Length(_SaturationTerm):
    """w min(1, exp(α) / |w_j|): no vector of synapses into a neuron is longer than exp(α)."""

    name = f"saturation-{Saturation.LENGTH}"
    words = "saturation (length)"
    by_length = True
    synapse_genes = _alpha(6.0, 40.0)  # exp(6): 400 times the length at the start, scaled by inputs

    def after(self, new: list[Array], pair: Pair) -> list[Array]:
        """Shortened."""
        longest, found = jnp.exp(pair.g.terms["saturation"]), length(*new)
        return [n * jnp.minimum(1.0, longest / found) for n in new]


@dataclasses.dataclass(frozen=True)
class Slowing(_SaturationTerm):
    """1 + (f~ - 1) |w_j|^-exp(α): f~, but the closer to 1 the longer |w_j| is, above length 1."""

    name = f"saturation-{Saturation.SLOWING}"
    words = "saturation (slowing)"
    by_length = True
    # Length grows as t^exp(-1), and the rate falls as t^-0.37.
    synapse_genes = _alpha(1.0, -37.0, "no slowing")

    def forget(self, f_tilde: Array, pair: Pair) -> Array:
        """Closer to 1."""
        power = -0.5 * jnp.exp(pair.g.terms["saturation"])
        return 1 + (f_tilde - 1) * jnp.maximum(pair.square, 1.0) ** power
