"""Findings as one picture: charts, tables, points and images, whatever there is."""

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from blurax.analysis import style
from blurax.analysis.findings_table import draw_table, fitted, height, needed
from blurax.findings import OFF_SCALE, Chart, Curve, Findings, Image, Scatter, Table

WIDTH, ROW = 1500, 560
"""Pixels of a picture, and of a row of charts."""
MARGINS = 30
"""Pixels beside a table that nothing stands in."""
ACROSS = 3
"""Charts beside each other, at most."""
WIDE = 4
"""Columns of a table, beyond which nothing stands beside it."""
FEW = 6
"""Points of a curve, up to which each has a tick of its own."""
DECADE = 20.0
"""The ratio of largest to smallest from which on a logarithmic axis is worth it."""


OURS = ((style.EMPHASIS, "o", 5), (style.ORANGE, "*", 11), (style.PURPLE, "h", 8))
"""Colours, markers and their sizes of the curves that a chart is about."""


def draw_findings(found: Findings, path: str | os.PathLike[str]) -> Path:
    """Draw all that findings hold, and write it as PNG.

    Raises:
        BluraxError: if the file cannot be written.
    """
    return style.save(picture(found), path)


def picture(found: Findings) -> Figure:
    """All that findings hold, charts first."""
    plots = [*found.charts, *found.scatters]
    squares = [image for image in found.images if image.bar]
    strips = [image for image in found.images if not image.bar]
    across = 2 if len(plots) == 4 else ACROSS
    heights = [float(ROW) for _ in range(math.ceil(len(plots) / across))]
    heights += [_table_height(row) for row in _table_rows(found)]
    heights += [620.0] if squares else []
    heights += [max(120.0, 95.0 * math.ceil(len(strips) / 2))] if strips else []
    title = f"Figure {found.figure}. {found.title}" if found.figure else found.title
    figure = style.new_figure(WIDTH, int(sum(heights)) + 70, title)
    parts = iter(style.stacked(figure, *heights))
    for first in range(0, len(plots), across):
        row = plots[first : first + across]
        places = style.side_by_side(next(parts), *[1.0] * min(across, len(plots)))
        for place, plot in zip(places, row, strict=False):
            if isinstance(plot, Chart):
                _draw_chart(place, plot)
            else:
                _draw_scatter(place, plot)
    for row in _table_rows(found):
        places = style.side_by_side(next(parts), *map(needed, row))
        for place, table in zip(places, row, strict=True):
            draw_table(place, table)
    if squares:
        for place, image in zip(
            style.side_by_side(next(parts), *[1.0] * len(squares)), squares, strict=True
        ):
            _draw_square(place, image)
    if strips:
        _draw_strips(next(parts), strips)
    return figure


def _table_rows(found: Findings) -> list[tuple[Table, ...]]:
    """Two tables beside each other, at most; a wide one stands alone, in parts if need be."""
    rows: list[tuple[Table, ...]] = []
    left: tuple[Table, ...] = ()  # what stands in the last row and may have something beside it
    for table in found.tables:
        parts = fitted(table, WIDTH - MARGINS)
        both = (*left, *parts)
        narrow = all(len(each.columns) <= WIDE for each in both)
        if left and len(parts) == 1 and narrow and sum(map(needed, both)) <= WIDTH - 2 * MARGINS:
            rows[-1], left = both, ()
        else:
            rows += [(part,) for part in parts]
            left = (table,) if len(parts) == 1 else ()
    return rows


def _table_height(row: tuple[Table, ...]) -> float:
    return max(map(height, row))


def _draw_chart(canvas: style.SubFigure, chart: Chart) -> None:
    style.heading(canvas, chart.title)
    axes = canvas.subplots()
    looks, mine = iter(range(len(chart.curves))), iter(range(len(chart.curves)))
    for curve in chart.curves:
        if curve.label in chart.ours:
            _draw_ours(axes, curve, next(mine), chart.log_y)
        else:
            _draw_other(axes, curve, next(looks), chart)
    for mark in chart.marks:
        axes.axvline(mark, color=style.QUIET, linewidth=1.2, linestyle=":")
    style.tidy(axes, chart.x_label, chart.y_label)
    _scales(axes, chart)
    if chart.y_label.endswith("(%)"):
        axes.set_ylim(max(0.0, axes.get_ylim()[0]), min(101.0, axes.get_ylim()[1]))
    _legend(canvas, axes)


