"""Findings as a picture: nothing overlaps, nothing hides, and what leaves the scale is seen."""

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from blurax import findings
from blurax.analysis import style
from blurax.analysis.findings_table import draw_table
from blurax.analysis.findings_view import picture
from blurax.experiments.figures import FIGURES
from blurax.findings import OFF_SCALE, Chart, Curve, Findings, table

STORED = Path(__file__).parent.parent / "docs" / "reference" / "figures"


def drawn(chart: Chart) -> Axes:
    return picture(Findings("0", "a figure", "cpu", "0", "", charts=(chart,))).findobj(Axes)[0]


def chart(*curves: Curve, **more) -> Chart:
    return Chart("chart", "steps", "size", curves, **more)


def texts(found: Findings) -> list[tuple[str, Bbox]]:
    """Every text of the picture that is seen, and where."""
    return seen(picture(found))


def seen(figure: Figure) -> list[tuple[str, Bbox]]:
    figure.canvas.draw()
    unseen = {id(label) for axes in figure.findobj(Axes) for label in beyond(axes)}
    return [
        (text.get_text(), text.get_window_extent())
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip() and id(text) not in unseen
    ]


def beyond(axes: Axes) -> list[Text]:
    """The labels of ticks that are not drawn: matplotlib keeps some beyond the ends of an axis."""
    if not axes.axison:
        return [text for axis in (axes.xaxis, axes.yaxis) for text in axis.findobj(Text)]
    found = []
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
        found += [t.label1 for t in ticks if not low <= t.get_loc() <= high]
    return found


@pytest.mark.parametrize("name", FIGURES)
def test_no_text_of_a_stored_figure_lies_on_another_or_outside(name):
    found = texts(findings.read(STORED / f"figure-{name}.json"))
    assert len(found) > 10
    assert_apart(found)


def assert_apart(found: list[tuple[str, Bbox]]) -> None:
    """No text lies on another or is cut off on the left or below."""
    for (one, box), (other, second) in itertools.combinations(found, 2):
        shared = Bbox.intersection(box, second)
        touching = shared is not None and shared.width > 1 and shared.height > 1
        assert not touching, f"{one!r} lies on {other!r}"
    for words, box in found:
        assert box.x0 >= 0, f"{words!r} is cut off"
        assert box.y0 >= 0, f"{words!r} is cut off"


def test_the_test_of_overlaps_finds_one():
    values = np.full((1, 14, 2), 0.5)
    columns = [f"a long name {n}" for n in range(14)]
    crowded = style.new_figure(900, 300)
    (canvas,) = style.stacked(crowded, 1.0)
    draw_table(canvas, table("", ("", ""), ["row"], columns, values))
    with pytest.raises(AssertionError, match="lies on"):
        assert_apart(seen(crowded))


MATRIX = table(
    "ν: points lost", ("into state", "from"), list("1234"), list("1234"), np.zeros((4, 4, 2))
)


@pytest.mark.parametrize("count", [1, 4, 7, 14, 33])
@pytest.mark.parametrize(("rows", "scale"), [(("",), 1.0), (("layer 1, at first", "at last"), 1e6)])
def test_a_table_of_any_width_can_be_read_and_is_whole(count, rows, scale):
    """Too wide for the page, it goes on below; nothing lies on anything, in few columns or many."""
    values = scale * np.random.default_rng(0).uniform(size=(len(rows), count, 2))
    names = [f"π{n} (predictions read synapse) = {n}" for n in range(count)]
    one = table("Each term: points lost", ("", "the genome with"), rows, names, values)
    wide = dataclasses.replace(one, percent=scale == 1.0, mark_best=False)
    found = texts(Findings("", "title", "", "0", "", tables=(wide, MATRIX, MATRIX)))
    assert_apart(found)
    assert all(box.x1 <= 1500 for _, box in found)
    words = [" ".join(text.split()) for text, _ in found]
    assert all(words.count(name) == 1 for name in names)
    titles = [word for word in words if word.startswith("Each term")]
    assert titles == [one.title, *[f"{one.title} (continued)"] * (len(titles) - 1)]
    assert (len(titles) > 1) == (count > 6)
    cells = [word for word in words if "±" in word]
    assert len(cells) == len(rows) * count + 2 * 16


def test_a_curve_that_leaves_the_scale_ends_in_a_cross():
    steps = (1.0, 2.0, 3.0, 4.0)
    sizes = (1.0, 10.0, OFF_SCALE, OFF_SCALE)
    axes = drawn(chart(Curve("a", steps, sizes), Curve("b", steps, (1.0,) * 4), log_y=True))
    crosses = [line for line in axes.lines if line.get_marker() == "x"]
    assert [line.get_xydata().tolist() for line in crosses] == [[[2, 10]]]
    assert axes.get_ylim()[1] < 100


@pytest.mark.parametrize(("largest", "scale"), [(100.0, "log"), (2.0, "linear")])
def test_a_logarithmic_axis_needs_something_to_spread(largest, scale):
    axes = drawn(chart(Curve("a", (1.0, 2.0), (1.0, largest)), log_y=True))
    assert axes.get_yscale() == scale


def test_few_points_have_a_tick_each():
    axes = drawn(chart(Curve("a", (2.0, 4.0, 8.0, 16.0), (1.0, 2.0, 3.0, 4.0)), log_x=True))
    assert [label.get_text() for label in axes.get_xticklabels()] == ["2", "4", "8", "16"]


def test_what_a_chart_is_about_stands_out():
    names = ("ours", "ours too", *"abcdef")
    curves = [Curve(name, (1.0, 2.0), (1.0, 2.0)) for name in names]
    axes = drawn(chart(*curves, ours=names[:2]))
    looks = [(line.get_color(), line.get_linestyle(), line.get_marker()) for line in axes.lines]
    assert len(set(looks)) == len(names)
    assert looks[0][0] == style.EMPHASIS
    assert not {looks[0][0], looks[1][0]} & {colour for colour, _, _ in looks[2:]}
    widths = [line.get_linewidth() for line in axes.lines]
    assert min(widths[:2]) > max(widths[2:])


def test_a_dashed_curve_lies_over_the_one_that_the_chart_is_about():
    curves = tuple(Curve(label, (1.0, 2.0), (1.0, 2.0)) for label in ("predicted", "measured"))
    chart = Chart("", "", "", curves, ours=("measured",), dashed=("predicted",))
    found = Findings("0", "a figure", "cpu", "0", "", charts=(chart,))
    lines = {line.get_label(): line for line in picture(found).findobj(Axes)[0].lines}
    assert lines["predicted"].is_dashed()
    assert not lines["measured"].is_dashed()
    assert lines["predicted"].get_zorder() > lines["measured"].get_zorder()
