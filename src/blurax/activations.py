"""σ: the non-linearities φ, and their derivatives for the states that carry a gradient."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from blurax.spec import Activation

NARROW = 32
"""Neurons of a group up to which σ goes over examples that are next to each other in memory."""


def phi(z: Float[Array, "..."], activation: Activation) -> Float[Array, "..."]:
    """φ(z)."""
    match activation:
        case Activation.TANH:
            return jnp.tanh(z)
        case Activation.RELU:
            return jax.nn.relu(z)
        case Activation.SIGMOID:
            return jax.nn.sigmoid(z)
        case Activation.LINEAR:
            return z
        case Activation.RELU_TANH:
            return jax.nn.relu(jnp.tanh(z))
        case Activation.SINE:
            return jnp.sin(z)
        case Activation.FOLDED_RELU:
            return jnp.where(z > 0, z, -z / 2)  # at 0 with the slope that `phi_prime` says


def phi_prime(z: Float[Array, "..."], activation: Activation) -> Float[Array, "..."]:
    """φ'(z); at the kink of a relu the derivative from the left."""
    match activation:
        case Activation.TANH:
            return 1 - jnp.tanh(z) ** 2
        case Activation.RELU:
            return (z > 0).astype(z.dtype)
        case Activation.SIGMOID:
            s = jax.nn.sigmoid(z)
            return s * (1 - s)
        case Activation.LINEAR:
            return jnp.ones_like(z)
        case Activation.RELU_TANH:
            return jnp.where(z > 0, 1 - jnp.tanh(z) ** 2, jnp.zeros_like(z))
        case Activation.SINE:
            return jnp.cos(z)
        case Activation.FOLDED_RELU:
            return jnp.where(z > 0, 1.0, -0.5).astype(z.dtype)


def activate(
    z: Float[Array, "k b *n"], activation: Activation, derivative: bool = False
) -> Float[Array, "k b *n"]:
    """σ: φ on every state, but φ' on state 2 where `derivative` is set (sec. 3.1)."""
    if not derivative:
        return _over_examples(z, activation) if z.ndim == 3 else phi(z, activation)
    a = phi(z, activation)
    second = (jnp.arange(len(z)) == 1).reshape(-1, *[1] * (z.ndim - 1))
    return jnp.where(second, phi_prime(z, activation), a)


def _over_examples(z: Float[Array, "k b n"], activation: Activation) -> Float[Array, "k b n"]:
    """φ(z), for few neurons in the layout of `products.at_once`."""
    if z.shape[2] > NARROW:
        return phi(z, activation)
    return jnp.swapaxes(phi(jnp.swapaxes(z, 1, 2), activation), 1, 2)
