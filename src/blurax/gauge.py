"""Genomes that act alike: the exact symmetries of the equations, used and removed."""

import dataclasses

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from blurax.genes import Genome, NeuronGenes, SynapseGenes
from blurax.spec import Oja, Rule, Saturation


def canonical(genome: Genome) -> Genome:
    """The genome with its exact symmetries removed, so that two genomes can be compared.

    Removed are these: η scales ν and μ together and becomes 1; η~ and the length and sign of
    each column of ν~ go into μ~; states beyond the second are interchangeable (the first two are
    not: they meet input, prediction and label) and are sorted by what they hear from state 1;
    the sign of m, of α of a tanh, of s and of the initial standard deviation means nothing. Where
    synapses are normalised in the sweeps alone, what rescales them goes into ν and μ.
    With a genome for each layer or step the states are sorted by the first one's.
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
    heard = neuron.nu.reshape(-1, rule.states, rule.states)[0]
    fixed = jnp.arange(min(2, genome.rule.states))
    return permute_states(genome, jnp.concatenate([fixed, 2 + jnp.argsort(heard[2:, 0])]))


def _canonical_neuron(genes: NeuronGenes, rule: Rule) -> NeuronGenes:
    forward, kept_forward = _rescaled(genes.forward_rescale, genes.eta, rule)
    backward, kept_backward = _rescaled(genes.backward_rescale, genes.eta, rule)
    return dataclasses.replace(
        genes,
        nu=genes.nu * forward[..., None, None],
        mu=genes.mu * backward[..., None, None],
        eta=jnp.ones_like(genes.eta),
        forward_rescale=kept_forward,
        backward_rescale=kept_backward,
    )


def _rescaled(scale: Array | None, eta: Array, rule: Rule) -> tuple[Array, Array | None]:
    """What multiplies a transform of neurons, and what is left of the rescaling of synapses.

    The length of stored synapses is more than a factor in the sweeps: it stays.
    """
    if scale is None:
        return eta, None
    if not rule.stabilise.normalise_stored:
        return eta * scale, jnp.ones_like(scale)
    turned = jnp.where(scale < 0, -eta, eta) if rule.stabilise.normalise_synapses else eta
    return turned, jnp.abs(scale)


def _canonical_synapse(genes: SynapseGenes, rule: Rule) -> SynapseGenes:
    bound = genes.saturation
    if bound is not None and rule.stabilise.saturation in (Saturation.TANH, Saturation.EXPONENTIAL):
        bound = jnp.abs(bound)
    length = jnp.linalg.norm(genes.nu_tilde, axis=-2, keepdims=True)
    if rule.stabilise.oja is Oja.ACTIVATION:  # one m for all channels: they share a length
        length = jnp.sqrt(jnp.mean(length**2, axis=-1, keepdims=True))
    largest = jnp.argmax(jnp.abs(genes.nu_tilde), axis=-2, keepdims=True)
    sign = jnp.where(jnp.take_along_axis(genes.nu_tilde, largest, axis=-2) < 0, -1.0, 1.0)
    scale = jnp.where(length > 0, length, 1.0) * sign
    # `width_free` divides by the square of what the lower layer offers, ν~ included.
    moved = 1 / scale if rule.update.width_free else scale
    mu_tilde = genes.mu_tilde * jnp.swapaxes(moved, -1, -2) * genes.eta_tilde[..., None, None]
    return dataclasses.replace(
        genes,
        nu_tilde=genes.nu_tilde / scale,
        mu_tilde=mu_tilde,
        eta_tilde=jnp.ones_like(genes.eta_tilde),
        oja=_canonical_oja(genes, rule, jnp.abs(moved[..., 0, 0])),
        saturation=bound,
    )


def _canonical_oja(genes: SynapseGenes, rule: Rule, length: Array) -> Array | None:
    """m; next to activations it makes up for what went into μ~: |η~| m μ~² = m' μ~'²."""
    if genes.oja is None or rule.stabilise.oja is not Oja.ACTIVATION:
        return None if genes.oja is None else jnp.abs(genes.oja)
    moved = jnp.abs(genes.eta_tilde) * length**2
    return jnp.abs(genes.oja) / jnp.where(moved > 0, moved, 1.0)


def permute_states(genome: Genome, order: Array) -> Genome:
    """The genome with state c renamed: new state c is old state `order[c]`, channels alike."""
    channels = order if genome.synapse.nu_tilde.shape[-1] > 1 else jnp.zeros(1, int)

    def both(matrix: Array) -> Array:
        return matrix[..., order, :][..., order]

    def each(vector: Array | None) -> Array | None:
        return None if vector is None else vector[..., order]

    def synapse(genes: SynapseGenes) -> SynapseGenes:
        return eqx.tree_at(
            lambda g: (g.nu_tilde, g.mu_tilde),
            genes,
            (
                genes.nu_tilde[..., order, :][..., channels],
                genes.mu_tilde[..., channels, :][..., order],
            ),
        )

    n = genome.neuron
    neuron = dataclasses.replace(
        n,
        nu=both(n.nu),
        mu=both(n.mu),
        forward_scale=each(n.forward_scale),
        forward_shift=each(n.forward_shift),
        backward_scale=each(n.backward_scale),
        backward_shift=each(n.backward_shift),
    )
    after = genome.forward_synapse
    return dataclasses.replace(
        genome,
        neuron=neuron,
        synapse=synapse(genome.synapse),
        forward_synapse=None if after is None else synapse(after),
    )
