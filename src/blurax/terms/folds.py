"""What all terms of a rule together make of a sweep."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from blurax.genes import NeuronGenes, SynapseGenes
from blurax.rules import Multiples
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


def lateral(terms: tuple[Term, ...], genes: NeuronGenes, a: Array) -> Array | None:
    """What the neurons of a group give each other in the backward sweep; None: nothing."""
    acting = [term for term in terms if type(term).lateral is not Term.lateral]
    given = jnp.zeros_like(a)
    for term in acting:
        given = term.lateral(given, a, genes)
    return given if acting else None


def passed(terms: tuple[Term, ...], genes: NeuronGenes, a: Array) -> Array | None:
    """The states that errors meet which go on to lower layers; None: the neurons' own."""
    acting = [term for term in terms if type(term).passed is not Term.passed]
    for term in acting:
        a = term.passed(a, genes)
    return a if acting else None


def argument(
    terms: tuple[Term, ...],
    genes: NeuronGenes,
    where: Where,
    z: Array,
    known: dict[str, Any] | None = None,
    weights: Array | None = None,
    of: Multiples | None = None,
) -> tuple[Array, dict[str, Any]]:
    """The argument of σ as the terms make it, and what they measured to do so.

    Args:
        of: what all states of z are multiples of, if they are; then a term need measure that alone.
    """
    used = {}
    for term in terms:
        measured = _measured(term, z, where, weights, of) if known is None else known.get(term.name)
        given, z = z, term.argument(z, genes, where, measured)
        of = of if z is given else None
        if measured is not None:
            used[term.name] = measured
    return z, used


def _measured(
    term: Term, z: Array, where: Where, weights: Array | None, of: Multiples | None
) -> Any:
    if of is None or type(term).moved is Term.moved:
        return term.measure(z, where, weights)
    found = term.measure(of.one, where, weights)
    return None if found is None else term.moved(found, of.gain, of.offset)
