"""Over what a mean and a variance are taken: the batch, a layer, both at once, or a cross of both.

Cai et al., "Batch normalization alleviates the spectral bias in coordinate networks", arXiv
2407.17834, compare these four before the non-linearity of coordinate networks. Rows are examples,
columns neurons; a position of a map counts as an example, a feature of it as a neuron. States stay
apart.
"""

import abc
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from blurax.choices import Over
from blurax.products import scaled

ACTIVATION_EPSILON = 1e-5
"""Added to a variance."""

Moments = tuple[Float[Array, "_ 1 *_"], Float[Array, "_ 1 *_"]]
"""The mean and variance of each state of each neuron over a batch, `[k, 1, n]`.

Of maps `[k, b, height, width, n]` those of each feature, over the positions too."""


class Statistics(abc.ABC):
    """What is measured of a batch, and how inputs are normalised by it."""

    over: ClassVar[Over]
    mixes: ClassVar[bool] = True
    """Whether the examples of a batch act on each other."""

    @abc.abstractmethod
    def measure(self, z: Float[Array, "k b *n"], weights: Float[Array, " b"] | None = None) -> Any:
        """What of a batch other examples are normalised by; None: nothing.

        Args:
            weights: how much each example counts, with sum 1; the same each if None.
        """

    @abc.abstractmethod
    def standardised(
        self, z: Float[Array, "k b *n"], known: Any, scale: Float[Array, "..."]
    ) -> Float[Array, "k b *n"]:
        """Mean 0, and the scale as standard deviation, by what was measured."""


class OverBatch(Statistics):
    """Of each neuron, over the examples (Ioffe and Szegedy, ICML 2015)."""

    over = Over.BATCH

    def measure(
        self, z: Float[Array, "k b *n"], weights: Float[Array, " b"] | None = None
    ) -> Moments:
        """Mean and variance, `[k, 1, n]`."""
        return moments(z, weights)

    def standardised(
        self, z: Float[Array, "k b *n"], known: Moments, scale: Float[Array, "..."]
    ) -> Float[Array, "k b *n"]:
        """By that mean and variance."""
        return standardised(z, known, scale)


class OverLayer(Statistics):
    """Of each example, over the neurons (Ba et al., arXiv 1607.06450): nothing of a batch."""

    over = Over.LAYER
    mixes = False

    def measure(self, z: Float[Array, "k b *n"], weights: Float[Array, " b"] | None = None) -> None:
        """Nothing: each example has its own mean and variance."""
        return

    def standardised(
        self, z: Float[Array, "k b *n"], known: None, scale: Float[Array, "..."]
    ) -> Float[Array, "k b *n"]:
        """By the mean and variance of each row."""
        mean = jnp.mean(z, axis=-1, keepdims=True)
        variance = jnp.mean((z - mean) ** 2, axis=-1, keepdims=True)
        return standardised(z, (mean, variance), scale)


class OverAll(Statistics):
    """One mean and variance of all neurons in all examples."""

    over = Over.GLOBAL

    def measure(
        self, z: Float[Array, "k b *n"], weights: Float[Array, " b"] | None = None
    ) -> Moments:
        """Mean and variance, `[k, 1, 1]`."""
        axes = tuple(range(1, z.ndim))
        mean = _average(z, axes, weights)
        return mean, _average((z - mean) ** 2, axes, weights)

    def standardised(
        self, z: Float[Array, "k b *n"], known: Moments, scale: Float[Array, "..."]
    ) -> Float[Array, "k b *n"]:
        """By that mean and variance."""
        return standardised(z, known, scale)


class Columns(NamedTuple):
    """Of a batch what the crosses of other examples take from it."""

    mean: Float[Array, "k 1 *_"]
    """Of each neuron, `[k, 1, n]`."""
    variance: Float[Array, "k 1 *_"]
    """The unbiased one."""
    examples: Float[Array, ""]
    """How many examples there are; of weighted ones 1 / Σ weights²; of maps positions."""


class OverCross(Statistics):
    """Of each number z_bf, over the neurons of its example and the examples of its neuron.

    With B examples of F neurons (z_bf - u_bf) / sqrt(Var_b(z)_f + Var_f(z)_b + ε), where u_bf =
    (Σ_f' z_bf' + Σ_b' z_b'f - z_bf) / (B + F) and the variances are unbiased; that of a single
    number is 0. An example that is not of the batch takes the place of none in it: the column is
    the batch's, the row its own.
    """

    over = Over.CROSS

    def measure(
        self, z: Float[Array, "k b *n"], weights: Float[Array, " b"] | None = None
    ) -> Columns:
        """The columns."""
        mean, variance = moments(z, weights)
        examples = float(len(z[0])) if weights is None else 1 / jnp.sum(weights**2)
        count = jnp.asarray(examples * (z[0, 0].size // z.shape[-1]), z.dtype)
        return Columns(mean, variance * count / jnp.maximum(count - 1, 1), count)

    def standardised(
        self, z: Float[Array, "k b *n"], known: Columns, scale: Float[Array, "..."]
    ) -> Float[Array, "k b *n"]:
        """By the crosses of those columns and each example's own row."""
        neurons, mine = z.shape[-1], jnp.mean(z, axis=-1, keepdims=True)
        row = jnp.sum((z - mine) ** 2, axis=-1, keepdims=True) / max(neurons - 1, 1)
        both = neurons * mine + known.examples * known.mean
        middle = (both - z) / (known.examples + neurons)
        return standardised(z, (middle, known.variance + row), scale)


STATISTICS: dict[Over, Statistics] = {
    each.over: each for each in (OverBatch(), OverLayer(), OverAll(), OverCross())
}
"""All of them by name."""


def moments(z: Float[Array, "k b *n"], weights: Float[Array, " b"] | None = None) -> Moments:
    """The mean and variance over the batch.

    Args:
        weights: how much each example counts, with sum 1; the same each if None.
    """
    axes = tuple(range(1, max(z.ndim - 1, 2)))  # positions too: a feature is the same everywhere
    mean = _average(z, axes, weights)
    return mean, _average((z - mean) ** 2, axes, weights)


def _average(
    v: Float[Array, "k b *n"], axes: tuple[int, ...], weights: Float[Array, " b"] | None
) -> Float[Array, "k 1 *_"]:
    """The mean over some axes, the examples' among them; they stay, of length 1."""
    if weights is not None:
        v = jnp.einsum("b,kb...->k...", weights, v)[:, None]
    return jnp.mean(v, axis=axes, keepdims=True)


def standardised(
    z: Float[Array, "k b *n"], known: tuple[Array, Array], scale: Float[Array, "..."]
) -> Float[Array, "k b *n"]:
    """Mean 0, and the scale as standard deviation, if z has this mean and variance.

    All factors of a neuron are one before they meet its activations: with each by itself a gradient
    would go over all activations once more for each, and XLA's fusion of that is slow (150 µs for
    5 of [128, 256] on a CPU).
    """
    mean, variance = known
    return scaled(z - mean, scale * jax.lax.rsqrt(variance + ACTIVATION_EPSILON))
