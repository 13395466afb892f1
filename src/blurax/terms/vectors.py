"""The synapses that lead into a neuron as one vector, in parts: neurons' and the bias unit's."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from blurax.rules import Scalar

SYNAPSE_EPSILON = 1e-9
"""Added to the squared length of a synapse vector."""


def squared_length(*parts: Float[Array, "channels _ j"]) -> Float[Array, "channels 1 j"]:
    """Σ_r w_rj² over all that leads into a neuron: the neurons below, and the bias unit."""
    return sum_into(*(part**2 for part in parts))


def sum_into(*parts: Float[Array, "channels _ j"]) -> Float[Array, "channels 1 j"]:
    """Σ_r over the neurons below, in each of the parts."""
    first, *others = (jnp.sum(part, axis=1, keepdims=True) for part in parts)
    return sum(others, first)


def length(*parts: Float[Array, "channels _ j"]) -> Float[Array, "channels 1 j"]:
    """sqrt(Σ_i' w_i'j²), which makes the synapses into a neuron a unit vector (App. B)."""
    return jnp.sqrt(squared_length(*parts) + SYNAPSE_EPSILON)


def to_length(
    scale: Scalar | None, *parts: Float[Array, "channels _ j"]
) -> list[Float[Array, "channels _ j"]]:
    """|r| w_ij / sqrt(Σ_i' w_i'j²): the synapses into a neuron, brought to the length |r|, or 1."""
    whole = length(*parts) if scale is None else length(*parts) / jnp.abs(scale)
    return [part / whole for part in parts]
