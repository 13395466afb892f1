"""A run directory drawn: from a good log, a short one, one with divergence, and damaged ones."""

import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from blurax import io
from blurax.analysis import style
from blurax.analysis.run_view import draw_losses, draw_run, draw_validations, smoothed
from blurax.errors import BluraxError
from blurax.outer import journal, run
from blurax.outer.config import MetaTrain
from blurax.outer.metrics import Metrics, read_metrics
from blurax.spec import Rule
from blurax.tasks import EpisodeSpec
from variants import lively

Line = dict[str, Any]


def _lines(members: int = 3, steps: int = 40, every: int = 10, pairs: int = 2) -> list[Line]:
    rng, lines = np.random.default_rng(0), []
    for step in range(1, steps + 1):
        loss = (2.3 / step**0.3 + 0.1 * rng.random(members)).tolist()
        lines.append({"step": step, "loss": loss, "gradient_norm": loss, "diverged": 0})
        if step % every == 0:
            accuracy = rng.uniform(0.5, 0.9, (members, pairs)).tolist()
            lines.append({"step": step, "accuracy": accuracy})
    return lines


def _run(directory: Path, lines: list[Line], rule: Rule | None = None) -> Path:
    episode = EpisodeSpec(query=64)
    config = MetaTrain(
        tasks=("digits", "wine"), rule=rule or Rule(), episode=episode, meta_steps=40
    )
    run.start(config, directory)
    io.append_lines(directory / "metrics.jsonl", lines)
    provenance = io.Provenance("0.1.0", "2024-01-31", 0, config.tasks, 40, 0.9, {})
    io.save_genome(directory / "best.safetensors", lively(config.rule), provenance)
    return directory


def test_metrics_are_what_was_logged(tmp_path: Path) -> None:
    lines = _lines()
    lines[3]["loss"][1], lines[3]["diverged"] = None, 1
    metrics = read_metrics(_run(tmp_path, lines))
    assert metrics.steps.tolist() == list(range(1, 41))
    assert metrics.validated.tolist() == [10, 20, 30, 40]
    assert np.isnan(metrics.loss[3, 1])
    assert np.isnan(metrics.loss).sum() == metrics.diverged.sum() == 1
    assert metrics.loss[0].tolist() == lines[0]["loss"]
    np.testing.assert_array_equal(metrics.accuracy[0], lines[10]["accuracy"])


def test_the_kept_member_is_the_first_with_the_best_score() -> None:
    accuracy = np.full((3, 4, 2), 0.5)
    accuracy[1, 2] = accuracy[2, 0] = [0.9, 0.8]
    accuracy[0, 3] = np.nan
    step, loss = np.arange(3), np.ones((3, 4))
    assert Metrics(step, loss, step, step, accuracy).kept == 2
    assert Metrics(step, loss, step, step[:0], accuracy[:0]).kept is None


def test_a_half_written_last_line_is_passed_over(tmp_path: Path) -> None:
    _run(tmp_path, _lines())
    with open(tmp_path / "metrics.jsonl", "a", encoding="utf-8") as file:
        file.write('{"step": 41, "lo')
    assert read_metrics(tmp_path).steps[-1] == 40


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("not json\n", "damaged in line 45"),
        ("[1]\n", "damaged in line 45"),
        ('{"step": 41}\n', "damaged in line 45"),
        ('{"step": 41, "loss": [1.0], "diverged": 0}\n', "not the log of a run"),
        ('{"step": 41, "loss": [1, 2, "a"], "diverged": 0}\n', "not the log of a run"),
        ('{"loss": [1, 2, 3], "diverged": 0}\n', "damaged in line 45"),
        ('{"step": 41, "accuracy": [[0.5]]}\n', "damaged in line 45"),
        ('{"step": 41, "accuracy": 0.5}\n', "damaged in line 45"),
        ('{"step": [41], "loss": [1, 2, 3], "diverged": 0}\n', "damaged in line 45"),
        ("\xff\n", "damaged in line 45"),
    ],
)
def test_a_damaged_log_is_a_sentence(damage: str, message: str, tmp_path: Path) -> None:
    _run(tmp_path, _lines())
    with open(tmp_path / "metrics.jsonl", "a", encoding="latin-1") as file:
        file.write(damage)
    with pytest.raises(BluraxError, match=message):
        read_metrics(tmp_path)


def test_members_that_differ_between_losses_and_validations(tmp_path: Path) -> None:
    lines = [line for line in _lines() if "loss" in line]
    _run(tmp_path, [*lines, {"step": 40, "accuracy": [[0.5], [0.5]]}])
    with pytest.raises(BluraxError, match="members differ"):
        read_metrics(tmp_path)


