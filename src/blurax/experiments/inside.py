"""Looking inside a genome at work: what each number does, where it goes, how synapses grow."""

import dataclasses
import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, PRNGKeyArray

from blurax import findings
from blurax.errors import require
from blurax.experiments.figures.gradient_field import with_forward_synapses
from blurax.experiments.figures.work import version
from blurax.findings import Chart, Fact, Findings, Table, curve
from blurax.genome import Genome, flatten, leaves, unflatten
from blurax.inner import predict, step
from blurax.network import Network, NetworkState
from blurax.stabilise import squared_length
from blurax.tasks import EpisodeSpec, Split, Task
from blurax.teach import curve_point, final_score, network_for, parse_hidden, query_loss

MATRICES = {
    "neuron.nu": ("ν, forward", "into state", "from state"),
    "neuron.mu": ("μ, backward", "into state", "from state"),
    "synapse.nu_tilde": ("ν~, pre-synaptic", "state", "channel"),
    "synapse.mu_tilde": ("μ~, post-synaptic", "channel", "state"),
}
AT_ONCE = 8
"""Genomes that are tried side by side."""


class _Seen(eqx.Module):
    accuracy: Float[Array, ""]
    angle: Float[Array, " layers"]
    size: Float[Array, " layers"]


def look(genome: Genome, task: Task, hidden: str, steps: int = 50, seeds: int = 5) -> Findings:
    """Watch a genome teach newborn networks, then take its numbers away one at a time.

    Everything is measured on validation examples: whoever changes a genome for what is seen here
    has not yet spent the test.

    Raises:
        BluraxError: if genome, network and task do not fit, or the genome has numbers for each
            layer.
    """
    network = network_for(task, parse_hidden(hidden))
    network.check(genome.rule)
    require(
        genome.rule.layers is None, "A genome with numbers for each layer cannot be looked into."
    )
    keys = jax.random.split(jax.random.key(0), seeds)
    spec = EpisodeSpec(steps=steps, batch=128)
    seen = _watched(genome, network, task, keys, spec)
    whole, tables = _ablated(genome, network, task, keys, spec)
    return Findings(
        "",
        f"Inside a genome: {task.name}, network {'-'.join(map(str, network.sizes))}",
        "",
        version(),
        f"{steps} steps of 128 examples, {seeds} seeds, validation examples. Tables: points of "
        f"accuracy lost of {100 * whole:.1f} % if one number of the genome is 0.",
        charts=_charts(seen, steps),
        tables=tables,
        facts=(Fact("accuracy of the whole genome", findings.rounded(whole)),),
    )


def _charts(seen: _Seen, steps: int) -> tuple[Chart, ...]:
    x = range(1, steps + 1)
    layers = [f"layer {n + 1}" for n in range(seen.size.shape[2])]
    angle, size, score = (np.asarray(part) for part in (seen.angle, seen.size, seen.accuracy))
    angles = tuple(curve(name, x, angle[..., n]) for n, name in enumerate(layers))
    sizes = tuple(curve(name, x, size[..., n]) for n, name in enumerate(layers))
    reached = (curve("accuracy", x, 100 * score),)
    return (
        Chart("What it reaches", "steps", "validation score (%)", reached, ("accuracy",)),
        Chart("Angle to the negative gradient of the loss", "steps", "degrees", angles),
        Chart("Synapses", "steps", "root mean square", sizes, log_y=True),
    )


@eqx.filter_jit
def _watched(
    genome: Genome, network: Network, task: Task, keys: Key[Array, " seeds"], spec: EpisodeSpec
) -> _Seen:
    def one(key: PRNGKeyArray) -> _Seen:
        born, drawn = jax.random.split(key)
        episode = task.sample(drawn, spec, Split.VALIDATE)

        def body(state: NetworkState, batch: tuple[Array, Array, Array]) -> tuple:
            index, x, y = batch

            def loss(parts: list[tuple[Array, Array]]) -> Array:
                prediction = predict(genome, with_forward_synapses(state, parts), x)
                return query_loss(prediction, y, task.kind)

            before = [(between.forward, between.bias) for between in state.synapses]
            uphill = jax.grad(loss)(before)
            moved, _ = step(genome, state, x, y, index)
            after = [(between.forward, between.bias) for between in moved.synapses]
            angles = [
                _angle(_joined(new) - _joined(old), -_joined(slope))
                for new, old, slope in zip(after, before, uphill, strict=True)
            ]
            sizes = [_size(parts) for parts in after]
            prediction = predict(genome, moved, episode.query_x)
            point = curve_point(prediction, episode.query_y, task.kind)
            return moved, _Seen(point.accuracy, jnp.stack(angles), jnp.stack(sizes))

        batches = jnp.arange(spec.steps), episode.x, episode.y
        state = network.init(born, genome.rule, spec.batch)
        return jax.lax.scan(body, state, batches)[1]

    return jax.vmap(one)(keys)


def _joined(parts: tuple[Array, Array]) -> Array:
    return jnp.concatenate([part.ravel() for part in parts])


def _angle(a: Array, b: Array) -> Array:
    """In degrees; 90 where one of them is 0."""
    cosine = jnp.sum(a * b) / jnp.maximum(jnp.linalg.norm(a) * jnp.linalg.norm(b), 1e-30)
    return jnp.degrees(jnp.arccos(jnp.clip(cosine, -1.0, 1.0)))


def _size(parts: tuple[Array, Array]) -> Array:
    return jnp.sqrt(jnp.mean(squared_length(*parts)) / sum(part.shape[1] for part in parts))


def _ablated(
    genome: Genome, network: Network, task: Task, keys: Key[Array, " seeds"], spec: EpisodeSpec
) -> tuple[float, tuple[Table, ...]]:
    """What the last score loses if one number of a matrix is 0; the whole genome's score."""
    vector, places = flatten(genome), positions(genome)
    zeroed = [place for name in MATRICES for place in places[name].ravel().tolist()]
    without = vector[None] * (1 - jnp.eye(len(vector))[jnp.asarray(zeroed)])
    every = jnp.concatenate([vector[None], without])
    scores = np.asarray(_scores(genome, every, network, task, keys, spec))
    lost = dict(zip(zeroed, scores[0] - scores[1:], strict=True))
    tables = []
    for name, (title, row, column) in MATRICES.items():
        where = places[name]
        rows, columns = ([str(n + 1) for n in range(size)] for size in where.shape)
        values = np.array([[lost[place] for place in line] for line in where.tolist()])
        found = findings.table(f"{title}: points lost", (row, column), rows, columns, values)
        tables.append(dataclasses.replace(found, mark_best=False))
    return float(scores[0].mean()), tuple(tables)


@eqx.filter_jit
def _scores(
    genome: Genome,
    vectors: Float[Array, "genomes size"],
    network: Network,
    task: Task,
    keys: Key[Array, " seeds"],
    spec: EpisodeSpec,
) -> Float[Array, "genomes seeds"]:
    def one(vector: Array) -> Array:
        changed = unflatten(vector, genome.rule)
        return jax.vmap(lambda key: final_score(changed, network, task, key, spec, Split.VALIDATE))(
            keys
        )

    return jax.lax.map(one, vectors, batch_size=AT_ONCE)


def positions(genome: Genome) -> dict[str, np.ndarray]:
    """Where each leaf's numbers stand in `genome.flatten`, by the leaf's path."""
    found = leaves(genome)
    ends = list(itertools.accumulate(leaf.size for leaf in found.values()))
    return {
        name: np.arange(end - leaf.size, end).reshape(leaf.shape)
        for (name, leaf), end in zip(found.items(), ends, strict=True)
    }
