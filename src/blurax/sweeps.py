"""What happens in a network: the sweeps of (5) and (6) and the update of (7), over its groups."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float, Shaped

from blurax import plasticity, rules
from blurax.activations import activate
from blurax.genome import Genes, Genome, SynapseGenes, at_layer
from blurax.network import Edge, Network, NetworkState, Neurons, Synapses, resting_neurons
from blurax.rules import Multiples
from blurax.spec import Rule, Signal
from blurax.targets import Classes, Target
from blurax.terms import Sweep, Where, folds


def resting(state: NetworkState, rule: Rule, x: Float[Array, "b ..."]) -> Neurons:
    """The neurons at the start of an inner step: zeroed or kept, the input in state 1 below."""
    x = x.astype(dtype_of(state))
    if rule.keep_neurons and state.neurons is not None:
        return (x[None], *state.neurons[1:])
    return (x[None], *resting_neurons(state.network, rule, len(x), x.dtype)[1:])


def dtype_of(state: NetworkState) -> Any:
    """The dtype of a network's synapses."""
    return next(w.dtype for s in state.synapses for w in (s.forward, s.backward) if w is not None)


def before(state: NetworkState, rule: Rule, batch: int) -> Neurons | None:
    """What delayed edges transmit: the neurons as the step before has left them, or at rest."""
    if not state.network.is_delayed:
        return None
    if state.neurons is not None:
        return state.neurons
    return resting_neurons(state.network, rule, batch, dtype_of(state))


def normalise_stored(
    genome: Genome, network: Network, synapses: tuple[Synapses, ...]
) -> tuple[Synapses, ...]:
    """The synapses with which an inner step begins: as they are, unless a term changes them."""
    rule, found = genome.rule, []

    def stored(l: int, sweep: Sweep, into: list[Array]) -> list[Array]:
        genes = _own(genome.neuron, rule, network, l)
        return folds.stored(rule.terms, genes, sweep, *into) if into else into

    for l, between in enumerate(synapses):
        up, down = stored(l, Sweep.FORWARD, between.up), stored(l, Sweep.BACKWARD, between.down)
        new = between.having(up, down)
        found.append(new.keeping(between.kept_up(), between.kept_down()))
    return tuple(found)


def read(
    genome: Genome, network: Network, synapses: tuple[Synapses, ...], predicting: bool = False
) -> tuple[Synapses, ...]:
    """The synapses by which sweeps go: as they are, unless a term keeps something beside them.

    Args:
        predicting: whether for a prediction, and not for a step of learning.
    """
    rule, found = genome.rule, []
    for l, between in enumerate(synapses):
        if not network.edges[l].plastic:  # nothing is kept beside what does not change
            found.append(between)
            continue
        genes = _own(genome.synapse, rule, network, l)
        up, down = (
            folds.read(rule.terms, genes, predicting, parts, kept)
            for parts, kept in (
                (between.up, between.kept_up()),
                (between.down, between.kept_down()),
            )
        )
        found.append(between.having(up, down))
    return tuple(found)


LayerMoments = tuple[dict[str, Any], ...]
"""For each group but the first what the rule's terms measured in the forward sweep, by their names:
`{"normalisation": (mean, variance)}` where one normalises over the batch."""


