"""A genome for a person to read, in the terminal and as a picture."""

import numpy as np
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.style import Style
from rich.table import Table
from rich.text import Text

from blurax import endurance
from blurax.analysis.genome_parts import Gate, Grid, Part, parts, size
from blurax.analysis.genome_picture import draw_genome
from blurax.analysis.plain import message
from blurax.analysis.rule_words import rule_words
from blurax.analysis.style import diverging
from blurax.genome import Genome
from blurax.io import Provenance

__all__ = ["draw_genome", "genome_panel"]

FAR = 100_000
"""Steps beyond which nothing is said of synapses that grow."""


def genome_panel(genome: Genome, provenance: Provenance | None = None) -> RenderableType:
    """All numbers of a genome, the rule they are meant for and where they come from."""
    title = f"genome · k = {genome.rule.states} · {size(genome)} numbers"
    lines = dict(rule_words(genome.rule))
    lines |= endurance_words(genome)
    if provenance is not None:
        lines |= provenance_words(provenance)
    pieces: list[RenderableType] = [_words(lines)]
    for part in parts(genome):
        pieces += [Text(), *_part(part)]
    legend = "blue negative, orange positive, the stronger the larger"
    return Panel(Group(*pieces), title=title, subtitle=legend, border_style="dim")


def endurance_words(genome: Genome) -> dict[str, str]:
    """That synapses grow without end, where they do, and for how long that goes well."""
    steps = endurance.steps_left(genome)
    if steps > FAR:
        return {}
    faster = endurance.growth(genome).max() - 1
    words = f"synapses grow by {100 * faster:.2g} % a step without end: single precision has no "
    return {"lasts": f"about {steps:,.0f} steps; {words}number for them after that"}


def provenance_words(provenance: Provenance) -> dict[str, str]:
    """Where a genome comes from, by what the words are about."""
    plural = "s" * (provenance.meta_steps != 1)
    steps = f"{provenance.meta_steps:,} meta-step{plural}, seed {provenance.seed}"
    score = "" if provenance.score is None else f"{100 * provenance.score:.1f} % on validation"
    words = {
        "learned on": f"{', '.join(provenance.tasks)}; {steps}",
        "score": score,
        "made": f"{provenance.created}, blurax {provenance.library_version}",
        "note": provenance.note,
    }
    return {about: message(text) for about, text in words.items() if text}


def _words(lines: dict[str, str]) -> Table:
    table = Table.grid(padding=(0, 2))
    for about, text in lines.items():
        table.add_row(Text(about, "dim"), Text(text, overflow="fold"))
    return table


def _part(part: Part) -> list[RenderableType]:
    return [
        Text(part.title, "bold"),
        Columns([_grid(grid) for grid in part.grids], padding=(0, 3)),
        _gates(part.gates),
    ]


def _grid(grid: Grid) -> RenderableType:
    """A matrix as coloured cells; the colour says the share of the largest number in it."""
    width, decimals = _cell_size(len(grid.columns))
    table = Table(box=None, padding=0, pad_edge=False)
    table.add_column("", style="dim", no_wrap=True)
    for name in grid.columns:
        table.add_column(Text(name, "dim"), justify="center", width=width)
    largest = abs(grid.values).max() or 1.0
    margin = max(len(name) for name in grid.rows)
    for name, row in zip(grid.rows, grid.values.tolist(), strict=True):
        cells = [_cell(short(v, width, decimals), v / largest, width) for v in row]
        table.add_row(f"{name:>{margin}} ", *cells)
    return Group(Text.assemble((grid.name, "bold"), " ", (grid.meaning, "dim")), table)


def _cell_size(columns: int) -> tuple[int, int]:
    """The width of a cell and its decimals: 16 columns still fit a terminal of 80 characters."""
    return (9, 3) if columns <= 4 else (5, 1) if columns <= 8 else (4, 1)


def _cell(text: str, share: float, width: int) -> Text:
    background, ink = diverging(share)
    return Text(text.rjust(width - width // 6).ljust(width), Style(color=ink, bgcolor=background))


def _gates(gates: tuple[Gate, ...]) -> Text:
    text = Text()
    for gate in gates:
        number = f" {gate.value:.4g} "
        text.append(f"{gate.name} ", "bold")
        text.append(_cell(number, 0.6 * np.sign(gate.value), len(number)))
        text.append("   ")
    return text


def short(value: float, width: int, decimals: int) -> str:
    """A number in at most `width` characters, with fewer decimals if it has to be."""
    for fewer in range(decimals, -1, -1):
        text = f"{value:z.{fewer}f}"
        if len(text) <= width:
            return text
    return f"{value:.0e}".replace("e+0", "e").replace("e+", "e")
