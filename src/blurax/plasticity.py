"""How the synapses of one link change: (7), with what the rule's terms add.

Shapes as in `rules.py`. The groups are `sweeps.py`'s business.
"""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from blurax import rules
from blurax.genome import SynapseGenes
from blurax.links import Link
from blurax.spec import Reduction, Rule
from blurax.synapses import Kept
from blurax.terms import Pair

States = tuple[Float[Array, "_ b *_"], ...]
"""The states of the neurons of each group."""


def updated(
    g: SynapseGenes, rule: Rule, link: Link, a_i: Array, a_j: Array, old: list[Array], kept: Kept
) -> tuple[list[Array], Kept]:
    """Synapses after (7) and the terms, and what these keep.

    Args:
        old: w_ij, and the synapses of the bias unit if there are any; none if empty.
    """
    if not old:
        return old, kept
    pair = Pair(g, rule.update.batch, a_i, a_j, old, link, kept=kept)
    pair.changes = _changes(pair, rule)
    pair.f_tilde = g.f_tilde
    for term in rule.terms:
        pair.f_tilde = term.forget(pair.f_tilde, pair)
    new = [rules.synapse(w, c, pair.f_tilde) for w, c in zip(pair.old, pair.changes, strict=True)]
    for term in rule.terms:
        new = term.after(new, pair)

    def held(parts: list[Array]) -> list[Array]:
        return [link.held(parts[0], a_i.shape[2:], a_j.shape[2:]), *parts[1:]]

    new = held(new)
    return new, {t.name: held(t.remember(new, pair)) for t in rule.terms if t.keeps}


def _changes(pair: Pair, rule: Rule) -> list[Array]:
    """The second term of (7), for the neurons' synapses and for the bias unit's."""
    g, among = pair.g, None
    for term in rule.terms:
        if term.couples:
            if among is not None:
                among = rules.whole(among, pair.link.events(pair.a_j).shape[1])
            among = term.coupling(among, pair)
    genes = g.nu_tilde, g.mu_tilde, g.eta_tilde, pair.batch, among, pair.link
    changes = [rules.hebbian(pair.a_i, pair.a_j, *genes)]
    if len(pair.old) > 1:
        changes.append(rules.hebbian_bias(pair.a_j, *genes, pre=pair.a_i.shape[2:]))
    for term in rule.terms:
        changes = term.change(changes, pair)
    return changes


def takes_masks(rule: Rule) -> bool:
    """Whether (7) adds up what each example says by itself, so that some can be left out."""
    return not mixing(rule)


def mixing(rule: Rule) -> list[str]:
    """What of a rule makes the examples of a batch act on each other, in words."""
    kept = ["kept neurons"] if rule.keep_neurons else []
    return kept + [term.described() for term in rule.terms if not term.takes_masks]


def counted(
    rule: Rule, mask: Bool[Array, " b"] | None, lower: States, upper: States
) -> tuple[States, States]:
    """The neurons that (7) reads, with 0 for examples that do not count.

    Where it divides by the size of the batch, the upper ones make up for those left out: every
    term is linear in them.
    """
    if mask is None:
        return lower, upper
    factor = 1.0
    if rule.update.batch is Reduction.MEAN:
        factor = len(mask) / jnp.maximum(jnp.sum(mask), 1)

    def left(a: Array, factor: Array | float) -> Array:
        return jnp.where(mask.reshape(-1, *[1] * (a.ndim - 2)), factor * a, 0.0)

    return tuple(left(a, 1.0) for a in lower), tuple(left(a, factor) for a in upper)