def forward_sweep(
    genome: Genome,
    network: Network,
    synapses: tuple[Synapses, ...],
    neurons: Neurons,
    before: Neurons | None = None,
    known: LayerMoments | None = None,
    weights: Float[Array, " b"] | None = None,
) -> tuple[Neurons, LayerMoments]:
    """(5), group by group upwards.

    Args:
        before: what delayed edges transmit.
        known: means and variances to normalise with, in place of the batch's own.
        weights: how much each example counts in the batch's own, with sum 1; the same each if None.

    Returns:
        The neurons, and the means and variances they were normalised with.
    """
    rule, groups, used = genome.rule, list(neurons), []
    for j in range(1, len(groups)):
        edges, last = network.into(j), j in network.outputs
        genes, where = _own(genome.neuron, rule, network, edges[0]), Where(Sweep.FORWARD, last)
        arriving = []
        for l in edges:
            edge, own = network.edges[l], synapses[l]
            a_i = _source(edge, groups, before)[edge.pre]
            arriving.append(_upwards(genome, network, l, own, a_i, where))
        whole = [a.all() if isinstance(a, Multiples) else a for a in arriving]
        z = rules.forward(groups[j] if rule.keep_neurons else None, genes.f, whole)
        seen = known[j - 1] if known else None
        of = None if rule.keep_neurons else _alone(arriving)
        z, measured = folds.argument(rule.terms, genes, where, z, seen, weights, of)
        phi = rule.sigma.last if last else rule.sigma.forward
        groups[j] = activate(z, phi, rule.sigma.derivative)
        used.append(measured)
    return tuple(groups), tuple(used)


def _alone(arriving: list[Array | Multiples]) -> Multiples | None:
    """The multiples that a group of neurons gets, if it gets nothing else."""
    first, *others = arriving
    return first if isinstance(first, Multiples) and first.even and not others else None


def _upwards(
    genome: Genome, network: Network, l: int, own: Synapses, a_i: Array, where: Where
) -> Array | Multiples:
    """What arrives by an edge in the forward sweep."""
    rule, edge = genome.rule, network.edges[l]
    genes = _own(genome.neuron, rule, network, l)
    eta, length = genes.eta, None
    if edge.link.has_synapses:
        eta, length = folds.gain(rule.terms, genes, where, *own.up)
    post = network.groups[edge.post]
    arrive = rules.multiples if len(a_i) == 1 and rules.shared(own.forward) else rules.arrive
    return arrive(edge.link, own.forward, eta * genes.nu, a_i, post, own.bias, length)


def backward_sweep(
    genome: Genome,
    network: Network,
    synapses: tuple[Synapses, ...],
    neurons: Neurons,
    before: Neurons | None = None,
) -> Neurons:
    """(6), group by group downwards; the input is never updated.

    What a group hands down are its own states, or what a term makes of them (`Term.passed`).
    """
    rule, groups, handed = genome.rule, list(neurons), list(neurons)
    where = Where(Sweep.BACKWARD, last=False)
    for i in reversed(range(1, len(groups))):
        edges = network.back_into(i)
        if not edges:
            continue
        genes = _own(genome.neuron, rule, network, edges[0])
        arriving = []
        for l in edges:
            edge = network.edges[l]
            a_j = _source(edge, handed, before)[edge.post]
            arriving.append(_downwards(genome, network, l, synapses[l], a_j, where))
        among = folds.lateral(rule.terms, genes, groups[i])
        if among is not None:
            arriving.append(among[rules.reached(rule.backward)])
        passed = folds.passed(rule.terms, genes, groups[i])
        groups[i] = _moved_back(rule, genes, groups[i], arriving)
        handed[i] = groups[i] if passed is None else _moved_back(rule, genes, passed, arriving)
    return tuple(groups)


def _moved_back(rule: Rule, genes: Any, a_i: Array, arriving: list[Array]) -> Array:
    """What a group becomes in the backward sweep: (6), its terms and σ."""
    z = rules.backward(a_i, genes.f, arriving, rule.backward)
    z, _ = folds.argument(rule.terms, genes, Where(Sweep.BACKWARD, last=False), z)
    return activate(z, rule.sigma.backward)


def _downwards(
    genome: Genome, network: Network, l: int, own: Synapses, a_j: Array, where: Where
) -> Array:
    """What arrives by an edge in the backward sweep."""
    rule, edge = genome.rule, network.edges[l]
    genes, link = _own(genome.neuron, rule, network, l), edge.link.back
    eta, length, w_ji = genes.eta, None, backward_synapses(network, edge, own)
    if edge.link.has_synapses:
        eta, length = folds.gain(rule.terms, genes, where, w_ji)
    states = rules.reached(rule.backward)
    w_ji, length = (v if v is None or len(v) == 1 else v[states] for v in (w_ji, length))
    transform = (eta * genes.mu)[states]
    return rules.arrive(link, w_ji, transform, a_j, network.groups[edge.pre], None, length)


