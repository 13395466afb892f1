"""A network of layers: its synapses, and the sweeps of (5), (6) and (7) over the layers.

A `Network` is only a shape. What its neurons and synapses do is the genome's business, so the same
genome runs in any network, and the same network runs any genome.
"""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray, Shaped

from blurax import plasticity, rules
from blurax.activations import activate
from blurax.bounds import check_count
from blurax.errors import require
from blurax.genome import Genome, SynapseGenes, at_layer
from blurax.initial import normal, stds_of
from blurax.spec import Rule, Signal, Symmetry
from blurax.targets import Classes, Target
from blurax.terms import Sweep, Where, folds

Neurons = tuple[Float[Array, "_ b _"], ...]
"""The states of all layers, `[k, batch, n]` each, after the input layer, `[1, batch, n]`: its other
states would be 0 for ever."""


class Synapses(eqx.Module):
    """The synapses between two layers."""

    forward: Float[Array, "channels i j"]
    """w_ij, from the lower layer to the upper."""
    bias: Float[Array, "channels 1 j"]
    """w_ij from the bias unit of the lower layer."""
    backward: Float[Array, "channels j i"] | None
    """w_ji, from the upper layer to the lower; None where it is w_ij transposed, and towards the
    input layer, which hears nothing."""


class NetworkState(eqx.Module):
    """What changes while a network learns."""

    synapses: tuple[Synapses, ...]
    neurons: Neurons | None
    """The neurons' states after the last inner step; None where each step zeroes them."""
    steps: Int[Array, ""] | None = None
    """How many inner steps are behind it; None where the genome is the same in all of them."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes of the layers, input and output among them."""
        return (
            self.synapses[0].forward.shape[1],
            *(between.forward.shape[2] for between in self.synapses),
        )


@dataclasses.dataclass(frozen=True)
class Network:
    """A fully connected network: the sizes of its layers, input and output among them.

    Raises:
        BluraxError: for fewer than two layers or a size that is not a whole number >= 1.
    """

    sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        sizes = self.sizes if isinstance(self.sizes, tuple) else ()
        whole = all(isinstance(n, int) and not isinstance(n, bool) and n >= 1 for n in sizes)
        require(
            len(sizes) >= 2 and whole,
            f"Network.sizes is {self.sizes!r}; "
            "it takes a tuple of two or more whole numbers >= 1, such as (64, 32, 10).",
        )
        for size in sizes:
            check_count("A size of Network.sizes", size)

    @property
    def synapse_count(self) -> int:
        """The number of forward synapses, biases included."""
        return sum((i + 1) * j for i, j in zip(self.sizes, self.sizes[1:], strict=False))

    def init(self, key: PRNGKeyArray, of: Rule | Genome, batch: int) -> NetworkState:
        """An initial network: normal synapses, and neurons at 0 where the rule keeps them.

        Args:
            of: the genome, or its rule, which is enough unless `Init.learned` is on.
            batch: the number of examples in each inner step; only kept neurons depend on it.

        Raises:
            BluraxError: if the rule is for another number of layers, its feedback for more than
                one output, or its initial standard deviation a gene and no genome given.
        """
        rule = of.rule if isinstance(of, Genome) else of
        self.check(rule)
        stds = stds_of(of, len(self.sizes) - 1)
        channels = rule.synapse_channels
        layers = list(zip(self.sizes, self.sizes[1:], strict=False))
        up = normal(key, rule, stds, [(channels, i + 1, j) for i, j in layers])
        down: list[Array | None] = [None] * len(layers)
        if rule.symmetry is Symmetry.ASYMMETRIC and len(layers) > 1:
            shapes = [(channels, j, i) for i, j in layers[1:]]
            down[1:] = normal(jax.random.fold_in(key, 1), rule, stds[1:], shapes)
        synapses = tuple(
            Synapses(w_ij[:, :-1], w_ij[:, -1:], w_ji) for w_ij, w_ji in zip(up, down, strict=True)
        )
        below, *above = self.sizes
        neurons = [jnp.zeros((1, batch, below), float)]
        neurons += [jnp.zeros((rule.states, batch, n), float) for n in above]
        steps = None if rule.steps is None else jnp.zeros((), jnp.int32)
        return NetworkState(synapses, tuple(neurons) if rule.keep_neurons else None, steps)

    def check(self, rule: Rule) -> None:
        """Raise `BluraxError` if a genome for `rule` cannot run in this network."""
        synapse_layers = len(self.sizes) - 1
        require(
            rule.layers in (None, synapse_layers),
            f"The genome has genes for {rule.layers} synapse layers of their own, "
            f"but the network {self.sizes} has {synapse_layers}.",
        )


def resting(state: NetworkState, rule: Rule, x: Float[Array, "b features"]) -> Neurons:
    """The neurons at the start of an inner step: zeroed or kept, the input in state 1 below."""
    x = x.astype(state.synapses[0].forward.dtype)
    k, batch, below = rule.states, x.shape[0], x[None]
    if state.neurons is not None:
        return (below, *state.neurons[1:])
    upper = (s.forward.shape[2] for s in state.synapses)
    return (below, *(jnp.zeros((k, batch, n), x.dtype) for n in upper))


