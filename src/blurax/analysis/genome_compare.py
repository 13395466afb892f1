"""Two genomes beside each other, in the form in which equal rules are equal numbers."""

import dataclasses
import itertools
import os
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from rich.table import Table
from rich.text import Text

from blurax.analysis import style
from blurax.analysis.genome_parts import Gate, Grid, Part, parts
from blurax.analysis.genome_picture import draw_part, part_size
from blurax.analysis.plain import message
from blurax.analysis.rule_words import rule_words
from blurax.errors import require
from blurax.gauge import canonical, permute_states
from blurax.genome import Genome, leaves
from blurax.widen import widen

MOST_STATES = 7
"""States up to which all orders are tried; above, states are as the canonical form sorts them."""


def matched(genome: Genome, other: Genome) -> tuple[Genome, Genome]:
    """Both in their canonical form, the states of the second in the order nearest to the first.

    States beyond the second are interchangeable, and which of two rules' states are alike no order
    of each rule for itself can tell. A genome with one set of numbers beside one with a set for
    each layer, step or readout is taken for what it is there: the same numbers in every set.

    Raises:
        BluraxError: if their matrices have different shapes.
    """
    genome, other = _repeated(genome, other), _repeated(other, genome)
    _check(genome, other)
    one, two, k = canonical(genome), canonical(other), genome.rule.states
    if k > MOST_STATES:
        return one, two
    ours = leaves(one)

    def distance(order: tuple[int, ...]) -> float:
        theirs = leaves(_ordered(two, order))
        shared = ours.keys() & theirs.keys()  # one may lack scales that the other has
        return float(sum(jnp.sum((theirs[name] - ours[name]) ** 2) for name in sorted(shared)))

    return one, _ordered(two, min(itertools.permutations(range(2, k)), key=distance))


def comparison_panel(names: tuple[str, str], genomes: tuple[Genome, Genome]) -> Table:
    """How alike two genomes are, part by part, and what differs in their rules.

    Args:
        genomes: as `matched` gives them.
    """
    caption = (
        "Of a matrix its length, the length of the difference, and the cosine between the two."
    )
    table = Table(box=None, header_style="dim", pad_edge=False, caption=caption)
    for name in ("", *names, "difference", "cosine"):
        table.add_column(Text(message(name)), justify="left" if name == "" else "right")
    for part, other in zip(*(parts(genome) for genome in genomes), strict=True):
        if len(parts(genomes[0])) > 1:
            table.add_row(Text(part.title, "bold"))
        for grid, mate in _pairs(part.grids, other.grids):
            table.add_row(f"{grid.name} {grid.meaning}".strip(), *_alike(grid.values, mate.values))
        for gate, mate in _pairs(part.gates, other.gates):
            change = mate.value - gate.value
            table.add_row(gate.name, *(f"{v:.3g}" for v in (gate.value, mate.value, change)), "")
        for gate in _without_mate(part.gates, other.gates):
            table.add_row(gate.name, f"{gate.value:.3g}", "none", "", "")
        for gate in _without_mate(other.gates, part.gates):
            table.add_row(gate.name, "none", f"{gate.value:.3g}", "", "")
    words = [rule_words(genome.rule) for genome in genomes]
    for about in words[0]:
        if words[0][about] != words[1][about]:
            table.add_row(Text(about, "dim"), words[0][about], words[1][about], "", "")
    return table


def draw_comparison(
    names: tuple[str, str], genomes: tuple[Genome, Genome], path: str | os.PathLike[str]
) -> Path:
    """Draw two genomes one below the other, and the second less the first.

    Args:
        genomes: as `matched` gives them.

    Raises:
        BluraxError: if the file cannot be written.
    """
    one, two = (parts(genome) for genome in genomes)
    bands = []
    for part, other in zip(one, two, strict=True):
        where = "" if len(one) == 1 else f", {part.title}"
        bands += [
            (f"{names[0]}{where}", part),
            (f"{names[1]}{where}", other),
            (f"{names[1]} less {names[0]}{where}", _less(other, part)),
        ]
    states = genomes[0].rule.states
    sizes = [part_size(part, states) for _, part in bands]
    width = max(size[0] for size in sizes)
    heights = [size[1] + 40.0 for size in sizes]
    title = f"{names[0]} and {names[1]}, canonical forms"
    figure = style.new_figure(width, round(sum(heights)) + 70, title)
    for band, (name, part) in zip(style.stacked(figure, *heights), bands, strict=True):
        style.heading(band, name)
        draw_part(band, part, sizes[0][2])
    return style.save(figure, path)


def _repeated(genome: Genome, like: Genome) -> Genome:
    """The genome in as many sets as the other has, if it has one only."""
    rule, other = genome.rule, like.rule
    if rule.gene_sets is None:
        rule = dataclasses.replace(rule, layers=other.layers, readout=other.readout)
    if rule.steps is None:
        rule = dataclasses.replace(rule, steps=other.steps)
    return widen(genome, rule)


def _check(genome: Genome, other: Genome) -> None:
    for what, value in (
        ("states", lambda g: g.rule.states),
        ("synapse channels", lambda g: g.rule.synapse_channels),
        ("layers with genes of their own", lambda g: g.rule.layers or 0),
        ("readouts with genes of their own", lambda g: int(g.rule.readout)),
        ("inner steps with genes of their own", lambda g: g.rule.steps or 0),
        ("updates after the forward sweep", lambda g: int(g.forward_synapse is not None)),
    ):
        require(
            value(genome) == value(other),
            f"The two genomes have {value(genome)} and {value(other)} {what}; only genomes of the "
            "same shape can be laid beside each other.",
        )


def _ordered(genome: Genome, order: tuple[int, ...]) -> Genome:
    first = range(min(2, genome.rule.states))
    return permute_states(genome, jnp.asarray([*first, *order], int))


def _pairs(ours: tuple, theirs: tuple) -> list[tuple]:
    """The grids or gates that both have, by name and shape."""
    mates = {item.name: item for item in theirs}
    return [
        (item, mates[item.name])
        for item in ours
        if item.name in mates
        and np.shape(getattr(item, "values", 0)) == np.shape(getattr(mates[item.name], "values", 0))
    ]


def _without_mate(ours: tuple[Gate, ...], theirs: tuple[Gate, ...]) -> list[Gate]:
    names = {gate.name for gate in theirs}
    return [gate for gate in ours if gate.name not in names]


def _alike(ours: np.ndarray, theirs: np.ndarray) -> list[str]:
    """Lengths, the length of the difference, and the cosine of the angle between."""
    lengths = np.linalg.norm(ours), np.linalg.norm(theirs)
    cosine = np.sum(ours * theirs) / (lengths[0] * lengths[1]) if all(lengths) else np.nan
    distance = np.linalg.norm(theirs - ours)
    return [*(f"{v:.3g}" for v in (*lengths, distance)), f"{cosine:.2f}"]


def _less(part: Part, from_it: Part) -> Part:
    grids = tuple(
        Grid(g.name, g.latex, g.meaning, g.values - m.values, g.rows, g.columns)
        for g, m in _pairs(part.grids, from_it.grids)
    )
    gates = tuple(
        Gate(g.name, g.latex, g.value - m.value) for g, m in _pairs(part.gates, from_it.gates)
    )
    return Part(part.title, grids, gates)
