"""Learners side by side: the cells of the table and the curves of the picture."""

import dataclasses
import io

import numpy as np
import pytest
from rich.console import Console
from rich.table import Table

from blurax.analysis import style
from blurax.analysis.comparison_view import FOOTNOTE, comparison_table, draw_comparison
from blurax.errors import BluraxError
from records import record

LEARNED = record("blur", (10, 100), ((0.89, 0.90, 0.91), (0.92, 0.92, 0.92)))
SGD = record("sgd", (10, 100), ((0.5, 0.6, 0.7), (0.94, 0.95, 0.96)), (0.1, 2.154), (False, True))
ADAM = record("adam", (10, 100), ((0.9,) * 3, (0.8,) * 3), (0.00464, 0.01), (False, False))
ALL = (LEARNED, SGD, ADAM)


def _cells(table: Table) -> list[list[str]]:
    columns = [[str(cell) for cell in column.cells] for column in table.columns]
    return [list(row) for row in zip(*columns, strict=True)]


def _text(table: Table) -> str:
    console = Console(width=100, file=io.StringIO(), color_system=None)
    console.print(table)
    return console.file.getvalue()


def test_the_cells_of_the_table() -> None:
    table = comparison_table("a setting", ALL)
    assert [column.header for column in table.columns] == ["steps", "10", "100"]
    assert _cells(table) == [
        ["blur", "90.0±1.0", "92.0±0.0"],
        ["sgd\n  at rate", "60.0±10.0\n0.1", "95.0±1.0\n2.2†"],
        ["adam\n  at rate", "90.0±0.0\n0.0046", "80.0±0.0\n0.01"],
    ]


def test_the_best_of_each_column_is_bold() -> None:
    table = comparison_table("a setting", ALL)
    bold = [["bold" in str(cell.style) for cell in c.cells] for c in table.columns[1:]]
    assert bold == [[True, False, True], [False, True, False]]


def test_the_footnote_stands_only_where_it_is_needed() -> None:
    assert FOOTNOTE in " ".join(_text(comparison_table("a setting", ALL)).split())
    assert "†" not in _text(comparison_table("a setting", (LEARNED, ADAM)))


def test_a_single_seed_has_no_spread() -> None:
    single = record("blur", (10,), ((0.5,),))
    with np.errstate(all="raise"):
        assert _cells(comparison_table("a setting", [single])) == [["blur", "50.0"]]
        draw_comparison(style.new_figure(400, 300).subplots(), [single])


@pytest.mark.parametrize(
    "show",
    [
        lambda c: comparison_table("", c),
        lambda c: draw_comparison(style.new_figure(400, 300).subplots(), c),
    ],
)
def test_what_cannot_be_compared_is_a_sentence(show) -> None:
    with pytest.raises(BluraxError, match="nothing to compare"):
        show([])
    with pytest.raises(BluraxError, match="different step budgets"):
        show([LEARNED, dataclasses.replace(SGD, budgets=(10, 50))])


def test_a_curve_for_each_learner_and_the_learned_one_stands_out() -> None:
    axes = style.new_figure(400, 300).subplots()
    draw_comparison(axes, ALL)
    curves, names = axes.get_legend_handles_labels()
    assert names == ["blur", "sgd", "adam"]
    lines = [curve.lines[0] for curve in curves]
    for line, comparison in zip(lines, ALL, strict=True):
        np.testing.assert_allclose(
            line.get_ydata(orig=False), [100 * comparison.mean(b) for b in (10, 100)]
        )
        np.testing.assert_allclose(line.get_xdata(orig=False), (10, 100), rtol=0.05)
        assert (line.get_color() == style.EMPHASIS) == (comparison is LEARNED)
    assert len({line.get_marker() for line in lines}) == 3
    assert lines[0].get_linewidth() > lines[1].get_linewidth()


def test_the_axis_of_steps_is_logarithmic_with_plain_numbers() -> None:
    axes = style.new_figure(400, 300).subplots()
    draw_comparison(axes, ALL, legend=False)
    assert axes.get_xscale() == "log"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["10", "100"]
    assert axes.get_legend() is None


def test_more_learners_than_colours() -> None:
    many = [dataclasses.replace(SGD, learner=f"optimiser {n}") for n in range(9)]
    axes = style.new_figure(400, 300).subplots()
    draw_comparison(axes, [LEARNED, *many])
    assert len(axes.get_legend_handles_labels()[1]) == 10
