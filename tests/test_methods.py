"""One contract over all ways to find a genome."""

import dataclasses
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from blurax import genome as genomes
from blurax import io
from blurax.outer import run
from blurax.outer.config import MetaTrain
from blurax.outer.curriculum import Curriculum
from blurax.outer.descent import Descent
from blurax.outer.methods import Gradient, Method, Pes, RandomSearch, Truncated
from blurax.outer.objective import Loss, Objective, When
from blurax.outer.optimiser import Optimiser
from blurax.outer.protocol import MetaTrainer
from blurax.spec import Reduction, Rule, Update
from blurax.tasks import EpisodeSpec
from small_methods import small

pytestmark = pytest.mark.long

CONFIG = MetaTrain(
    tasks=("xor",),
    hidden=("3",),
    rule=Rule(update=Update(batch=Reduction.MEAN)),
    episode=EpisodeSpec(4, 16, 16, held_out=32),
    curriculum=Curriculum(add=2, every=4, most=6),
    objective=Objective(when=When.MEAN),
    optimiser=Optimiser(learning_rate=3e-2),
    population=4,
    meta_steps=6,
    validate_every=2,
    validation_episodes=1,
    seed=3,
)


def config_of(method: Method, **fields) -> MetaTrain:
    return dataclasses.replace(CONFIG, method=method, **fields)


@pytest.fixture(scope="module", params=small(pairs=3), ids=lambda method: method.name)
def method(request):
    return request.param


@pytest.fixture(scope="module")
def undisturbed(method, tmp_path_factory):
    """A finished run with two stages."""
    directory = tmp_path_factory.mktemp(method.name) / "run"
    run.start(config_of(method), directory)
    (directory.parent / "config.json").write_bytes((directory / "config.json").read_bytes())
    run.advance(directory)
    return directory


def files(directory):
    found = sorted(p for p in directory.rglob("*") if p.is_file())
    return {str(p.relative_to(directory)): p.read_bytes() for p in found}


def test_it_follows_the_protocol_and_repeats_itself(method):
    trainer = config_of(method).trainer()
    assert isinstance(trainer, MetaTrainer)
    keys = [jax.random.key(n) for n in range(3)]
    ends = []
    for _ in range(2):
        state = trainer.init(keys[0])
        for key in keys[1:]:
            state, info = trainer.step(state, key)
        ends.append((state, info))
    jax.tree.map(np.testing.assert_array_equal, *ends)
    state, info = ends[0]
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(state))
    assert info.loss.shape == info.diverged.shape == (4,)
    assert np.isfinite(info.loss).all()
    assert (info.gradient_norm is not None) == isinstance(trainer, Descent)
    found = trainer.genomes(state)
    members = 4 if isinstance(trainer, Descent) else 1
    assert all(leaf.shape[0] == members for leaf in jax.tree.leaves(found))


def test_stopped_again_and_again_and_resumed_it_ends_with_the_same_bits(
    method, undisturbed, tmp_path
):
    class StopError(Exception):
        pass

    def stop_after(step):
        def stop(progress):
            if progress.step == step:
                raise StopError

        return stop

    (tmp_path / "run").mkdir()
    shutil.copy(undisturbed.parent / "config.json", tmp_path / "run")
    for step in (1, 3, 5):  # in the first stage, between two validations, and in the second
        with pytest.raises(StopError):
            run.advance(tmp_path / "run", stop_after(step))
    run.advance(tmp_path / "run")
    assert files(tmp_path / "run") == files(undisturbed)


def test_a_run_has_its_stages_and_its_best_genome(method, undisturbed):
    genome, provenance = io.load_genome(undisturbed / "best.safetensors")
    assert provenance.meta_steps == 6
    assert 0 <= provenance.score <= 1
    assert all(np.isfinite(leaf).all() for leaf in genomes.leaves(genome).values())


@pytest.mark.parametrize("own", [Gradient(), Truncated(window=2), Pes(pairs=3, window=2)])
def test_members_do_not_depend_on_their_number(own):
    key, ends = jax.random.key(0), []
    for population in (1, 3):
        trainer = config_of(own, population=population).trainer()
        state = trainer.init(key)
        for n in range(2):
            state, _ = trainer.step(state, jax.random.key(n))
        ends.append(genomes.leaves(trainer.genomes(state)))
    for name, leaf in ends[0].items():
        np.testing.assert_allclose(leaf, ends[1][name][:1], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("wide", small(pairs=3, sigma=1e150), ids=lambda method: method.name)
def test_wild_members_and_candidates_never_reach_the_genome(wide):
    """An episode that overflows is counted, and what is kept stays finite."""
    trainer = config_of(wide).trainer()
    state = trainer.init(jax.random.key(0))
    if wide.needs_gradient:
        wild = jax.tree.map(lambda leaf: leaf.at[1].set(1e200), trainer.genomes(state))
        state = dataclasses.replace(state, genomes=wild)
    for n in range(3):
        state, info = trainer.step(state, jax.random.key(n))
        if not isinstance(wide, RandomSearch):
            assert info.diverged.any()
    for leaf in jax.tree.leaves(trainer.genomes(state)):
        assert np.isfinite(leaf).all()


@pytest.mark.parametrize("own", [m for m in small(pairs=3) if not m.needs_gradient])
def test_accuracy_is_an_objective_without_a_gradient(own):
    config = config_of(own, objective=Objective(Loss.ACCURACY, When.MEAN))
    trainer = config.trainer()
    _, info = trainer.step(trainer.init(jax.random.key(0)), jax.random.key(1))
    assert (np.asarray(info.loss) >= 0).all()
    assert (np.asarray(info.loss) <= 1).all()
    assert jnp.isfinite(info.loss).all()
