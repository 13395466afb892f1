"""Looking inside a genome at work: where it goes, how synapses grow, what each number does."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, PRNGKeyArray

from blurax import findings
from blurax.errors import require
from blurax.experiments.ablation import AT_ONCE, ablate
from blurax.experiments.figures.gradient_field import with_forward_synapses
from blurax.experiments.figures.work import version
from blurax.findings import Chart, Fact, Findings, curve
from blurax.fits import check_lessons
from blurax.genome import Genome
from blurax.inner import predict, predict_few, step
from blurax.network import Network, NetworkState
from blurax.stabilise import squared_length, sum_into
from blurax.tasks import EpisodeSpec, Split, Task
from blurax.teach import curve_point, network_for, parse_hidden, query_loss

ANGLE = "Angle to the negative gradient of the loss"
TURNED = "The same, of what turns synapses"


class _Seen(eqx.Module):
    accuracy: Float[Array, ""]
    angle: Float[Array, " layers"]
    turned: Float[Array, " layers"]
    """The angle without what only changes the lengths of synapse vectors."""
    size: Float[Array, " layers"]


def look(genome: Genome, task: Task, hidden: str, steps: int = 50, seeds: int = 5) -> Findings:
    """Watch a genome teach newborn networks, then take its numbers away one at a time.

    Everything is measured on validation examples: whoever changes a genome for what is seen here
    has not yet spent the test.

    Raises:
        BluraxError: if genome, network and task do not fit, the genome has numbers for each layer
            or step, or there is too little memory.
    """
    network = check_look(genome, task, hidden, steps, seeds)
    keys = jax.random.split(jax.random.key(0), seeds)
    spec = EpisodeSpec(steps=steps, batch=128)
    seen = _watched(genome, network, task, keys, spec)
    whole, tables = ablate(genome, network, task, keys, spec)
    return Findings(
        "",
        f"Inside a genome: {task.name}, network {'-'.join(map(str, network.sizes))}",
        "",
        version(),
        f"{steps} steps of 128 examples, {seeds} seeds, validation examples. Tables: points lost "
        f"of {100 * whole:.1f} % if a term does nothing, or one number of a matrix is 0.",
        charts=_charts(seen, steps, genome.rule.stabilise.normalise_synapses),
        tables=tables,
        facts=(Fact("accuracy of the whole genome", findings.rounded(whole)),),
    )


def check_look(genome: Genome, task: Task, hidden: str, steps: int, seeds: int) -> Network:
    """The network that a genome would be watched in.

    Raises:
        BluraxError: as `look` does, or if there is too little memory.
    """
    network = network_for(task, parse_hidden(hidden))
    network.check(genome.rule)
    require(
        genome.rule.layers is None and genome.rule.steps is None,
        "A genome with numbers for each layer or each step cannot be looked into.",
    )
    spec = EpisodeSpec(steps=steps, batch=128)
    check_lessons(network, genome.rule, task, spec, AT_ONCE * seeds, Split.VALIDATE, steps)
    return network


def _charts(seen: _Seen, steps: int, normalised: bool) -> tuple[Chart, ...]:
    """The charts; where synapses are normalised, how far they turn tells more than where they go.

    A normalised vector that only grows says the same as before.
    """
    x = range(1, steps + 1)
    layers = [f"layer {n + 1}" for n in range(seen.size.shape[2])]

    def chart(title: str, label: str, values: Array, log_y: bool = False) -> Chart:
        each = np.asarray(values)
        curves = tuple(curve(name, x, each[..., n]) for n, name in enumerate(layers))
        return Chart(title, "steps", label, curves, log_y=log_y)

    reached = (curve("accuracy", x, 100 * np.asarray(seen.accuracy)),)
    score = Chart("What it reaches", "steps", "validation score (%)", reached, ("accuracy",))
    angle = chart(ANGLE, "degrees", seen.angle)
    turned = (chart(TURNED, "degrees", seen.turned),) if normalised else ()
    return (score, angle, *turned, chart("Synapses", "root mean square", seen.size, True))


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
            turned = [
                _angle(_joined(_across(new, old)), -_joined(_across(slope, old)))
                for new, old, slope in zip(after, before, uphill, strict=True)
            ]
            sizes = [_size(parts) for parts in after]
            prediction = predict_few(genome, moved, episode.query_x, x)
            point = curve_point(prediction, episode.query_y, task.kind)
            each = (jnp.stack(values) for values in (angles, turned, sizes))
            return moved, _Seen(point.accuracy, *each)

        batches = jnp.arange(spec.steps), episode.x, episode.y
        state = network.init(born, genome, spec.batch)
        return jax.lax.scan(body, state, batches)[1]

    return jax.vmap(one)(keys)


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


def _size(parts: tuple[Array, Array]) -> Array:
    return jnp.sqrt(jnp.mean(squared_length(*parts)) / sum(part.shape[1] for part in parts))
