"""Curriculum, early stopping and runs that are lost."""

import dataclasses
import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from blurax import genome as genomes
from blurax import io
from blurax.analysis.report import write_report
from blurax.errors import BluraxError
from blurax.outer import run, state
from blurax.outer.config import MetaTrain
from blurax.outer.curriculum import Curriculum
from blurax.outer.methods import Es
from blurax.outer.metrics import read_metrics
from blurax.outer.optimiser import Optimiser
from blurax.outer.protocol import MetaInfo
from blurax.spec import Reduction, Rule, Update
from blurax.tasks import EpisodeSpec

pytestmark = pytest.mark.long

CONFIG = MetaTrain(
    tasks=("xor",),
    hidden=("3",),
    rule=Rule(update=Update(batch=Reduction.MEAN)),
    episode=EpisodeSpec(2, 8, 8, held_out=64),
    curriculum=Curriculum(add=2, every=2, most=5),
    optimiser=Optimiser(learning_rate=1e-2),
    population=3,
    meta_steps=6,
    validate_every=2,
    validation_episodes=1,
)


def test_episodes_grow_stage_by_stage_to_their_most():
    assert [CONFIG.curriculum.stage(n) for n in range(6)] == [0, 0, 1, 1, 2, 2]
    assert [n for n in range(6) if CONFIG.curriculum.begins(n)] == [2, 4]
    assert [CONFIG.problem(stage).episode.steps for stage in range(3)] == [2, 4, 5]
    assert CONFIG.validation().episode.steps == 5  # what genomes are chosen for
    assert dataclasses.replace(CONFIG, validation_steps=9).validation().episode.steps == 9
    assert not any(Curriculum().begins(n) for n in range(9))


