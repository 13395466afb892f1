"""Normalisation of the argument of σ over the batch (sec. 3.4)."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from blurax.choices import Normalise
from blurax.errors import require
from blurax.genes import NeuronGenes
from blurax.products import scaled
from blurax.terms.protocol import SHORT, Gene, Sweep, Term, Where

ACTIVATION_EPSILON = 1e-5
"""Added to the variance over the batch."""

Moments = tuple[Float[Array, "_ 1 *_"], Float[Array, "_ 1 *_"]]
"""The mean and variance of each state of each neuron over a batch, `[k, 1, n]`.

Of maps `[k, b, height, width, n]` those of each feature, over the positions too."""


@dataclasses.dataclass(frozen=True)
class BatchNormalisation(Term):
    """Mean 0 and variance 1 over the batch, then a scale and a shift for each state."""

    name = "normalisation"
    choice = "stabilise.normalise"
    fades = False
    sweeps: tuple[Sweep, ...]
    last: bool
    """Whether the last layer is normalised too."""

    @classmethod
    def chosen(cls, rule: Any) -> Term | None:
        """By `Stabilise.normalise` and `normalise_last`."""
        chosen = rule.stabilise
        both = chosen.normalise is Normalise.BOTH
        sweeps = tuple(s for s in Sweep if both or s.value == chosen.normalise.value)
        require(
            chosen.normalise_last or Sweep.FORWARD in sweeps,
            "Stabilise.normalise_last is off, but no layer is normalised in the forward sweep: "
            f"Stabilise.normalise is {chosen.normalise.value!r}.",
        )
        return cls(sweeps, chosen.normalise_last) if sweeps else None

    @property
    def words(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Which sweeps."""
        which = "both sweeps" if len(self.sweeps) == 2 else f"the {self.sweeps[0]} sweep"
        return f"normalisation of {which}{'' if self.last else ' but for the last layer'}"

    @property
    def neuron_genes(self) -> tuple[Gene, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """A scale and a shift for each sweep: a genome knows no neuron apart from another."""
        return tuple(
            Gene(
                f"{sweep}_{name}",
                value,
                value,
                ("state",),
                label=f"{SHORT[sweep]} {sign}",
                without=f"{sweep}: {sign} = {value:g}",
            )
            for sweep in self.sweeps
            for name, sign, value in (("scale", "×", 1.0), ("shift", "+", 0.0))
        )

    def measure(
        self, z: Float[Array, "k b *n"], where: Where, weights: Float[Array, " b"] | None
    ) -> Moments | None:
        """Mean and variance."""
        return moments(z, weights) if self._acts(where) else None

    def moved(self, measured: Moments, gain: Array, offset: Array | float) -> Moments:
        """A mean moves along; of maps the offset is that of a feature, everywhere the same."""
        mean, variance = measured
        return gain * mean + offset, gain**2 * variance

    def argument(
        self, z: Float[Array, "k b *n"], g: NeuronGenes, where: Where, measured: Moments | None
    ) -> Float[Array, "k b *n"]:
        """Normalised, by the moments measured."""
        if not self._acts(where):
            return z
        scale, shift = (g.terms[f"{where.sweep}_{name}"] for name in ("scale", "shift"))
        return normalise_activations(z, scale, shift, measured)

    def _acts(self, where: Where) -> bool:
        return where.sweep in self.sweeps and (self.last or not where.last)


def moments(z: Float[Array, "k b *n"], weights: Float[Array, " b"] | None = None) -> Moments:
    """The mean and variance over the batch.

    Args:
        weights: how much each example counts, with sum 1; the same each if None.
    """
    axes = tuple(range(1, max(z.ndim - 1, 2)))  # positions too: a feature is the same everywhere
    if weights is None:
        mean = jnp.mean(z, axis=axes, keepdims=True)
        return mean, jnp.mean((z - mean) ** 2, axis=axes, keepdims=True)

    def average(v: Array) -> Array:
        return jnp.mean(jnp.einsum("b,kb...->k...", weights, v)[:, None], axis=axes, keepdims=True)

    mean = average(z)
    return mean, average((z - mean) ** 2)


def normalise_activations(
    z: Float[Array, "k b *n"],
    scale: Float[Array, " k"],
    shift: Float[Array, " k"],
    known: Moments | None = None,
) -> Float[Array, "k b *n"]:
    """Each state of each neuron to mean 0, variance 1 over the batch, then scale and shift.

    Args:
        known: mean and variance to use in place of the batch's own.
    """
    states = (-1, *[1] * (z.ndim - 1))
    return standardised(z, moments(z) if known is None else known, scale.reshape(states)) + (
        shift.reshape(states)
    )


def standardised(
    z: Float[Array, "k b *n"], known: Moments, scale: Float[Array, "..."]
) -> Float[Array, "k b *n"]:
    """Mean 0, and the scale as standard deviation, if z has this mean and variance.

    All factors of a neuron are one before they meet its activations: with each by itself a gradient
    would go over all activations once more for each, and XLA's fusion of that is slow (150 µs for
    5 of [128, 256] on a CPU).
    """
    mean, variance = known
    return scaled(z - mean, scale * jax.lax.rsqrt(variance + ACTIVATION_EPSILON))
