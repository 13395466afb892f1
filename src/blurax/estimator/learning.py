"""What both estimators need of blurax: a genome, and compiled programs that learn and predict.

Each program has one shape, whatever the number of examples, so that it is compiled once: `CHUNK`
batches to learn from, of which some may be left out; `BLOCK` examples to predict.
"""

import dataclasses
import os
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax import inner, zoo
from blurax.average import kept
from blurax.errors import BluraxError
from blurax.genome import Genome
from blurax.learner import Batch, Blur, Learner
from blurax.network import Network, NetworkState, Synapses
from blurax.spec import Signal
from blurax.sweeps import LayerMoments

CHUNK = 10
"""Steps of one call of the compiled program, at most."""
BLOCK = 256
"""Examples in a block of a prediction."""
SIZES = 256, 1024, 4096
"""Numbers of examples to which those that moments are measured on are padded."""
INTERCEPT_RATE = 0.1
"""The share of a Newton step that the intercept makes on each batch."""


class Averaged(eqx.Module):
    """What changes in learning, averaged over the latest steps: what predictions are made with."""

    synapses: tuple[Synapses, ...]
    intercept: Float[Array, " outputs"] | None


class Learning(eqx.Module):
    """The state of an estimator's learning."""

    network: NetworkState
    intercept: Float[Array, " outputs"] | None
    """Added to the last layer's output. Only where the rule normalises synapses: there the bias
    unit's synapse is part of a vector of length 1, so that no network could say that a class is
    rare (docs/explanation/decisions/0019-an-intercept.md). None elsewhere."""
    average: Averaged
    steps: Int[Array, ""]

    @property
    def predicting(self) -> NetworkState:
        """The network that predictions are made with."""
        return dataclasses.replace(self.network, synapses=self.average.synapses, neurons=None)


def genome_for(given: "str | os.PathLike[str] | Genome", classifies: bool) -> Genome:
    """The genome that is meant, with the feedback that its task needs."""
    if isinstance(given, Genome):
        found = given
    elif isinstance(given, (str, os.PathLike)):
        found = zoo.genome(given)[0]
    else:
        raise BluraxError(f"genome is {given!r}; it takes a name, a path or a Genome.")
    feedback = found.rule.feedback
    if classifies or feedback.signal is not Signal.CROSS_ENTROPY:
        return found
    # Numbers have no cross-entropy, and the file that a regressor is exported to says so.
    rule = dataclasses.replace(
        found.rule, feedback=dataclasses.replace(feedback, signal=Signal.SQUARED_ERROR)
    )
    return dataclasses.replace(found, rule=rule)


class SteadyBlur(Learner):
    """`Blur` with an intercept and an average of its synapses, which predicts (decision 19)."""

    blur: Blur
    network: Network = eqx.field(static=True)
    memory: float = eqx.field(static=True)
    """How much of the average stays in each step, at most."""

    def __init__(self, genome: Genome, network: Network, memory: float) -> None:
        """Take a genome and a network that fit each other; `init` checks it."""
        self.blur, self.network, self.memory = Blur(genome, network), network, memory

    def init(self, key: PRNGKeyArray, batch: int) -> Learning:
        """An initial network, which has learned nothing.

        Raises:
            BluraxError: if the genome does not fit the network, or its rule keeps neurons' states.
        """
        rule = self.blur.genome.rule
        if rule.keep_neurons:
            raise BluraxError("The genome keeps its neurons' states, which estimators cannot.")
        state = self.blur.init(key, batch)
        bounded = rule.stabilise.normalise_synapses and rule.feedback.signal is not Signal.LABEL
        intercept = jnp.zeros(self.network.sizes[-1], float) if bounded else None
        averaged = Averaged(state.synapses, intercept)
        return Learning(state, intercept, averaged, jnp.zeros((), jnp.int32))

    def step(
        self,
        state: Learning,
        batch: Batch,
        *,
        rate: Float[Array, ""],
        key: PRNGKeyArray,
        index: Int[Array, ""],
    ) -> tuple[Learning, Float[Array, "b outputs"]]:
        """One step of the genome's rule, of the intercept, and of the average.

        Returns:
            The new state, and what was predicted of the batch before it.
        """
        genome, intercept = self.blur.genome, state.intercept
        x, y, now = batch.x, batch.y, state.steps
        network, info = inner.step(genome, state.network, x, y, now, intercept)
        prediction = info.prediction
        if intercept is not None:
            prediction = prediction + intercept
            newton = _newton_step(genome.rule.feedback.signal, prediction, y)
            intercept = intercept + INTERCEPT_RATE * newton
        old_counts = kept(state.steps + 1, self.memory)
        average = jax.tree.map(
            lambda old, new: old_counts * old + (1 - old_counts) * new,
            state.average,
            Averaged(network.synapses, intercept),
        )
        return Learning(network, intercept, average, state.steps + 1), prediction

    def predict(self, state: Learning, x: Float[Array, "q ..."]) -> Float[Array, "q outputs"]:
        """The averaged network's outputs with the intercept, normalised by these inputs."""
        return _with_intercept(state, self.blur.predict(state.predicting, x))


