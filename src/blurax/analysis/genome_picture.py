"""Pictures of a genome: its matrices as heat maps with the numbers in them, its gates as bars."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from blurax.analysis import style
from blurax.analysis.genome_parts import Gate, Grid, Part, parts, size
from blurax.genome import Genome

CELL = {2: 96, 4: 74, 8: 62, 16: 46}
"""Pixels of a cell of a matrix with up to so many columns."""
LINE = 21
"""Pixels of a gate with its name and value."""


def draw_genome(genome: Genome, path: str | os.PathLike[str], title: str = "") -> Path:
    """Draw all numbers of a genome.

    Raises:
        BluraxError: if the file cannot be written.
    """
    heading = title or f"A genome of {size(genome)} numbers, k = {genome.rule.states}"
    found = parts(genome)
    sizes = [part_size(part, genome.rule.states) for part in found]
    width, across = max(size[0] for size in sizes), max(size[2] for size in sizes)
    heights = [size[1] for size in sizes]
    figure = style.new_figure(width, round(sum(heights)) + 70, heading)
    for band, part in zip(style.stacked(figure, *heights), found, strict=True):
        if len(found) > 1:
            style.heading(band, part.title)
        draw_part(band, part, across)
    return style.save(figure, path)


def part_size(part: Part, states: int) -> tuple[int, float, int]:
    """Width and height of a drawn part in pixels, and how many stand side by side."""
    side = _cell(states) * max(2, states)
    across = len(part.grids) + 1 if states <= 4 else 3
    width = max(1000, across * (side + 90) + 40)
    tall = max(side, LINE * len(part.gates))
    return width, _rows(part, across) * (tall + 90.0) + 40, across


def draw_part(canvas: style.Canvas, part: Part, across: int) -> None:
    """Draw the matrices and gates of a part, so many side by side."""
    places = canvas.subplots(_rows(part, across), across, squeeze=False).flatten()
    for axes, grid in zip(places, part.grids, strict=False):
        draw_grid(axes, grid, decimals=2 if len(grid.columns) <= 4 else 1)
    draw_gates(places[len(part.grids)], part.gates)
    for axes in places[len(part.grids) + 1 :]:
        axes.remove()


def draw_grid(axes: Axes, grid: Grid, decimals: int | None) -> None:
    """A matrix as a heat map; the colour says the share of the largest number in it.

    Args:
        decimals: of the numbers in the cells; None: no numbers, only colours.
    """
    largest = abs(grid.values).max() or 1.0
    axes.imshow(grid.values, cmap=style.DIVERGING, vmin=-largest, vmax=largest)
    for (row, column), value in np.ndenumerate(grid.values) if decimals is not None else ():
        text = f"{value:z.{decimals}f}" if abs(value) < 100 else f"{value:.0e}"
        ink = style.diverging(float(value) / largest)[1]
        axes.text(column, row, text, ha="center", va="center", fontsize=style.SMALL, color=ink)
    name = _name(grid)
    axes.set_title(f"{name}  {grid.meaning}".strip(), fontsize=style.SMALL, color=style.INK)
    axes.set_xticks(range(len(grid.columns)), grid.columns)
    axes.set_yticks(range(len(grid.rows)), grid.rows)
    if decimals is None:
        axes.set(xticks=(), yticks=())
    axes.tick_params(labelsize=style.SMALL, labelcolor=style.QUIET, length=0)
    axes.spines[:].set_visible(False)


def draw_gates(axes: Axes, gates: Sequence[Gate]) -> None:
    """The single numbers as bars with their values."""
    values = [gate.value for gate in gates]
    colours = [style.diverging(1.0 if value > 0 else -1.0)[0] for value in values]
    axes.barh(range(len(gates)), values, color=colours, height=0.55)
    beside = axes.get_yaxis_transform()
    for place, value in enumerate(values):
        text = f"{value:.3g}"
        axes.text(1.0, place, text, transform=beside, ha="right", va="center", fontsize=style.SMALL)
    low, high = min(0.0, *values), max(0.0, *values)
    axes.set_xlim(low, high + 0.6 * (high - low or 1.0))
    axes.set_ylim(max(len(gates), 6) - 0.5, -0.5)
    axes.axvline(0.0, color=style.QUIET, linewidth=1.0)
    axes.set_yticks(range(len(gates)), [_name(gate) for gate in gates])
    axes.set_xticks([])
    axes.tick_params(labelsize=style.TEXT, labelcolor=style.INK, length=0)
    axes.spines[:].set_visible(False)
    axes.set_title("gates", fontsize=style.SMALL, color=style.INK)


def _rows(part: Part, across: int) -> int:
    return -(-(len(part.grids) + 1) // across)


def _cell(states: int) -> int:
    return next((cell for limit, cell in CELL.items() if states <= limit), 40)


def _name(part: Grid | Gate) -> str:
    return f"${part.latex}$" if part.latex else part.name
