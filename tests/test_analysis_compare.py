"""A comparison in words, as a table and as a picture."""

import dataclasses
import io

import numpy as np
import pytest
from rich.console import Console

from blurax.analysis import comparison_view, style
from blurax.analysis.compare_words import overall_lines, winner_line, wins
from blurax.analysis.comparison_view import comparison_table, draw_records
from blurax.baselines import Arrangement, Choice, Record
from blurax.curves import Schedule
from blurax.errors import BluraxError
from blurax.spec import Activation
from records import record

BUDGETS = (10, 1000)
GENOME = record("blur", BUDGETS, ((0.89, 0.90, 0.91), (0.92, 0.92, 0.92)))
SGD = record("sgd", BUDGETS, ((0.5, 0.6, 0.7), (0.94, 0.95, 0.96)), (0.1, 0.2))
ADAM = record("adam", BUDGETS, ((0.8, 0.8, 0.8), (0.915, 0.915, 0.915)), (0.1, 0.2))


def test_the_winner_of_each_budget_and_by_how_much():
    assert winner_line([GENOME, SGD, ADAM]) == (
        "10 steps: blur +10.0 over adam; 1,000 steps: sgd +3.0 over blur"
    )


def test_a_margin_within_the_spread_is_marked():
    line = winner_line([GENOME, ADAM])
    assert line.endswith("1,000 steps: blur +0.5 over adam")
    wide = record("adam", BUDGETS, ((0.8,) * 3, (0.90, 0.91, 0.935)), (0.1, 0.2))
    assert winner_line([GENOME, wide]).endswith("1,000 steps: blur ~+0.5 over adam")


def test_a_genome_is_measured_against_the_best_baseline_not_another_genome():
    other = record("other", BUDGETS, ((0.88,) * 3, (0.93,) * 3))
    first, second = wins([GENOME, other, SGD, ADAM])
    assert (first.winner, first.best) == ("blur", "adam")
    assert (second.winner, second.best) == ("sgd", "other")  # the best of the genomes
    assert second.margin == pytest.approx(0.02)


def test_among_learners_of_one_kind_the_second_is_the_baseline():
    assert [win.best for win in wins([SGD, ADAM])] == ["sgd", "adam"]


def test_over_all_cells():
    worse = record("blur", BUDGETS, ((0.72,) * 3, (0.96,) * 3))
    line = (
        "blur against the best tuned baseline of each cell: "
        "10 steps +1.0 (1 of 2 won), 1,000 steps -1.0 (1 of 2 won)"
    )
    fair = (  # sgd was as good as adam by validation, and stands first
        "blur against the baseline with the best validation: "
        "10 steps +21.0 (2 of 2 won), 1,000 steps -1.0 (1 of 2 won)"
    )
    assert overall_lines([[GENOME, SGD, ADAM], [worse, SGD, ADAM]]) == [line, fair]
    twice = overall_lines([[GENOME, GENOME, SGD, ADAM], [worse, worse, SGD, ADAM]])
    assert twice == [line, fair, line, fair]
    assert len(overall_lines([[GENOME, SGD]])) == 1
    assert overall_lines([[SGD, ADAM]]) == overall_lines([[GENOME]]) == []


def test_a_lone_learner_wins_nothing():
    with pytest.raises(BluraxError, match="A winner needs a baseline"):
        winner_line([GENOME])


def choice(rate, schedule=Schedule.CONSTANT, activation=Activation.RELU, normalise=False):
    return Choice(rate, schedule, Arrangement(activation, normalise), False, 0.9)


TUNED = Record(
    "sgd",
    BUDGETS,
    SGD.accuracy,
    (choice(0.1), choice(0.2, Schedule.COSINE, Activation.TANH, normalise=True)),
)
LESSON = Record(
    "blur", BUDGETS, GENOME.accuracy, (), (1, 10, 1000), ((0.1, 0.89, 0.92), (0.2, 0.9, 0.92))
)


def test_the_table_says_what_was_chosen():
    console = Console(width=100, file=io.StringIO(), color_system=None)
    console.print(comparison_table("a task", [LESSON, TUNED], full=True))
    rows = [line.split() for line in console.file.getvalue().splitlines() if line.strip()]
    assert rows[3:] == [
        ["blur", "90.0±1.0", "92.0±0.0"],
        ["sgd", "60.0±10", "95.0±1.0"],
        ["at", "rate", "0.1", "0.2"],
        ["relu", "tanh·bn·cos"],
    ]


