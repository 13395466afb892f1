"""A learning curve shown: its table and its band."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from rich.table import Table

from blurax.analysis import style
from blurax.analysis.curve_view import curve_table, draw_band, draw_curve
from blurax.errors import BluraxError

CURVES = np.stack([np.linspace(0.1, 0.8, 150), np.linspace(0.2, 0.9, 150)])


def _rows(table: Table) -> dict[str, str]:
    steps, accuracy = (list(column.cells) for column in table.columns)
    return dict(zip(steps, accuracy, strict=True))


def test_the_table_has_round_steps_and_the_last() -> None:
    rows = _rows(curve_table(CURVES))
    assert list(rows) == ["1", "2", "5", "10", "20", "50", "100", "150"]
    assert rows["1"] == "15.0 ± 7.1"
    assert rows["150"] == "85.0 ± 7.1"


def test_the_table_at_given_steps() -> None:
    assert list(_rows(curve_table(CURVES, (150, 3, 3, 1000)))) == ["3", "150"]
    with pytest.raises(BluraxError, match="the steps 1 to 150"):
        curve_table(CURVES, (0, 1000))


def test_a_curve_with_stops_is_shown_at_these(tmp_path: Path) -> None:
    stops, few = (1, 2, 4, 20, 25), CURVES[:, [0, 1, 3, 19, 24]]
    rows, dense = _rows(curve_table(few, stops=stops)), _rows(curve_table(CURVES, (1, 2, 20, 25)))
    assert rows == dense
    assert list(rows) == ["1", "2", "20", "25"]
    axes = style.new_figure(400, 300).subplots()
    draw_band(axes, few, stops=stops)
    assert list(axes.lines[-1].get_xdata()) == list(stops)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "2", "5", "10", "20"]
    assert draw_curve(few, tmp_path / "a.png", "A curve", stops=stops).stat().st_size > 5_000


def test_one_seed_has_no_spread() -> None:
    rows = _rows(curve_table(jnp.asarray(CURVES[0])))
    assert rows["1"] == "10.0"
    assert _rows(curve_table(CURVES[:1])) == rows


def test_an_empty_curve_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(BluraxError, match="empty"):
        curve_table(CURVES[:, :0])
    with pytest.raises(BluraxError, match="empty"):
        draw_curve(CURVES[:0], tmp_path / "a.png", "A curve")


def test_the_band_is_one_standard_deviation_around_the_mean() -> None:
    axes = style.new_figure(400, 300).subplots()
    draw_band(axes, CURVES)
    np.testing.assert_allclose(axes.lines[-1].get_ydata(), 100 * CURVES.mean(axis=0))
    assert len(axes.lines) == 2 + 1
    (band,) = axes.collections
    corners = band.get_paths()[0].vertices
    std = 100 * CURVES.std(axis=0, ddof=1)
    assert corners[:, 1].min() == pytest.approx(15 - std[0])
    assert corners[:, 1].max() == pytest.approx(85 + std[-1])
    assert axes.get_xscale() == "log"


@pytest.mark.parametrize("curves", [CURVES, CURVES[0], CURVES[:, :1], CURVES[0, :1]])
def test_a_curve_is_drawn_the_same_each_time(curves: np.ndarray, tmp_path: Path) -> None:
    first = draw_curve(curves, tmp_path / "a.png", "A curve").read_bytes()
    assert draw_curve(curves, tmp_path / "b.png", "A curve").read_bytes() == first
