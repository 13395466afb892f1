"""An average of the synapses over recent steps, which predicts more steadily than the newest."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def kept(n: Any, most: float) -> Any:
    """What the average so far counts after step n, counted from 1: min(most, (n - 1) / (n + 2)).

    Args:
        n: an array of NumPy, or of JAX within a compiled program.
        most: what it counts at most.
    """
    return (jnp if isinstance(n, jax.Array) else np).minimum(most, (n - 1) / (n + 2))
