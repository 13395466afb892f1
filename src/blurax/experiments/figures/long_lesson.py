"""A long lesson, watched: accuracy and the sizes of synapses and activations, step by step."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, PRNGKeyArray

from blurax.experiments.figures.work import Arrays, keyed
from blurax.findings import OFF_SCALE
from blurax.genome import Genome
from blurax.inner import Remat, StepInfo, predict_few, unroll
from blurax.network import Network, NetworkState
from blurax.tasks import EpisodeSpec, Split, Task
from blurax.tasks.base import signed_one_hot
from blurax.teach import curve_point, network_for, parse_hidden

CHUNK = 50
"""Steps of one compiled unroll."""


class _Seen(eqx.Module):
    accuracy: Float[Array, ""]
    synapses: Float[Array, ""]
    activations: Float[Array, ""]


def bounded(sizes: np.ndarray) -> np.ndarray:
    """Sizes up to `OFF_SCALE`, which also stands for what is no number."""
    sizes = np.nan_to_num(sizes.astype(float), nan=OFF_SCALE, posinf=OFF_SCALE)
    return np.minimum(sizes, OFF_SCALE)


def watch(
    genome: Genome, task: Task, hidden: str, steps: int, seeds: int, random_after: int | None
) -> Arrays:
    """Accuracy and standard deviations `[seeds, steps]` in the course of long lessons.

    Args:
        random_after: the number of steps after which labels are drawn at random.
    """
    network = network_for(task, parse_hidden(hidden))
    keys = jax.random.split(keyed(task.name, hidden), seeds)
    spec = EpisodeSpec(steps=min(CHUNK, steps), batch=128)
    after = jnp.asarray(steps if random_after is None else random_after)
    state, parts = _born(network, genome, keys, spec), []
    for first in range(0, steps, spec.steps):
        start = jnp.asarray(first, jnp.int32)
        state, seen = _lesson(genome, task, state, keys, start, after, spec)
        parts.append(seen)
    whole = jax.tree.map(lambda *each: np.concatenate(each, axis=1)[:, :steps], *parts)
    return {
        "accuracy": whole.accuracy,
        "synapses": bounded(whole.synapses),
        "activations": bounded(whole.activations),
    }


@eqx.filter_jit
def _born(network: Network, genome: Genome, keys: Key[Array, " seeds"], spec: EpisodeSpec) -> Any:
    return jax.vmap(lambda k: network.init(jax.random.fold_in(k, 0), genome, spec.batch))(keys)


@eqx.filter_jit
def _lesson(
    genome: Genome,
    task: Task,
    states: NetworkState,
    keys: Key[Array, " seeds"],
    first: Int[Array, ""],
    after: Int[Array, ""],
    spec: EpisodeSpec,
) -> tuple[NetworkState, _Seen]:
    def one(state: NetworkState, key: PRNGKeyArray) -> tuple[NetworkState, _Seen]:
        episode = task.sample(jax.random.fold_in(key, 1), spec, Split.TEST, first)
        steps, batch, classes = episode.y.shape
        chance = jax.random.fold_in(jax.random.fold_in(key, 2), first)
        wrong = signed_one_hot(jax.random.randint(chance, (steps, batch), 0, classes), classes)
        late = first + jnp.arange(steps) >= after
        y = jnp.where(late[:, None, None], wrong, episode.y)

        def see(state: NetworkState, info: StepInfo) -> _Seen:
            prediction = predict_few(genome, state, episode.query_x, info.neurons[0][0])
            return _Seen(
                curve_point(prediction, episode.query_y, task.kind).accuracy,
                jnp.mean(jnp.stack([jnp.std(s.forward) for s in state.synapses])),
                jnp.mean(jnp.stack([jnp.std(a) for a in info.neurons[1:-1]])),
            )

        return unroll(genome, state, episode.x, y, see, Remat.NONE, first)

    return jax.vmap(one)(states, keys)
