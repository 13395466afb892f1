"""Genomes that act alike: the exact symmetries of the equations, used and removed."""

import dataclasses

import jax.numpy as jnp
from jaxtyping import Array

from blurax.genes import NeuronGenes, SynapseGenes
from blurax.genome import Genome
from blurax.spec import Rule
from blurax.terms import Gene, Sweep


def canonical(genome: Genome) -> Genome:
    """The genome with its exact symmetries removed, so that two genomes can be compared.

    Removed are these: η scales ν and μ together and becomes 1; η~ and the length and sign of
    each column of ν~ go into μ~; states beyond the second are interchangeable (the first two are
    not: they meet input, prediction and label) and are sorted by what they read of state 1;
    the sign of the initial standard deviation and of genes that are `even` means nothing. Terms
    say what becomes of their genes. The size of traces (`terms.trace`) stays: it is the state's,
    which the genes of all steps share. With a genome for each layer or step the states are sorted
    by the first one's.
    """
    rule, after, std = genome.rule, genome.forward_synapse, genome.init_std
    neuron = _canonical_neuron(genome.neuron, rule)
    genome = Genome(
        neuron,
        _canonical_synapse(genome.synapse, rule),
        None if after is None else _canonical_synapse(after, rule),
        rule,
        None if std is None else jnp.abs(std),
    )
    read = neuron.nu.reshape(-1, rule.states, rule.states)[0]
    fixed = jnp.arange(min(2, genome.rule.states))
    return permute_states(genome, jnp.concatenate([fixed, 2 + jnp.argsort(read[2:, 0])]))


def _canonical_neuron(genes: NeuronGenes, rule: Rule) -> NeuronGenes:
    gain, terms = dict.fromkeys(Sweep, genes.eta), _unsigned(genes.terms, rule.neuron_genes)
    for term in rule.terms:
        gain, terms = term.canonical_neuron(gain, terms)
    nu = genes.nu * gain[Sweep.FORWARD][..., None, None]
    mu = genes.mu * gain[Sweep.BACKWARD][..., None, None]
    return NeuronGenes(nu, mu, genes.f, jnp.ones_like(genes.eta), terms)


def _canonical_synapse(genes: SynapseGenes, rule: Rule) -> SynapseGenes:
    length = jnp.linalg.norm(genes.nu_tilde, axis=-2, keepdims=True)
    if any(term.shares_length for term in rule.terms):
        length = jnp.sqrt(jnp.mean(length**2, axis=-1, keepdims=True))
    largest = jnp.argmax(jnp.abs(genes.nu_tilde), axis=-2, keepdims=True)
    sign = jnp.where(jnp.take_along_axis(genes.nu_tilde, largest, axis=-2) < 0, -1.0, 1.0)
    scale = jnp.where(length > 0, length, 1.0) * sign
    moved, terms = scale, _unsigned(genes.terms, rule.synapse_genes)
    for term in rule.terms:
        moved = moved * term.taken_over(scale, genes.terms)
    for term in rule.terms:
        terms = term.canonical_synapse(terms, genes.eta_tilde, jnp.abs(moved[..., 0, :]))
    return SynapseGenes(
        genes.nu_tilde / scale,
        genes.mu_tilde * jnp.swapaxes(moved, -1, -2) * genes.eta_tilde[..., None, None],
        genes.f_tilde,
        jnp.ones_like(genes.eta_tilde),
        terms,
    )


def _unsigned(values: dict[str, Array], genes: dict[str, Gene]) -> dict[str, Array]:
    """Without the signs that mean nothing."""
    return {name: jnp.abs(v) if genes[name].even else v for name, v in values.items()}


def permute_states(genome: Genome, order: Array) -> Genome:
    """The genome with state c renamed: new state c is old state `order[c]`, channels alike."""
    channels = order if genome.synapse.nu_tilde.shape[-1] > 1 else jnp.zeros(1, int)
    n, after, rule = genome.neuron, genome.forward_synapse, genome.rule

    def both(matrix: Array, rows: Array, columns: Array) -> Array:
        return matrix[..., rows, :][..., columns]

    def terms(values: dict[str, Array], genes: dict[str, Gene]) -> dict[str, Array]:
        found = {}
        for name, value in values.items():
            for place, axis in enumerate(reversed(genes[name].axes), 1):
                value = jnp.take(value, order if axis == "state" else channels, axis=-place)
            found[name] = value
        return found

    def synapse(genes: SynapseGenes) -> SynapseGenes:
        return dataclasses.replace(
            genes,
            nu_tilde=both(genes.nu_tilde, order, channels),
            mu_tilde=both(genes.mu_tilde, channels, order),
            terms=terms(genes.terms, rule.synapse_genes),
        )

    return dataclasses.replace(
        genome,
        neuron=dataclasses.replace(
            n,
            nu=both(n.nu, order, order),
            mu=both(n.mu, order, order),
            terms=terms(n.terms, rule.neuron_genes),
        ),
        synapse=synapse(genome.synapse),
        forward_synapse=None if after is None else synapse(after),
    )