def test_all_members_go_on_from_the_best_one(tmp_path, monkeypatch):
    seen = []
    original = run._synchronised

    def watched(trainer, state, key, number):
        moved = original(trainer, state, key, number)
        seen.append((number, state, moved, trainer))
        return moved

    monkeypatch.setattr(run, "_synchronised", watched)
    run.start(CONFIG, tmp_path)
    run.advance(tmp_path)
    assert [number for number, *_ in seen] == [2, 4]
    lines = [
        json.loads(line)
        for line in (tmp_path / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    scores = {line["step"]: line["accuracy"] for line in lines if "accuracy" in line}
    for number, before, after, trainer in seen:
        best = int(np.argmax(np.mean(scores[number], axis=1)))
        for old, new in zip(
            jax.tree.leaves((before.trainer.genomes, before.trainer.optimiser)),
            jax.tree.leaves((after.trainer.genomes, after.trainer.optimiser)),
            strict=True,
        ):
            np.testing.assert_array_equal(new, np.broadcast_to(old[best], new.shape))
        assert trainer.problem.episode.steps == {2: 4, 4: 5}[number]


def test_validation_tasks_are_their_own(tmp_path):
    config = dataclasses.replace(CONFIG, validate_on=("or", "two-moon"), meta_steps=2)
    assert [task.name for task in config.validation().tasks] == ["or", "two-moon"]
    run.start(config, tmp_path)
    run.advance(tmp_path)
    line = json.loads((tmp_path / "metrics.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    assert np.shape(line["accuracy"]) == (3, 2)


def test_patience_stops_a_run_that_gets_no_better(tmp_path):
    steady = dataclasses.replace(
        CONFIG,
        curriculum=Curriculum(),
        optimiser=Optimiser(learning_rate=1e-30),
        patience=2,
        meta_steps=20,
        validate_every=2,
    )
    run.start(steady, tmp_path)
    steps = []
    run.advance(tmp_path, lambda progress: steps.append(progress.step))
    assert steps[-1] == 6  # the first validation, and two that were no better
    run.advance(tmp_path, lambda progress: steps.append(progress.step))
    assert steps[-1] == 6  # it stays stopped


def test_the_last_genome_is_kept_where_that_is_asked_for(tmp_path, monkeypatch):
    """In the place of the best: here each validation is worse than the one before."""
    falling = iter([0.9, 0.8, 0.7, 0.6] * 2)
    real = state.joined
    monkeypatch.setattr(state, "joined", lambda jobs: 0 * real(jobs) + next(falling))
    kept = {}
    for last in (False, True):
        config = dataclasses.replace(
            CONFIG, curriculum=Curriculum(), meta_steps=4, validate_every=1, keep_last=last
        )
        run.start(config, tmp_path / str(last))
        kept[last] = run.advance(tmp_path / str(last))
    assert kept[False].score == pytest.approx(0.9)
    assert kept[True].score == pytest.approx(0.6)
    first_member = jax.tree.map(lambda leaf: leaf[0], run.members(tmp_path / "True"))
    assert eqx.tree_equal(kept[True].genome, first_member)
    assert not eqx.tree_equal(kept[False].genome, first_member)
    on_disk = io.load_genome(tmp_path / "True" / "best.safetensors")[0]
    assert eqx.tree_equal(on_disk, kept[True].genome)
    assert read_metrics(tmp_path / "True", keep_last=True).chosen == (3, 0)
    assert read_metrics(tmp_path / "False").chosen == (0, 0)
    page = write_report(tmp_path / "True", tmp_path / "page.html").read_text(encoding="utf-8")
    assert "The genome that was kept, at meta-step 4." in page


def test_a_genome_that_scores_nothing_is_not_kept_as_the_last(tmp_path, monkeypatch):
    scores = iter([0.4, 0.6, 0.0])
    real = state.joined
    monkeypatch.setattr(state, "joined", lambda jobs: 0 * real(jobs) + next(scores))
    config = dataclasses.replace(
        CONFIG, curriculum=Curriculum(), meta_steps=3, validate_every=1, keep_last=True
    )
    run.start(config, tmp_path)
    assert run.advance(tmp_path).score == pytest.approx(0.6)
    assert read_metrics(tmp_path, keep_last=True).chosen == (1, 0)


def test_keep_last_and_patience_contradict_each_other():
    with pytest.raises(BluraxError, match=r"keep_last is True and MetaTrain\.patience 3"):
        dataclasses.replace(CONFIG, keep_last=True, patience=3)


def test_a_run_that_is_lost_says_so_and_keeps_its_last_good_state(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "LOST", 3)
    config = dataclasses.replace(CONFIG, curriculum=Curriculum(), meta_steps=30, validate_every=2)
    run.start(config, tmp_path)

    class StopError(Exception):
        pass

    def stop(progress):
        if progress.step == 2:
            raise StopError

    with pytest.raises(StopError):
        run.advance(tmp_path, stop)
    good = io.load_genome(tmp_path / "best.safetensors")[0]
    original = run._step

    def diverging(trainer, state, key, number, config):
        moved, info = original(trainer, state, key, number, config)
        wild = dataclasses.replace(info, diverged=jnp.ones(3, bool))
        return dataclasses.replace(moved, lost=state.lost + 1), wild

    monkeypatch.setattr(run, "_step", diverging)
    with pytest.raises(
        BluraxError, match=r"all 3 members diverged in 3 meta-steps .* up to 5, in "
    ):
        run.advance(tmp_path)
    kept = io.load_genome(tmp_path / "best.safetensors")[0]
    for name, leaf in genomes.leaves(kept).items():
        assert np.isfinite(leaf).all(), name
    assert genomes.leaves(good).keys() == genomes.leaves(kept).keys()


def test_a_run_without_any_gradient_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "LOST", 3)
    config = dataclasses.replace(CONFIG, curriculum=Curriculum(), meta_steps=30)
    assert run.is_lost(config, _info(0.0, 0.0))
    assert not run.is_lost(config, _info(0.0, 0.5))
    evolved = dataclasses.replace(config, method=Es())
    assert not run.is_lost(evolved, _info(0.0, 0.0))  # another draw may give one
    monkeypatch.setattr(run, "is_lost", lambda config, info: True)
    run.start(config, tmp_path)
    with pytest.raises(BluraxError, match="had no gradient in 3 meta-steps in a row, up to 3, in"):
        run.advance(tmp_path)


def _info(*norms: float) -> MetaInfo:
    return MetaInfo(jnp.ones(len(norms)), jnp.asarray(norms), jnp.zeros(len(norms), bool))


def test_members_that_all_diverge_are_counted(tmp_path):
    """Genomes that overflow from the start: the run gives up by itself."""
    config = dataclasses.replace(
        CONFIG, curriculum=Curriculum(), meta_steps=60, validate_every=30, start_rate=1.0
    )
    run.start(config, tmp_path)
    original = MetaTrain.trainer

    class Wild:
        """A trainer whose genomes overflow at once."""

        def __init__(self, trainer):
            self._trainer = trainer

        def init(self, key):
            state = self._trainer.init(key)
            return dataclasses.replace(
                state, genomes=jax.tree.map(lambda leaf: leaf * 1e200, state.genomes)
            )

        def __getattr__(self, name):
            return getattr(self._trainer, name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MetaTrain, "trainer", lambda self, *told: Wild(original(self, *told)))
        with pytest.raises(BluraxError, match=r"all 3 members diverged in 20 meta-steps in a row"):
            run.advance(tmp_path)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"add": -1}, r"Curriculum\.add is -1"),
        ({"add": 5}, r"Curriculum\.add is 5, but Curriculum\.every is 0"),
        ({"most": 0}, r"Curriculum\.most is 0"),
    ],
)
def test_bad_curricula_are_refused(fields, message):
    with pytest.raises(BluraxError, match=message):
        Curriculum(**fields)


def test_stages_that_begin_between_validations_are_refused():
    with pytest.raises(
        BluraxError, match=r"Curriculum\.every is 3 and MetaTrain\.validate_every 2"
    ):
        dataclasses.replace(CONFIG, curriculum=Curriculum(add=1, every=3))