def test_no_log_and_an_empty_log_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(BluraxError, match=r"no metrics\.jsonl"):
        read_metrics(tmp_path)
    (tmp_path / "metrics.jsonl").touch()
    with pytest.raises(BluraxError, match="no meta-step"):
        read_metrics(tmp_path)
    with pytest.raises(BluraxError, match="holds no run"):
        draw_run(tmp_path)


def test_smoothing_passes_over_what_is_not_finite() -> None:
    values = np.array([1.0, np.nan, 3.0, np.nan, np.nan, np.nan, 5.0])
    np.testing.assert_array_equal(smoothed(values, 1), values)
    np.testing.assert_allclose(smoothed(values, 3), [1, 2, 3, 3, np.nan, 5, 5])
    np.testing.assert_allclose(smoothed(np.ones(9), 4), 1.0)


def test_a_raw_and_a_smooth_line_for_each_member(tmp_path: Path) -> None:
    metrics = read_metrics(_run(tmp_path, _lines()))
    axes = style.new_figure(400, 300).subplots()
    draw_losses(axes, metrics)
    assert len(axes.lines) == 2 * 3
    assert [t for t in axes.get_legend_handles_labels()[1] if "kept" in t] == [
        f"member {metrics.kept + 1}, kept"
    ]


def test_a_validation_line_for_each_member_and_one_stands_out(tmp_path: Path) -> None:
    metrics = read_metrics(_run(tmp_path, _lines()))
    axes = style.new_figure(400, 300).subplots()
    draw_validations(axes, metrics)
    assert len(axes.lines) == 3
    for member, line in enumerate(axes.lines):
        np.testing.assert_allclose(line.get_ydata(), 100 * metrics.scores[:, member])
        assert (line.get_color() == style.EMPHASIS) == (member == metrics.kept)


def test_a_large_population_has_one_name_for_all_others(tmp_path: Path) -> None:
    metrics = read_metrics(_run(tmp_path, _lines(members=12)))
    axes = style.new_figure(400, 300).subplots()
    draw_validations(axes, metrics)
    names = axes.get_legend_handles_labels()[1]
    assert sorted(names) == sorted(["11 others", f"member {metrics.kept + 1}, kept"])


def test_divergence_is_marked_and_does_not_stretch_the_axis(tmp_path: Path) -> None:
    lines = _lines()
    steps = [line for line in lines if "loss" in line]
    steps[4]["loss"][0], steps[4]["diverged"] = None, 1
    for line in steps:
        line["loss"][2] = None
        line["diverged"] += 1
    steps[20]["loss"][1] = 1e6
    axes = style.new_figure(400, 300).subplots()
    draw_losses(axes, read_metrics(_run(tmp_path, lines)))
    assert axes.get_legend_handles_labels()[1][-1] == "a member diverged (41 times)"
    assert len(axes.lines[-1].get_xdata()) == 40


def test_one_wild_loss_does_not_stretch_the_axis(tmp_path: Path) -> None:
    lines = _lines(steps=400, every=100)
    lines[0]["loss"][1] = 1e6
    axes = style.new_figure(400, 300).subplots()
    draw_losses(axes, read_metrics(_run(tmp_path, lines)))
    assert axes.get_ylim()[1] < 1e5


def _nothing_finite(lines: list[Line]) -> list[Line]:
    empty = [{**x, "loss": [None] * 3, "diverged": 3} if "loss" in x else x for x in lines]
    return json.loads(json.dumps(empty))


@pytest.mark.parametrize(
    ("lines", "rule"),
    [
        (_lines(members=1, steps=1, every=1), Rule(states=16)),
        (_lines(members=9, steps=5, every=5), Rule(states=4, layers=2)),
        (_nothing_finite(_lines()), Rule(states=1)),
    ],
    ids=["one step", "many members", "nothing finite"],
)
def test_a_run_out_of_the_ordinary_is_drawn(lines: list[Line], rule: Rule, tmp_path: Path) -> None:
    assert draw_run(_run(tmp_path, lines, rule)).read_bytes().startswith(b"\x89PNG")


def test_a_run_is_drawn_the_same_each_time(tmp_path: Path) -> None:
    path = draw_run(_run(tmp_path, _lines()))
    assert path == tmp_path / "run.png"
    first = path.read_bytes()
    assert draw_run(tmp_path).read_bytes() == first


def test_the_log_is_that_of_the_run_loop(tmp_path: Path) -> None:
    info = run.MetaInfo(
        jax.numpy.array([1.0, np.nan]), jax.numpy.ones(2), jax.numpy.array([False, True])
    )
    _run(tmp_path, [journal.step_line(1, info)])
    metrics = read_metrics(tmp_path)
    np.testing.assert_array_equal(metrics.loss, [[1.0, np.nan]])
    assert metrics.diverged.tolist() == [1]
    assert metrics.kept is None
