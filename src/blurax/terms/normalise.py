"""Normalisation of the argument of σ (sec. 3.4): over the batch, or as `statistics.py` offers."""

import dataclasses
from typing import Any, ClassVar

from jaxtyping import Array, Float

from blurax.choices import Normalise, Over
from blurax.errors import require
from blurax.genes import NeuronGenes
from blurax.terms.protocol import SHORT, Gene, Sweep, Term, Where
from blurax.terms.statistics import STATISTICS, Moments


@dataclasses.dataclass(frozen=True)
class Normalisation(Term):
    """Mean 0 and variance 1, then a scale and a shift for each state; subclasses say over what."""

    choice = "stabilise.normalise"
    fades = False
    over: ClassVar[Over]
    noun: ClassVar[str] = "normalisation"
    sweeps: tuple[Sweep, ...]
    last: bool
    """Whether the last layer is normalised too."""

    @classmethod
    def chosen(cls, rule: Any) -> Term | None:
        """By `Stabilise.normalise`, `normalise_over` and `normalise_last`."""
        chosen = rule.stabilise
        if chosen.normalise_over is not cls.over:
            return None
        both = chosen.normalise is Normalise.BOTH
        sweeps = tuple(s for s in Sweep if both or s.value == chosen.normalise.value)
        require(
            bool(sweeps) or cls.over is Over.BATCH,
            f"Stabilise.normalise_over is {cls.over.value!r}, but nothing is normalised: "
            f"Stabilise.normalise is {chosen.normalise.value!r}.",
        )
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
        return f"{self.noun} of {which}{'' if self.last else ' but for the last layer'}"

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
    ) -> Any:
        """Means and variances, unless each example has its own."""
        return STATISTICS[self.over].measure(z, weights) if self._acts(where) else None

    def argument(
        self, z: Float[Array, "k b *n"], g: NeuronGenes, where: Where, measured: Any
    ) -> Float[Array, "k b *n"]:
        """Normalised, by what was measured."""
        if not self._acts(where):
            return z
        states = (-1, *[1] * (z.ndim - 1))
        scale, shift = (
            g.terms[f"{where.sweep}_{name}"].reshape(states) for name in ("scale", "shift")
        )
        return STATISTICS[self.over].standardised(z, measured, scale) + shift

    def _acts(self, where: Where) -> bool:
        return where.sweep in self.sweeps and (self.last or not where.last)


@dataclasses.dataclass(frozen=True)
class BatchNormalisation(Normalisation):
    """Over the batch, for each neuron."""

    name = "normalisation"
    over = Over.BATCH

    def moved(self, measured: Moments, gain: Array, offset: Array | float) -> Moments:
        """A mean moves along; of maps the offset is that of a feature, everywhere the same."""
        mean, variance = measured
        return gain * mean + offset, gain**2 * variance


@dataclasses.dataclass(frozen=True)
class LayerNormalisation(Normalisation):
    """Over the neurons of a layer, for each example: the rule says the same beside any others."""

    name = "layer-normalisation"
    noun = "layer normalisation"
    over = Over.LAYER
    takes_masks = True


@dataclasses.dataclass(frozen=True)
class GlobalNormalisation(Normalisation):
    """Over all neurons of a layer and all examples at once."""

    name = "global-normalisation"
    noun = "global normalisation"
    over = Over.GLOBAL


@dataclasses.dataclass(frozen=True)
class CrossNormalisation(Normalisation):
    """Over the neurons of its example and the examples of its neuron, for each number."""

    name = "cross-normalisation"
    noun = "cross normalisation"
    over = Over.CROSS
