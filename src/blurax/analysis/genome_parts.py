"""A genome taken apart for its readers: named grids of numbers and named gates."""

import dataclasses
from collections.abc import Iterator

import jax
import numpy as np

from blurax.genes import NeuronGenes, SynapseGenes
from blurax.genome import Genome, at_layer, at_step
from blurax.spec import Rule
from blurax.terms import Gene


@dataclasses.dataclass(frozen=True)
class Grid:
    """A matrix of the genome with all that a reader needs to know about it."""

    name: str
    """The paper's name, such as ν~."""
    latex: str
    """The same as mathematical text; empty where the name is a word."""
    meaning: str
    values: np.ndarray
    """`[rows, columns]`."""
    rows: tuple[str, ...]
    columns: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Gate:
    """A single number of the genome."""

    name: str
    latex: str
    value: float


@dataclasses.dataclass(frozen=True)
class Part:
    """The numbers in force at one layer, or at all of them."""

    title: str
    grids: tuple[Grid, ...]
    gates: tuple[Gate, ...]


def size(genome: Genome) -> int:
    """How many numbers a genome has."""
    return sum(leaf.size for leaf in jax.tree.leaves(genome))


def parts(genome: Genome) -> list[Part]:
    """The parts of a genome: each step's and layer's, and the update after the forward sweep."""
    found, steps = [], genome.rule.steps
    for index in range(steps or 1):
        whole = genome if index == 0 else dataclasses.replace(genome, init_std=None)
        own = _parts_of_step(at_step(whole, index))
        if steps is not None:
            own = [dataclasses.replace(p, title=f"{_when(index, steps)}, {p.title}") for p in own]
        found += own
    return found


def _when(index: int, steps: int) -> str:
    return f"inner step {index + 1}" + (" and later" if index == steps - 1 else "")


def _parts_of_step(genome: Genome) -> list[Part]:
    rule, found = genome.rule, []
    for index, where in enumerate(_wheres(rule)):
        neuron = at_layer(genome.neuron, rule, index)
        synapse = at_layer(genome.synapse, rule, index)
        in_sweeps, in_update = rule.neuron_genes, rule.synapse_genes
        grids = (
            *_neuron_grids(neuron),
            *_synapse_grids(synapse),
            *_term_grids(neuron.terms, rule, "neuron_genes"),
            *_term_grids(synapse.terms, rule, "synapse_genes"),
        )
        gates = (
            *_neuron_gates(neuron, in_sweeps),
            *_synapse_gates(synapse, in_update),
            *_init_gates(genome.init_std, index),
        )
        found.append(Part(where, grids, gates))
        if genome.forward_synapse is not None:
            after = at_layer(genome.forward_synapse, rule, index)
            title = f"{where}, synapse update after the forward sweep"
            grids = *_synapse_grids(after), *_term_grids(after.terms, rule, "synapse_genes")
            found.append(Part(title, grids, tuple(_synapse_gates(after, in_update))))
    return found


def _wheres(rule: Rule) -> list[str]:
    """For which layers each of the rule's genomes is."""
    if rule.readout:
        return ["hidden layers", "readout"]
    if rule.layers is None:
        return ["all layers"]
    return [f"synapse layer {index + 1} of {rule.layers}" for index in range(rule.layers)]


def _grid(name: str, latex: str, meaning: str, leaf: jax.Array | np.ndarray) -> Grid:
    values = np.asarray(leaf, float)
    rows, columns = (tuple(str(n + 1) for n in range(length)) for length in values.shape)
    return Grid(name, latex, meaning, values, rows, columns)


def _neuron_grids(genes: NeuronGenes) -> Iterator[Grid]:
    yield _grid("ν", r"\nu", "forward", genes.nu)
    yield _grid("μ", r"\mu", "backward", genes.mu)


def _synapse_grids(genes: SynapseGenes) -> Iterator[Grid]:
    yield _grid("ν~", r"\tilde{\nu}", "pre-synaptic", genes.nu_tilde)
    yield _grid("μ~", r"\tilde{\mu}", "post-synaptic", genes.mu_tilde)


def _term_grids(values: dict[str, jax.Array], rule: Rule, which: str) -> Iterator[Grid]:
    """Genes of terms that are no single numbers; a term's rows over the states are one grid."""
    for term in rule.terms:
        rows = {}
        for gene in getattr(term, which):
            label = gene.label or gene.name
            if gene.axes == ("state",):
                rows[label] = np.asarray(values[gene.name], float)
            elif gene.axes:
                yield _grid(label, gene.latex, term.name, np.atleast_2d(values[gene.name]))
        if rows:
            columns = tuple(str(n + 1) for n in range(rule.states))
            yield Grid(term.name, "", "", np.stack(list(rows.values())), tuple(rows), columns)


def _term_gates(values: dict[str, jax.Array], genes: dict[str, Gene]) -> Iterator[Gate]:
    for name, gene in genes.items():
        if not gene.axes:
            yield Gate(gene.label or name, gene.latex, float(values[name]))


def _neuron_gates(genes: NeuronGenes, terms: dict[str, Gene]) -> Iterator[Gate]:
    yield Gate("f", "f", float(genes.f))
    yield Gate("η", r"\eta", float(genes.eta))
    yield from _term_gates(genes.terms, terms)


def _init_gates(std: jax.Array | None, layer: int) -> Iterator[Gate]:
    if std is not None:
        yield Gate("initial std", r"\mathrm{std}_0", float(np.ravel(std)[layer if std.ndim else 0]))


def _synapse_gates(genes: SynapseGenes, terms: dict[str, Gene]) -> Iterator[Gate]:
    yield Gate("f~", r"\tilde{f}", float(genes.f_tilde))
    yield Gate("η~", r"\tilde{\eta}", float(genes.eta_tilde))
    yield from _term_gates(genes.terms, terms)
