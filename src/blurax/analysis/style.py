"""One look for all pictures, and the only way they are written.

Figures are made without pyplot: nothing global is changed and no window system is asked for. Sizes
are in pixels, and text is large enough to be read when a picture is shown at half its size.
"""

import io
import math
import os
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap, to_hex, to_rgb
from matplotlib.figure import Figure, SubFigure
from matplotlib.legend import Legend
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator

from blurax.analysis.plain import printable
from blurax.io import write_bytes

VERMILLION, BLUE, GREEN, PURPLE = "#D55E00", "#0072B2", "#009E73", "#CC79A7"
ORANGE, SKY, BLACK = "#E69F00", "#56B4E9", "#000000"

Canvas = Figure | SubFigure
"""What axes can be put on."""

PALETTE = (BLUE, GREEN, PURPLE, ORANGE, SKY, BLACK)
"""Okabe and Ito's colours, told apart by colour-blind people too; without yellow, which is pale."""

EMPHASIS = VERMILLION
"""The colour of what a picture is about; no other curve has it."""

MARKERS = ("s", "^", "D", "v", "P", "X")
"""One for each colour of the palette, so that no curve depends on its colour alone."""

INK, QUIET, PALE, LINES = "#222222", "#6b6b6b", "#9a9a9a", "#e2e2e2"

DIVERGING = LinearSegmentedColormap.from_list("blurax", [BLUE, "#f4f4f4", VERMILLION])
"""Blue for negative, orange-red for positive, pale at zero."""

DPI = 100
SMALL, TEXT, TITLE = 13, 14, 19
"""Font sizes in points; at half size the smallest is still nine pixels high."""
THIN, BOLD = 1.8, 3.6
"""Line widths in points."""
MARGIN = 16
"""Pixels to the left of a heading."""


def look(number: int) -> tuple[str, str]:
    """Colour and marker of one of many; beyond the palette a colour returns with another marker."""
    size = len(PALETTE)
    return PALETTE[number % size], MARKERS[(number + number // size) % size]


def new_figure(width: int, height: int, title: str = "") -> Figure:
    """An empty figure.

    Args:
        width: in pixels.
        height: in pixels.
        title: written above everything, from the left, in as many lines as it takes.
    """
    figure = Figure((width / DPI, height / DPI), DPI, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    pads = {"w_pad": 0.12, "h_pad": 0.12, "hspace": 0.04, "wspace": 0.03}
    figure.set_layout_engine("constrained", **pads)
    if title:
        heading(figure, wrapped(title, width, TITLE), TITLE, "normal")
    return figure


def stacked(canvas: Canvas, *heights: float) -> list[SubFigure]:
    """Parts of a picture one below the other, of these relative heights."""
    return list(canvas.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0])


def side_by_side(canvas: Canvas, *widths: float) -> list[SubFigure]:
    """Parts of a picture beside each other, of these relative widths."""
    return list(canvas.subfigures(1, len(widths), squeeze=False, width_ratios=widths)[0])


def wrapped(text: str, width: int, size: int) -> str:
    """A text broken into lines that fit so many pixels at a font size."""
    return textwrap.fill(text, max(10, int(width * 72 / DPI / size / 0.53)))


def tidy(axes: Axes, x_label: str = "", y_label: str = "") -> None:
    """Give axes the common look: no box, a light grid behind the data, readable labels."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(QUIET)
    axes.grid(True, which="major", color=LINES, linewidth=1.0)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=SMALL, colors=QUIET, labelcolor=INK, length=4)
    axes.set_xlabel(x_label, fontsize=TEXT, color=INK)
    axes.set_ylabel(y_label, fontsize=TEXT, color=INK)


def heading(canvas: Canvas, text: str, size: int = TEXT, weight: str = "bold") -> None:
    """A line above a picture or a part of it, from the left; a $ in it is a plain $."""
    left, text = MARGIN / canvas.bbox.width, printable(text, keep="\n")
    canvas.suptitle(
        text, x=left, ha="left", fontsize=size, fontweight=weight, color=INK, parse_math=False
    )


def whole_steps(axes: Axes, steps: Sequence[int]) -> None:
    """An axis of steps without fractions, also where there is a single one."""
    if len(set(steps)) == 1:
        axes.set_xticks([steps[0]])
    else:
        axes.xaxis.set_major_locator(MaxNLocator(7, integer=True, steps=[1, 2, 5, 10]))


def log_steps(axes: Axes, ticks: Sequence[float | int]) -> None:
    """A logarithmic axis of steps with plain numbers at the given ticks."""
    axes.set_xscale("log")
    axes.set_xticks(ticks, [f"{tick:,.9g}" for tick in ticks])
    axes.minorticks_off()


def round_steps(last: int) -> tuple[int, ...]:
    """1, 2, 5, 10, 20, 50, ... up to `last`."""
    decades = range(int(math.log10(last)) + 1)
    return tuple(n * 10**d for d in decades for n in (1, 2, 5) if n * 10**d <= last)


def diverging(share: float) -> tuple[str, str]:
    """Background and text colour of a number that is `share` (-1 to 1) of the largest."""
    background = to_hex(DIVERGING(0.5 + 0.5 * max(-1.0, min(1.0, share))))
    red, green, blue = (c / 12.92 if c < 0.04 else c**2.2 for c in to_rgb(background))
    bright = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return background, "#000000" if bright > 0.179 else "#ffffff"


def rgb(colour: str) -> tuple[float, float, float]:
    """A colour as red, green and blue from 0 to 1."""
    return to_rgb(colour)


def band(
    axes: Axes, steps: Sequence[int] | np.ndarray, values: np.ndarray, colour: str, **look: Any
) -> None:
    """One standard deviation around the mean over the seeds, of scores in per cent.

    Args:
        values: `[seeds, steps]`; nothing is drawn of a single seed.
    """
    if len(values) > 1:
        mean, std = values.mean(axis=0), values.std(axis=0, ddof=1)
        low, high = np.clip(mean - std, 0, 100), np.clip(mean + std, 0, 100)
        axes.fill_between(steps, low, high, color=colour, linewidth=0, **look)


def legend_below(canvas: Canvas, axes: Axes, across: int, size: int = SMALL) -> None:
    """The legend of axes below a picture, so many names in a line, or as many as fit."""
    handles, names = axes.get_legend_handles_labels()
    # A line, the gaps around it, and letters half as wide as they are high.
    widest = (4.2 + 0.5 * max(map(len, names), default=0)) * size * DPI / 72
    across = max(1, min(across, int(canvas.bbox.width // widest)))
    canvas.legend(
        handles, names, loc="outside lower center", ncols=across, fontsize=size, frameon=False
    )


def save(figure: Figure, path: str | os.PathLike[str]) -> Path:
    """Write a figure as PNG, whole or not at all; the same data give the same bytes.

    Raises:
        BluraxError: if the file cannot be written.
    """
    for legend in figure.findobj(Legend):
        for text in legend.findobj(Text):  # names: of classes, genomes, ...; a $ is a plain $
            text.set_parse_math(False)  # pyright: ignore[reportAttributeAccessIssue]
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, facecolor="white", metadata={"Software": None})
    write_bytes(path, buffer.getvalue())
    return Path(path)
