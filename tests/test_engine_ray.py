"""The engine on Ray, with real workers: on loopback, on cores of their own, killed with SIGKILL."""

import dataclasses
import functools
import importlib.util
import os
import shutil
import signal
from pathlib import Path

import jax
import numpy as np
import pytest

from blurax.engine import Evaluator, Job, PoisonedJobError, RayOptions, open_ray
from blurax.outer import run
from blurax.outer.config import MetaTrain
from blurax.outer.methods import Truncated
from test_engine_runs import CONFIG, files
from test_learner_runs import RULE, cli_learner

# Not importorskip: Ray listens on loopback only if the engine was asked before it is imported.
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None, reason="the extra ray is not installed"
    ),
]


@pytest.fixture(scope="module")
def engine():
    with pytest.MonkeyPatch.context() as patch:
        # Ray makes its workers give way to everything else, which here are other tests.
        patch.setenv("RAY_worker_niceness", "0")
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
        found = open_ray(RayOptions(workers=2))
        yield found
        found.close()
        signal.signal(signal.SIGTERM, before)


def about_itself(number):
    """What a worker is, beside the result of a job."""
    import jax.numpy as jnp

    cores = np.array(sorted(os.sched_getaffinity(0)))
    return {"pid": np.array(os.getpid()), "cores": cores, "double": 2 * jnp.asarray(number)}


def test_sigterm_does_what_it_did_before(engine):
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)
    assert len(engine.prepare(about_itself)(jobs(2))) == 2


def failing(number):
    raise ArithmeticError(f"{number} is a bad number")


def deadly(number):
    os.kill(os.getpid(), signal.SIGKILL)


def deadly_once(marker, number):
    """Kills its worker in the middle of the job, but only the first worker that has it."""
    path = Path(marker)
    if not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * np.asarray(number)


def jobs(count):
    return [Job(f"job-{n}", (np.float64(n),)) for n in range(count)]


def test_results_come_in_order_from_workers_on_cores_of_their_own(engine):
    assert isinstance(engine, Evaluator)
    results = engine.prepare(about_itself)(jobs(20))
    assert [float(r["double"]) for r in results] == [2.0 * n for n in range(20)]
    assert results[0]["double"].dtype == np.float64  # as in the driver, not as jax begins
    cores = {int(r["pid"]): tuple(r["cores"]) for r in results}
    assert os.getpid() not in cores
    assert all(len(own) == 1 for own in cores.values())
    if len(os.sched_getaffinity(0)) > 1:
        assert len(set(cores.values())) == len(cores)


def _listening() -> set[str]:
    """The addresses on which this process and those below it listen."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="utf-8").rsplit(")", 1)[1].split()
        except OSError:
            continue
        parents[int(stat.parent.name)] = int(fields[1])
    family = {os.getpid()}
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    sockets = set()
    for process in family:
        for link in Path(f"/proc/{process}/fd").glob("*"):
            try:
                sockets.add(os.readlink(link))
            except OSError:
                continue
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text(encoding="utf-8").splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                found.add(fields[1].split(":")[0])
    return found


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="the system has no /proc/net/tcp")
def test_a_cluster_of_this_machine_listens_on_loopback_only(engine):
    loopback = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}
    found = _listening()
    assert found
    assert found <= loopback


def test_a_job_that_always_fails_is_told_with_its_reason(engine):
    with pytest.raises(PoisonedJobError, match=r"failed 3 times.* ArithmeticError: 0\.0 is a bad"):
        engine.prepare(failing)(jobs(1))


def test_a_job_that_kills_its_workers_is_given_up_and_the_engine_goes_on(engine):
    with pytest.raises(PoisonedJobError, match=r"failed 3 times.* its worker died"):
        engine.prepare(deadly)(jobs(1))
    assert len(engine.prepare(about_itself)(jobs(3))) == 3


def test_a_job_whose_worker_dies_is_done_again_by_another(engine, tmp_path):
    before = engine.dispatcher.resubmitted
    evaluate = engine.prepare(functools.partial(deadly_once, str(tmp_path / "died")))
    assert [float(r) for r in evaluate(jobs(4))] == [0.0, 2.0, 4.0, 6.0]
    assert engine.dispatcher.resubmitted > before


def test_a_rule_of_ones_own_travels_to_workers_and_gives_the_bits_of_a_local_run(engine, tmp_path):
    (tmp_path / "my_rules.py").write_text(RULE, encoding="utf-8")
    fading = cli_learner(f"{tmp_path}/my_rules.py:Fading")
    config = dataclasses.replace(CONFIG, method=Truncated(1), rule=MetaTrain().rule)
    run.start(config, tmp_path / "local", fading)
    shutil.copytree(tmp_path / "local", tmp_path / "ray")
    run.advance(tmp_path / "local", learner=fading)

    def kill_one(progress):
        if progress.step == 2:
            os.kill(min(engine.pool.processes().values()), signal.SIGKILL)

    run.advance(tmp_path / "ray", kill_one, engine, fading)
    assert files(tmp_path / "ray") == files(tmp_path / "local")


def test_a_run_whose_worker_is_killed_ends_with_the_bits_of_a_local_one(engine, tmp_path):
    run.start(CONFIG, tmp_path / "local")
    shutil.copytree(tmp_path / "local", tmp_path / "ray")
    run.advance(tmp_path / "local")
    deaths = []

    def kill_one(progress):
        if progress.step == 2:
            victim = min(engine.pool.processes().values())
            os.kill(victim, signal.SIGKILL)
            deaths.append(victim)

    run.advance(tmp_path / "ray", kill_one, engine)
    assert deaths[0] not in engine.pool.processes().values()
    assert files(tmp_path / "ray") == files(tmp_path / "local")
    assert jax.default_backend() == "cpu"
