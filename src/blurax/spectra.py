"""How fast a network learns which frequencies: its tangent kernel, and errors by frequency.

A network from coordinates to a signal learns slow waves first: of the neural tangent kernel (NTK,
Jacot et al., NeurIPS 2018) a few eigenvalues are large, and gradient descent closes the error along
each eigenvector at a rate that is its eigenvalue. Normalisation before the non-linearity makes them
more alike (Cai et al., arXiv 2407.17834).
"""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from blurax.learner import Learner


def tangent_kernel(learner: Learner, state: Any, x: Any) -> Float[Array, "b b"]:
    """The empirical NTK J Jᵀ of some examples, summed over outputs.

    J has the derivatives of `Learner.predict` for these inputs, together, by every real number of
    the state: where examples are normalised by each other, that takes part in it. K_ij is the sum
    over outputs o of <J_io, J_jo>. Memory is that of a few networks, whatever the examples.

    Args:
        state: of the learner.
        x: inputs as `Learner.inputs` gives them, `[b, ...]`.
    """
    moving, fixed = eqx.partition(state, eqx.is_inexact_array)

    def outputs(moving: Any) -> Float[Array, "b outputs"]:
        return learner.predict(eqx.combine(moving, fixed), x)

    said, pull = jax.vjp(outputs, moving)

    def column(place: Int[Array, ""]) -> Float[Array, " b"]:
        one = jnp.zeros(said.size, said.dtype).at[place].set(1).reshape(said.shape)
        pushed = jax.jvp(outputs, (moving,), pull(one))[1]
        return pushed[:, place % said.shape[1]]

    columns = jax.lax.map(column, jnp.arange(said.size), batch_size=4)
    return jnp.sum(columns.reshape(*said.shape, len(said)), axis=1).T


def eigenvalues(kernel: Float[Array, "b b"]) -> Float[Array, " b"]:
    """Those of a symmetric kernel, the largest first; roundings below 0 are 0."""
    found = jnp.linalg.eigvalsh((kernel + kernel.T) / 2)
    return jnp.maximum(found[::-1], 0.0)


def effective_rank(values: Float[Array, " b"]) -> Float[Array, ""]:
    """How many eigenvalues count: exp of the entropy of their shares (Roy and Vetterli, 2007).

    1 where one is all, b where all are alike, 0 where all are 0.
    """
    total = jnp.sum(values)
    share = values / jnp.where(total > 0, total, 1.0)
    entropy = -jnp.sum(share * jnp.log(jnp.where(share > 0, share, 1.0)))
    return jnp.where(total > 0, jnp.exp(entropy), 0.0)


def wave_errors(
    x: Float[Array, " n"], error: Float[Array, "n outputs"], frequencies: Float[Array, " waves"]
) -> Float[Array, " waves"]:
    """The amplitude of an error in each of some known frequencies, rms over outputs.

    Sines and cosines of all these frequencies are fitted to it by least squares, so that it is
    exact wherever they can be told apart; on an even grid it is what a Fourier transform gives.

    Args:
        x: coordinates from -1 to 1.
        error: outputs less targets there.
        frequencies: whole waves from -1 to 1, above 0 each.
    """
    angle = jnp.pi * x[:, None] * frequencies
    waves = jnp.concatenate([jnp.sin(angle), jnp.cos(angle)], axis=1)
    fitted = jnp.linalg.lstsq(waves, error)[0].reshape(2, len(frequencies), -1)
    return jnp.sqrt(jnp.mean(jnp.sum(fitted**2, axis=0), axis=-1))


def band_sizes(image: Float[Array, "side side outputs"]) -> Float[Array, " bands"]:
    """The root mean square of a square image, or of an error over one, in octaves of frequency.

    The first band is the mean, band k = 1, 2, ... has the waves that go up and down from 2^(k-1) to
    below 2^k times across the image, in whatever direction. The squares of all bands add up to the
    mean square (Parseval). Over outputs it is the mean of squares.
    """
    side = len(image)
    across = jnp.abs(jnp.fft.fftfreq(side, 1 / side))
    waves = jnp.sqrt(across[:, None] ** 2 + across**2)
    bands = max(1, math.floor(math.log2(max(1.0, math.sqrt(2) * (side // 2)))) + 2)
    # The frequencies are square roots of whole numbers, so that none lies within a rounding of 2^k.
    edges = jnp.asarray([0.0, *(2.0**k for k in range(bands - 1))]) - 1e-6
    band = jnp.sum(waves[..., None] >= edges, axis=-1) - 1
    power = jnp.mean(jnp.abs(jnp.fft.fft2(image, axes=(0, 1))) ** 2, axis=-1) / side**4
    return jnp.sqrt(jnp.zeros(bands, power.dtype).at[band.ravel()].add(power.ravel()))
