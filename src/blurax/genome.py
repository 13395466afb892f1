"""The genome: the few learned numbers shared by every neuron, synapse, layer and task.

A `Genome` is a frozen pytree: `jax.grad` differentiates it, `jax.tree.map` perturbs it, `flatten`
gives CMA-ES its vector. It carries the `Rule` its numbers are meant for as static data, so that
the two cannot be mixed up.
"""

import math
from collections.abc import Callable
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PRNGKeyArray

from blurax.errors import require
from blurax.spec import Normalise, Oja, Reduction, Rule, Saturation

_BOUNDS = {
    Saturation.NONE: None,
    Saturation.TANH: 1.0,
    Saturation.EXPONENTIAL: 1.0,
    Saturation.LENGTH: 6.0,  # exp(6) is 400 times the length of a birth scaled by its inputs
    Saturation.SLOWING: 1.0,  # length grows as t^exp(-1), and the rate falls as t^-0.37
}
"""Where α or s starts."""


class NeuronGenes(eqx.Module):
    """How neurons move, (5) and (6). Every leaf has a leading axis `layers` if the rule has one."""

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


class SynapseGenes(eqx.Module):
    """How synapses move, (7), (8). Every leaf has a leading axis `layers` if the rule has one."""

    nu_tilde: Float[Array, "*layers k channels"]
    """ν~, the pre-synaptic transform."""
    mu_tilde: Float[Array, "*layers channels k"]
    """μ~, the post-synaptic transform."""
    f_tilde: Float[Array, "*layers"]
    """f~, the forget gate."""
    eta_tilde: Float[Array, "*layers"]
    """η~, the update gate: a learning rate."""
    oja: Float[Array, "*layers"] | None = None
    """m, the multiplier of the first term of (8)."""
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


Genes = TypeVar("Genes", NeuronGenes, SynapseGenes)


def at_layer(genes: Genes, rule: Rule, index: int) -> Genes:
    """The genes in force at synapse layer `index`: the same for all unless the rule says so."""
    if rule.layers is None:
        return genes
    return jax.tree.map(lambda leaf: leaf[index], genes)


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

    return _for_each_layer(one, key, rule)


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

    return _for_each_layer(one, jax.random.key(0), rule)


def perturb(key: PRNGKeyArray, genome: Genome, std: float) -> Genome:
    """The genome with normal noise of standard deviation `std` added to every number."""
    vector, restore = ravel_pytree(genome)
    return restore(vector + std * jax.random.normal(key, vector.shape, vector.dtype))


def _for_each_layer(one: Callable[[PRNGKeyArray], Genome], key: PRNGKeyArray, rule: Rule) -> Genome:
    if rule.layers is None:
        return one(key)
    return jax.vmap(one)(jax.random.split(key, rule.layers))


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
    """Put matrices together with the gates and stabilisers that the rule calls for."""
    stabilise = rule.stabilise

    def one() -> Array:
        return jnp.ones((), float)  # each a buffer of its own, so that a genome can be donated

    def norm(*sweeps: Normalise) -> tuple[Array | None, Array | None]:
        if stabilise.normalise not in (*sweeps, Normalise.BOTH):
            return None, None
        return jnp.ones(rule.states, float), jnp.zeros(rule.states, float)

    def synapse_genes(nu_tilde: Array, mu_tilde: Array) -> SynapseGenes:
        bound = _BOUNDS[stabilise.saturation]
        return SynapseGenes(
            nu_tilde,
            mu_tilde,
            f_tilde=one(),
            eta_tilde=jnp.full((), eta_tilde, float),
            oja=jnp.full((), 1e-3, float) if stabilise.oja is Oja.MULTIPLIER else None,
            saturation=None if bound is None else jnp.full((), bound, float),
            decorrelation=jnp.zeros((), float) if rule.update.decorrelate else None,
        )

    neuron = NeuronGenes(nu, mu, one(), one(), *norm(Normalise.FORWARD), *norm(Normalise.BACKWARD))
    after_forward = rule.update.after_forward
    return Genome(
        neuron=neuron,
        synapse=synapse_genes(nu_tilde, mu_tilde),
        forward_synapse=(
            synapse_genes(forward_nu_tilde, forward_mu_tilde) if after_forward else None
        ),
        rule=rule,
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


def canonical(genome: Genome) -> Genome:
    """The genome with its exact symmetries removed, so that two genomes can be compared.

    Removed are these: η scales ν and μ together and becomes 1; η~ and the length and sign of
    each column of ν~ go into μ~; states beyond the second are interchangeable (the first two are
    not: they meet input, prediction and label) and are sorted by what they hear from state 1;
    the sign of α of a tanh and of s means nothing.
    With a genome for each layer the states are sorted by the first layer's.
    """
    n = genome.neuron
    eta = n.eta[..., None, None]
    neuron = eqx.tree_at(
        lambda n: (n.nu, n.mu, n.eta), n, (n.nu * eta, n.mu * eta, jnp.ones_like(n.eta))
    )
    genome = Genome(
        neuron,
        _canonical_synapse(genome.synapse, genome.rule),
        None
        if genome.forward_synapse is None
        else _canonical_synapse(genome.forward_synapse, genome.rule),
        genome.rule,
    )
    heard = neuron.nu if genome.rule.layers is None else neuron.nu[0]
    fixed = jnp.arange(min(2, genome.rule.states))
    return permute_states(genome, jnp.concatenate([fixed, 2 + jnp.argsort(heard[2:, 0])]))


def _canonical_synapse(genes: SynapseGenes, rule: Rule) -> SynapseGenes:
    bound = genes.saturation
    if bound is not None and rule.stabilise.saturation in (Saturation.TANH, Saturation.EXPONENTIAL):
        bound = jnp.abs(bound)
    length = jnp.linalg.norm(genes.nu_tilde, axis=-2, keepdims=True)
    largest = jnp.argmax(jnp.abs(genes.nu_tilde), axis=-2, keepdims=True)
    sign = jnp.sign(jnp.take_along_axis(genes.nu_tilde, largest, axis=-2))
    scale = jnp.where(length > 0, length * sign, 1.0)
    mu_tilde = genes.mu_tilde * jnp.swapaxes(scale, -1, -2) * genes.eta_tilde[..., None, None]
    return SynapseGenes(
        genes.nu_tilde / scale,
        mu_tilde,
        genes.f_tilde,
        jnp.ones_like(genes.eta_tilde),
        genes.oja,
        bound,
        genes.decorrelation,
    )


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
    return Genome(
        NeuronGenes(
            both(n.nu),
            both(n.mu),
            n.f,
            n.eta,
            each(n.forward_scale),
            each(n.forward_shift),
            each(n.backward_scale),
            each(n.backward_shift),
        ),
        synapse(genome.synapse),
        None if genome.forward_synapse is None else synapse(genome.forward_synapse),
        genome.rule,
    )
