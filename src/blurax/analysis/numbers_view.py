"""The numbers of a rule that somebody wrote: named arrays as text and as a picture."""

import itertools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from blurax.analysis import style
from blurax.analysis.genome_parts import Gate, Grid
from blurax.analysis.genome_picture import draw_gates, draw_grid
from blurax.analysis.genome_view import provenance_words
from blurax.analysis.plain import MOST, message
from blurax.io import Provenance

_SHOWN = 8
"""Numbers of an array that are written out; of more, how they are spread."""
_DRAWN = 12
"""Arrays in a picture, and single numbers in a part of it."""
_ACROSS = 4
"""Parts of a picture side by side."""


def count(best: Any) -> int:
    """How many numbers there are in a genome, or in named arrays."""
    return sum(leaf.size for leaf in jax.tree.leaves(best))


def number_words(tensors: Mapping[str, np.ndarray]) -> dict[str, str]:
    """Each array by its name, in words."""
    return {message(name): _words(np.asarray(tensor)) for name, tensor in tensors.items()}


def _words(tensor: np.ndarray) -> str:
    if tensor.size <= _SHOWN:
        return ", ".join(f"{value:.4g}" for value in tensor.ravel()) or "none"
    mean, std = float(tensor.mean()), float(tensor.std())
    return f"{'x'.join(map(str, tensor.shape))} numbers, {mean:.3g} ± {std:.2g}"


def numbers_panel(
    name: str,
    tensors: Mapping[str, np.ndarray],
    provenance: Provenance,
    start: Mapping[str, np.ndarray] | None = None,
) -> RenderableType:
    """The arrays of a learner file, and where they come from.

    Args:
        name: of the learner's class.
        start: what the arrays were before they were learned, as the class is written.
    """
    table = Table(box=None, header_style="dim", pad_edge=False)
    for column in ("name", "shape", "value", *(("at the start", "moved") if start else ())):
        table.add_column(column, overflow="fold")
    for leaf, tensor in itertools.islice(tensors.items(), MOST):
        shape = "x".join(map(str, tensor.shape)) or "-"
        cells = [message(leaf), shape, _words(tensor)]
        if start:
            before = np.asarray(start[leaf])
            cells += [_words(before), f"{float(np.sqrt(np.mean((tensor - before) ** 2))):.3g}"]
        table.add_row(*map(Text, cells))
    if len(tensors) > MOST:
        table.add_row(f"and {len(tensors) - MOST:,} more")
    lines = [Text(f"{about}: {words}") for about, words in provenance_words(provenance).items()]
    title = Text(f"{message(name)} · {count(dict(tensors))} numbers")
    legend = "moved: root mean square of the change" if start else ""
    return Panel(Group(*lines, Text(), table), title=title, subtitle=legend, border_style="dim")


def draw_learner(
    name: str, tensors: Mapping[str, np.ndarray], path: str | os.PathLike[str]
) -> Path:
    """Draw the arrays of a learner file.

    Args:
        name: of the learner's class.

    Raises:
        BluraxError: if the file cannot be written.
    """
    rows = -(-min(len(_pieces(tensors)), _DRAWN) // _ACROSS)
    figure = style.new_figure(1200, 320 * max(1, rows) + 60)
    draw_numbers(figure, tensors, f"The numbers of {message(name)}")
    return style.save(figure, path)


def draw_numbers(canvas: style.Canvas, tensors: Mapping[str, np.ndarray], title: str) -> None:
    """Single numbers as bars, arrays as heat maps: what they mean, the rule alone knows."""
    pieces = _pieces(tensors)
    shown, left = pieces[:_DRAWN], len(pieces) - _DRAWN
    across = max(1, min(_ACROSS, len(shown)))
    places = canvas.subplots(max(1, -(-len(shown) // across)), across, squeeze=False).flatten()
    for axes, piece in zip(places, shown, strict=False):
        if isinstance(piece, Grid):
            rows, columns = piece.values.shape
            draw_grid(axes, piece, decimals=2 if rows <= 8 and columns <= 4 else None)
            axes.set_aspect("auto")
        else:
            draw_gates(axes, piece)
            axes.set_title("")
    for axes in places[len(shown) :]:
        axes.remove()
    style.heading(canvas, f"{title}, without the last {left} arrays" if left > 0 else title)


def _pieces(tensors: Mapping[str, np.ndarray]) -> list[Grid | list[Gate]]:
    """What is drawn beside each other: the single numbers, so many at a time, and each array."""
    gates: list[Gate] = []
    grids: list[Grid] = []
    for leaf, tensor in tensors.items():
        name = message(leaf).replace("$", r"\$")
        if 0 < tensor.size <= _SHOWN and tensor.ndim < 2:
            places = [f"[{i}]" for i in range(tensor.size)] if tensor.ndim else [""]
            values = zip(places, tensor.ravel().tolist(), strict=True)
            gates += [Gate(name + place, "", value) for place, value in values]
        elif tensor.size:
            values = tensor.reshape(-1, tensor.shape[-1])
            rows, columns = ([str(n) for n in range(size)] for size in values.shape)
            shape = "x".join(map(str, tensor.shape))
            grids.append(Grid(name, "", shape, values, tuple(rows), tuple(columns)))
    return [*(gates[n : n + _DRAWN] for n in range(0, len(gates), _DRAWN)), *grids]
