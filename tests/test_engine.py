"""Dispatching: whatever happens to workers, the results are the same, in the same order."""

import random
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blurax.engine import (
    LOCAL,
    Evaluator,
    Job,
    NoWorkersError,
    Patience,
    PoisonedJobError,
    RayOptions,
    open_ray,
    options,
)
from blurax.engine.dispatch import Dispatcher, Event
from blurax.errors import BluraxError
from fake_pool import FakePool

JOBS = [Job(f"job-{n}", (n,)) for n in range(12)]


def squared(work: int, job: Job) -> int:
    return job.arguments[0] ** 2 + work


@settings(deadline=None, max_examples=200)
@given(st.integers(0, 2**32), st.integers(1, 7), st.integers(1, 12), st.floats(0, 0.9))
def test_deaths_and_the_number_of_workers_change_no_result(seed, workers, jobs, evil):
    pool = FakePool(random.Random(seed), squared, workers, evil)
    dispatcher = Dispatcher(pool, Patience(job_limit=1e6), pool.clock)
    for work in range(3):
        assert dispatcher(work, JOBS[:jobs]) == [n**2 + work for n in range(jobs)]


class Scripted:
    """A pool of which every answer is written down: a list of what each `wait` gives."""

    def __init__(self, workers, script=()):
        self.free, self.script = list(range(workers)), list(script)
        self.given, self.killed, self.now, self.trouble = [], [], 0.0, ""

    def clock(self):
        return self.now

    def idle(self):
        return list(self.free)

    def submit(self, worker, work, job):
        self.free.remove(worker)
        self.given.append((worker, job.id))

    def kill(self, worker):
        self.killed.append(worker)
        self.free.append(max(w for w, _ in self.given) + 1)

    def wait(self, seconds):
        passed, events = self.script.pop(0) if self.script else (seconds, [])
        self.now += passed
        self.free += [event.worker for event in events if not event.died]
        return events


def run(pool, jobs, **patience):
    return Dispatcher(pool, Patience(**patience), pool.clock)(0, jobs)


@pytest.mark.parametrize("died", [True, False])
def test_a_job_that_always_fails_is_given_up_after_three_tries(died):
    workers = [0, 1, 2] if died else [0, 0, 0]
    script = [(0.1, [Event(worker, error="it is bad", died=died)]) for worker in workers]
    pool = Scripted(len(set(workers)), script)
    with pytest.raises(PoisonedJobError, match=r"Job job-4 failed 3 times.*it is bad") as caught:
        run(pool, JOBS[4:5])
    assert caught.value.job is JOBS[4]
    assert [job for _, job in pool.given] == ["job-4"] * 3


def test_a_worker_that_is_silent_for_too_long_is_killed_and_its_job_done_elsewhere():
    pool = Scripted(1, [(5.0, []), (6.0, []), (1.0, [Event(1, result="late but there")])])
    assert run(pool, JOBS[:1], job_limit=10.0) == ["late but there"]
    assert pool.killed == [0]
    assert pool.given == [(0, "job-0"), (1, "job-0")]


def test_a_straggler_is_done_by_another_too_and_the_first_answer_counts():
    times = {"a": 2.0, "b": 2.0, "": 30.0, "c": 1.0}
    script = [(time, [Event(1, result=r)] if r else []) for r, time in times.items()]
    pool = Scripted(2, script)
    dispatcher = Dispatcher(pool, Patience(), pool.clock)
    assert dispatcher(0, JOBS[:3]) == ["c", "a", "b"]
    assert pool.given == [(0, "job-0"), (1, "job-1"), (1, "job-2"), (1, "job-0")]
    assert dispatcher.repeated == 1
    # The slow worker answers during the next call: nothing of it goes there.
    pool.script = [(1.0, [Event(0, result="old"), Event(1, result="new")])]
    assert dispatcher(1, JOBS[5:6]) == ["new"]


def test_an_interrupted_call_leaves_nothing_behind_for_the_next():
    class Interrupted(Scripted):
        def wait(self, seconds):
            if not self.script:
                raise KeyboardInterrupt
            return super().wait(seconds)

    pool = Interrupted(2)
    dispatcher = Dispatcher(pool, Patience(), pool.clock)
    with pytest.raises(KeyboardInterrupt):
        dispatcher(0, JOBS[:2])
    pool.script = [(1.0, [Event(0, result="old")]), (1.0, [Event(0, result="new")])]
    assert dispatcher(1, JOBS[7:8]) == ["new"]


@pytest.mark.parametrize("trouble", ["", "a worker died while it began (out of memory)"])
def test_without_workers_it_gives_up_and_says_why(trouble):
    pool = Scripted(0)
    pool.trouble = trouble
    with pytest.raises(NoWorkersError, match=f"ready for 5 s: {trouble[:13] or 'the cluster'}"):
        run(pool, JOBS, start_limit=5.0)
    assert 5 < pool.now < 10


def test_local_is_an_engine_and_keeps_the_order():
    assert isinstance(LOCAL, Evaluator)
    assert LOCAL.prepare(lambda n: n + 1)(JOBS) == list(range(1, 13))


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        (Patience, {"tries": 0}, r"Patience\.tries is 0; it takes a whole number >= 1"),
        (Patience, {"job_limit": 0.0}, r"Patience\.job_limit is 0\.0; it takes seconds above 0"),
        (Patience, {"straggler": 0.5}, r"Patience\.straggler is 0\.5; it takes a number >= 1"),
        (RayOptions, {"workers": 0}, r"RayOptions\.workers is 0; it takes a whole number >= 1"),
        (RayOptions, {"cpus": 0}, r"RayOptions\.cpus is 0; it takes a whole number >= 1"),
        (RayOptions, {"gpus": 2}, r"RayOptions\.gpus is 2; it takes 0 or 1"),
    ],
)
def test_values_out_of_range_are_refused(kind, fields, message):
    with pytest.raises(BluraxError, match=message):
        kind(**fields)


def test_without_the_extra_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(options.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BluraxError, match=r'takes the extra ray: pip install "blurax\[ray\]"\.'):
        open_ray()


def test_nothing_of_ray_is_imported_unless_it_is_asked_for():
    code = (
        "import sys, blurax, blurax.cli, blurax.engine, blurax.outer.run\n"
        "sys.exit(any(name.split('.')[0] == 'ray' for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
