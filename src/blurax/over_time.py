"""Inner steps on sequences: `inner.py` at each time step, with what the neurons remember.

A batch is `x [time, b, ...]`. Neurons are at rest before the first time step. From then on delayed
edges transmit what the time step before has left, and under `Rule.keep_neurons` the gate f keeps
it. There is an error signal at the last time steps alone, those that y holds targets of, and each
of these changes the synapses: the gradient, where a genome computes one, ends at a time step.
"""

import dataclasses
from typing import Any

import jax
from jaxtyping import Array, Bool, Float, Int, Shaped

from blurax import inner
from blurax.genome import Genome, at_step
from blurax.inner import StepInfo
from blurax.network import NetworkState
from blurax.sweeps import LayerMoments, forward_sweep, normalise_stored, read
from blurax.targets import Target


def step(
    genome: Genome,
    state: NetworkState,
    x: Float[Array, "time b ..."],
    y: Shaped[Array, "late b ..."],
    index: Int[Array, ""] | int = 0,
    target: Target | None = None,
    mask: Bool[Array, "late b"] | None = None,
) -> tuple[NetworkState, StepInfo]:
    """One inner step on a batch of sequences.

    Args:
        y: targets of the last time steps.
        index: as of `inner.step`; the same at all time steps.
        mask: which targets count; all if None.

    Returns:
        The state after the last time step, and what `inner.step` observed there.
    """
    state, late = inner.resting_state(state, genome.rule, x.shape[1]), len(y)

    def silent(state: NetworkState, x: Array) -> tuple[NetworkState, None]:
        return inner.forward(genome, state, x, index), None

    def taught(state: NetworkState, now: tuple[Any, ...]) -> tuple[NetworkState, StepInfo]:
        x, y, mask = now
        return inner.step(genome, state, x, y, index, target=target, mask=mask)

    state, _ = jax.lax.scan(silent, state, x[:-late])
    state, info = jax.lax.scan(taught, state, (x[-late:], y, mask))
    return state, jax.tree.map(lambda leaf: leaf[-1], info)


def predict(
    genome: Genome,
    state: NetworkState,
    x: Float[Array, "time q ..."],
    known: LayerMoments | None = None,
) -> Float[Array, "time q outputs"]:
    """The outputs at every time step of sequences, from neurons at rest; nothing is learned.

    Args:
        known: means and variances of each time step from `observe_moments`; those of `x` if None.
    """
    return _swept(genome, state, x, known)[0]


def predict_few(
    genome: Genome,
    state: NetworkState,
    x: Float[Array, "time q ..."],
    batch: Float[Array, "time b ..."],
) -> Float[Array, "time q outputs"]:
    """`predict`, normalised at each time step as the batch is there."""
    return predict(genome, state, x, observe_moments(genome, state, batch))


def observe_moments(
    genome: Genome, state: NetworkState, x: Float[Array, "time q ..."]
) -> LayerMoments:
    """The means and variances by which these sequences are normalised, at each time step."""
    return _swept(genome, state, x, None)[1]


def _swept(
    genome: Genome, state: NetworkState, x: Array, known: LayerMoments | None
) -> tuple[Array, LayerMoments]:
    """The outputs and the moments at each time step."""
    genome, network, rule = at_step(genome, state.steps), state.network, genome.rule
    stored = normalise_stored(genome, network, state.synapses)
    synapses = read(genome, network, stored, predicting=True)
    start = inner.resting_state(state, genome.rule, x.shape[1])

    def now(state: NetworkState, given: tuple[Array, Any]) -> tuple[NetworkState, Any]:
        x, known = given
        rested, earlier = inner.starting(state, rule, x)
        neurons, used = forward_sweep(genome, network, synapses, rested, earlier, known)
        kept = None if state.neurons is None else neurons
        return dataclasses.replace(state, neurons=kept), (neurons[network.outputs[0]][0], used)

    return jax.lax.scan(now, start, (x, known))[1]
