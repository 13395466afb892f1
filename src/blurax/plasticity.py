"""How one matrix of synapses changes: (7), with what appendix B and the rule's own choices add.

Shapes as in `rules.py`. The layers are `network.py`'s business.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from blurax import rules, stabilise
from blurax.genome import SynapseGenes
from blurax.spec import Normalise, Oja, Reduction, Rule, Saturation

States = tuple[Float[Array, "_ b _"], ...]
"""The states of the neurons of each layer."""


def updated(
    g: SynapseGenes, rule: Rule, a_i: Array, a_j: Array, w_ij: Array, *bias_j: Array
) -> list[Array]:
    """The synapses w_ij, and those of the bias unit if given, after (7) and App. B."""
    among = _among(g, rule, a_i, bool(bias_j))
    genes = g.nu_tilde, g.mu_tilde, g.eta_tilde, rule.update.batch, among
    changes = [rules.hebbian(a_i, a_j, *genes)]
    if bias_j:
        changes.append(rules.hebbian_bias(a_j, *genes))
    return _stabilised(g, rule, a_j, [w_ij, *bias_j], changes)


def _among(g: SynapseGenes, rule: Rule, a_i: Array, with_bias: bool) -> Array | None:
    """How the examples of the batch act on each other in (7), if they do."""
    if not rule.update.decorrelate:
        return None
    bias = jnp.sum(g.nu_tilde, axis=0) if with_bias else None
    share = jax.nn.sigmoid(_present(g.decorrelation))
    pre = rules.mix(g.nu_tilde.T, a_i)
    return stabilise.decorrelation(pre, bias, share, rule.update.width_free)


def _stabilised(
    g: SynapseGenes, rule: Rule, a_j: Array, synapses: list[Array], changes: list[Array]
) -> list[Array]:
    """(7), then what App. B adds: all that leads into a neuron is one vector."""
    square = stabilise.squared_length(*synapses)  # compiled away where nobody reads it
    f_tilde = _forget_gate(g, rule, square)
    new = [rules.synapse(w, c, f_tilde) for w, c in zip(synapses, changes, strict=True)]
    terms = _oja_terms(g, rule, a_j, square, f_tilde, synapses, changes)
    new = [n + term for n, term in zip(new, terms, strict=True)] if terms else new
    return _saturated(g, rule, synapses, new)


def _forget_gate(g: SynapseGenes, rule: Rule, square: Array) -> Array:
    if rule.stabilise.saturation is Saturation.SLOWING:
        return stabilise.slowed_gate(square, g.f_tilde, _present(g.saturation))
    return g.f_tilde


def _oja_terms(
    g: SynapseGenes,
    rule: Rule,
    a_j: Array,
    square: Array,
    f_tilde: Array,
    synapses: list[Array],
    changes: list[Array],
) -> list[Array]:
    """(8) or its kin for each part of the vectors; nothing where the rule is without it."""
    match rule.stabilise.oja:
        case Oja.NONE:
            return []
        case Oja.MULTIPLIER:
            return [stabilise.oja_multiplier(w, square, _present(g.oja)) for w in synapses]
        case Oja.ACTIVATION:
            activity = rules.activity(a_j, g.mu_tilde, g.eta_tilde, rule.update.batch)
            return [stabilise.oja_activation(w, activity, _present(g.oja)) for w in synapses]
        case Oja.FULL:
            pairs = zip(synapses, changes, strict=True)
            along = stabilise.sum_into(*(w * change for w, change in pairs))
            return [stabilise.oja_full(w, square, along, f_tilde) for w in synapses]


def _saturated(g: SynapseGenes, rule: Rule, synapses: list[Array], new: list[Array]) -> list[Array]:
    """What keeps synapses from growing without bound."""
    match rule.stabilise.saturation:
        case Saturation.TANH:
            return [stabilise.saturate(n, _present(g.saturation)) for n in new]
        case Saturation.LENGTH:
            square, alpha = stabilise.squared_length(*new), _present(g.saturation)
            return [stabilise.shorten(n, square, alpha) for n in new]
        case Saturation.EXPONENTIAL:
            s, pairs = _present(g.saturation), zip(synapses, new, strict=True)
            return [stabilise.saturate_exponentially(w, n, s) for w, n in pairs]
        case Saturation.NONE | Saturation.SLOWING:
            return new


def _present(gene: Array | None) -> Array:
    assert gene is not None, "The genome lacks a gene that its own rule calls for."
    return gene


def takes_masks(rule: Rule) -> bool:
    """Whether (7) adds up what each example says by itself, so that some can be left out."""
    return (
        rule.stabilise.normalise is Normalise.NONE
        and rule.stabilise.oja is not Oja.ACTIVATION
        and not (rule.update.decorrelate or rule.keep_neurons)
    )


def counted(
    rule: Rule, mask: Bool[Array, " b"] | None, lower: States, upper: States
) -> tuple[States, States]:
    """The neurons that (7) reads, with 0 for examples that do not count.

    Where it divides by the size of the batch, the upper ones make up for those left out: every
    term is linear in them.
    """
    if mask is None:
        return lower, upper
    rows, mean = mask[:, None], rule.update.batch is Reduction.MEAN
    factor = len(mask) / jnp.maximum(jnp.sum(mask), 1) if mean else 1.0
    return (
        tuple(jnp.where(rows, a, 0.0) for a in lower),
        tuple(jnp.where(rows, factor * a, 0.0) for a in upper),
    )
