"""A genome teaches a network on a task: the learning curve that every comparison starts from."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, PRNGKeyArray

from blurax.errors import require
from blurax.genome import Genome
from blurax.inner import Remat, StepInfo, predict, unroll
from blurax.network import Network, NetworkState
from blurax.tasks import EpisodeSpec, Split, Task

CHUNK = 100
"""Steps of one compiled unroll; a longer lesson repeats it, so that memory stays bounded."""


class Curve(eqx.Module):
    """What the query said after each inner step."""

    accuracy: Float[Array, "..."]
    """`[steps]`, with leading axes for seeds or whatever else runs side by side."""
    loss: Float[Array, "..."]
    """Softmax cross-entropy of state 1 of the last layer, of the same shape."""


def accuracy(
    prediction: Float[Array, "q classes"], y: Float[Array, "q classes"]
) -> Float[Array, ""]:
    """The share of examples whose largest output is the right class."""
    return jnp.mean((jnp.argmax(prediction, -1) == jnp.argmax(y, -1)).astype(float))


def cross_entropy(
    prediction: Float[Array, "q classes"], y: Float[Array, "q classes"]
) -> Float[Array, ""]:
    """The mean softmax cross-entropy of predictions against labels +1 and -1."""
    return -jnp.mean(jnp.sum(jax.nn.log_softmax(prediction) * (y > 0), axis=-1))


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
        spec: the length and batch size of the lesson.
        split: whose query draws the curve.

    Returns:
        The networks after the last step, and their curves, with a leading axis for the seeds if
        there are several keys.

    Raises:
        BluraxError: if the network's first or last layer does not fit the task, or the genome
            does not fit the network.
    """
    check_fit(network, task)
    network.check(genome.rule)
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
        return network.init(jax.random.fold_in(key, 0), genome.rule, batch)

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
        drawn = jax.random.fold_in(jax.random.fold_in(key, 1), first)
        episode = task.sample(drawn, spec, split)

        def examine(state: NetworkState, _: StepInfo) -> Curve:
            prediction = predict(genome, state, episode.query_x)
            return Curve(
                accuracy(prediction, episode.query_y), cross_entropy(prediction, episode.query_y)
            )

        return unroll(genome, state, episode.x, episode.y, examine, Remat.NONE, first)

    return jax.vmap(one)(states, keys)


def final_accuracy(
    genome: Genome,
    network: Network,
    task: Task,
    key: PRNGKeyArray,
    spec: EpisodeSpec,
    split: Split,
) -> Float[Array, ""]:
    """The accuracy of one newborn network after its lesson; 0 if its prediction is not finite.

    Pure and without checks, to be called inside jit and vmap.
    """
    born, drawn = jax.random.split(key)
    episode = task.sample(drawn, spec, split)
    state = network.init(born, genome.rule, spec.batch)
    state, _ = unroll(genome, state, episode.x, episode.y, remat=Remat.NONE)
    prediction = predict(genome, state, episode.query_x)
    finite = jnp.all(jnp.isfinite(prediction))
    return jnp.where(finite, accuracy(prediction, episode.query_y), 0.0)


def check_fit(network: Network, task: Task) -> None:
    """Raise `BluraxError` if the network's first or last layer is not the task's."""
    first, last = network.sizes[0], network.sizes[-1]
    require(
        (first, last) == (task.features, task.classes),
        f"The network {network.sizes} has {first} inputs and {last} outputs, "
        f"but task {task.name} has {task.features} features and {task.classes} classes.",
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
    sizes = tuple(int(part) for part in parts)
    require(
        sizes == (0,) or 0 not in sizes,
        f"The hidden layers {text!r} hold a layer of size 0; write 0 alone for no hidden layer.",
    )
    return () if sizes == (0,) else sizes


def network_for(task: Task, hidden: tuple[int, ...]) -> Network:
    """The network with these hidden layers that fits a task."""
    return Network((task.features, *hidden, task.classes))