def normalise_stored(genome: Genome, synapses: tuple[Synapses, ...]) -> tuple[Synapses, ...]:
    """The synapses with which an inner step begins: as they are, unless a term changes them."""
    rule, found = genome.rule, []
    for l, between in enumerate(synapses):
        genes, down = at_layer(genome.neuron, rule, l), between.backward
        up, bias_j = folds.stored(rule.terms, genes, Sweep.FORWARD, between.forward, between.bias)
        if down is not None:
            (down,) = folds.stored(rule.terms, genes, Sweep.BACKWARD, down)
        found.append(Synapses(up, bias_j, down))
    return tuple(found)


LayerMoments = tuple[dict[str, Any], ...]
"""For each layer but the first what the rule's terms measured in the forward sweep, by their names:
`{"normalisation": (mean, variance)}` where one normalises over the batch."""


def forward_sweep(
    genome: Genome,
    synapses: tuple[Synapses, ...],
    neurons: Neurons,
    known: LayerMoments | None = None,
) -> Neurons:
    """(5), layer by layer upwards.

    Args:
        known: means and variances to normalise with, in place of the batch's own.
    """
    return _measured_sweep(genome, synapses, neurons, known, None)[0]


def forward_moments(
    genome: Genome,
    synapses: tuple[Synapses, ...],
    neurons: Neurons,
    weights: Float[Array, " b"] | None = None,
) -> LayerMoments:
    """The means and variances by which a forward sweep normalises this batch.

    Args:
        weights: how much each example counts, with sum 1; the same each if None.
    """
    return _measured_sweep(genome, synapses, neurons, None, weights)[1]


def _measured_sweep(
    genome: Genome,
    synapses: tuple[Synapses, ...],
    neurons: Neurons,
    known: LayerMoments | None,
    weights: Float[Array, " b"] | None,
) -> tuple[Neurons, LayerMoments]:
    rule, layers, used = genome.rule, list(neurons), []
    for l, between in enumerate(synapses):
        genes, last = at_layer(genome.neuron, rule, l), l == len(synapses) - 1
        where, w_ij, bias_j = Where(Sweep.FORWARD, last), between.forward, between.bias
        eta, length = folds.gain(rule.terms, genes, where, w_ij, bias_j)
        z = rules.forward(layers[l], layers[l + 1], w_ij, bias_j, genes.nu, genes.f, eta, length)
        z, measured = folds.argument(
            rule.terms, genes, where, z, known[l] if known else None, weights
        )
        phi = rule.sigma.last if last else rule.sigma.forward
        layers[l + 1] = activate(z, phi, rule.sigma.derivative)
        used.append(measured)
    return tuple(layers), tuple(used)


def backward_sweep(genome: Genome, synapses: tuple[Synapses, ...], neurons: Neurons) -> Neurons:
    """(6), layer by layer downwards; the first layer is never updated."""
    rule, layers = genome.rule, list(neurons)
    for l in reversed(range(1, len(synapses))):
        genes = at_layer(genome.neuron, rule, l)
        where, w_ji = Where(Sweep.BACKWARD, last=False), backward_synapses(synapses[l])
        eta, length = folds.gain(rule.terms, genes, where, w_ji)
        z = rules.backward(
            layers[l], layers[l + 1], w_ji, genes.mu, genes.f, eta, rule.backward, length
        )
        z, _ = folds.argument(rule.terms, genes, where, z)
        layers[l] = activate(z, rule.sigma.backward)
    return tuple(layers)


def update_synapses(
    genes: SynapseGenes,
    rule: Rule,
    synapses: tuple[Synapses, ...],
    lower: Neurons,
    upper: Neurons,
) -> tuple[Synapses, ...]:
    """(7), all synapses at once.

    Args:
        genes: `genome.synapse`, or `genome.forward_synapse` after the forward sweep.
        lower: the neurons that act as the lower layer of each pair.
        upper: the neurons that act as the upper layer of each pair.
    """
    updated = []
    for l, between in enumerate(synapses):
        own, a_i, a_j = at_layer(genes, rule, l), lower[l], upper[l + 1]
        up, bias_j = plasticity.updated(own, rule, a_i, a_j, between.forward, between.bias)
        down = between.backward
        if down is not None:
            (down,) = plasticity.updated(own, rule, a_j, a_i, down)
        updated.append(Synapses(up, bias_j, down))
    return tuple(updated)


def backward_synapses(between: Synapses) -> Float[Array, "channels j i"]:
    """w_ji: numbers of their own, or the forward ones transposed."""
    if between.backward is not None:
        return between.backward
    return jnp.swapaxes(between.forward, 1, 2)


def feedback(
    rule: Rule,
    neurons: Neurons,
    y: Shaped[Array, "b ..."],
    intercept: Float[Array, " classes"] | None = None,
    target: Target | None = None,
) -> Neurons:
    """State 1 of the last layer keeps the prediction, state 2 gets the error signal, others are 0.

    Where σ put φ' into state 2, a gradient is multiplied by it, so that the layer below gets the
    gradient with respect to the argument of σ.

    Args:
        y: the labels, +1 for the right class and -1 for the others.
        intercept: what is added to the prediction before it is compared with the labels.
        target: what the task asks for; classes if None.
    """
    *below, last = neurons
    y = y.astype(last.dtype)
    output = last[0] if intercept is None else last[0] + intercept
    if rule.states == 1:
        return (*below, y[None])
    signal = (target or Classes(y.shape[1])).feedback(rule.feedback.signal, output, y)
    if rule.feedback.signal is not Signal.LABEL and rule.sigma.derivative:
        signal = signal * last[1]
    rest = jnp.zeros_like(last[2:])
    return (*below, jnp.concatenate([last[:1], signal[None], rest]))