def backward_synapses(network: Network, edge: Edge, own: Synapses) -> Any:
    """w_ji: numbers of their own, or the forward ones transposed; None where a link has none."""
    if own.backward is not None or own.forward is None:
        return own.backward
    return edge.link.turned(own.forward, network.groups[edge.pre], network.groups[edge.post])


def _own(genes: Genes, rule: Rule, network: Network, l: int) -> Genes:
    """The genes of an edge."""
    return at_layer(genes, rule, network.gene_set(rule, l))


def _source(edge: Edge, groups: list[Array], before: Neurons | None) -> Any:
    """The neurons whose states an edge transmits."""
    return before if edge.delay else groups


def update_synapses(
    genes: SynapseGenes,
    rule: Rule,
    network: Network,
    synapses: tuple[Synapses, ...],
    lower: Neurons,
    upper: Neurons,
    before: Neurons | None = None,
) -> tuple[Synapses, ...]:
    """(7), all synapses at once.

    Args:
        genes: `genome.synapse`, or `genome.forward_synapse` after the forward sweep.
        lower: the neurons that act as the lower group of each pair.
        upper: the neurons that act as the upper group of each pair.
        before: what delayed edges transmit.
    """
    updated = []
    for l, (edge, between) in enumerate(zip(network.edges, synapses, strict=True)):
        if not (edge.plastic and edge.link.has_synapses):
            updated.append(between)
            continue
        own, link, a_j = _own(genes, rule, network, l), edge.link, upper[edge.post]
        a_i = _source(edge, list(lower), before)[edge.pre]
        up = plasticity.updated(own, rule, link, a_i, a_j, between.up, between.kept_up())
        a_j = _source(edge, list(upper), before)[edge.post]
        back = between.down, between.kept_down()
        down = plasticity.updated(own, rule, link.back, a_j, a_i, *back)
        updated.append(between.having(up[0], down[0]).keeping(up[1], down[1]))
    return tuple(updated)


def feedback(
    rule: Rule,
    network: Network,
    neurons: Neurons,
    y: Shaped[Array, "b ..."] | tuple[Shaped[Array, "b ..."], ...],
    intercept: Float[Array, " classes"] | None = None,
    target: Target | None = None,
) -> Neurons:
    """State 1 of an output keeps the prediction, state 2 gets the error signal, others are 0.

    Where σ put φ' into state 2, a gradient is multiplied by it, so that the group below gets the
    gradient with respect to the argument of σ.

    Args:
        y: the labels, +1 for the right class and -1 for the others; a tuple has those of each
            output, one array serves them all.
        intercept: what is added to the prediction before it is compared with the labels.
        target: what the task asks for; classes if None.
    """
    groups, outputs = list(neurons), network.outputs
    for group, own in zip(outputs, y if isinstance(y, tuple) else (y,) * len(outputs), strict=True):
        groups[group] = _corrected(rule, groups[group], own, intercept, target)
    return tuple(groups)


def _corrected(
    rule: Rule,
    last: Float[Array, "k b *n"],
    y: Shaped[Array, "b ..."],
    intercept: Float[Array, " classes"] | None,
    target: Target | None,
) -> Float[Array, "k b *n"]:
    """The states of an output after its feedback."""
    y = y.astype(last.dtype)
    output = last[0] if intercept is None else last[0] + intercept
    if rule.states == 1:
        return y[None]
    signal = (target or Classes(y.shape[1])).feedback(rule.feedback.signal, output, y)
    if rule.feedback.signal is not Signal.LABEL and rule.sigma.derivative:
        signal = signal * last[1]
    return jnp.concatenate([last[:1], signal[None], jnp.zeros_like(last[2:])])
