"""The demo shown: what is said is what was measured."""

import dataclasses
import io
from pathlib import Path

import pytest
from rich.console import Console

from blurax import io as files
from blurax.analysis.demo_view import demo_tables, draw_demo, headline, long_title, verdict
from blurax.baselines import Record
from blurax.errors import BluraxError
from blurax.experiments.demo import DemoResult, Setting, SettingResult
from blurax.frozen import from_json, to_json
from records import record

BUDGETS = (10, 100)


def _learner(name: str, *means: float, rate: float | None = None) -> Record:
    """Accuracies with a standard deviation of 0.01 at every budget."""
    seeds = tuple((mean - 0.01, mean, mean + 0.01) for mean in means)
    if rate is None:
        return record(name, BUDGETS, seeds)
    return record(name, BUDGETS, seeds, (rate,) * 2, (False,) * 2)


def _setting(title: str, *learners: Record) -> SettingResult:
    return SettingResult(Setting(title, "digits", "32-16"), learners)


RESULT = DemoResult(
    validation=0.9,
    settings=(
        _setting(
            "known",
            _learner("learned", 0.80, 0.90),
            _learner("sgd", 0.60, 0.89, rate=0.1),
            _learner("adam", 0.70, 0.905, rate=0.01),
        ),
        _setting("unknown", _learner("learned", 0.70, 0.80), _learner("sgd", 0.694, 0.9, rate=0.1)),
    ),
    long_setting=Setting("known", "digits", "32-16"),
    long_run=((0.1, 0.5, 0.9, 0.8), (0.1, 0.5, 0.7, 0.6)),
)


def _log(directory: Path) -> Path:
    lines = [
        {"step": 1, "loss": [2.0, 1.0], "diverged": 0},
        {"step": 1, "accuracy": [[0.5], [0.6]]},
    ]
    files.append_lines(directory / "metrics.jsonl", lines)
    return directory


def test_the_verdict_counts_cells() -> None:
    assert verdict(RESULT.panels) == (
        "Of 4 cells (setting × step budget), learned is ahead of the best tuned optimiser in 1, "
        "behind in 1 and within one standard deviation in 2."
    )


def test_the_verdict_takes_the_larger_standard_deviation() -> None:
    wide = record("sgd", BUDGETS, ((0.3, 0.5), (0.3, 0.5)), (0.1, 0.1), (False, False))
    settings = (_setting("one", _learner("learned", 0.5, 0.6), wide),)
    result = dataclasses.replace(RESULT, settings=settings)
    assert "ahead of the best tuned optimiser in 1, behind in 0" in verdict(result.panels)


def test_a_single_seed_is_compared_as_it_is() -> None:
    learned = record("learned", (10,), ((0.5,),))
    tuned = record("sgd", (10,), ((0.4,),), (0.1,), (False,))
    result = dataclasses.replace(RESULT, settings=(_setting("one", learned, tuned),))
    assert "in 1, behind in 0 and within one standard deviation in 0" in verdict(result.panels)


def test_the_headline_is_the_mean_over_the_settings() -> None:
    assert headline(RESULT.panels) == (
        "After 10 / 100 steps learned reaches 75.0 / 85.0 % and the best tuned optimiser "
        "69.7 / 90.2 % (means over 2 settings)"
    )


def test_the_title_of_the_long_episode_tells_of_decay() -> None:
    assert long_title(*RESULT.long) == (
        "The learned rule over 4 steps of known (32-16): 80.0 % at best, 70.0 % at the end"
    )


def test_a_long_episode_may_be_measured_after_some_steps() -> None:
    few = dataclasses.replace(RESULT, long_stops=(1, 2, 10, 25))
    assert long_title(*few.long).startswith("The learned rule over 25 steps of")
    assert list(next(iter(demo_tables((), few.long)[-1].columns)).cells) == ["1", "2", "10", "25"]
    old = {k: v for k, v in to_json(few).items() if k != "long_stops"}  # each step, in older files
    assert from_json(DemoResult, old) == RESULT


def test_a_setting_without_baselines_is_a_sentence() -> None:
    alone = dataclasses.replace(RESULT, settings=(_setting("one", _learner("learned", 0.5, 0.5)),))
    for words in (verdict, headline):
        with pytest.raises(BluraxError, match="a learned rule and a tuned optimiser"):
            words(alone.panels)
    with pytest.raises(BluraxError, match="no setting"):
        headline([])


def test_the_tables_hold_every_setting_and_the_long_episode() -> None:
    console = Console(width=100, file=io.StringIO(), color_system=None)
    for table in demo_tables(RESULT.panels, RESULT.long):
        console.print(table)
    text = console.file.getvalue()
    for words in ("known (32-16)", "unknown (32-16)", "90.5±1.0", "70.0 ± 14.1"):
        assert words in text


@pytest.mark.parametrize("settings", [1, 3])
def test_the_demo_is_drawn_for_any_number_of_settings(settings: int, tmp_path: Path) -> None:
    result = dataclasses.replace(RESULT, settings=(RESULT.settings * 2)[:settings])
    path = draw_demo(result.panels, result.long, {"a rule": _log(tmp_path)}, tmp_path / "a.png")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_the_demo_is_drawn_the_same_each_time(tmp_path: Path) -> None:
    first = draw_demo(
        RESULT.panels, RESULT.long, {"a rule": _log(tmp_path)}, tmp_path / "a.png"
    ).read_bytes()
    assert (
        draw_demo(RESULT.panels, RESULT.long, {"a rule": tmp_path}, tmp_path / "b.png").read_bytes()
        == first
    )


def test_the_demo_without_its_run_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(BluraxError, match=r"no metrics\.jsonl"):
        draw_demo(RESULT.panels, RESULT.long, {"a rule": tmp_path}, tmp_path / "a.png")
    assert not (tmp_path / "a.png").exists()
