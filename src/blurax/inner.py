"""The inner loop: one step of learning, and many of them. No loss and no gradient lives here.

Paper, section 3.2: neurons are zeroed and read the input; forward sweep; feedback; backward sweep;
synapse update.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Shaped

from blurax import plasticity
from blurax.errors import require
from blurax.genome import Genome, at_step, during
from blurax.links import Indexed
from blurax.misfits import check
from blurax.network import Network, NetworkState, Neurons, Synapses, resting_neurons
from blurax.remat import Remat, scan
from blurax.spec import Rule, Source
from blurax.sweeps import (
    LayerMoments,
    backward_sweep,
    before,
    dtype_of,
    feedback,
    forward_sweep,
    normalise_stored,
    read,
    resting,
    update_synapses,
)
from blurax.targets import Target


class StepInfo(eqx.Module):
    """What one inner step looked like; observed only, it feeds back into nothing."""

    prediction: Float[Array, "b classes"]
    """State 1 of the last layer after the forward sweep, before any feedback."""
    neurons: Neurons
    """All states at the end of the step."""


def step(
    genome: Genome,
    state: NetworkState,
    x: Float[Array, "b ..."] | Indexed,
    y: Shaped[Array, "b ..."] | tuple[Shaped[Array, "b ..."], ...],
    index: Int[Array, ""] | int = 0,
    intercept: Float[Array, " classes"] | None = None,
    target: Target | None = None,
    mask: Bool[Array, " b"] | None = None,
) -> tuple[NetworkState, StepInfo]:
    """One inner step: forward, feedback, backward, update.

    Args:
        x: the inputs of a batch; with indices that travel with them where a link takes them.
        y: its labels, +1 for the right class and -1 for the others, or what the target takes; a
            tuple has those of each output of the network.
        index: the number of this step, from 0; feedback comes where it divides by
            `rule.feedback.every`, and genes of their own go by it.
        intercept: what is added to the prediction before it is compared with the labels, if
            anything (docs/explanation/decisions/0019-an-intercept.md).
        target: says what error signal the labels make; as of classes if None.
        mask: which examples count; all if None. The others change no synapse.

    Raises:
        BluraxError: if genome, state and batch do not fit each other, or there is a mask and the
            rule lets examples act on each other.
    """
    require(
        mask is None or (plasticity.takes_masks(genome.rule) and not state.network.is_delayed),
        "The batch has a mask, but under the genome's rule, or by edges with a delay, examples act "
        f"on each other: {', '.join(plasticity.mixing(genome.rule)) or 'delayed edges'}.",
    )
    network, inputs = state.network.on(x)
    check(genome.rule, state, inputs, y, target)
    steps = None if state.steps is None else jnp.asarray(index + 1, state.steps.dtype)
    genome = during(genome, index)
    rule = genome.rule
    synapses, predicted, earlier = _forward(genome, network, state, inputs, mask)

    def supervised(synapses: tuple[Synapses, ...]) -> tuple[tuple[Synapses, ...], Neurons]:
        corrected = feedback(rule, network, predicted, y, intercept, target)
        seen = read(genome, network, synapses)
        neurons = backward_sweep(genome, network, seen, corrected, earlier)
        lower = predicted if rule.update.source is Source.FORWARD_SWEEP else neurons
        counted = plasticity.counted(rule, mask, lower, neurons)
        new = update_synapses(genome.synapse, rule, network, synapses, *counted, earlier)
        return new, neurons

    if rule.feedback.every == 1:
        synapses, neurons = supervised(synapses)
    else:
        supervise = index % rule.feedback.every == 0
        synapses, neurons = jax.lax.cond(supervise, supervised, lambda s: (s, predicted), synapses)
    kept = neurons if rule.keep_neurons or network.is_delayed else None
    prediction = predicted[network.outputs[0]][0]
    return NetworkState(synapses, kept, steps, state.graph), StepInfo(prediction, neurons)


def forward(
    genome: Genome,
    state: NetworkState,
    x: Float[Array, "b ..."] | Indexed,
    index: Int[Array, ""] | int = 0,
) -> NetworkState:
    """A step without feedback: the neurons move, and the synapses where the rule says so."""
    genome = during(genome, index)
    network, inputs = state.network.on(x)
    synapses, neurons, _ = _forward(genome, network, state, inputs, None)
    kept = None if state.neurons is None else neurons
    return dataclasses.replace(state, synapses=synapses, neurons=kept)


def _forward(
    genome: Genome,
    network: Network,
    state: NetworkState,
    x: Array,
    mask: Bool[Array, " b"] | None,
) -> tuple[tuple[Synapses, ...], Neurons, Neurons | None]:
    """The synapses and neurons after the forward sweep, and what delayed edges transmitted."""
    synapses = normalise_stored(genome, network, state.synapses)
    rested, earlier = starting(state, genome.rule, x)
    seen = read(genome, network, synapses)
    predicted, _ = forward_sweep(genome, network, seen, rested, earlier)
    return _unsupervised(genome, network, synapses, predicted, earlier, mask), predicted, earlier


def starting(
    state: NetworkState, rule: Rule, x: Float[Array, "b ..."]
) -> tuple[Neurons, Neurons | None]:
    """The neurons at the start of a step, and what delayed edges transmit in it."""
    return resting(state, rule, x), before(state, rule, len(x))


def resting_state(state: NetworkState, rule: Rule, batch: int) -> NetworkState:
    """The state with neurons at 0 for so many examples, where it keeps any."""
    kept = (
        None
        if state.neurons is None
        else resting_neurons(state.network, rule, batch, dtype_of(state))
    )
    return dataclasses.replace(state, neurons=kept)


def _unsupervised(
    genome: Genome,
    network: Network,
    synapses: tuple[Synapses, ...],
    neurons: Neurons,
    earlier: Neurons | None,
    mask: Bool[Array, " b"] | None,
) -> tuple[Synapses, ...]:
    """The synapse update after the forward sweep, where the rule has one (release)."""
    if genome.forward_synapse is None:
        return synapses
    genes, rule = genome.forward_synapse, genome.rule
    counted = plasticity.counted(rule, mask, neurons, neurons)
    return update_synapses(genes, rule, network, synapses, *counted, earlier)


def predict(
    genome: Genome,
    state: NetworkState,
    x: Float[Array, "q ..."] | Indexed,
    known: LayerMoments | None = None,
) -> Float[Array, "q classes"]:
    """State 1 of the last layer after a forward sweep from resting neurons; nothing is learned.

    Args:
        known: means and variances from `observe_moments`, so that the prediction of an example does
            not depend on the others; those of `x` itself if None.
    """
    return activations(genome, state, x, known)[state.network.outputs[0]]


def activations(
    genome: Genome,
    state: NetworkState,
    x: Float[Array, "q ..."] | Indexed,
    known: LayerMoments | None = None,
) -> list[Float[Array, "q ..."]]:
    """State 1 of each group after the forward sweep of `predict`, the input's first."""
    neurons, _ = forward_sweep(*_rested(genome, state, x), known)
    return [a[0] for a in neurons]