@eqx.filter_jit
def start(learner: SteadyBlur, seed: Int[Array, ""], batch: int) -> Learning:
    """An initial network, as one program: op by op it would be thirty of them.

    Args:
        batch: examples in each step.
    """
    return learner.init(jax.random.key(seed), batch)


@eqx.filter_jit
def learn(
    learner: Learner,
    state: Any,
    x: Float[Array, "chunk b features"],
    y: Float[Array, "chunk b outputs"],
    count: Int[Array, ""],
) -> tuple[Any, Float[Array, "chunk b outputs"]]:
    """Steps on the first `count` batches, and what was predicted of each before its step."""
    x = jax.vmap(learner.inputs)(x)

    def body(i: Int[Array, ""], carry: tuple[Any, Array]) -> tuple[Any, Array]:
        state, predictions = carry
        unused = jnp.zeros((), float), jax.random.key(0)
        state, prediction = learner.step(
            state, Batch(x[i], y[i]), rate=unused[0], key=unused[1], index=i
        )
        return state, predictions.at[i].set(prediction)

    return jax.lax.fori_loop(0, count, body, (state, jnp.zeros_like(y)))


def _newton_step(
    signal: Signal, prediction: Float[Array, "b outputs"], y: Float[Array, "b outputs"]
) -> Float[Array, " outputs"]:
    """What would bring the intercept to the loss's minimum, were the outputs independent."""
    if signal is Signal.SQUARED_ERROR:
        return jnp.mean(y - prediction, axis=0)
    p = jax.nn.softmax(prediction)
    curvature = jnp.mean(p * (1 - p), axis=0) + 1 / len(p)  # a batch may lack a class
    found = jnp.mean((y > 0) - p, axis=0) / curvature
    return found - jnp.mean(found)  # softmax does not see what all have in common


def moments(
    learner: SteadyBlur,
    learning: Learning,
    x: Float[np.ndarray, "n features"],
    weights: Float[np.ndarray, " n"],
) -> LayerMoments:
    """Means and variances that normalise the neurons in prediction.

    Args:
        x: at most `SIZES[-1]` examples.
        weights: how much each counts.
    """
    size = next(size for size in SIZES if size >= len(x))
    padded = np.pad(x, [(0, size - len(x)), (0, 0)])
    share = np.pad(weights / weights.sum(), (0, size - len(x)))
    return _moments(learner, learning, _given(padded), _given(share))


def _given(numbers: np.ndarray) -> Array:
    """In JAX's precision; converted by NumPy, so that nothing is compiled for it."""
    return jax.device_put(numbers.astype(jnp.result_type(float)))


@eqx.filter_jit
def _moments(learner: SteadyBlur, learning: Learning, x: Array, weights: Array) -> LayerMoments:
    genome = learner.blur.genome
    return inner.observe_moments(genome, learning.predicting, learner.inputs(x), weights)


def in_blocks(
    learner: SteadyBlur,
    learning: Learning,
    known: LayerMoments,
    x: np.ndarray,
    scaled: Callable[[np.ndarray], np.ndarray],
) -> Float[np.ndarray, "n outputs"]:
    """The outputs for each example, with the intercept.

    Examples go in blocks of one size, so that an answer does not depend, not even in its last
    digit, on how many others there are.
    """
    answers = []
    for first in range(0, len(x), BLOCK):
        block = scaled(x[first : first + BLOCK])
        padded = _given(np.pad(block, [(0, BLOCK - len(block)), (0, 0)]))
        answers.append(np.asarray(_predict(learner, learning, padded, known))[: len(block)])
    return np.concatenate(answers).astype(np.float64)


@eqx.filter_jit
def _predict(learner: SteadyBlur, learning: Learning, x: Array, known: LayerMoments) -> Array:
    genome, x = learner.blur.genome, learner.inputs(x)
    return _with_intercept(learning, inner.predict(genome, learning.predicting, x, known))


def _with_intercept(learning: Learning, outputs: Array) -> Array:
    intercept = learning.average.intercept
    return outputs if intercept is None else outputs + intercept
