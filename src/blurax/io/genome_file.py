"""Genome files: the learned numbers, the rule they are meant for, and where they come from."""

import dataclasses
import datetime
import math
import os
from typing import Any

import jax
import numpy as np

from blurax import genome as genomes
from blurax.errors import BluraxError, require, some
from blurax.frozen import check_types, from_json, to_json
from blurax.genome import Genome
from blurax.io import sealed
from blurax.io.atomic import write_bytes
from blurax.io.paths import as_path, shown
from blurax.spec import Rule

_LIMIT = 16 * 2**20
"""Bytes; a genome is about a hundred numbers."""


@dataclasses.dataclass(frozen=True)
class Provenance:
    """Where a genome comes from: enough to learn it again.

    Raises:
        BluraxError: for a value of the wrong type.
    """

    library_version: str
    """The version of blurax that learned it."""
    created: str
    """An ISO date, with or without a time."""
    seed: int
    """The seed of the run."""
    tasks: tuple[str, ...]
    """The names of the tasks it was learned on."""
    meta_steps: int
    """How many meta-steps it was learned for."""
    score: float | None
    """Its meta-validation score, if there is one."""
    config: dict
    """The resolved configuration of the run, as plain JSON; tuples become lists."""
    note: str = ""
    """Whatever else a reader should know."""

    def __post_init__(self) -> None:
        check_types(self)
        require(
            self.meta_steps >= 0, f"Provenance.meta_steps is {self.meta_steps}; it takes 0 or more."
        )
        require(
            _is_iso_date(self.created),
            f"Provenance.created is {self.created!r}; it takes an ISO date such as 2024-01-31.",
        )
        require(
            self.score is None or math.isfinite(self.score),
            f"Provenance.score is {self.score}; it takes a finite number or None.",
        )
        # A copy in the form in which a file gives it back, so that equality survives the trip.
        object.__setattr__(self, "config", sealed.plain(self.config, "Provenance.config"))


def save_genome(path: str | os.PathLike[str], genome: Genome, provenance: Provenance) -> None:
    """Write a genome file, whole or not at all; the same arguments give the same bytes.

    Args:
        genome: of the shapes of `genome.template(genome.rule)`, float32 or float64, finite.

    Raises:
        BluraxError: if the genome is not such a one, or if the file cannot be written.
    """
    write_bytes(path, pack_genome(genome, provenance, f"The genome for {as_path(path)}"))


def pack_genome(genome: Genome, provenance: Provenance, where: str = "The genome") -> bytes:
    """The bytes of a genome file.

    Raises:
        BluraxError: starting with `where`, if the genome cannot be saved.
    """
    tensors = {name: np.asarray(leaf) for name, leaf in genomes.leaves(genome).items()}
    _check_tensors(tensors, genome.rule, where)
    content = {"rule": to_json(genome.rule), "provenance": to_json(provenance)}
    return sealed.seal(sealed.Kind.GENOME, content, tensors)


def load_genome(path: str | os.PathLike[str]) -> tuple[Genome, Provenance]:
    """Read a genome file; everything in it is checked and none of it is run.

    Returns:
        The genome, its numbers of the default float dtype, and its provenance.

    Raises:
        BluraxError: if the file is missing, damaged, not a genome file, from a newer library, or
            holds other tensors than its rule calls for.
    """
    return unpack_genome(sealed.read_raw(path, sealed.Kind.GENOME, _LIMIT), os.fspath(path))


def unpack_genome(data: bytes, where: str) -> tuple[Genome, Provenance]:
    """What `load_genome` reads, of the bytes of a file.

    Raises:
        BluraxError: starting with `where`, as `load_genome` does.
    """
    header, tensors = sealed.unseal(data, sealed.Kind.GENOME, shown(where))
    rule = parse(Rule, header.get("rule"), where)
    provenance = parse(Provenance, header.get("provenance"), where)
    like = _check_tensors(tensors, rule, where)
    return _build(tensors, like, where), provenance


def parse(kind: type, values: Any, where: str) -> Any:
    """What `from_json` makes of a part of a header, or a sentence that starts with `where`."""
    try:
        return from_json(kind, values)
    except (BluraxError, OverflowError, RecursionError) as error:  # numbers and nests of any size
        message = f"{where} does not fit this version of blurax, make it anew or upgrade: {error}"
        raise BluraxError(f"{message.rstrip('.')}.") from error


def _check_tensors(tensors: sealed.Tensors, rule: Rule, where: str) -> Genome:
    """Check names, shapes, dtypes and values; returns zeros of what `rule` calls for."""
    nu = tensors.get("neuron.nu")
    if nu is None:
        raise BluraxError(f"{where} lacks the tensor neuron.nu; make it anew.")
    _check_sizes(nu.shape, rule, where)
    # Only now: for a forged rule it could be of any size.
    like = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), genomes.template(rule))
    expected = genomes.leaves(like)
    strange, missing = sorted(set(tensors) - set(expected)), sorted(set(expected) - set(tensors))
    require(not missing, f"{where} lacks the tensor {some(missing)}; make it anew.")
    require(not strange, f"{where} has the tensor {some(strange)} without a use; make it anew.")
    for name, leaf in expected.items():
        tensor = tensors[name]
        require(
            tensor.shape == leaf.shape,
            f"{where} has {name} of shape {tensor.shape}, but its rule takes {leaf.shape}; "
            "make it anew.",
        )
        require(
            tensor.dtype in (np.float32, np.float64),
            f"{where} has {name} of dtype {tensor.dtype}; make it anew with float32 or float64.",
        )
        require(
            bool(np.isfinite(tensor).all()),
            f"{where} has a number in {name} that is not finite; learn it anew.",
        )
    return like


def _check_sizes(shape: tuple[int, ...], rule: Rule, where: str) -> None:
    """Say a mismatch of k or of the number of steps or layers in words."""
    sets = "kinds of layers" if rule.readout else "layers"
    several = {"steps": rule.steps, sets: rule.gene_sets}
    own = {name: count for name, count in several.items() if count is not None}
    alike = " and ".join(f"each of several {name}" for name in own) or "all layers alike"
    require(
        len(shape) == 2 + len(own),
        f"{where} has neuron.nu of shape {shape}, but its rule is for {alike}; make it anew.",
    )
    require(
        shape[-2:] == (rule.states, rule.states),
        f"{where} has numbers for k = {shape[-1]} states of a neuron, but its rule is for "
        f"k = {rule.states}; make it anew.",
    )
    for (name, count), found in zip(own.items(), shape[:-2], strict=True):
        require(
            found == count,
            f"{where} has numbers for {found} {name}, but its rule is for {count}; make it anew.",
        )


def _build(tensors: sealed.Tensors, like: Genome, where: str) -> Genome:
    named = genomes.leaves(like).items()
    with np.errstate(over="ignore"):  # a float64 number may be too large for float32
        leaves = [tensors[name].astype(leaf.dtype) for name, leaf in named]
    require(
        all(np.isfinite(leaf).all() for leaf in leaves),
        f"{where} has numbers too large for {leaves[0].dtype}; switch on jax_enable_x64.",
    )
    # Not by `jnp.asarray`, which compiles a program for each shape.
    return jax.tree.unflatten(jax.tree.structure(like), jax.device_put(leaves))


def _is_iso_date(text: str) -> bool:
    try:
        datetime.datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
