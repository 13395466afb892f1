"""Learners side by side: the cells of the table and the curves of the picture."""

import dataclasses
import io

import numpy as np
import pytest
from rich.console import Console
from rich.table import Table

from blurax.analysis.comparison_view import FOOTNOTE, comparison_table
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
        ["sgd\n  at rate", "60.0±10\n0.1", "95.0±1.0\n2.2†"],
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


def test_what_cannot_be_compared_is_a_sentence() -> None:
    with pytest.raises(BluraxError, match="nothing to compare"):
        comparison_table("", [])
    with pytest.raises(BluraxError, match="different step budgets"):
        comparison_table("", [LEARNED, dataclasses.replace(SGD, budgets=(10, 50))])
