"""Comparisons by seconds: what is timed, what is interpolated, and what is said of it."""

import io
import json

import jax
import numpy as np
import pytest
from rich.console import Console

import blurax
import blurax.cli.commands as cli
from blurax.analysis import style
from blurax.analysis.time_view import ahead_lines, draw_times, time_table
from blurax.baselines import (
    Arrangement,
    Choice,
    Record,
    StepTime,
    Tuning,
    entries,
    marks,
    strongest_at,
    time_steps,
    timed,
)
from blurax.curves import Schedule
from blurax.errors import BluraxError
from blurax.experiments import compare
from blurax.experiments.compare_times import TIMES
from blurax.network import Network
from blurax.spec import Activation
from blurax.tasks import get

BUDGETS = (10, 100)
PLAIN, NORMED = Arrangement(), Arrangement(normalise=True)


def tuned(name, accuracy, validation, arrangements=(PLAIN, PLAIN)):
    choices = [
        Choice(0.1, Schedule.CONSTANT, arrangement, False, one)
        for arrangement, one in zip(arrangements, validation, strict=True)
    ]
    return Record(name, BUDGETS, accuracy, tuple(choices))


def took(name, seconds, arrangement=""):
    return StepTime(name, str(arrangement), (seconds, seconds / 2, 10 * seconds), "a machine")


SGD = tuned("sgd", ((0.5, 0.7), (0.9, 0.9)), (0.9, 0.8), (PLAIN, NORMED))
ADAM = tuned("adam", ((0.8, 0.8), (0.7, 0.7)), (0.7, 0.95))
BLUR = Record(
    "blur",
    BUDGETS,
    ((0.8, 0.8), (0.9, 0.9)),
    (),
    (1, 10, 100),
    ((0.1, 0.8, 0.9), (0.3, 0.8, 0.9)),
)
TIMED = (
    took("sgd", 0.01, PLAIN),
    took("sgd", 0.02, NORMED),
    took("adam", 0.05, PLAIN),
    took("blur", 0.03),
)


def test_the_median_of_the_rounds_counts():
    assert TIMED[0].seconds == 0.01


def test_scores_between_steps_are_interpolated_over_the_logarithm():
    sgd, adam, blur = (timed(each, TIMED) for each in (SGD, ADAM, BLUR))
    np.testing.assert_allclose(sgd.seconds, (0.1, 2.0))  # each budget with the step of its network
    np.testing.assert_allclose(adam.seconds, (0.5, 5.0))
    np.testing.assert_allclose(blur.seconds, (0.03, 0.3, 3.0))
    np.testing.assert_allclose(blur.at(0.03 * 10**0.5), (0.45, 0.55))
    np.testing.assert_allclose(blur.at(3.0), (0.9, 0.9))
    np.testing.assert_allclose(blur.at(3.1), (0.9, 0.9))  # who has learned can wait
    assert blur.at(0.02) is None
    np.testing.assert_allclose(sgd.validated(0.1 * 20**0.5), 0.85)
    assert sgd.step == (0.01, 0.02)
    assert blur.validated(0.3) == -1


def test_a_slower_network_for_fewer_steps_stands_behind():
    slow = (took("sgd", 1.0, PLAIN), took("sgd", 0.01, NORMED))
    found = timed(SGD, slow)
    np.testing.assert_allclose(found.seconds, (1.0, 10.0))
    np.testing.assert_allclose(found.scores, ((0.9, 0.5), (0.9, 0.7)))


def test_times_are_those_of_the_baseline_with_the_best_validation():
    """At 10 steps sgd was best by validation, at 100 adam, which the test would not pick."""
    found = [(m.learner, m.budget, m.seconds) for m in marks([BLUR, SGD, ADAM], TIMED)]
    assert [m[:2] for m in found] == [("sgd", 10), ("adam", 100)]
    np.testing.assert_allclose([m[2] for m in found], (0.1, 5.0))
    (alone, _) = marks([BLUR], TIMED)
    assert (alone.learner, alone.seconds) == ("blur", pytest.approx(0.3))


def test_the_strongest_is_among_those_that_were_measured():
    several = [timed(each, TIMED) for each in (BLUR, SGD, ADAM)]
    assert strongest_at(several, 0.2).record is SGD  # adam has taken four of its ten steps
    assert strongest_at(several, 1.9).record is ADAM
    assert strongest_at(several, 0.01) is None


def test_in_80_columns_the_table_by_time_cuts_neither_names_nor_numbers():
    """At five times, of learners with names as long as they come."""
    budgets, scores = (10, 20, 50, 100, 200), 5 * ((0.601, 0.625),)
    choices = tuple(SGD.choices[n % 2] for n in range(5))  # of two networks: two times a step
    blur = Record("blur", budgets, scores, (), budgets, tuple(zip(*scores, strict=True)))
    names = ("foof-blocks", "schedule-free")
    rivals = [Record(name, budgets, scores, choices) for name in names]
    times = [
        took(name, 0.00133 + 5e-5 * n, a) for name in names for n, a in enumerate((PLAIN, NORMED))
    ]
    times.append(took("blur", 0.00001))
    console = Console(width=80, file=io.StringIO(), color_system=None)
    console.print(time_table("a task", [blur, *rivals], times))
    lines = console.file.getvalue().splitlines()
    for name in ("blur", *names):
        (row,) = (line for line in lines if line.split()[:1] == [name])
        assert row.split()[-5:] == 5 * ["61.3±1.7"]
    assert all(len(line) <= 80 and "…" not in line for line in lines)


