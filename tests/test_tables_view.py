"""Pictures of scores: names and numbers that can be read, however many."""

import itertools

import pytest

from blurax.analysis.tables_view import draw_scores, ranks_and_scores
from blurax.baselines.reached import Reached, ranking


@pytest.mark.parametrize(
    ("tasks", "name"),
    [(9, "uci:german-{}"), (20, "sequence:kmnist:train=0,by=permute,stages={},steps=50 128-64")],
)
def test_names_and_rows_of_scores_do_not_run_into_each_other(tasks, name):
    names, methods = [name.format(n) for n in range(tasks)], [f"rule-{n}" for n in range(10)]
    reached = [Reached(m, t, "accuracy", (0.1,), (0.9,)) for m in methods for t in names]
    found = ranking(reached, "rule-0")
    figure, _, lower = ranks_and_scores("", found, 34)
    draw_scores(lower, found, reached)
    figure.canvas.draw()
    (axes,) = lower.axes
    below = [label.get_window_extent() for label in axes.get_xticklabels()]
    beside = [label.get_window_extent() for label in axes.get_yticklabels()]
    assert (len(below), len(beside)) == (tasks, 10)
    assert all(left.x1 <= right.x0 for left, right in itertools.pairwise(below))
    assert all(low.y1 <= high.y0 for high, low in itertools.pairwise(beside))
