"""Meta-training on engines: who does the work, and what becomes of workers, changes no bit."""

import dataclasses
import shutil

import jax
import numpy as np
import pytest

from blurax import genome as genomes
from blurax import io
from blurax.cli import commands, engines
from blurax.engine import LOCAL, Job, PoisonedJobError, RayOptions
from blurax.errors import BluraxError
from blurax.outer import run
from blurax.outer.config import MetaTrain
from blurax.outer.jobs import EstimateJobs, Estimates, cut, joined
from blurax.outer.methods import Cma, Gradient, RandomSearch, Truncated
from blurax.outer.objective import Objective, When
from blurax.spec import Reduction, Rule, Update
from blurax.tasks import EpisodeSpec
from fake_pool import FakeEngine

CONFIG = MetaTrain(
    tasks=("xor",),
    hidden=("3",),
    rule=Rule(update=Update(batch=Reduction.MEAN)),
    episode=EpisodeSpec(2, 8, 8, held_out=16),
    objective=Objective(when=When.MEAN),
    population=4,
    episodes=2,
    job_size=1,
    meta_steps=4,
    validate_every=2,
    validation_episodes=1,
    seed=2,
)


def files(directory):
    found = sorted(p for p in directory.rglob("*") if p.is_file())
    return {str(p.relative_to(directory)): p.read_bytes() for p in found}


@pytest.fixture(scope="module", params=[Gradient(), Truncated(window=1), Cma()])
def started(request, tmp_path_factory):
    directory = tmp_path_factory.mktemp(request.param.name) / "started"
    run.start(dataclasses.replace(CONFIG, method=request.param), directory)
    return directory


@pytest.fixture(scope="module")
def undisturbed(started):
    directory = started.parent / "undisturbed"
    shutil.copytree(started, directory)
    run.advance(directory)
    return directory


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_deaths_and_the_number_of_workers_change_no_bit_of_a_run(
    started, undisturbed, tmp_path, workers
):
    shutil.copytree(started, tmp_path / "run")
    engine = FakeEngine(workers, workers)
    run.advance(tmp_path / "run", evaluator=engine)
    assert engine.dispatcher.resubmitted > 0
    assert files(tmp_path / "run") == files(undisturbed)


class Poison:
    """An engine on which every job of one number fails."""

    def __init__(self, after):
        self.left = after

    def prepare(self, work):
        def evaluate(jobs):
            self.left -= 1
            if self.left < 0:
                raise PoisonedJobError(jobs[-1], 3, "a bit fell over")
            return LOCAL.prepare(work)(jobs)

        return evaluate

    def close(self):
        pass


def test_a_poisoned_job_leaves_its_genome_and_a_run_that_can_be_resumed(
    started, undisturbed, tmp_path
):
    directory = tmp_path / "run"
    shutil.copytree(started, directory)
    told = r"failed 3 times.* a bit fell over The run stops after meta-step 2 and can be resumed"
    with pytest.raises(BluraxError, match=told):
        run.advance(directory, evaluator=Poison(after=3))  # two meta-steps and a validation
    kept = list(directory.glob("poisoned-*.safetensors"))
    assert len(kept) == 1
    genome, provenance = io.load_genome(kept[0])
    assert genome.rule == CONFIG.rule
    assert provenance.meta_steps == 2
    if not isinstance(run.read_config(directory)[0].method, Cma):  # its last member, then
        members = run.members(directory)
        for name, leaf in genomes.leaves(genome).items():
            np.testing.assert_array_equal(leaf, genomes.leaves(members)[name][-1])
    kept[0].unlink()
    run.advance(directory)
    assert files(directory) == files(undisturbed)


