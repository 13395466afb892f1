"""A picture of a network: groups as boxes, the input at the bottom, edges as arrows."""

import dataclasses
import os
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path as Curve

from blurax.analysis import style
from blurax.analysis.network_words import link_name, role, shape_words, synapses
from blurax.errors import require
from blurax.network import Edge, Network

WIDTH, HEIGHT = 190.0, 54.0
"""Pixels of a box."""
ACROSS, UP = 300.0, 132.0
"""Pixels from box to box."""
LANE, LABEL = 62.0, 150.0
"""Pixels from the boxes to the first edge that leads around them, and from one to the next."""
TALL = 46.0
"""Pixels of a label."""
SIDE, PIXELS = 2**16, 2**27
"""What a picture has at most."""
ROUND = 14.0

LOOKS = {
    "both ways": (style.INK, "-"),
    "up only": (style.BLUE, "-"),
    "down only": (style.EMPHASIS, "--"),
    "delayed": (style.PURPLE, ":"),
}
"""The colour and the dashes of an edge."""


@dataclasses.dataclass
class _Side:
    """Where edges run that lead around boxes, on one side."""

    sign: int
    """1: on the right."""
    start: float
    """Where the boxes end."""
    taken: list[list[tuple[float, float]]] = dataclasses.field(default_factory=list)
    """For each lane the stretches that edges run along."""

    def lane(self, low: float, high: float) -> float:
        """Where an edge along this stretch runs: in the first lane that is free."""
        middle, half = (low + high) / 2, max(abs(high - low), TALL) / 2
        stretch = (middle - half, middle + half)
        clear = (
            all(stretch[1] <= a or b <= stretch[0] for a, b in others) for others in self.taken
        )
        number = next((lane for lane, free in enumerate(clear) if free), len(self.taken))
        if number == len(self.taken):
            self.taken.append([])
        self.taken[number].append(stretch)
        return self.start + self.sign * (LANE + number * LABEL)

    @property
    def end(self) -> float:
        """Where it ends, the labels of its edges included."""
        reach = LANE + len(self.taken) * LABEL if self.taken else LABEL / 2
        return self.start + self.sign * (reach + 10)


def draw_network(network: Network, path: str | os.PathLike[str], title: str = "") -> Path:
    """Draw the groups and edges of a network.

    Raises:
        BluraxError: for a network too large for a picture, or if the file cannot be written.
    """
    places = _places(network)
    top = max(y for _, y in places)
    reach = max(abs(x) for x, _ in places) + WIDTH / 2
    left, right = _Side(-1, -reach), _Side(1, reach)
    short = sorted(network.edges, key=lambda edge: abs(places[edge.post][1] - places[edge.pre][1]))
    lines = [_line(edge, places, network, left, right) for edge in short]
    looks = {look: LOOKS[look] for look in LOOKS if any(line.look == look for line in lines)}
    width = round(max(right.end - left.end, 130 * len(looks))) + 40
    height = round(top + HEIGHT) + 134
    require(
        max(width, height) < SIDE and width * height <= PIXELS,
        f"The network {network} is too large for a picture: it would have {width:,} x {height:,} "
        "pixels.",
    )
    figure = style.new_figure(width, height, title or f"Network {network}")
    axes = figure.add_subplot()
    axes.set(xlim=(left.end, right.end), ylim=(-HEIGHT / 2 - 12, top + HEIGHT / 2 + 12))
    axes.set_aspect("equal")
    axes.axis("off")
    for line in lines:
        _draw_line(axes, line)
    for group, place in enumerate(places):
        _draw_box(axes, network, group, place)
    if len(looks) > 1:
        for name, (colour, dashes) in looks.items():
            axes.plot([], [], dashes, color=colour, label=name, linewidth=style.THIN)
        style.legend_below(figure, axes, len(looks))
    return style.save(figure, path)


def _places(network: Network) -> list[tuple[float, float]]:
    """The middle of each group's box: above all groups that lead to it."""
    ranks = [0]
    for group in range(1, len(network.groups)):
        now = (network.edges[l] for l in network.into(group))
        ranks.append(1 + max(ranks[edge.pre] for edge in now if not edge.delay))
    rows = [[g for g, rank in enumerate(ranks) if rank == row] for row in range(max(ranks) + 1)]
    return [
        (ACROSS * (rows[rank].index(g) - (len(rows[rank]) - 1) / 2), UP * rank)
        for g, rank in enumerate(ranks)
    ]


@dataclasses.dataclass(frozen=True)
class _Line:
    """An edge as it is drawn."""

    points: list[tuple[float, float]]
    look: str
    label: tuple[float, float]
    aligned: str
    words: str
    more: str


