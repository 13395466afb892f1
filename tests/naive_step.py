"""A whole inner step as loops over single numbers, written from section 3.2 of the paper alone."""

import dataclasses
import math
from types import SimpleNamespace

import numpy as np

import naive
from blurax.spec import Normalise, Signal, Source, Symmetry


@dataclasses.dataclass
class Net:
    """Synapses upwards, the bias unit's in the last row, and downwards (None: symmetric; those to
    the input layer, which nobody reads, are made up), and kept neurons (None: zeroed); the traces
    of synapses upwards and downwards, and the sums of squares that slow them down (None: the rule
    has none)."""

    up: list[np.ndarray]
    down: list[np.ndarray] | None
    neurons: list[np.ndarray] | None
    up_traces: list[np.ndarray | None]
    down_traces: list[np.ndarray | None]
    up_sums: list[np.ndarray | None]
    down_sums: list[np.ndarray | None]


def matrix(synapses):
    """w_ij of one pair of layers, the bias unit's synapses as the last row."""
    return np.concatenate([synapses.forward, synapses.bias], axis=-2)


def downwards(synapses):
    """w_ji of one pair of layers."""
    if synapses.backward is not None:
        return np.array(synapses.backward)
    return np.ones(np.swapaxes(synapses.forward, 1, 2).shape)


def net_of(state, rule):
    """The naive copy of a `NetworkState`."""
    symmetric = rule.symmetry is Symmetry.SYMMETRIC
    traces = [s.kept.get("trace") for s in state.synapses]
    sums = [s.kept.get("metaplasticity") for s in state.synapses]
    return Net(
        [matrix(s) for s in state.synapses],
        None if symmetric else [downwards(s) for s in state.synapses],
        whole(state.neurons, rule) if rule.keep_neurons else None,
        [m and matrix(m) for m in traces],
        [m and downwards(m) for m in traces],
        [s and matrix(s) for s in sums],
        [s and downwards(s) for s in sums],
    )


def whole(neurons, rule):
    """The states of all layers, k of them in the input layer too: there all but the first are 0."""
    first = np.zeros((rule.states, *neurons[0].shape[1:]))
    first[0] = neurons[0][0]
    return [first, *(np.array(a) for a in neurons[1:])]


def genes_at(genes, rule, l, index, last):
    """The genes of synapse layer l in step `index` as numbers, by their names.

    Args:
        last: whether the layer leads to the outputs.
    """
    if rule.readout:
        l = 1 if last else 0
    named = {name: value for name, value in vars(genes).items() if name != "terms"} | genes.terms
    if rule.steps is not None:
        named = {name: v[min(index, rule.steps - 1)] for name, v in named.items()}
    one = rule.layers is None and not rule.readout
    own = {name: np.asarray(v) if one else v[l] for name, v in named.items()}
    if "decay_power" in own:
        falls = (1 + index / math.exp(own["decay_time"])) ** -own["decay_power"]
        own["eta_tilde"] = falls * own["eta_tilde"]
    return SimpleNamespace(**{name: np.array(value) for name, value in own.items()})


def resting(net, rule, x):
    """Neurons zeroed or kept; the input in state 1 of the first layer, 0 in its others."""
    sizes = [w.shape[1] - 1 for w in net.up] + [net.up[-1].shape[2]]
    layers = [np.zeros((rule.states, len(x), n)) for n in sizes]
    if net.neurons is not None:
        layers[1:] = [a.copy() for a in net.neurons[1:]]
    for b, i in np.ndindex(*x.shape):
        layers[0][0, b, i] = x[b, i]
    return layers


def stored(genome, net, index):
    """The synapses at the start of a step: the stored ones of length 1, or |r|, if so."""
    rule = genome.rule
    if not rule.stabilise.normalise_stored:
        return net
    up, down = [], []
    for l, w in enumerate(net.up):
        g = genes_at(genome.neuron, rule, l, index, w is net.up[-1])
        up.append(abs(getattr(g, "forward_rescale", 1.0)) * naive.normalise_synapses(w))
        if net.down is not None:
            size = abs(getattr(g, "backward_rescale", 1.0))
            down.append(size * naive.normalise_synapses(net.down[l]))
    return dataclasses.replace(net, up=up, down=None if net.down is None else down)


def read(genome, net, index):
    """The synapses by which sweeps go: w + ρ m, where the rule has traces."""
    rule, last = genome.rule, len(net.up) - 1
    if not rule.update.trace:
        return net
    share = [
        genes_at(genome.synapse, rule, l, index, l == last).trace_in_sweeps for l in range(last + 1)
    ]
    up, down = (
        weights and [w + s * m for w, s, m in zip(weights, share, traces, strict=True)]
        for weights, traces in ((net.up, net.up_traces), (net.down, net.down_traces))
    )
    return dataclasses.replace(net, up=up, down=down)


def swept(w, rule, g, direction):
    """Synapses as a sweep reads them: of length 1 or r, where the rule normalises them there."""
    if not rule.stabilise.normalise_synapses:
        return w
    power = getattr(g, "length_power", 1.0)
    return getattr(g, f"{direction}_rescale", 1.0) * naive.normalise_synapses(w, power)


