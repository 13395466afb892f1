"""A genome teaches a network on a task: the learning curve that every comparison starts from."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, PRNGKeyArray

from blurax.average import followed
from blurax.errors import require
from blurax.fits import check_lessons
from blurax.genome import Genome
from blurax.inner import Remat, StepInfo, nothing, predict_few, unroll
from blurax.network import Network, NetworkState
from blurax.spec import Signal
from blurax.tasks import EpisodeSpec, Kind, Split, Task

CHUNK = 100
"""Steps of one compiled unroll; a longer lesson repeats it, so that memory stays bounded."""


DIGITS = 10
"""Of a size: more are beyond every count, and Python refuses to read thousands of them."""


class Curve(eqx.Module):
    """What the query said after each inner step."""

    accuracy: Float[Array, "..."]
    """`[steps]`, with leading axes for seeds or whatever else runs side by side; for a task of
    numbers the share of their variance that is explained."""
    loss: Float[Array, "..."]
    """Cross-entropy, or squared error for numbers, of state 1 of the last layer, of that shape."""


def score(
    prediction: Float[Array, "q outputs"], y: Float[Array, "q outputs"], kind: Kind
) -> Float[Array, ""]:
    """How good predictions are, from 0 to 1.

    For classes the accuracy: the share of examples whose largest output is the right class, or
    whose only output has the right sign. For numbers the share of their variance that is explained
    (R^2), 0 where the mean of the labels would be no worse.
    """
    if kind is Kind.NUMBERS:
        spread = jnp.sum((y - jnp.mean(y, axis=0)) ** 2)
        return jnp.maximum(0.0, 1 - jnp.sum((prediction - y) ** 2) / spread)
    if y.shape[-1] == 1:
        return jnp.mean((prediction * y > 0).astype(float))
    return jnp.mean((jnp.argmax(prediction, -1) == jnp.argmax(y, -1)).astype(float))


def query_loss(
    prediction: Float[Array, "q outputs"], y: Float[Array, "q outputs"], kind: Kind
) -> Float[Array, ""]:
    """The mean loss of predictions.

    For classes softmax cross-entropy (of a single output: logistic), for numbers squared error.
    """
    if kind is Kind.NUMBERS:
        return squared_error(prediction, y)
    if y.shape[-1] == 1:
        return jnp.mean(jax.nn.softplus(-prediction * y))
    return -jnp.mean(jnp.sum(jax.nn.log_softmax(prediction) * (y > 0), axis=-1))


def squared_error(
    prediction: Float[Array, "q outputs"], y: Float[Array, "q outputs"]
) -> Float[Array, ""]:
    """The mean squared distance to the labels."""
    return jnp.mean((prediction - y) ** 2)


def suited(genome: Genome, task: Task) -> Genome:
    """The genome with an error signal that fits a task.

    Numbers to predict have no cross-entropy: a genome that was meta-trained with its gradient gets
    that of the squared error.
    """
    rule = genome.rule
    if task.kind is Kind.CLASSES or rule.feedback.signal is not Signal.CROSS_ENTROPY:
        return genome
    feedback = dataclasses.replace(rule.feedback, signal=Signal.SQUARED_ERROR)
    return dataclasses.replace(genome, rule=dataclasses.replace(rule, feedback=feedback))


def teach(
    genome: Genome,
    network: Network,
    task: Task,
    key: Key[Array, "*seeds"],
    spec: EpisodeSpec,
    split: Split = Split.TEST,
) -> tuple[NetworkState, Curve]:
    """Let a genome teach newborn networks, one for each key.

    Args:
        key: one key, or `[seeds]` of them; each gives a birth and an episode of its own.
        genome: its error signal is made to fit the task (`suited`).
        spec: the length and batch size of the lesson.
        split: whose query draws the curve.

    Returns:
        The networks after the last step, and their curves, with a leading axis for the seeds if
        there are several keys.

    Raises:
        BluraxError: if the network's first or last layer does not fit the task, the genome does
            not fit the network, or there is too little memory.
    """
    check_fit(network, task)
    genome = suited(genome, task)
    network.check(genome.rule)
    check_lessons(network, genome.rule, task, spec, key.size, split, CHUNK)
    keys = key[None] if key.ndim == 0 else key
    states, curves = _newborn(network, genome, keys, spec.batch), []
    for first in range(0, spec.steps, CHUNK):
        part = dataclasses.replace(spec, steps=min(CHUNK, spec.steps - first))
        start = jnp.asarray(first, jnp.int32)
        states, curve = _lesson(genome, network, task, states, keys, start, part, split)
        curves.append(curve)
    whole = jax.tree.map(lambda *parts: jnp.concatenate(parts, axis=-1), *curves)
    return jax.tree.map(lambda leaf: leaf[0], (states, whole)) if key.ndim == 0 else (states, whole)


@eqx.filter_jit
def _newborn(
    network: Network, genome: Genome, keys: Key[Array, " seeds"], batch: int
) -> NetworkState:
    def one(key: PRNGKeyArray) -> NetworkState:
        return network.init(jax.random.fold_in(key, 0), genome, batch)

    return jax.vmap(one)(keys)


@eqx.filter_jit
def _lesson(
    genome: Genome,
    network: Network,
    task: Task,
    states: NetworkState,
    keys: Key[Array, " seeds"],
    first: Int[Array, ""],
    spec: EpisodeSpec,
    split: Split,
) -> tuple[NetworkState, Curve]:
    """Up to `CHUNK` steps for every seed, from step `first` on."""

    def one(state: NetworkState, key: PRNGKeyArray) -> tuple[NetworkState, Curve]:
        episode = task.sample(jax.random.fold_in(key, 1), spec, split, first)

        def examine(state: NetworkState, info: StepInfo) -> Curve:
            batch = info.neurons[0][0]  # the input layer, which no sweep changes
            prediction = predict_few(genome, state, episode.query_x, batch)
            return curve_point(prediction, episode.query_y, task.kind)

        return unroll(genome, state, episode.x, episode.y, examine, Remat.NONE, first)

    return jax.vmap(one)(states, keys)


def curve_point(
    prediction: Float[Array, "q outputs"], y: Float[Array, "q outputs"], kind: Kind
) -> Curve:
    """What the query says after one step; a prediction that is not finite scores 0."""
    right = jnp.where(jnp.all(jnp.isfinite(prediction)), score(prediction, y, kind), 0.0)
    return Curve(right, query_loss(prediction, y, kind))


def final_score(
    genome: Genome,
    network: Network,
    task: Task,
    key: PRNGKeyArray,
    spec: EpisodeSpec,
    split: Split,
    average: float = 0.0,
) -> Float[Array, ""]:
    """The score of one newborn network after its lesson; 0 if its prediction is not finite.

    Pure and without checks, to be called inside jit and vmap.

    Args:
        average: above 0 an average of the synapses predicts, see `average.averaging`.
    """
    born, drawn = jax.random.split(key)
    episode = task.sample(drawn, spec, split)
    state = network.init(born, genome, spec.batch)
    seen = (lambda state, _: state.synapses) if average else nothing
    last, passed = unroll(genome, state, episode.x, episode.y, seen, Remat.NONE)
    if average:
        synapses = followed(state.synapses, passed, 0, spec.steps, average)
        last = NetworkState(synapses, None, last.steps)
    prediction = predict_few(genome, last, episode.query_x, episode.x[-1])
    return curve_point(prediction, episode.query_y, task.kind).accuracy


def check_fit(network: Network, task: Task) -> None:
    """Raise `BluraxError` if the network's first or last layer is not the task's."""
    first, last = network.sizes[0], network.sizes[-1]
    require(
        (first, last) == (task.features, task.outputs),
        f"The network {network.sizes} has {first} inputs and {last} outputs, "
        f"but task {task.name} has {task.features} features and {task.outputs} outputs.",
    )


def parse_hidden(text: str) -> tuple[int, ...]:
    """The sizes of hidden layers from their short form: 256-128, or 0 for none.

    Raises:
        BluraxError: if it is not such a text.
    """
    parts = text.split("-")
    require(
        all(part.isdecimal() for part in parts),
        f"The hidden layers {text!r} are no sizes; write 32 or 256-128, say, or 0 for none.",
    )
    require(
        all(len(part) <= DIGITS for part in parts),
        f"The hidden layers {text[:40]!r} hold a size of more than {DIGITS} digits.",
    )
    sizes = tuple(int(part) for part in parts)
    require(
        sizes == (0,) or 0 not in sizes,
        f"The hidden layers {text!r} hold a layer of size 0; write 0 alone for no hidden layer.",
    )
    return () if sizes == (0,) else sizes


def network_for(task: Task, hidden: tuple[int, ...]) -> Network:
    """The network with these hidden layers that fits a task."""
    return Network((task.features, *hidden, task.outputs))