def test_the_table_by_time():
    console = Console(width=100, file=io.StringIO(), color_system=None)
    console.print(time_table("a task", [BLUR, SGD, ADAM], TIMED))
    rows = [line.split() for line in console.file.getvalue().splitlines() if line.strip()]
    assert rows[1] == ["0.1", "s", "5", "s"]
    assert rows[2] == ["after", "ms", "a", "step", "10", "of", "sgd", "100", "of", "adam"]
    assert rows[4:9] == [
        ["blur", "30", "51.4±6.7", "90.0±0.0"],
        ["sgd", "10", "to", "20", "60.0±14", "90.0±0.0"],
        ["adam", "50", "–", "70.0±0.0"],
        ["best", "baseline", "60.0±14", "70.0±0.0"],
        ["by", "validation", "sgd", "adam"],
    ]
    assert rows[9] == ["Steps", "timed", "in", "turns", "on", "a", "machine"]
    assert ahead_lines([("", [BLUR, SGD, ADAM], TIMED)]) == [
        "blur against the baseline with the best validation, by time: "
        "time of 10 steps -8.6 (0 of 1 won), time of 100 steps +20.0 (1 of 1 won)"
    ]


def test_the_picture_is_over_seconds(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(style, "save", lambda figure, path: figures.append(figure) or path)
    draw_times([[("a", [BLUR, SGD], TIMED)]], tmp_path / "x.png", "title")
    blur, sgd = figures[0].axes[0].get_lines()
    np.testing.assert_allclose(blur.get_xdata(), (0.03, 0.3, 3.0))
    np.testing.assert_allclose(blur.get_ydata(), (20, 80, 90))
    np.testing.assert_allclose(sgd.get_xdata(), (0.1, 2.0))


def test_all_take_turns_on_this_machine(monkeypatch):
    task, network = get("iris"), Network((4, 3))
    learned = {"blur": blurax.Blur(blurax.backprop(blurax.Rule.backprop(), 0.1), network)}
    several = entries([BLUR, SGD], learned, network, task)
    assert [each[:2] for each in several] == [
        ("blur", ""),
        ("sgd", "relu"),
        ("sgd", "relu + batch norm"),
    ]
    turns = []
    names = {}

    def seconds(run, many=1):
        turns.append(names.setdefault(run, len(names)))
        run()
        return 20.0 * many * (1 + names[run])

    monkeypatch.setattr("blurax.baselines.step_time._seconds", seconds)
    found = time_steps(several, task, jax.random.key(0), 8, rounds=2)
    assert turns == [0, 1, 2] * 3  # once before, to see how long each is
    assert [each.rounds for each in found] == [(1.0, 1.0), (2.0, 2.0), (3.0, 3.0)]
    assert found[0].machine.strip()


SIZE = {
    "tasks": "iris",
    "hidden": "0",
    "budgets": (2, 4),
    "seeds": 2,
    "batch": 8,
    "tuning": Tuning((Activation.RELU,), (False,), (Schedule.CONSTANT,), seeds=2),
}


def test_a_comparison_gets_its_times_later_and_keeps_them(tmp_path, capsys, monkeypatch):
    learners = {"exact": blurax.backprop(blurax.Rule.backprop(), 0.3)}
    directory = tmp_path / "it"
    how = {**SIZE, "baselines": ("sgd", "momentum"), "directory": directory}
    plain = blurax.compare(learners, **how)
    assert not plain.timed
    assert plain.times == []
    with pytest.raises(BluraxError, match="No steps were timed; compare by time"):
        plain.draw(tmp_path / "x.png", "time")
    with pytest.raises(BluraxError, match="by is 'weight'; it takes one of steps, time"):
        plain.draw(tmp_path / "x.png", "weight")
    assert cli.main(["compare", "--resume", str(directory), "--by", "time"]) == 0
    printed = capsys.readouterr().out
    assert "test accuracy (%) by time" in printed
    assert "best baseline" in printed
    assert (directory / compare.TIME_PICTURE).exists()
    found = blurax.compare(learners, **how)  # times are kept, and nothing is timed again
    assert found.timed
    assert [row["learner"] for row in found.times] == ["exact", "sgd", "momentum"]
    assert [p.records for p in found.result.panels] == [p.records for p in plain.result.panels]
    assert compare.read(directory) == found.result
    path = directory / TIMES / "0-0.json"
    kept = json.loads(path.read_text("utf-8"))
    kept["times"][0]["rounds"][0] *= 2
    path.write_text(json.dumps(kept), "utf-8")
    with pytest.raises(BluraxError, match=r"0-0.json is damaged; remove it, and steps are timed"):
        blurax.compare(learners, **how)