@pytest.mark.parametrize(
    ("scores", "number"),
    [((0.5, 0.7), "60.0±14"), ((1.0, 1.0), "100±0.0"), ((0.6, 0.625), "61.3±1.8")],
)
@pytest.mark.parametrize("budgets", [(10, 20, 50, 100, 200), (10, 20, 50, 100, 1000, 2000)])
def test_in_80_columns_neither_names_nor_numbers_are_cut(budgets, scores, number):
    """Many numbers of steps, and long words for what the tuner chose: those wrap."""
    count = len(budgets)
    scores = count * (scores,)
    long = choice(0.0056, Schedule.COSINE, Activation.FOLDED_RELU, normalise=True)
    tuned = Record("sign-symmetric", budgets, scores, count * (long,))
    console = Console(width=80, file=io.StringIO(), color_system=None)
    console.print(comparison_table("a task", [Record("default", budgets, scores), tuned], True))
    lines = [line.split() for line in console.file.getvalue().splitlines()]
    for name in ("default", "sign-symmetric"):
        assert [name, *count * [number]] in lines
    assert ["at", "rate", *count * ["0.0056"]] in lines
    assert "…" not in console.file.getvalue()


def test_the_picture_has_a_panel_for_each_cell_and_a_band_for_each_learner(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(style, "save", lambda figure, path: figures.append(figure) or path)
    draw_records([[("a", [LESSON, TUNED])] * 2] * 3, tmp_path / "x.png", "title")
    (figure,) = figures
    assert len(figure.axes) == 6
    axes = figure.axes[0]
    episode, tuned = axes.get_lines()
    np.testing.assert_allclose(episode.get_xdata(), (1, 10, 1000))
    np.testing.assert_allclose(episode.get_ydata(), (15, 89.5, 92))
    np.testing.assert_allclose(tuned.get_xdata(), BUDGETS)
    np.testing.assert_allclose(tuned.get_ydata(), (60, 95))
    assert episode.get_color() == style.EMPHASIS != tuned.get_color()
    band = axes.collections[1].get_paths()[0].vertices
    assert band[:, 1].min() == pytest.approx(50)
    assert band[:, 1].max() == pytest.approx(96)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "10", "1,000"]


def test_more_learners_than_colours_look_different(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(style, "save", lambda figure, path: figures.append(figure) or path)
    many = [Record(f"rule {n}", BUDGETS, SGD.accuracy, TUNED.choices) for n in range(9)]
    draw_records([[("a", [LESSON, LESSON, *many])]], tmp_path / "x.png", "title")
    looks = {(l.get_color(), l.get_linestyle()) for l in figures[0].axes[0].get_lines()}
    assert len(looks) == 11


def test_the_picture_is_written(tmp_path):
    path = draw_records([[("a", [LESSON, TUNED])]], tmp_path / "x.png", "title")
    assert path.stat().st_size > 5_000
    with pytest.raises(BluraxError, match="nothing to draw"):
        draw_records([[("a", [])]], tmp_path / "x.png", "title")


def test_the_legend_of_the_table_explains_its_letters():
    assert all(letters in comparison_view.LEGEND for letters in ("bn:", "cos:"))


def test_the_best_baseline_is_picked_by_validation():
    """On the test sgd is ahead after 1,000 steps; nobody could know that beforehand."""
    sgd, adam = (
        dataclasses.replace(
            each,
            choices=tuple(dataclasses.replace(c, validation=v) for c in each.choices),
        )
        for each, v in ((SGD, 0.7), (ADAM, 0.8))
    )
    console = Console(width=100, file=io.StringIO(), color_system=None)
    console.print(comparison_table("a task", [LESSON, sgd, adam], full=True))
    rows = [line.split() for line in console.file.getvalue().splitlines() if line.strip()]
    assert rows[-2:] == [
        ["best", "baseline", "80.0±0.0", "91.5±0.0"],
        ["by", "validation", "adam", "adam"],
    ]
