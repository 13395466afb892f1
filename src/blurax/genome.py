"""The genome: the few learned numbers shared by every neuron, synapse, layer and task.

A `Genome` is a frozen pytree: `jax.grad` differentiates it, `jax.tree.map` perturbs it, `flatten`
gives CMA-ES its vector. It carries the `Rule` its numbers are meant for as static data, so that
the two cannot be mixed up.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PRNGKeyArray

from blurax.errors import require
from blurax.gauge import canonical, permute_states
from blurax.genes import Genome, NeuronGenes, SynapseGenes, at_layer, at_step
from blurax.spec import Normalise, Oja, Reduction, Rule, Saturation, Symmetry

__all__ = [
    "Genome",
    "NeuronGenes",
    "SynapseGenes",
    "at_layer",
    "at_step",
    "backprop",
    "canonical",
    "flatten",
    "leaves",
    "permute_states",
    "perturb",
    "random",
    "template",
    "unflatten",
]

_BOUNDS = {
    Saturation.NONE: None,
    Saturation.TANH: 1.0,
    Saturation.EXPONENTIAL: 1.0,
    Saturation.LENGTH: 6.0,  # exp(6) is 400 times the length of a birth scaled by its inputs
    Saturation.SLOWING: 1.0,  # length grows as t^exp(-1), and the rate falls as t^-0.37
}
"""Where α or s starts."""

_MULTIPLIERS = {Oja.NONE: None, Oja.MULTIPLIER: 1e-3, Oja.ACTIVATION: 1.0, Oja.FULL: None}
"""Where m starts; that of activations is gated by η~, as in the release."""


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
    if rule.layers is None:
        return one(key)
    return jax.vmap(one)(jax.random.split(key, rule.layers))


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
    """Put matrices together with the gates and stabilisers that the rule calls for."""
    stabilise, learned = rule.stabilise, rule.init.learned

    def one() -> Array:
        return jnp.ones((), float)  # each a buffer of its own, so that a genome can be donated

    def norm(*sweeps: Normalise) -> tuple[Array | None, Array | None]:
        if stabilise.normalise not in (*sweeps, Normalise.BOTH):
            return None, None
        return jnp.ones(rule.states, float), jnp.zeros(rule.states, float)

    def synapse_genes(nu_tilde: Array, mu_tilde: Array) -> SynapseGenes:
        bound, start = _BOUNDS[stabilise.saturation], _MULTIPLIERS[stabilise.oja]
        return SynapseGenes(
            nu_tilde,
            mu_tilde,
            f_tilde=one(),
            eta_tilde=jnp.full((), eta_tilde, float),
            oja=None if start is None else jnp.full((), start, float),
            saturation=None if bound is None else jnp.full((), bound, float),
            decorrelation=jnp.zeros((), float) if rule.update.decorrelate else None,
        )

    neuron = NeuronGenes(
        nu,
        mu,
        one(),
        one(),
        *norm(Normalise.FORWARD),
        *norm(Normalise.BACKWARD),
        forward_rescale=one() if stabilise.rescale else None,
        backward_rescale=one() if _rescales_backward(rule) else None,
    )
    after_forward = rule.update.after_forward
    return Genome(
        neuron=neuron,
        synapse=synapse_genes(nu_tilde, mu_tilde),
        forward_synapse=(
            synapse_genes(forward_nu_tilde, forward_mu_tilde) if after_forward else None
        ),
        rule=rule,
        init_std=jnp.full((), rule.init.std, float) if learned else None,
    )


def _rescales_backward(rule: Rule) -> bool:
    """Whether there are backward synapses to rescale: transposed ones have no length of theirs."""
    own = rule.symmetry is Symmetry.ASYMMETRIC or rule.stabilise.normalise_synapses
    return rule.stabilise.rescale and own


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
