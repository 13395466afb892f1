"""Looking inside a genome at work: where it goes, how synapses grow, what each number does."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, PRNGKeyArray

from blurax import findings, graphs
from blurax.capacity import check_episodes
from blurax.curves import Curve, Observe, learning_curve, stage_stops
from blurax.experiments.ablation import AT_ONCE, ablate, lost_in
from blurax.experiments.figures.gradient_field import with_forward_synapses
from blurax.experiments.frequencies import left_by_frequency
from blurax.experiments.tangent import Ends, at_ends, kernel_chart, kernel_table
from blurax.findings import Chart, Fact, Findings, Table, curve
from blurax.fit import blur_for, network_for
from blurax.genome import Genome
from blurax.inner import StepInfo, predict
from blurax.learner import Batch, Blur
from blurax.network import Network, NetworkState
from blurax.specialisation import Specialisation, hidden_groups, measured
from blurax.stages import steps_of
from blurax.targets import labelled, shown_as
from blurax.tasks import EpisodeSpec, Split, Target, Task
from blurax.tasks.base import check_task
from blurax.terms.vectors import squared_length, sum_into
from blurax.version import __version__

ANGLE = "Angle to the negative gradient of the loss"
TURNED = "The same, of what turns synapses"
SPECIALISATION = "What neurons specialise in"
MEASURES = ("sparsity", "overlap", "similarity", "log det S / n")
"""See `specialisation.Specialisation`, in its order."""
EXAMPLES = 64
"""By how many examples of the query that is measured."""
STEPS, USUAL = 50, EpisodeSpec(batch=128)
"""Inner steps, and the sizes of an episode, unless others are asked for."""
KERNEL_EXAMPLES, KERNEL_SEEDS = 32, 2
"""And the tangent kernel, each of whose columns takes a few sweeps; of so many networks."""


WHOLE = "{} of the whole genome"
"""The fact that says what it reaches, by the name of the score."""
ON_ALL = ", in all layers or steps at once."
"""What a genome with several sets of numbers adds to that."""


class _Seen(eqx.Module):
    angle: Float[Array, " layers"]
    turned: Float[Array, " layers"]
    """The angle without what only changes the lengths of synapse vectors."""
    size: Float[Array, " layers"]


def look(
    genome: Genome,
    task: Task,
    hidden: str,
    steps: int | None = None,
    seeds: int = 5,
    sizes: EpisodeSpec = USUAL,
) -> Findings:
    """Watch a genome teach initial networks, then take its numbers away one at a time.

    Everything is measured on validation examples: whoever changes a genome for what is seen here
    has not yet spent the test.

    Args:
        steps: inner steps; None: 50, or all the stages of a sequence.
        sizes: of an episode; its steps do not count.

    Raises:
        BluraxError: if genome, network and task do not fit, or there is too little memory.
    """
    network, spec = check_look(genome, task, hidden, steps, seeds, sizes)
    learner = blur_for(genome, network, task)
    keys = jax.random.split(jax.random.key(0), seeds)
    stops, observe = stage_stops(spec.steps, task.stages), _observe(learner.genome, task.target)
    states, curves = learning_curve(
        learner, task, keys, stops, Split.VALIDATE, sizes=spec, observe=observe
    )
    kernels = _kernels(learner, task, keys, spec, states)
    name, unit = shown_as(task.target.score_name)
    whole, tables = ablate(genome, network, task, keys, spec)
    return Findings(
        "",
        f"Inside a genome: {task.name}, network {graphs.title(network, hidden)}",
        "",
        __version__,
        f"{spec.steps} steps of {spec.batch} examples, {seeds} seeds, validation examples. Tables: "
        f"{lost_in(task)} lost of {100 * whole:.1f} {unit} if a term does nothing, or one number "
        f"of a matrix is 0"
        f"{ON_ALL if genome.rule.gene_sets or genome.rule.steps else '.'}",
        charts=(
            *_charts(
                curves, stops, genome.rule.stabilise.normalise_synapses, task.target.score_name
            ),
            *left_by_frequency(learner, task, keys, spec, states),
            *map(kernel_chart, kernels),
        ),
        tables=(
            *_specialised(learner, task, keys, spec, states),
            *map(kernel_table, kernels),
            *tables,
        ),
        facts=(Fact(WHOLE.format(name), findings.rounded(whole)),),
    )


def check_look(
    genome: Genome,
    task: Task,
    hidden: str,
    steps: int | None,
    seeds: int,
    sizes: EpisodeSpec = USUAL,
) -> tuple[Network, EpisodeSpec]:
    """The network that a genome would be watched in, and the episode.

    Raises:
        BluraxError: as `look` does, or if there is too little memory.
    """
    network = network_for(task, hidden)
    network.check(genome.rule)
    steps = steps_of(task.stages, steps, STEPS, task.name)
    spec = dataclasses.replace(sizes, steps=steps)
    check_episodes(network, genome.rule, task, spec, AT_ONCE * seeds, Split.VALIDATE, steps)
    check_task(task, spec, Split.VALIDATE)
    return network, spec


def _charts(
    curves: Curve, x: tuple[int, ...], normalised: bool, score_name: str = "accuracy"
) -> tuple[Chart, ...]:
    """The charts; where synapses are normalised, how far they turn tells more than where they go.

    A normalised vector that only grows says the same as before.

    Args:
        x: the steps that were watched.
        score_name: as the target has it.
    """
    seen = curves.seen
    layers = [f"layer {n + 1}" for n in range(seen.size.shape[2])]

    def chart(title: str, label: str, values: Array, log_y: bool = False) -> Chart:
        each = np.asarray(values)
        curves = tuple(curve(name, x, each[..., n]) for n, name in enumerate(layers))
        return Chart(title, "steps", label, curves, log_y=log_y)

    label, name = f"validation {labelled(score_name)}", shown_as(score_name)[0]
    reached = (curve(name, x, 100 * np.asarray(curves.accuracy)),)
    score = Chart("What it reaches", "steps", label, reached, (name,))
    angle = chart(ANGLE, "degrees", seen.angle)
    turned = (chart(TURNED, "degrees", seen.turned),) if normalised else ()
    return (score, angle, *turned, chart("Synapses", "root mean square", seen.size, True))


def _specialised(
    learner: Blur, task: Task, keys: Key[Array, " seeds"], spec: EpisodeSpec, states: NetworkState
) -> tuple[Table, ...]:
    """What the neurons specialise in, at first and after the last step; none without hidden ones.

    Args:
        states: after the last step, each leaf `[seeds, ...]`.
    """
    names = [f"layer {j}" for j in hidden_groups(learner.network)]
    if not names or task.time is not None:
        return ()

    def both(key: PRNGKeyArray, state: NetworkState) -> tuple[Specialisation, Specialisation]:
        first = learner.init(jax.random.fold_in(key, 0), spec.batch)
        query = task.sample(jax.random.fold_in(key, 1), spec, Split.VALIDATE).query
        x = jax.tree.map(lambda leaf: leaf[:EXAMPLES], learner.inputs(query.x))
        return measured(learner, first, x), measured(learner, state, x)

    found = [
        np.stack([each.sparsity, each.overlap, each.similarity, each.diversity], axis=-1)
        for each in eqx.filter_jit(jax.vmap(both))(keys, states)
    ]
    values = np.stack(found, axis=2)  # [seeds, layers, when, measures]
    rows = [f"{name}, {when}" for name in names for when in ("at first", "at the end")]
    values = np.moveaxis(values, 0, -1).reshape(len(rows), len(MEASURES), -1)
    made = findings.table(SPECIALISATION, ("", "measure"), rows, MEASURES, values)
    return (dataclasses.replace(made, mark_best=False, percent=False),)


def _kernels(
    learner: Blur, task: Task, keys: Key[Array, " seeds"], spec: EpisodeSpec, states: NetworkState
) -> list[Ends]:
    """The tangent kernels of the first networks; none over time."""
    if task.time is not None:
        return []
    few, kept = jax.tree.map(lambda leaf: leaf[:KERNEL_SEEDS], (keys, states))
    return [at_ends(learner, task, few, kept, spec, Split.VALIDATE, KERNEL_EXAMPLES)]


def _observe(genome: Genome, target: Target) -> Observe:
    """What to keep of each step."""

    def seen(before: NetworkState, after: NetworkState, info: StepInfo, batch: Batch) -> _Seen:
        x, y = batch

        def loss(parts: list[tuple[Array, ...]]) -> Array:
            return target.loss(predict(genome, with_forward_synapses(before, parts), x), y)

        was, now = before.forward_parts, after.forward_parts
        uphill = jax.grad(loss)(was)
        angles = [
            _angle(_joined(new) - _joined(old), -_joined(slope))
            for new, old, slope in zip(now, was, uphill, strict=True)
        ]
        turned = [
            _angle(_joined(_across(new, old)), -_joined(_across(slope, old)))
            for new, old, slope in zip(now, was, uphill, strict=True)
        ]
        sizes = [_size(parts) for parts in now]
        return _Seen(*(jnp.stack(values) for values in (angles, turned, sizes)))

    return seen


def _joined(parts: tuple[Array, ...]) -> Array:
    return jnp.concatenate([part.ravel() for part in parts])


def _across(parts: tuple[Array, ...], old: tuple[Array, ...]) -> tuple[Array, ...]:
    """What of a change is at right angles to the old vector of synapses into each neuron.

    To measure a change it is enough to take the new synapses for it: old ones have no such part.
    """
    along = sum_into(*(part * w for part, w in zip(parts, old, strict=True)))
    share = along / jnp.maximum(squared_length(*old), 1e-30)
    return tuple(part - share * w for part, w in zip(parts, old, strict=True))


def _angle(a: Array, b: Array) -> Array:
    """In degrees; 90 where one of them is 0."""
    cosine = jnp.sum(a * b) / jnp.maximum(jnp.linalg.norm(a) * jnp.linalg.norm(b), 1e-30)
    return jnp.degrees(jnp.arccos(jnp.clip(cosine, -1.0, 1.0)))


def _size(parts: tuple[Array, ...]) -> Array:
    return jnp.sqrt(jnp.mean(squared_length(*parts)) / sum(part.shape[1] for part in parts))