@pytest.mark.parametrize("job_size", [1, 2, 3, 8, 20])
def test_a_cut_keeps_the_order_whatever_the_job_size(job_size):
    rows = {"a": np.arange(8.0), "b": np.arange(16.0).reshape(8, 2)}
    jobs = cut("sums", jax.random.key(0), job_size, rows, 100.0)
    assert len(jobs) == -(-8 // job_size)
    assert len({job.id for job in jobs}) == len(jobs)
    results = [job.arguments[0]["a"] + job.arguments[0]["b"].sum(1) + 100 for job in jobs]
    np.testing.assert_array_equal(joined(results), rows["a"] + rows["b"].sum(1) + 100)
    again = cut("sums", jax.random.key(0), job_size, rows, 100.0)
    assert [job.id for job in jobs] == [job.id for job in again]


def _moved(config: MetaTrain, steps: int = 2):
    trainer = config.trainer()
    state = trainer.init(jax.random.key(0))
    for n in range(steps):
        state, info = trainer.step(state, jax.random.key(n))
    return trainer.genomes(state), info


@pytest.mark.parametrize("method", [Gradient(), Cma(), RandomSearch()])
def test_shares_differ_in_rounding_only(method):
    config = dataclasses.replace(CONFIG, method=method)
    whole, told = _moved(dataclasses.replace(config, job_size=0))
    cut_up, told_too = _moved(dataclasses.replace(config, job_size=3))
    np.testing.assert_allclose(told.loss, told_too.loss, rtol=1e-9)
    for one, other in zip(jax.tree.leaves(whole), jax.tree.leaves(cut_up), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-10)


def test_a_member_follows_the_mean_gradient_of_its_episodes():
    trainer = dataclasses.replace(CONFIG, population=2, episodes=3).trainer()
    state, key = trainer.init(jax.random.key(0)), jax.random.key(1)
    _, info = trainer.step(state, key)
    slope_of = jax.jit(jax.value_and_grad(trainer.problem.loss))
    for member in range(2):
        genome = jax.tree.map(lambda leaf, m=member: leaf[m], state.genomes)
        own = jax.random.fold_in(key, member)
        each = [slope_of(genome, jax.random.fold_in(own, episode)) for episode in range(3)]
        slope = np.mean([np.asarray(genomes.flatten(gradient)) for _, gradient in each], axis=0)
        np.testing.assert_allclose(info.loss[member], np.mean([loss for loss, _ in each]))
        np.testing.assert_allclose(info.gradient_norm[member], np.linalg.norm(slope))


def test_a_episode_that_diverges_does_not_spoil_the_mean_of_the_others():
    trainer = dataclasses.replace(CONFIG, population=1, episodes=3, job_size=3).trainer()
    state, key = trainer.init(jax.random.key(0)), jax.random.key(1)

    def overflowing(jobs: list[Job]):
        losses, gradients, carry = LOCAL.prepare(work)(jobs)[0]
        return [(losses.at[1].set(np.nan), gradients, carry)]

    work = EstimateJobs(Estimates(trainer.estimator), CONFIG.space())
    moved, info = dataclasses.replace(trainer, evaluate=overflowing).step(state, key)
    _, whole = trainer.step(state, key)
    assert not info.diverged.any()
    assert np.isfinite(info.loss).all()
    assert info.loss != whole.loss
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(moved.genomes))


def test_an_engine_with_workers_takes_a_run_that_is_cut_into_jobs():
    config = dataclasses.replace(CONFIG, job_size=0)
    with pytest.raises(BluraxError, match=r"MetaTrain\.job_size is 0, so there are no jobs"):
        config.trainer(0, FakeEngine(0, 1))


WORDS = [
    *("meta-train", "--tasks", "xor", "--hidden", "3", "--episode.steps", "2", "--meta-steps", "2"),
    *("--episode.batch", "8", "--episode.query", "8", "--validation-episodes", "1"),
    *("--population", "2", "--directory", "found"),
]


def test_the_command_opens_the_engine_it_is_told_and_closes_it(tmp_path, monkeypatch):
    opened = []

    def open_ray(options):
        opened.append((options, FakeEngine(0, 2)))
        return opened[0][1]

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(engines, "open_ray", open_ray)
    monkeypatch.setattr(engines, "check_installed", lambda: None)
    asked = ["--engine", "ray", "--workers", "3", "--address", "10.0.0.1:6379"]
    assert commands.main([*WORDS, *asked]) == 0
    ((options, engine),) = opened
    assert options == RayOptions(address="10.0.0.1:6379", workers=3)
    assert engine.works == []  # closed
    assert run.read_config(tmp_path / "found")[0].job_size == 1
    assert (tmp_path / "found" / "best.safetensors").exists()


def test_options_of_a_cluster_without_the_engine_are_a_mistake(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert commands.main([*WORDS, "--workers", "3"]) == 2
    assert "Options of a cluster take --engine ray." in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"episodes": 0}, r"MetaTrain\.episodes is 0; it takes a whole number >= 1"),
        ({"job_size": -1}, r"MetaTrain\.job_size is -1; it takes a whole number >= 0"),
    ],
)
def test_values_out_of_range_are_refused(fields, message):
    with pytest.raises(BluraxError, match=message):
        dataclasses.replace(CONFIG, **fields)
