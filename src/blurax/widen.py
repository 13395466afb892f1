"""A genome for a wider rule: more states, genes for each layer or step, terms that it lacked.

What is added starts where it changes nothing, so that networks learn with the wider genome exactly
as with the narrow one, from the same initial synapses. Where synapses hold a number for each state
(`Channels.MULTI`) more states mean more synapses, so the same key draws others.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from blurax import genome as genomes
from blurax.errors import require
from blurax.genome import Genome
from blurax.spec import Rule
from blurax.terms import Gene

READING = 0.1
"""The standard deviation of what new states read of those there were. Nobody reads them; if they
read nothing either, no gradient would ever lead out of there."""

_TINY = 1e-30
"""In the place of 0 for genes of which only the size counts: |x| has no slope at 0."""

_ADDED: dict[str, Callable[[Any, Any], bool]] = {
    "update.after_forward": lambda old, new: new,
    "init.learned": lambda old, new: new,
    "states": lambda old, new: new > old > 1,  # a single state loses its prediction to the label
    "layers": lambda old, new: old is None,
    "readout": lambda old, new: new,
    "steps": lambda old, new: new is not None and (old is None or new > old),
}
"""By the field of a rule that differs and is about no term, whether the new value only adds."""


def widen(genome: Genome, rule: Rule, active: bool = False) -> Genome:
    """The genome for a rule that has all that its own rule has, and perhaps more.

    Args:
        rule: the wider rule, or the genome's own.
        active: whether terms that are added begin at once, as in a back-propagation genome, and not
            where they change nothing.

    Raises:
        BluraxError: if the rule differs in what cannot be added, naming the field and both values.
    """
    if genome.rule == rule:
        return genome
    _check(genome.rule, rule)
    have, found = genomes.leaves(genome), {}
    for name, like in genomes.leaves(genomes.template(rule)).items():
        if name in have:
            found[name] = _widened(name, have[name], like, genome.rule, rule)
        elif name.startswith("forward_synapse."):
            found[name] = _idle(name, found[name.removeprefix("forward_")], rule)
        else:
            found[name] = jnp.full(like.shape, _begun(name, genome, rule, active), like.dtype)
    structure = jax.tree.structure(genomes.template(rule))
    return jax.tree.unflatten(structure, list(found.values()))


def _check(old: Rule, new: Rule) -> None:
    """Raise `BluraxError` for a difference that is no addition."""
    before, after = _fields(old), _fields(new)
    for name, value in after.items():
        was = before[name]
        if was == value or (name == "init.std" and old.init.learned):
            continue
        added = _ADDED[name](was, value) if name in _ADDED else _adds_terms(name, old, new)
        require(
            added,
            f"The genome to start from has rule.{name} {_word(was)}, but the rule of the run has "
            f"{_word(value)}: a genome cannot be widened so.",
        )
    if old.update.after_forward or not new.update.after_forward:
        return
    for term in new.terms:
        require(
            term.only_follows or term.can_idle,
            "The genome to start from has rule.update.after_forward False, but the rule of the run "
            f"has True: with rule.{term.choice} {_word(after[term.choice])} no further update "
            "leaves synapses alone.",
        )


def _adds_terms(name: str, old: Rule, new: Rule) -> bool:
    """Whether a field that differs adds terms that can do nothing, and takes none away."""
    before, after = ([t for t in rule.terms if t.choice == name] for rule in (old, new))
    more = [term for term in after if term not in before]
    return bool(more) and all(t in after for t in before) and all(t.can_idle for t in more)


def _fields(rule: Any, prefix: str = "") -> dict[str, Any]:
    """The fields of a rule by their path."""
    found: dict[str, Any] = {}
    for field in dataclasses.fields(rule):
        value, name = getattr(rule, field.name), prefix + field.name
        found |= _fields(value, f"{name}.") if dataclasses.is_dataclass(value) else {name: value}
    return found


def _word(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(term.name for term in value) or "none"
    return str(getattr(value, "value", value))


def _begun(name: str, old: Genome, rule: Rule, active: bool) -> Any:
    """The value of a leaf that the genome lacks: a number, or an array of a gene's shape."""
    gene = rule.gene(name)
    if name == "init_std":
        return old.rule.init.std
    return gene.start if active and gene is not None else _neutral(gene)


def _neutral(gene: Gene | None) -> float:
    """The neutral value, or one beside it from which a gradient leads away; 0 if there is none."""
    if gene is None or gene.neutral is None:
        return 0.0
    return gene.neutral or (_TINY if gene.even else 0.0)


def _idle(name: str, of_synapse: Array, rule: Rule) -> Array:
    """A gene of an update that changes nothing, made of the one of the update that there is."""
    alone = {"forward_synapse.f_tilde": 1.0, "forward_synapse.eta_tilde": 0.0}
    gene = rule.gene(name)
    if any(gene in term.synapse_genes for term in rule.terms if not term.only_follows):
        alone[name] = _neutral(gene) if gene is None or gene.idle is None else gene.idle
    return jnp.full_like(of_synapse, alone[name]) if name in alone else jnp.array(of_synapse)


def _widened(name: str, before: Array, like: Any, old: Rule, new: Rule) -> Array:
    """One leaf with more states, and repeated for each layer and each step."""
    axes = ("steps",) * (name != "init_std") + ("gene_sets",)
    lead = [(getattr(old, axis), getattr(new, axis)) for axis in axes]
    kept = sum(was is not None for was, _ in lead)
    shape = like.shape[len(like.shape) - before.ndim + kept :]
    value = _with_states(name, before, kept, shape, _neutral(new.gene(name)))
    place = 0
    for was, now in lead:
        if now is None:
            continue
        value = value if was is not None else jnp.expand_dims(value, place)
        missing = now - value.shape[place]
        last = jax.lax.slice_in_dim(value, value.shape[place] - 1, None, axis=place)
        value = jnp.concatenate([value, *[last] * missing], axis=place)
        place += 1
    return value


def _with_states(
    name: str, before: Array, kept: int, shape: tuple[int, ...], neutral: float
) -> Array:
    """A leaf whose last axes are those of states; new ones read, and are not read."""
    sizes = before.shape[kept:]
    if sizes == shape:
        return before
    grown = [(0, 0)] * kept + [(0, n - size) for n, size in zip(shape, sizes, strict=True)]
    padded = jnp.pad(before, grown, constant_values=neutral)
    if name.rpartition(".")[2] not in ("nu", "mu", "mu_tilde") or shape[0] == sizes[0]:
        return padded
    reads = READING * jax.random.normal(jax.random.key(0), (shape[0], sizes[1]), before.dtype)
    rows = slice(sizes[0], None), slice(None, sizes[1])
    return padded.at[(..., *rows)].set(reads[sizes[0] :])
