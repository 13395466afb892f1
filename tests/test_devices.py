"""Several devices of one process compute what one does, to the bit, and each has a part of it."""

import json
import os
import subprocess
import sys
import threading
from functools import partial

import jax
import pytest

from blurax.engine import LOCAL, Job
from blurax.engine.local import at_device, spread

CODE = """
import hashlib, json
import jax, numpy as np
from blurax.outer.config import MetaTrain
from blurax.outer.jobs import Losses, EstimateJobs
from blurax.spec import Rule
from blurax.tasks import EpisodeSpec

used = set()
for work in (Losses, EstimateJobs):
    def noted(self, *arguments, call=work.__call__):
        results = call(self, *arguments)
        used.update(d.id for leaf in jax.tree.leaves(results) for d in leaf.devices())
        return results
    work.__call__ = noted

def digest(tree):
    leaves = b"".join(np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(tree))
    return hashlib.sha256(leaves).hexdigest()

def run(**fields):
    sizes = dict(hidden=("5",), episode=EpisodeSpec(3, 8, 8), meta_steps=2)
    config = MetaTrain(rule=Rule(states=2), **sizes, **fields)  # a small rule compiles sooner
    trainer = config.trainer()
    state, seen = trainer.init(jax.random.key(0)), []
    for n in range(2):
        state, info = trainer.step(state, jax.random.key(n + 1))
        seen.append(digest((state, info)))
    return seen

found = {
    "es": run(population=4, job_size=2, method="es"),
    "gradient": run(population=4, job_size=2),
    "an odd number of jobs": run(population=3, job_size=1),
    "cma": run(population=8, job_size=2, method="cma-es"),
    "cma, one job": run(population=8, method="cma-es"),
}
print(json.dumps([sorted(used), found]))
"""


COMPARE = """
import json
import jax
import blurax
from blurax.experiments import compare_measure

used, told = set(), []
step = compare_measure.record_learner
def noted(name, learner, task, key, *rest, **more):
    used.update(d.id for d in jax.random.key_data(key).devices())
    used.update(d.id for leaf in jax.tree.leaves(task) for d in leaf.devices())
    return step(name, learner, task, key, *rest, **more)
compare_measure.record_learner = noted

way = dict(tasks=("iris", "wine"), hidden=("4",), budgets=(1, 2), seeds=2, batch=8)
found = blurax.compare("steady", baselines=(), callback=told.append, **way)
finished = [each for each in told if not each.doing]
assert [each.done for each in finished] == [1, 2], told
assert {each.where for each in finished} == {each.where for each in told}
print(json.dumps([sorted(used), found.to_dict()]))
"""


def found(count, code=CODE):
    flags = f"--xla_force_host_platform_device_count={count}"
    settings = os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=settings, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_four_devices_find_what_one_finds():
    (one, expected), (four, got) = found(1), found(4)
    assert (one, four) == ([0], [0, 1, 2, 3])
    assert got == expected


def test_the_cells_of_a_comparison_take_turns_on_two_devices():
    (one, expected), (two, got) = found(1, COMPARE), found(2, COMPARE)
    assert (one, two) == ([0], [0, 1])
    assert got == expected


def test_with_one_device_functions_are_called_in_turn_in_this_thread():
    here = threading.get_ident()
    assert spread([lambda device: (device, threading.get_ident())] * 2) == [(None, here)] * 2
    assert spread([]) == []


def test_two_devices_work_side_by_side_and_failures_are_told(monkeypatch):
    monkeypatch.setattr(jax, "local_devices", lambda: [jax.devices()[0]] * 2)
    together = threading.Barrier(2, timeout=60)

    def part(number, device):
        assert device == jax.devices()[0]
        together.wait()
        return number

    assert spread([partial(part, n) for n in range(4)]) == [0, 1, 2, 3]
    with pytest.raises(ZeroDivisionError):
        spread([lambda device: 1, lambda device: 1 // 0])


def test_jobs_of_two_devices_are_computed_side_by_side(monkeypatch):
    """On a CPU a program computes in the thread that calls it."""
    monkeypatch.setattr(jax, "local_devices", lambda: [jax.devices()[0]] * 2)
    together, told = threading.Barrier(2, timeout=60), []

    def work(number):
        together.wait()
        return number + 1

    evaluate = LOCAL.prepare(work)
    jobs = [Job(str(n), (n,)) for n in range(4)]
    assert evaluate(jobs, lambda place, result: told.append((place, result))) == [1, 2, 3, 4]
    assert told == [(0, 1), (1, 2), (2, 3), (3, 4)]


def test_what_is_no_array_has_no_device():
    tree = {"a": "word", "b": jax.numpy.ones(2)}
    assert at_device(tree, None) is tree
    assert at_device(tree, jax.devices()[0])["a"] == "word"