def forward_sweep(genome, net, layers, index):
    """(5), layer by layer upwards."""
    rule, layers = genome.rule, list(layers)
    for l, w in enumerate(net.up):
        g = genes_at(genome.neuron, rule, l, index, l == len(net.up) - 1)
        w = swept(w, rule, g, "forward")
        z = naive.forward(layers[l], layers[l + 1], w, g.nu, g.f, g.eta)
        last = l == len(net.up) - 1
        normalised = rule.stabilise.normalise in (Normalise.FORWARD, Normalise.BOTH)
        if normalised and (rule.stabilise.normalise_last or not last):
            over = rule.stabilise.normalise_over
            z = naive.normalise_activations(z, g.forward_scale, g.forward_shift, over)
        phi = rule.sigma.last if last else rule.sigma.forward
        layers[l + 1] = naive.sigma(z, phi, rule.sigma.derivative)
    return layers


def backward_sweep(genome, net, layers, index):
    """(6), layer by layer downwards; neither the first layer nor the last is updated."""
    rule, layers, handed = genome.rule, list(layers), list(layers)
    for l in range(len(net.up) - 1, 0, -1):
        g = genes_at(genome.neuron, rule, l, index, l == len(net.up) - 1)
        w = naive.transposed(net.up[l]) if net.down is None else net.down[l]
        w = swept(w, rule, g, "backward")
        given = naive.inhibition(layers[l], g.lateral) if rule.lateral else None
        own, above = layers[l], handed[l + 1]
        layers[l] = handed[l] = moved_back(rule, g, own, above, w, given)
        if rule.sigma.pass_through:
            own = naive.passed(own, g.pass_through)
            handed[l] = moved_back(rule, g, own, above, w, given)
    return layers


def moved_back(rule, g, a_i, a_j, w, given):
    """What (6) makes of a layer by the one above."""
    z = naive.backward(a_i, a_j, w, g.mu, g.f, g.eta, rule.backward, given)
    if rule.stabilise.normalise in (Normalise.BACKWARD, Normalise.BOTH):
        over = rule.stabilise.normalise_over
        z = naive.normalise_activations(z, g.backward_scale, g.backward_shift, over)
    return naive.sigma(z, rule.sigma.backward)


def told(rule, last, y, b, j):
    """What neuron j of the last layer is told about example b."""
    signal = rule.feedback.signal
    if signal is Signal.LABEL:
        return y[b, j]
    gradient = last[0, b, j] - y[b, j]
    if signal is Signal.CROSS_ENTROPY:
        whole = sum(math.exp(last[0, b, r]) for r in range(last.shape[2]))
        gradient = math.exp(last[0, b, j]) / whole - (1.0 if y[b, j] > 0 else 0.0)
    # The argument of σ hears the gradient through φ', which σ left in state 2.
    return gradient * last[1, b, j] if rule.sigma.derivative else gradient


def feedback(rule, layers, y):
    """State 1 keeps the prediction, state 2 is told, the others are 0; one state is told itself."""
    last = layers[-1]
    new = np.zeros(last.shape)
    for b, j in np.ndindex(*y.shape):
        new[0, b, j] = last[0, b, j]
        new[min(1, rule.states - 1), b, j] = told(rule, last, y, b, j)
    return [*layers[:-1], new]


def update(genes, rule, net, lower, upper, index):
    """(7) for all synapses at once, upwards and downwards."""
    up, down = [], []
    for l, w in enumerate(net.up):
        g = genes_at(genes, rule, l, index, l == len(net.up) - 1)
        own = w, net.up_traces[l], net.up_sums[l]
        up.append(naive.updated(g, rule, lower[l], upper[l + 1], *own))
        back = (None, None, None)
        if net.down is not None:
            own = net.down[l], net.down_traces[l], net.down_sums[l]
            back = naive.updated(g, rule, upper[l + 1], lower[l], *own)
        down.append(back)
    (up, *up_kept), (down, *down_kept) = (map(list, zip(*each, strict=True)) for each in (up, down))
    kept = (sums for pair in zip(up_kept, down_kept, strict=True) for sums in pair)
    return Net(up, None if net.down is None else down, net.neurons, *kept)


def step(genome, net, x, y, index):
    """One inner step: the new network, the prediction, and the neurons at its end."""
    rule = genome.rule
    net = stored(genome, net, index)
    start = resting(net, rule, x)
    predicted = forward_sweep(genome, read(genome, net, index), start, index)
    if rule.update.after_forward:
        net = update(genome.forward_synapse, rule, net, predicted, predicted, index)
    neurons = predicted
    if index % rule.feedback.every == 0:
        corrected = feedback(rule, predicted, y)
        neurons = backward_sweep(genome, read(genome, net, index), corrected, index)
        lower = predicted if rule.update.source is Source.FORWARD_SWEEP else neurons
        net = update(genome.synapse, rule, net, lower, neurons, index)
    kept = neurons if rule.keep_neurons else None
    return dataclasses.replace(net, neurons=kept), predicted[-1][0], neurons
