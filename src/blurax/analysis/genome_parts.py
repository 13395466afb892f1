"""A genome taken apart for its readers: named grids of numbers and named gates."""

import dataclasses
from collections.abc import Iterator

import jax
import numpy as np

from blurax.genome import Genome, NeuronGenes, SynapseGenes, at_layer, at_step
from blurax.spec import Rule, Saturation


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
    layers = genome.rule.layers
    found = []
    for index in range(layers or 1):
        where = "all layers" if layers is None else f"synapse layer {index + 1} of {layers}"
        neuron = at_layer(genome.neuron, genome.rule, index)
        synapse = at_layer(genome.synapse, genome.rule, index)
        grids = *_neuron_grids(neuron), *_synapse_grids(synapse), *_normalisation(neuron)
        gates = (
            *_neuron_gates(neuron),
            *_synapse_gates(synapse, genome.rule),
            *_init_gates(genome.init_std, index),
        )
        found.append(Part(where, grids, gates))
        if genome.forward_synapse is not None:
            after = at_layer(genome.forward_synapse, genome.rule, index)
            title = f"{where}, synapse update after the forward sweep"
            gates = tuple(_synapse_gates(after, genome.rule))
            found.append(Part(title, tuple(_synapse_grids(after)), gates))
    return found


def _grid(name: str, latex: str, meaning: str, leaf: jax.Array) -> Grid:
    values = np.asarray(leaf, float)
    rows, columns = (tuple(str(n + 1) for n in range(length)) for length in values.shape)
    return Grid(name, latex, meaning, values, rows, columns)


def _neuron_grids(genes: NeuronGenes) -> Iterator[Grid]:
    yield _grid("ν", r"\nu", "forward", genes.nu)
    yield _grid("μ", r"\mu", "backward", genes.mu)


def _synapse_grids(genes: SynapseGenes) -> Iterator[Grid]:
    yield _grid("ν~", r"\tilde{\nu}", "pre-synaptic", genes.nu_tilde)
    yield _grid("μ~", r"\tilde{\mu}", "post-synaptic", genes.mu_tilde)


def _normalisation(genes: NeuronGenes) -> Iterator[Grid]:
    vectors = {
        "fwd ×": genes.forward_scale,
        "fwd +": genes.forward_shift,
        "bwd ×": genes.backward_scale,
        "bwd +": genes.backward_shift,
    }
    used = {name: np.asarray(leaf, float) for name, leaf in vectors.items() if leaf is not None}
    if used:
        values = np.stack(list(used.values()))
        columns = tuple(str(n + 1) for n in range(values.shape[1]))
        yield Grid("normalisation", "", "", values, tuple(used), columns)


def _neuron_gates(genes: NeuronGenes) -> Iterator[Gate]:
    yield Gate("f", "f", float(genes.f))
    yield Gate("η", r"\eta", float(genes.eta))
    if genes.forward_rescale is not None:
        yield Gate("fwd |w|", r"|w_{\uparrow}|", float(genes.forward_rescale))
    if genes.backward_rescale is not None:
        yield Gate("bwd |w|", r"|w_{\downarrow}|", float(genes.backward_rescale))


def _init_gates(std: jax.Array | None, layer: int) -> Iterator[Gate]:
    if std is not None:
        yield Gate("initial std", r"\mathrm{std}_0", float(np.ravel(std)[layer if std.ndim else 0]))


def _synapse_gates(genes: SynapseGenes, rule: Rule) -> Iterator[Gate]:
    yield Gate("f~", r"\tilde{f}", float(genes.f_tilde))
    yield Gate("η~", r"\tilde{\eta}", float(genes.eta_tilde))
    if genes.oja is not None:
        yield Gate("m (Oja)", "m", float(genes.oja))
    if genes.saturation is not None:
        damped = rule.stabilise.saturation is Saturation.EXPONENTIAL
        name, latex = ("s", "s") if damped else ("α", r"\alpha")
        yield Gate(f"{name} (saturation)", latex, float(genes.saturation))
    if genes.decorrelation is not None:
        latex = r"\mathrm{logit}\,s"
        yield Gate("logit s (decorrelation)", latex, float(genes.decorrelation))
