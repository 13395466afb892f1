"""The learned numbers by name, and those that are in force at a layer and in a step.

Where the rule has genes for each layer every leaf has a leading axis `layers`, and before that,
with genes for each inner step, an axis `steps`: `*layers` stands for both.
"""

import dataclasses
from typing import TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from blurax.spec import Rule


class NeuronGenes(eqx.Module):
    """How neurons move, (5) and (6)."""

    nu: Float[Array, "*layers k k"]
    """ν, the forward transform."""
    mu: Float[Array, "*layers k k"]
    """μ, the backward transform."""
    f: Float[Array, "*layers"]
    """f, the forget gate."""
    eta: Float[Array, "*layers"]
    """η, the update gate."""
    forward_scale: Float[Array, "*layers k"] | None = None
    """Scale of the normalisation in the forward sweep; None where there is none."""
    forward_shift: Float[Array, "*layers k"] | None = None
    backward_scale: Float[Array, "*layers k"] | None = None
    backward_shift: Float[Array, "*layers k"] | None = None
    forward_rescale: Float[Array, "*layers"] | None = None
    """What multiplies normalised forward synapses; None where nothing does."""
    backward_rescale: Float[Array, "*layers"] | None = None


class SynapseGenes(eqx.Module):
    """How synapses move, (7), (8)."""

    nu_tilde: Float[Array, "*layers k channels"]
    """ν~, the pre-synaptic transform."""
    mu_tilde: Float[Array, "*layers channels k"]
    """μ~, the post-synaptic transform."""
    f_tilde: Float[Array, "*layers"]
    """f~, the forget gate."""
    eta_tilde: Float[Array, "*layers"]
    """η~, the update gate: a learning rate."""
    oja: Float[Array, "*layers"] | None = None
    """m, the multiplier of the first term of (8), or of the one of activations."""
    saturation: Float[Array, "*layers"] | None = None
    """α of the saturating non-linearity, the longest vector or the slowing growth, or s of the
    exponential one."""
    decorrelation: Float[Array, "*layers"] | None = None
    """How much alike examples inhibit each other, before the logistic function; None where they do
    not."""


class Genome(eqx.Module):
    """The learned numbers, and the rule they are meant for."""

    neuron: NeuronGenes
    synapse: SynapseGenes
    forward_synapse: SynapseGenes | None
    """Genes of the synapse update after the forward sweep; None where the rule has none."""
    rule: Rule = eqx.field(static=True)
    init_std: Float[Array, "*layers"] | None = None
    """The standard deviation of the initial synapses; None where the rule says it."""


Genes = TypeVar("Genes", NeuronGenes, SynapseGenes)


def at_layer(genes: Genes, rule: Rule, index: int) -> Genes:
    """The genes in force at synapse layer `index`: the same for all unless the rule says so."""
    if rule.layers is None:
        return genes
    return jax.tree.map(lambda leaf: leaf[index], genes)


def at_step(genome: Genome, index: int | Int[Array, ""] | None) -> Genome:
    """The genome in force in an inner step, of a rule that knows no steps.

    Args:
        index: the number of the step, from 0; beyond the last that has genes of its own, or None,
            those of the last hold.
    """
    last = genome.rule.steps
    if last is None:
        return genome
    now = last - 1 if index is None else jnp.minimum(index, last - 1)
    moving = genome.neuron, genome.synapse, genome.forward_synapse
    neuron, synapse, after = jax.tree.map(lambda leaf: leaf[now], moving)
    rule = dataclasses.replace(genome.rule, steps=None)
    return Genome(neuron, synapse, after, rule, genome.init_std)
