"""The demo's rivals: tuned in the background, kept one by one, and not tuned twice."""

import dataclasses
import json
import threading
import time
from concurrent.futures import CancelledError

import jax
import pytest
from rich.console import Console

from blurax.baselines import Tuning, record_baseline
from blurax.cli.demo import run_demo
from blurax.curves import Schedule
from blurax.errors import BluraxError
from blurax.experiments import demo, demo_rivals
from blurax.experiments.demo_rivals import Plan, Setting, key_of, tuned
from blurax.outer import run
from blurax.outer.progress import Progress
from blurax.spec import Activation
from blurax.tasks import EpisodeSpec

LITTLE = Tuning((Activation.RELU,), (False,), (Schedule.CONSTANT,), seeds=2)
SETTINGS = (Setting("a", "iris", "2"), Setting("b", "iris", "3-2"))
PLAN = Plan(SETTINGS, ("sgd", "foof"), (1, 3), 2, EpisodeSpec(batch=8, held_out=20), LITTLE)


def records(plan, file):
    with tuned(plan, file) as rivals:
        return [[job.result() for job in rivals.of(n)] for n in range(len(plan.settings))]


@pytest.fixture(scope="module")
def kept_text(tmp_path_factory):
    """What a finished file holds."""
    file = tmp_path_factory.mktemp("rivals") / "rivals.json"
    records(PLAN, file)
    return file.read_text("utf-8")


@pytest.fixture
def counted(monkeypatch):
    """The optimisers that were measured, in turn."""
    names = []

    def measured(name, *args, **options):
        names.append(name)
        return record_baseline(name, *args, **options)

    monkeypatch.setattr(demo_rivals, "record_baseline", measured)
    return names


def test_they_are_the_baselines_as_the_tuner_has_them(tmp_path):
    found = records(PLAN, tmp_path / "rivals.json")
    task, network = SETTINGS[1].place
    alone = record_baseline(
        *("foof", network, task, key_of(1), (1, 3)),
        seeds=2,
        sizes=EpisodeSpec(batch=8, held_out=20),
        tuning=LITTLE,
    )
    assert found[1][1] == alone
    assert [[each.learner for each in row] for row in found] == [["sgd", "foof"]] * 2


def test_what_is_finished_is_not_measured_again(tmp_path, kept_text, counted):
    file = tmp_path / "rivals.json"
    first = records(PLAN, file)
    assert len(counted) == 4
    assert records(PLAN, file) == first
    assert len(counted) == 4
    kept = json.loads(file.read_text("utf-8"))
    kept["finished"] = [each for each in kept["finished"] if each["record"]["learner"] == "sgd"]
    file.write_text(json.dumps(kept), encoding="utf-8")
    assert records(PLAN, file) == first
    assert sorted(counted[4:]) == ["foof", "foof"]
    assert file.read_text("utf-8") == kept_text  # whoever was finished first


@pytest.mark.parametrize("other", [{"seeds": 3}, {"budgets": (1, 4)}, {"version": "0.0.1"}])
def test_another_plan_begins_anew(other, tmp_path, counted):
    file = tmp_path / "rivals.json"
    records(PLAN, file)
    plan = dataclasses.replace(PLAN, **other)
    found = records(plan, file)
    assert len(counted) == 8
    assert {each.budgets for row in found for each in row} == {plan.budgets}
    assert {len(each.accuracy[0]) for row in found for each in row} == {plan.seeds}


def _damaged(kept, damage):
    """The content of the file, with something in it that cannot be."""
    record = kept["finished"][0]["record"]
    if damage == "another learner":
        record["learner"] = "lion"
    elif damage == "fewer seeds":
        record["accuracy"] = [row[:1] for row in record["accuracy"]]
    elif damage == "no accuracy":
        record["accuracy"][0][0] = 7.5
    elif damage == "no choices":
        record["choices"] = []
    elif damage == "twice":
        kept["finished"].append(kept["finished"][0])
    elif damage == "no such setting":
        kept["finished"][0]["setting"] = 2
    elif damage == "no plan":
        del kept["plan"]
    return json.dumps(kept)


@pytest.mark.parametrize(
    "damage",
    [
        *("cut", "another learner", "fewer seeds", "no accuracy", "no choices", "twice"),
        *("no such setting", "no plan"),
    ],
)
def test_a_damaged_file_is_a_sentence_and_stays(damage, tmp_path, kept_text):
    file = tmp_path / "rivals.json"
    text = kept_text[:-20] if damage == "cut" else _damaged(json.loads(kept_text), damage)
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BluraxError, match=r"rivals\.json is damaged; remove it"):
        records(PLAN, file)
    assert file.read_text("utf-8") == text


def test_what_a_later_version_wrote_is_begun_anew(tmp_path, kept_text, counted):
    kept = json.loads(kept_text)
    kept["plan"] |= {"version": "99.0", "a new field": 1}
    file = tmp_path / "rivals.json"
    file.write_text(json.dumps(kept), encoding="utf-8")
    records(PLAN, file)
    assert len(counted) == 4


def test_stopped_they_end_with_the_trial_they_are_at(tmp_path, monkeypatch):
    """And nothing is written after the block, when the directory may be another one's."""
    begun = threading.Semaphore(0)

    def measured(name, *args, log, **options):
        begun.release()
        while True:
            log("a trial")

    monkeypatch.setattr(demo_rivals, "record_baseline", measured)
    file = tmp_path / "rivals.json"
    with tuned(PLAN, file) as rivals:
        jobs = [job for n in range(2) for job in rivals.of(n)]
        assert begun.acquire(timeout=60)
        assert begun.acquire(timeout=60)
    with pytest.raises(CancelledError):
        jobs[0].result(timeout=60)
    assert all(job.cancelled() for job in jobs[2:])
    assert not begun.acquire(blocking=False)
    assert not file.exists()


def test_an_error_of_one_is_told_while_the_others_are_at_work(tmp_path, monkeypatch):
    def measured(name, *_, log, **__):
        if name == "foof":
            raise BluraxError("too little memory")
        while True:
            log("a trial")

    monkeypatch.setattr(demo_rivals, "record_baseline", measured)
    with tuned(PLAN, tmp_path / "rivals.json") as rivals:
        with pytest.raises(BluraxError, match="too little memory"):
            rivals.of(0)[1].result(timeout=60)
        with pytest.raises(BluraxError, match="too little memory"):
            rivals.check()


def test_the_demo_ends_with_the_error_while_it_learns(tmp_path, monkeypatch):
    """The callback of the run looks after the optimisers."""

    def measured(*_, **__):
        raise BluraxError("too little memory")

    def advance(directory, callback):
        for step in range(1, 1000):
            time.sleep(0.01)
            callback(Progress(step, 1000, 1.0, 0.5, 0, 1, False))
        raise AssertionError("nobody was told")

    monkeypatch.setattr(demo_rivals, "record_baseline", measured)
    monkeypatch.setattr(run, "advance", advance)
    with pytest.raises(BluraxError, match="too little memory"):
        run_demo(Console(quiet=True), tmp_path / "demo", seeds=2, redo=False)


def test_one_compiled_program_tunes_and_reports():
    """The demo's sizes: validation and test queries of digits have the same shape, and no other."""
    for setting in demo.SETTINGS:
        task, _ = setting.place
        shapes = {
            task.sample(jax.random.key(0), demo.SIZES, split).query.x.shape
            for split in (demo.Split.VALIDATE, demo.Split.TEST)
        }
        assert len(shapes) == 1
    assert demo.tuning(5).seeds == 5