def _line(
    edge: Edge, places: list[tuple[float, float]], network: Network, left: _Side, right: _Side
) -> _Line:
    """Straight to the next row, if no other edge of its kind leads there, or around the boxes."""
    (x, low), (to, high) = places[edge.pre], places[edge.post]
    look = _look(network, edge)
    kind = "synapses" if edge.plastic else "fixed"
    numbers = f"{synapses(network, edge):,} {kind}" if edge.link.has_synapses else ""
    words = link_name(edge.link)
    if high - low == UP and edge is _straight(network, edge):
        points = [(x, low + HEIGHT / 2), (to, high - HEIGHT / 2)]
        aligned = "left" if x == to else "center"
        label = (x + to) / 2 + 9 * (x == to), (low + high) / 2
        return _Line(points, look, label, aligned, words, numbers)
    side = right if look in ("both ways", "up only") or edge.pre == edge.post else left
    low, high = low + 0.2 * HEIGHT, high - 0.2 * HEIGHT
    lane = side.lane(low, high)
    points = [
        (x + side.sign * WIDTH / 2, low),
        (lane, low),
        (lane, high),
        (to + side.sign * WIDTH / 2, high),
    ]
    points = points[::-1] if look == "down only" else points
    label = lane + side.sign * 9, (low + high) / 2
    return _Line(points, look, label, "left" if side is right else "right", words, numbers)


def _straight(network: Network, edge: Edge) -> Edge:
    """Of the edges between two groups the one that is drawn straight."""
    between = [e for e in network.edges if (e.pre, e.post) == (edge.pre, edge.post)]
    return next((e for e in between if e.up and not e.delay and e.link.has_synapses), between[0])


def _look(network: Network, edge: Edge) -> str:
    if edge.delay:
        return "delayed"
    if edge.pre == 0:  # nothing leads back to the input: it looks as the edges above it do
        others = any(e.up and not (e.down or e.delay) for e in network.edges if e.pre > 0)
        return "up only" if others else "both ways"
    return "both ways" if edge.up and edge.down else "up only" if edge.up else "down only"


def _draw_line(axes: Axes, line: _Line) -> None:
    colour, dashes = LOOKS[line.look]
    arrow = FancyArrowPatch(
        path=_rounded(line.points),
        arrowstyle="-|>",
        mutation_scale=16,
        linewidth=style.THIN,
        joinstyle="round",
        color=colour,
        linestyle=dashes,
        zorder=1,
    )
    axes.add_patch(arrow)
    x, y = line.label
    text = {"ha": line.aligned, "parse_math": False, "fontsize": style.SMALL, "zorder": 1.5}
    text["bbox"] = {"facecolor": "white", "edgecolor": "none", "pad": 2.0}
    up, down = (y + 1, y - 1) if line.more else (y, y)
    vertical = "bottom" if line.more else "center"
    axes.text(x, up, line.words, va=vertical, color=colour, **text)
    if line.more:
        axes.text(x, down, line.more, va="top", color=style.QUIET, **text)


def _rounded(points: list[tuple[float, float]]) -> Curve:
    """A line through points, with round corners."""
    through, codes = [points[0]], [Curve.MOVETO]
    for (ax, ay), (bx, by), (cx, cy) in zip(points, points[1:], points[2:], strict=False):
        short = min(ROUND, (abs(bx - ax) + abs(by - ay)) / 2, (abs(cx - bx) + abs(cy - by)) / 2)
        before = (bx + short * _sign(ax - bx), by + short * _sign(ay - by))
        after = (bx + short * _sign(cx - bx), by + short * _sign(cy - by))
        through += [before, (bx, by), after]
        codes += [Curve.LINETO, Curve.CURVE3, Curve.CURVE3]
    return Curve([*through, points[-1]], [*codes, Curve.LINETO])


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


def _draw_box(axes: Axes, network: Network, group: int, place: tuple[float, float]) -> None:
    (x, y), kind = place, role(network, group)
    colour = {"": style.QUIET, "input": style.BLUE}.get(kind, style.GREEN)
    red, green, blue = style.rgb(colour)
    box = FancyBboxPatch(
        (x - WIDTH / 2, y - HEIGHT / 2),
        WIDTH,
        HEIGHT,
        boxstyle="round,pad=0,rounding_size=9",
        facecolor=tuple(0.88 + 0.12 * part for part in (red, green, blue)),
        edgecolor=colour,
        linewidth=style.THIN,
        zorder=2,
    )
    axes.add_patch(box)
    shape, size = shape_words(network.groups[group]), f"{network.sizes[group]:,} neurons"
    about = kind if len(network.groups[group]) == 1 else f"{kind}, {size}" if kind else size
    middle = {"ha": "center", "va": "center", "zorder": 3}
    above = 11 if about else 0
    axes.text(x, y + above, shape, fontsize=style.TEXT, weight="bold", color=style.INK, **middle)
    axes.text(x, y - 12, about, fontsize=style.SMALL, color=colour, **middle)
