"""What a genome's numbers do: take them away one at a time, and see what is lost."""

import dataclasses
import itertools
from collections.abc import Iterator

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from blurax import findings
from blurax.findings import Table
from blurax.genome import Genome, flatten, leaves, unflatten
from blurax.learner import Blur
from blurax.network import Network
from blurax.neutral import neutral
from blurax.outer.problem import final_score
from blurax.targets import shown_as
from blurax.tasks import EpisodeSpec, Split, Task

MATRICES = {
    "neuron.nu": ("ν, forward", "into state", "from state"),
    "neuron.mu": ("μ, backward", "into state", "from state"),
    "synapse.nu_tilde": ("ν~, pre-synaptic", "state", "channel"),
    "synapse.mu_tilde": ("μ~, post-synaptic", "channel", "state"),
}
RESTS = {
    "η~ = 0": "synapse.eta_tilde",
    "μ = 0": "neuron.mu",
    "f = 0": "neuron.f",
    "f~ = 1": "synapse.f_tilde",
    "unsupervised: η~ = 0": "forward_synapse.eta_tilde",
}
"""The leaf of each part of (5) to (7)."""
AT_ONCE = 8
"""Genomes that are tried side by side."""


def ablate(
    genome: Genome, network: Network, task: Task, keys: Key[Array, " seeds"], spec: EpisodeSpec
) -> tuple[float, tuple[Table, ...]]:
    """What the last score loses without each term, and without each number of a matrix.

    Where layers, steps or the readout have numbers of their own, a number is taken from all of
    them at once.

    Returns:
        The whole genome's score, and the tables: terms first, then a table for each matrix.
    """
    vector, places = flatten(genome), positions(genome)
    rests = dict(terms(genome, places))
    matrices = {name: np.moveaxis(_sets(places[name]), 0, -1) for name in MATRICES}
    changed = [vector.at[where].set(value) for where, value in rests.values()]
    for matrix in matrices.values():
        changed += [vector.at[where].set(0.0) for line in matrix for where in line]
    found = np.asarray(scores(genome, jnp.stack([vector, *changed]), network, task, keys, spec))
    lost = found[0] - found[1:]
    row = ("", "the genome with")
    unit = lost_in(task)
    tables = [
        findings.table(f"Each term: {unit} lost", row, [""], list(rests), lost[None, : len(rests)])
    ]
    left = iter(lost[len(rests) :])
    for name, (title, row, column) in MATRICES.items():
        shape = matrices[name].shape[:2]
        rows, columns = ([str(n + 1) for n in range(size)] for size in shape)
        values = np.array([[next(left) for _ in columns] for _ in rows])
        tables.append(findings.table(f"{title}: {unit} lost", (row, column), rows, columns, values))
    plain = tuple(dataclasses.replace(table, mark_best=False) for table in tables)
    return float(found[0].mean()), plain


def lost_in(task: Task) -> str:
    """In what a loss of 100 times the score is: points of per cent, or dB."""
    unit = shown_as(task.target.score_name)[1]
    return "points" if unit == "%" else unit


def terms(
    genome: Genome, places: dict[str, np.ndarray]
) -> Iterator[tuple[str, tuple[np.ndarray, float]]]:
    """What this genome has: its numbers in its vector, and what puts them to rest."""
    rule = genome.rule
    rests = {label: (leaf, neutral(leaf, rule)) for label, leaf in RESTS.items()}
    for part, genes in (("synapse", rule.synapse_genes), ("neuron", rule.neuron_genes)):
        for name, gene in genes.items():
            if gene.neutral is not None:
                without = gene.without or f"{gene.label or name} = {gene.neutral:g}"
                rests[without] = (f"{part}.{name}", gene.neutral)
    for name, (leaf, value) in rests.items():
        if leaf in places and value is not None:
            yield name, (places[leaf].ravel(), value)
    for state in range(2, genome.rule.states):
        nu, mu, pre, post = (_sets(places[name]) for name in MATRICES)
        into = [m[:, state] for m in (nu, mu)] + [m[:, :, state] for m in (nu, mu)]
        all_of_it = [part.ravel() for part in (*into, pre[:, state], post[:, :, state])]
        yield f"no state {state + 1}", (np.unique(np.concatenate(all_of_it)), 0.0)


def _sets(places: np.ndarray) -> np.ndarray:
    """A matrix's places `[sets, rows, columns]`, one set for each layer, step or readout."""
    return places.reshape(-1, *places.shape[-2:])


@eqx.filter_jit
def scores(
    genome: Genome,
    vectors: Float[Array, "genomes size"],
    network: Network,
    task: Task,
    keys: Key[Array, " seeds"],
    spec: EpisodeSpec,
    split: Split = Split.VALIDATE,
) -> Float[Array, "genomes seeds"]:
    """The score of each vector's genome after its last step.

    Args:
        genome: of the same rule.
    """

    def one(vector: Array) -> Array:
        learner = Blur(unflatten(vector, genome.rule), network)
        return jax.vmap(lambda key: final_score(learner, task, key, spec, split))(keys)

    return jax.lax.map(one, vectors, batch_size=AT_ONCE)


def positions(genome: Genome) -> dict[str, np.ndarray]:
    """Where each leaf's numbers stand in `genome.flatten`, by the leaf's path."""
    found = leaves(genome)
    ends = list(itertools.accumulate(leaf.size for leaf in found.values()))
    return {
        name: np.arange(end - leaf.size, end).reshape(leaf.shape)
        for (name, leaf), end in zip(found.items(), ends, strict=True)
    }