def _draw_ours(axes: Axes, curve: Curve, number: int, log: bool) -> None:
    """A curve that the chart is about: thick, in front, and in a colour that no other has."""
    colour, marker, size = OURS[number % len(OURS)]
    look = {"color": colour, "marker": marker, "markersize": size}
    _draw_curve(axes, curve, log, linewidth=style.BOLD, zorder=3, **look)


def _draw_other(axes: Axes, curve: Curve, number: int, chart: Chart) -> None:
    taken = {colour for colour, _, _ in OURS[: len(chart.ours)]}
    colours = [c for c in style.PALETTE if c not in taken]
    look = {
        "color": colours[number % len(colours)],
        "marker": style.MARKERS[number % len(style.MARKERS)],
        "markersize": 5,
        "linestyle": "-" if number < len(colours) else "--",
        "zorder": 2,
    }
    if curve.label in chart.dashed:  # a marker would hide that of a curve in the same place
        look |= {"linestyle": (0, (4, 3)), "marker": "", "zorder": 4}
    _draw_curve(axes, curve, chart.log_y, linewidth=style.THIN, **look)


def _draw_curve(axes: Axes, curve: Curve, log: bool, **look: Any) -> None:
    """A line with its band; a cross where it leaves the scale."""
    mean = np.asarray(curve.mean)
    shown = mean < OFF_SCALE
    if len(curve.x) > 30:
        look["marker"] = ""
    axes.plot(curve.x, np.where(shown, mean, np.nan), label=curve.label, **look)
    if curve.spread:
        spread = np.asarray(curve.spread)
        low = np.maximum(mean - spread, mean / 10) if log else mean - spread
        colour = look["color"]
        axes.fill_between(curve.x, low, mean + spread, shown, color=colour, alpha=0.15, linewidth=0)
    if shown[0] and not shown.all():
        last = int(np.argmin(shown)) - 1
        cross = {"marker": "x", "markersize": 13, "markeredgewidth": 3, "zorder": 4}
        axes.plot(curve.x[last], mean[last], color=look["color"], **cross)


def _scales(axes: Axes, chart: Chart) -> None:
    points = sorted({x for curve in chart.curves for x in curve.x})
    if chart.log_x:
        few = len(points) <= FEW
        ticks = points if few else style.round_steps(int(points[-1]))
        style.log_steps(axes, ticks)
    elif all(x == int(x) for x in points):
        style.whole_steps(axes, [int(x) for x in points])
    if chart.log_y:
        values = np.concatenate([curve.mean for curve in chart.curves])
        shown = values[(values > 0) & (values < OFF_SCALE)]
        if shown.size and shown.max() > DECADE * shown.min():
            axes.set_yscale("log")
            axes.set_ylim(shown.min() / 3, shown.max() * 3)
        else:
            axes.set_ylim(bottom=0)


def _draw_scatter(canvas: style.SubFigure, scatter: Scatter) -> None:
    style.heading(canvas, scatter.title)
    axes = canvas.subplots()
    for number, group in enumerate(scatter.groups):
        axes.plot(
            group.x,
            group.y,
            style.MARKERS[number],
            color=(style.EMPHASIS, *style.PALETTE)[number],
            markersize=9,
            label=group.label,
        )
    style.tidy(axes, scatter.x_label, scatter.y_label)
    _legend(canvas, axes)


def _legend(canvas: style.SubFigure, axes: Axes) -> None:
    """Below the axes, where it hides nothing; none for a single line that the axis names."""
    names = axes.get_legend_handles_labels()[1]
    if len(names) > 1 or names[0] not in axes.get_ylabel():
        longest = max(len(name) for name in names)
        style.legend_below(canvas, axes, max(1, min(3, 45 // (longest + 5))), style.SMALL - 1)


def _draw_square(canvas: style.SubFigure, image: Image) -> None:
    style.heading(canvas, image.title)
    axes = canvas.subplots()
    values = np.asarray(image.values)
    shown = axes.imshow(values, cmap="magma", vmin=-17, vmax=0, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    bar = canvas.colorbar(shown, ax=axes, shrink=0.8)
    bar.set_label(image.bar, fontsize=style.SMALL)
    bar.ax.tick_params(labelsize=style.SMALL)


def _draw_strips(canvas: style.SubFigure, strips: list[Image]) -> None:
    """Rows of examples, two beside each other."""
    grid = canvas.subplots(math.ceil(len(strips) / 2), 2, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for axes, image in zip(grid.flat, strips, strict=False):
        axes.imshow(np.asarray(image.values), cmap="gray_r", vmin=0, vmax=1)
        axes.set_title(image.title, loc="left", fontsize=style.SMALL, color=style.INK)
