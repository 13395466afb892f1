"""The genome: the few learned numbers shared by every neuron, synapse, layer and task.

A `Genome` is a frozen pytree: `jax.grad` differentiates it, `jax.tree.map` perturbs it, `flatten`
gives CMA-ES its vector. It carries the `Rule` its numbers are meant for as static data, so that
the two cannot be mixed up. Shapes are those of `genes.py`: `*layers` leads where a rule has genes
for each layer, or each inner step.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax.errors import require
from blurax.genes import NeuronGenes, SynapseGenes
from blurax.spec import Reduction, Rule
from blurax.terms import Gene

__all__ = [
    "Genome",
    "NeuronGenes",
    "SynapseGenes",
    "at_layer",
    "at_step",
    "backprop",
    "during",
    "flatten",
    "leaves",
    "perturb",
    "random",
    "template",
    "unflatten",
]


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
    """The genes in force at synapse layer `index`: the same for all unless the rule says so.

    With `Rule.readout` index 1 means the layers that lead to outputs, and 0 the others; see
    `Network.gene_set`.
    """
    if rule.gene_sets is None:
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


def during(genome: Genome, index: int | Int[Array, ""]) -> Genome:
    """The genome by which synapses change in an inner step: as of `at_step`, and as terms say.

    Args:
        index: the number of the step, from 0.
    """
    genome, now = at_step(genome, index), jnp.asarray(index)

    def moved(genes: SynapseGenes) -> SynapseGenes:
        for term in genome.rule.terms:
            genes = term.at(genes, now)
        return genes

    synapse, after = moved(genome.synapse), genome.forward_synapse
    after = None if after is None else moved(after)
    return dataclasses.replace(genome, synapse=synapse, forward_synapse=after)


def random(key: PRNGKeyArray, rule: Rule) -> Genome:
    """A random genome: normal matrices, and gates as the authors' release starts them.

    f = η = f~ = 1. The release starts η~ at -1e-3 for a sum over batches of about 100; a mean over
    the batch starts it at -0.1, which is the same rule.
    """

    def one(key: PRNGKeyArray) -> Genome:
        k, channels = rule.states, rule.synapse_channels
        square, wide, tall = (k, k), (k, channels), (channels, k)
        numbers = jax.random.normal(key, (6, k * k), float)  # one draw: each compiles for long
        shapes = [square, square, wide, tall, wide, tall]
        draws = [
            row[: math.prod(shape)].reshape(shape)
            for row, shape in zip(numbers, shapes, strict=True)
        ]
        eta_tilde = -1e-3 if rule.update.batch is Reduction.SUM else -1e-1
        return _assemble(rule, eta_tilde, *draws)

    return _repeated(_for_each_layer(one, key, rule))


def backprop(rule: Rule, learning_rate: float) -> Genome:
    """Back-propagation as a genome (sec. 3.1): exact under `Rule.backprop`, elsewhere a start.

    ν copies state 1 into states 1 and 2, where σ makes it φ and φ'; μ = I, of which the backward
    update uses row 2 alone; ν~ = I and μ~ = [[0, 1], [1, 0]] make the synapse update a_i^1 a_j^2.
    States beyond the second start at 0. After the forward sweep there is no error to follow, so
    the genes of that update start with η~ = 0.

    Args:
        learning_rate: of the gradient descent; η~ is its negative.

    Raises:
        BluraxError: if the rule has a single state, which cannot carry a gradient.
    """
    require(
        rule.states >= 2,
        f"Rule.states is {rule.states}; back-propagation needs 2, activation and gradient.",
    )

    def one(_: PRNGKeyArray) -> Genome:
        k, channels = rule.states, rule.synapse_channels
        identity = jnp.eye(k, dtype=float).at[2:, 2:].set(0.0)
        nu = jnp.zeros((k, k), float).at[:2, 0].set(1.0)
        swap = jnp.zeros((k, k), float).at[0, 1].set(1.0).at[1, 0].set(1.0)
        pair = identity[:, :channels], swap[:channels]
        genome = _assemble(rule, -learning_rate, nu, identity, *pair, *pair)
        if genome.forward_synapse is None:
            return genome
        return eqx.tree_at(lambda g: g.forward_synapse.eta_tilde, genome, replace_fn=jnp.zeros_like)

    return _repeated(_for_each_layer(one, jax.random.key(0), rule))


def perturb(key: PRNGKeyArray, genome: Genome, std: float) -> Genome:
    """The genome with normal noise of standard deviation `std` added to every number."""
    vector, restore = ravel_pytree(genome)
    return restore(vector + std * jax.random.normal(key, vector.shape, vector.dtype))


def _for_each_layer(one: Callable[[PRNGKeyArray], Genome], key: PRNGKeyArray, rule: Rule) -> Genome:
    if rule.gene_sets is None:
        return one(key)
    return jax.vmap(one)(jax.random.split(key, rule.gene_sets))


def _repeated(genome: Genome) -> Genome:
    """The genome for each step, where the rule has one for each: at first they are alike."""
    steps = genome.rule.steps
    if steps is None:
        return genome
    own = jax.tree.map(lambda leaf: jnp.repeat(leaf[None], steps, axis=0), genome)
    return dataclasses.replace(own, init_std=genome.init_std)  # no step, but what is before them


def _assemble(
    rule: Rule,
    eta_tilde: float,
    nu: Array,
    mu: Array,
    nu_tilde: Array,
    mu_tilde: Array,
    forward_nu_tilde: Array,
    forward_mu_tilde: Array,
) -> Genome:
    """Put matrices together with the gates, and the genes of the terms that the rule calls for."""

    def one() -> Array:
        return jnp.ones((), float)  # each a buffer of its own, so that a genome can be donated

    def terms(genes: dict[str, Gene]) -> dict[str, Array]:
        return {name: g.array(rule.states, rule.synapse_channels) for name, g in genes.items()}

    def synapse_genes(nu_tilde: Array, mu_tilde: Array) -> SynapseGenes:
        rate = jnp.full((), eta_tilde, float)
        return SynapseGenes(nu_tilde, mu_tilde, one(), rate, terms(rule.synapse_genes))

    after_forward = rule.update.after_forward
    return Genome(
        neuron=NeuronGenes(nu, mu, one(), one(), terms(rule.neuron_genes)),
        synapse=synapse_genes(nu_tilde, mu_tilde),
        forward_synapse=(
            synapse_genes(forward_nu_tilde, forward_mu_tilde) if after_forward else None
        ),
        rule=rule,
        init_std=jnp.full((), rule.init.std, float) if rule.init.learned else None,
    )


def template(rule: Rule) -> Genome:
    """The shapes and dtypes of a genome for `rule`, without numbers (`jax.ShapeDtypeStruct`)."""
    return jax.eval_shape(lambda key: random(key, rule), jax.random.key(0))


def flatten(genome: Genome) -> Float[Array, " size"]:
    """All numbers of a genome as one vector."""
    return ravel_pytree(genome)[0]


def unflatten(vector: Float[Array, " size"], rule: Rule) -> Genome:
    """The genome whose `flatten` is `vector`.

    Raises:
        BluraxError: if the vector's length is not that of a genome for `rule`.
    """
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), template(rule))
    flat, restore = ravel_pytree(zeros)
    require(
        vector.shape == flat.shape,
        f"The vector has shape {vector.shape}; a genome for this rule takes {flat.shape}.",
    )
    return restore(vector.astype(flat.dtype))


def leaves(genome: Genome) -> dict[str, Any]:
    """The arrays of a genome (or of its `template`) by their path, such as `neuron.nu`."""
    with_paths = jax.tree_util.tree_flatten_with_path(genome)[0]
    return {jax.tree_util.keystr(path).removeprefix("."): leaf for path, leaf in with_paths}
