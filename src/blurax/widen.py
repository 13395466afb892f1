"""A genome for a wider rule: more states, genes for each layer or step, terms that it lacked.

What is added starts where it changes nothing, so that networks learn with the wider genome exactly
as with the narrow one, from the same initial synapses. Where synapses hold a number for each state
(`Channels.MULTI`) more states mean more synapses, so the same key draws others.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from blurax import genome as genomes
from blurax.errors import require
from blurax.genome import Genome
from blurax.spec import Oja, Rule, Saturation

HEARING = 0.1
"""The standard deviation of what new states hear from those there were. Nobody hears them; if they
read nothing either, no gradient would ever lead out of there."""

_FADED = -37.0
"""Where exp(x) and the logistic function are 1e-16."""
_TINY = 1e-30
"""In the place of 0 for genes of which only the size counts: |x| has no slope at 0."""

_NEUTRAL = {
    "oja": _TINY,
    "decorrelation": _FADED,
    "forward_rescale": 1.0,
    "backward_rescale": 1.0,
}
"""Where genes that a genome lacked change nothing, by the last part of their names."""

_LOOSE = {Saturation.EXPONENTIAL: _TINY, Saturation.LENGTH: 20.0, Saturation.SLOWING: _FADED}
"""Where α or s change nothing; that of tanh does so nowhere."""

_IDLE = {"f_tilde": 1.0, "eta_tilde": 0.0, "oja": _TINY}
"""Genes with which an update after the forward sweep changes nothing, whatever its others are."""

_ADDED = {
    "stabilise.oja": lambda old, new: old is Oja.NONE and new is not Oja.FULL,
    "stabilise.saturation": lambda old, new: old is Saturation.NONE and new in _LOOSE,
    "stabilise.rescale": lambda old, new: new,
    "update.decorrelate": lambda old, new: new,
    "update.after_forward": lambda old, new: new,
    "init.learned": lambda old, new: new,
    "states": lambda old, new: new > old > 1,  # a single state loses its prediction to the label
    "layers": lambda old, new: old is None,
    "steps": lambda old, new: new is not None and (old is None or new > old),
}
"""By the field of a rule that differs, whether the new value only adds to the old one."""


def widen(genome: Genome, rule: Rule) -> Genome:
    """The genome for a rule that has all that its own rule has, and perhaps more.

    Args:
        rule: the wider rule, or the genome's own.

    Raises:
        BluraxError: if the rule differs in what cannot be added, naming the field and both values.
    """
    if genome.rule == rule:
        return genome
    _check(genome.rule, rule)
    have, found = genomes.leaves(genome), {}
    for name, like in genomes.leaves(genomes.template(rule)).items():
        group, _, gene = name.rpartition(".")
        before = have.get(name)
        if before is None and group == "forward_synapse":
            found[name] = _idle(gene, found[f"synapse.{gene}"])
        elif before is None:
            found[name] = jnp.full(like.shape, _neutral(gene, genome.rule, rule), like.dtype)
        else:
            axes = ("steps",) * (name != "init_std") + ("layers",)
            found[name] = _widened(gene, before, like, genome.rule, rule, axes)
    structure = jax.tree.structure(genomes.template(rule))
    return jax.tree.unflatten(structure, list(found.values()))


def _check(old: Rule, new: Rule) -> None:
    """Raise `BluraxError` for a difference that is no addition."""
    before, after = _fields(old), _fields(new)
    for name, value in after.items():
        was = before[name]
        if was == value or (name == "init.std" and old.init.learned):
            continue
        require(
            name in _ADDED and bool(_ADDED[name](was, value)),
            f"The genome to start from has rule.{name} {_word(was)}, but the rule of the run has "
            f"{_word(value)}: a genome cannot be widened so.",
        )
    require(
        not (new.update.after_forward and new.stabilise.saturation is Saturation.TANH)
        or old.update.after_forward,
        "The genome to start from has rule.update.after_forward False, but the rule of the run has "
        "True: with rule.stabilise.saturation tanh no further update leaves synapses alone.",
    )


def _fields(rule: Any, prefix: str = "") -> dict[str, Any]:
    """The fields of a rule by their path."""
    found: dict[str, Any] = {}
    for field in dataclasses.fields(rule):
        value, name = getattr(rule, field.name), prefix + field.name
        found |= _fields(value, f"{name}.") if dataclasses.is_dataclass(value) else {name: value}
    return found


def _word(value: Any) -> str:
    return str(getattr(value, "value", value))


def _neutral(gene: str, old: Rule, new: Rule) -> float:
    if gene == "init_std":
        return old.init.std
    return _LOOSE[new.stabilise.saturation] if gene == "saturation" else _NEUTRAL[gene]


def _idle(gene: str, of_synapse: Array) -> Array:
    """A gene of an update that changes nothing, made of the one of the update that there is."""
    value = _IDLE.get(gene)
    return jnp.array(of_synapse) if value is None else jnp.full_like(of_synapse, value)


def _widened(
    gene: str, before: Array, like: Any, old: Rule, new: Rule, axes: tuple[str, ...]
) -> Array:
    """One leaf with more states, and repeated for each layer and each step."""
    lead = [(getattr(old, axis), getattr(new, axis)) for axis in axes]
    kept = sum(was is not None for was, _ in lead)
    value = _with_states(gene, before, kept, like.shape[len(like.shape) - before.ndim + kept :])
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


def _with_states(gene: str, before: Array, kept: int, shape: tuple[int, ...]) -> Array:
    """A leaf whose last axes are those of states; new ones read, and are not read."""
    sizes = before.shape[kept:]
    if sizes == shape:
        return before
    grown = [(0, 0)] * kept + [(0, n - size) for n, size in zip(shape, sizes, strict=True)]
    padded = jnp.pad(before, grown, constant_values=1.0 if gene.endswith("_scale") else 0.0)
    if gene not in ("nu", "mu", "mu_tilde") or shape[0] == sizes[0]:
        return padded
    hears = HEARING * jax.random.normal(jax.random.key(0), (shape[0], sizes[1]), before.dtype)
    rows = slice(sizes[0], None), slice(None, sizes[1])
    return padded.at[(..., *rows)].set(hears[sizes[0] :])