def predict_few(
    genome: Genome,
    state: NetworkState,
    x: Float[Array, "q ..."] | Indexed,
    batch: Float[Array, "b ..."] | Indexed,
) -> Float[Array, "q classes"]:
    """`predict`, normalised by the batch just learned from.

    A mean and a variance over a few dozen examples are mostly chance, all the more so after several
    layers of them (docs/explanation/decisions/0018-small-queries.md).
    """
    return predict(genome, state, x, observe_moments(genome, state, batch))


def observe_moments(
    genome: Genome,
    state: NetworkState,
    x: Float[Array, "q ..."] | Indexed,
    weights: Float[Array, " q"] | None = None,
) -> LayerMoments:
    """The means and variances by which the forward sweep normalises these examples.

    Args:
        weights: how much each example counts, with sum 1; the same each if None.
    """
    return forward_sweep(*_rested(genome, state, x), None, weights)[1]


def _rested(
    genome: Genome, state: NetworkState, x: Float[Array, "q ..."] | Indexed
) -> tuple[Genome, Network, tuple[Synapses, ...], Neurons, Neurons | None]:
    """What the next step would begin with if no neurons were kept."""
    genome = at_step(genome, state.steps)
    network, inputs = state.network.on(x)
    stored = normalise_stored(genome, network, state.synapses)
    synapses = read(genome, network, stored, predicting=True)
    fresh = NetworkState(synapses, None, None, state.graph)
    return genome, network, synapses, *starting(fresh, genome.rule, inputs)


Observer = Callable[[NetworkState, StepInfo], Any]


def nothing(state: NetworkState, info: StepInfo) -> None:
    """The observer that sees nothing."""


def unroll(
    genome: Genome,
    state: NetworkState,
    x: Float[Array, "steps b ..."],
    y: Float[Array, "steps b classes"],
    observe: Observer = nothing,
    remat: Remat = Remat.PRODUCTS,
    first: int | Int[Array, ""] = 0,
) -> tuple[NetworkState, Any]:
    """Many inner steps in one `lax.scan`: compile time does not grow with their number.

    Args:
        x: the inputs of each step's batch.
        y: their labels, +1 or -1.
        observe: called with the state and info after each step.
        remat: what a gradient through the unroll keeps.
        first: the number of the first step, where an earlier unroll is continued.

    Returns:
        The state after the last step, and what `observe` returned, stacked over steps.
    """

    def body(state: NetworkState, batch: tuple[Array, Array, Array]) -> tuple[NetworkState, Any]:
        index, x, y = batch
        state, info = step(genome, state, x, y, index)
        return state, observe(state, info)

    return scan(body, state, (first + jnp.arange(x.shape[0]), x, y), remat)[:2]
