"""What all terms of a rule together make of a sweep."""

from typing import Any

from jaxtyping import Array

from blurax.genes import NeuronGenes, SynapseGenes
from blurax.terms.protocol import Gain, Sweep, Term, Where


def stored(terms: tuple[Term, ...], genes: NeuronGenes, sweep: Sweep, *into: Array) -> list[Array]:
    """The synapses into the neurons of a layer, as a step begins with them."""
    stored = list(into)
    for term in terms:
        stored = term.stored(stored, genes, sweep)
    return stored


def read(
    terms: tuple[Term, ...],
    genes: SynapseGenes,
    predicting: bool,
    into: list[Array],
    kept: dict[str, list[Array]],
) -> list[Array]:
    """The synapses that sweeps go by, where terms keep something beside them."""
    for term in terms:
        if term.keeps and into:
            into = term.read(into, kept[term.name], genes, predicting)
    return into


def gain(terms: tuple[Term, ...], genes: NeuronGenes, where: Where, *into: Array) -> Gain:
    """η and what the synapses into a neuron are divided by, if by anything."""
    gain = Gain(genes.eta, None)
    for term in terms:
        gain = term.gain(gain, genes, where, into)
    return gain


def argument(
    terms: tuple[Term, ...],
    genes: NeuronGenes,
    where: Where,
    z: Array,
    known: dict[str, Any] | None = None,
    weights: Array | None = None,
) -> tuple[Array, dict[str, Any]]:
    """The argument of σ as the terms make it, and what they measured to do so."""
    used = {}
    for term in terms:
        measured = term.measure(z, where, weights) if known is None else known.get(term.name)
        z = term.argument(z, genes, where, measured)
        if measured is not None:
            used[term.name] = measured
    return z, used
