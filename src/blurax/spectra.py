"""How fast a network learns which frequencies: its tangent kernel, and errors by frequency.

A network from coordinates to a signal learns slow waves first: of the neural tangent kernel (NTK,
Jacot et al., NeurIPS 2018) a few eigenvalues are large, and gradient descent closes the error along
each eigenvector at a rate that is its eigenvalue. Normalisation before the non-linearity makes them
more alike (Cai et al., arXiv 2407.17834).
"""

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
