"""The numbers of a rule that somebody wrote: named arrays as text and as a picture."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from blurax.analysis import style
from blurax.analysis.genome_view import provenance_words
from blurax.analysis.plain import message
from blurax.io import Provenance

_SHOWN = 8
"""Numbers of an array that are written out; of more, how they are spread."""
_DRAWN = 12
"""Arrays in the picture."""


def count(best: Any) -> int:
    """How many numbers there are in a genome, or in named arrays."""
    return sum(leaf.size for leaf in jax.tree.leaves(best))


def number_words(tensors: Mapping[str, np.ndarray]) -> dict[str, str]:
    """Each array by its name, in words."""
    return {message(name): _words(np.asarray(tensor)) for name, tensor in tensors.items()}


def _words(tensor: np.ndarray) -> str:
    if 0 < tensor.size <= _SHOWN:
        return ", ".join(f"{value:.4g}" for value in tensor.ravel())
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
    for leaf, tensor in tensors.items():
        shape = "x".join(map(str, tensor.shape)) or "-"
        cells = [message(leaf), shape, _words(tensor)]
        if start:
            before = np.asarray(start[leaf])
            cells += [_words(before), f"{float(np.sqrt(np.mean((tensor - before) ** 2))):.3g}"]
        table.add_row(*map(Text, cells))
    lines = [Text(f"{about}: {words}") for about, words in provenance_words(provenance).items()]
    title = Text(f"{message(name)} · {count(dict(tensors))} numbers")
    legend = "moved: root mean square of the change" if start else ""
    return Panel(Group(*lines, Text(), table), title=title, subtitle=legend, border_style="dim")


def draw_numbers(canvas: style.SubFigure, tensors: Mapping[str, np.ndarray]) -> None:
    """The arrays as lines of text: what their numbers mean, the rule alone knows."""
    axes = canvas.subplots()
    axes.axis("off")
    words = list(number_words(tensors).items())
    lines = [f"{name}: {text}" for name, text in words[:_DRAWN]]
    lines += [f"and {len(words) - _DRAWN} arrays more"] if len(words) > _DRAWN else []
    axes.text(0.0, 1.0, "\n".join(lines), va="top", fontsize=style.TEXT, parse_math=False)
    style.heading(canvas, "The numbers that were kept")
