"""An average of the synapses over recent steps, which predicts more steadily than the newest."""

from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from blurax.network import Synapses

Number = TypeVar("Number", np.ndarray, jax.Array)


def kept(n: Number, most: float) -> Number:
    """What the average so far counts after step n, counted from 1: min(most, (n - 1) / (n + 2))."""
    return (jnp if isinstance(n, jax.Array) else np).minimum(most, (n - 1) / (n + 2))


def averaging(first: int, end: int, most: float) -> tuple[np.ndarray, float]:
    """How an average goes on over the steps `first` to `end`, counted from 0.

    After each step the average so far counts `kept` and the newest synapses the rest: at first over
    a growing share of all steps, later over the last few.

    Returns:
        What the synapses after each of these steps count in the average after the last of them,
        `[end - first]`, and what the average before them counts.
    """
    old = kept(np.arange(first, end) + 1, most)
    later = np.cumprod(np.append(1.0, old[:0:-1]))[::-1]  # what the steps after it leave of each
    return (1 - old) * later, float(np.prod(old))


def followed(
    average: tuple[Synapses, ...],
    passed: tuple[Synapses, ...],
    first: int,
    end: int,
    most: float,
) -> tuple[Synapses, ...]:
    """The average after the steps `first` to `end`.

    Args:
        average: the one before them.
        passed: the synapses after each of them, every leaf with a leading axis `end - first`.
        most: what the average counts at most, see `averaging`.
    """
    weights, before = averaging(first, end, most)

    def one(old: jax.Array, new: jax.Array) -> jax.Array:
        return before * old + jnp.tensordot(weights.astype(new.dtype), new, axes=1)

    return jax.tree.map(one, average, passed)
