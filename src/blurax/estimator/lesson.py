"""What both estimators need of blurax: a genome, batches, and compiled lessons from arrays."""

import dataclasses
import os

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from blurax import zoo
from blurax.errors import BluraxError
from blurax.genome import Genome
from blurax.inner import Remat, StepInfo, observe_moments, predict, unroll
from blurax.network import LayerMoments, NetworkState
from blurax.spec import Signal
from blurax.tasks.scaling import ColumnMoments

BLOCK = 256
"""Examples in a block of a prediction."""


def genome_for(given: "str | os.PathLike[str] | Genome", classifies: bool) -> Genome:
    """The genome that is meant, told what its task asks for."""
    if isinstance(given, Genome):
        found = given
    elif isinstance(given, (str, os.PathLike)):
        found = zoo.genome(given)[0]
    else:
        raise BluraxError(f"genome is {given!r}; it takes a name, a path or a Genome.")
    rule = found.rule
    if classifies or rule.feedback.signal is not Signal.CROSS_ENTROPY:
        return found
    feedback = dataclasses.replace(rule.feedback, signal=Signal.SQUARED_ERROR)
    return dataclasses.replace(found, rule=dataclasses.replace(rule, feedback=feedback))


def scaling(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What brings each column to mean 0 and variance 1; a constant one becomes 0."""
    found = ColumnMoments.of(x)
    return found.shift, found.scale


def batches(rng: np.random.Generator, n: int, batch: int, steps: int) -> np.ndarray:
    """Which of n examples are in each batch, `[steps, batch]`: each once before any twice."""
    rounds = -(-steps * batch // n)
    order = np.concatenate([rng.permutation(n) for _ in range(rounds)])
    return order[: steps * batch].reshape(steps, batch)


def _predicted(_: NetworkState, info: StepInfo) -> Float[Array, "b outputs"]:
    return info.prediction


@eqx.filter_jit
def lesson(
    genome: Genome, state: NetworkState, x: Array, y: Array, first: Array
) -> tuple[NetworkState, Float[Array, "steps b outputs"]]:
    """Inner steps on batches, and what was predicted of each before it was learned from."""
    return unroll(genome, state, x, y, _predicted, Remat.NONE, first)


@eqx.filter_jit
def moments(genome: Genome, state: NetworkState, x: Array) -> LayerMoments:
    """Means and variances that normalise the neurons in prediction."""
    return observe_moments(genome, state, x)


def in_blocks(
    genome: Genome, state: NetworkState, known: LayerMoments, x: np.ndarray
) -> np.ndarray:
    """What the last layer says of each example, `[n, outputs]`.

    Examples go in blocks of one size, so that an answer does not depend, not even in its last
    digit, on how many others are asked; and the number of blocks is rounded up to a power of two,
    for each other one compiles anew.
    """
    n, features = x.shape
    blocks = 1 << (-(-n // BLOCK) - 1).bit_length()
    padded = np.pad(x, [(0, blocks * BLOCK - n), (0, 0)]).reshape(blocks, BLOCK, features)
    outputs = np.asarray(_asked(genome, state, jnp.asarray(padded, float), known), np.float64)
    return outputs.reshape(blocks * BLOCK, -1)[:n]


@eqx.filter_jit
def _asked(genome: Genome, state: NetworkState, x: Array, known: LayerMoments) -> Array:
    return jax.lax.map(lambda block: predict(genome, state, block, known), x)
