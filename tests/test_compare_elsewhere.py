"""The cells of a comparison on the workers of an engine: the same bits, each kept when it comes."""

import importlib.util
import pickle

import optax
import pytest

import blurax
import blurax.cli.commands as cli
from blurax.baselines import BASELINES
from blurax.engine import NoWorkersError, RayOptions, open_ray
from blurax.experiments import compare as experiment
from blurax.spec import Activation

WAY = {
    "tasks": ("iris", "wine"),
    "hidden": ("4",),
    "budgets": (1, 2),
    "seeds": 2,
    "batch": 8,
    "tuning": blurax.Tuning(seeds=2, activations=(Activation.RELU,), normalise=(False,)),
}


class Elsewhere:
    """Workers as an engine has them: each job goes by way of a pickle, the last ones first."""

    def __init__(self, most=None):
        self.most, self.seen = most, []

    def prepare(self, work):
        def evaluate(jobs, done=None, /):
            results = {}
            for place in reversed(range(len(jobs))):
                if self.most is not None and len(results) == self.most:
                    raise NoWorkersError("nobody is left")
                self.seen.append(jobs[place].id)
                there = pickle.dumps(work(*jobs[place].arguments))
                results[place] = pickle.loads(there)  # noqa: S301  of this process's own
                done(place, results[place])
            return [results[place] for place in range(len(jobs))]

        return evaluate

    def close(self):
        """Nothing to let go."""


def compared(evaluator=None, **more):
    way = {} if evaluator is None else {"evaluator": evaluator}
    return blurax.compare("steady", baselines=("sgd",), **WAY, **way, **more)


@pytest.fixture(scope="module")
def here():
    """What this process finds."""
    return compared().to_dict()


def test_workers_find_what_this_process_finds_and_what_takes_longest_is_asked_first(here):
    engine, told = Elsewhere(), []
    assert compared(engine, callback=told.append).to_dict() == here
    assert engine.seen == [
        *("wine, 4, steady", "iris, 4, steady", "wine, 4, sgd", "iris, 4, sgd"),  # last ones first
    ]
    assert [each.done for each in told if not each.doing] == [1, 2, 3, 4]


def test_cells_that_have_come_are_kept_and_not_asked_for_again(here, tmp_path):
    with pytest.raises(NoWorkersError):
        compared(Elsewhere(most=3), directory=tmp_path / "cut")
    kept = list((tmp_path / "cut" / "cells").glob("*.json"))
    assert len(kept) == 3
    engine = Elsewhere()
    assert compared(engine, directory=tmp_path / "cut").to_dict() == here
    assert len(engine.seen) == 1
    assert experiment.read(tmp_path / "cut") == compared(directory=tmp_path / "cut").result


def test_a_worker_is_told_of_baselines_of_ones_own(monkeypatch):
    blurax.add_baseline("mine", optax.sgd, scale=0.1)

    class Strange(Elsewhere):
        """A worker that does not know them."""

        def prepare(self, work):
            monkeypatch.delitem(BASELINES, "mine")
            return super().prepare(work)

    found = blurax.compare(baselines=("mine",), evaluator=Strange(), **WAY)
    assert found.rows[0]["learner"] == "mine"


def test_options_of_a_cluster_take_the_engine(capsys):
    for command in ("compare", "bench"):
        assert cli.main([command, "steady", "--workers", "2"]) == 2
        assert "--engine ray" in capsys.readouterr().err


@pytest.mark.long
@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="the extra ray is missing")
def test_workers_of_ray_find_what_this_process_finds(here, tmp_path):
    engine = open_ray(RayOptions(workers=2))
    try:
        assert compared(engine, directory=tmp_path).to_dict() == here
    finally:
        engine.close()
