"""Meta-training from what is given: a genome of the zoo, a file, a genome or a learner at hand."""

import dataclasses
import hashlib
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import blurax
import blurax.cli.commands as cli
from blurax import genome as genomes
from blurax import io
from blurax.errors import BluraxError
from blurax.learner import Blur
from blurax.network import Network
from blurax.outer import run
from blurax.outer.config import MetaTrain
from blurax.outer.methods import Cma, Pes, RandomSearch
from blurax.outer.objective import Objective, When
from blurax.outer.space import PERTURBATION
from blurax.outer.start import Given, Start
from blurax.spec import Channels, Reduction, Rule, Update
from blurax.tasks import EpisodeSpec

RULE = Rule(channels=Channels.SINGLE, update=Update(batch=Reduction.MEAN))
GENOME = genomes.random(jax.random.key(5), RULE)
CONFIG = MetaTrain(
    tasks=("xor",),
    hidden=("3",),
    start=GENOME,
    episode=EpisodeSpec(2, 8, 8, held_out=16),
    population=4,
    meta_steps=2,
    validate_every=1,
    validation_episodes=1,
)


@pytest.fixture
def path(tmp_path):
    where = tmp_path / "mine.safetensors"
    io.save_genome(where, GENOME, io.Provenance("1", "2024-01-31", 0, (), 0, None, {}))
    return where


def test_terms_that_a_start_lacks_begin_as_the_run_says():
    rule = dataclasses.replace(RULE, update=dataclasses.replace(RULE.update, trace=True))
    config = dataclasses.replace(CONFIG, rule=rule)
    for active, read in ((False, 0), (True, 1)):
        given = dataclasses.replace(config, start_active=active).space().given
        assert float(given.synapse.predict_trace) == read
    with pytest.raises(
        BluraxError, match=r"start_active is True, but MetaTrain\.start is backprop"
    ):
        MetaTrain(start="backprop", start_active=True)


def test_a_start_has_a_name_or_is_given(path):
    assert MetaTrain(start="backprop").start is Start.BACKPROP
    assert MetaTrain(start=str(path)) == MetaTrain(start=path)
    given = MetaTrain(start=path).start
    assert given.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    zoo = MetaTrain(start="steady")
    assert zoo.rule == blurax.load("steady").rule
    with pytest.raises(
        BluraxError, match="no genome or learner 'steddy' in the zoo; did you mean steady"
    ):
        MetaTrain(start="steddy")
    with pytest.raises(BluraxError, match=r"There is no file .*none\.safetensors"):
        MetaTrain(start="none.safetensors")


def test_the_first_member_starts_there_and_the_others_nearby():
    trainer = CONFIG.trainer()
    found = trainer.genomes(trainer.init(jax.random.key(0)))
    scales = np.asarray(CONFIG.space().scales())
    vectors = np.asarray(jax.vmap(genomes.flatten)(found))
    np.testing.assert_array_equal(vectors[0], genomes.flatten(GENOME))
    away = (vectors[1:] - vectors[0]) / scales
    assert 0.5 * PERTURBATION < away.std() < 2 * PERTURBATION


def test_searches_start_there():
    for method in (Cma(), RandomSearch()):
        trainer = dataclasses.replace(CONFIG, method=method).trainer()
        found = trainer.genomes(trainer.init(jax.random.key(0)))
        found = genomes.flatten(jax.tree.map(lambda leaf: leaf[0], found))
        np.testing.assert_allclose(found, genomes.flatten(GENOME), rtol=1e-14)


def test_a_wider_rule_starts_with_the_same_loss():
    wide = dataclasses.replace(CONFIG, rule=dataclasses.replace(RULE, states=4, layers=2))
    keys = jax.random.key(1)
    losses = [c.problem().loss(c.space().start(keys), keys) for c in (CONFIG, wide)]
    np.testing.assert_allclose(*losses, rtol=1e-12)
    with pytest.raises(BluraxError, match=r"rule\.states 2, but the rule of the run has 1"):
        dataclasses.replace(CONFIG, rule=dataclasses.replace(RULE, states=1)).space()


class StopError(Exception):
    """Ctrl-C, say."""


def test_a_run_goes_on_without_the_file(path, tmp_path):
    config = dataclasses.replace(CONFIG, start=path, method=Cma())
    for name in ("whole", "torn"):
        run.start(config, tmp_path / name)
    path.unlink()
    written = json.loads((tmp_path / "torn" / "config.json").read_text(encoding="utf-8"))
    copy = (tmp_path / "torn" / "start.safetensors").read_bytes()
    assert written["config"]["start"] == {
        "sha256": hashlib.sha256(copy).hexdigest(),
        "source": str(path),
    }

    def stop(progress):
        raise StopError

    with pytest.raises(StopError):
        run.advance(tmp_path / "torn", stop)
    for name in ("whole", "torn"):
        run.advance(tmp_path / name)
    logs = [(tmp_path / name / "metrics.jsonl").read_bytes() for name in ("whole", "torn")]
    assert logs[0] == logs[1]
    io.save_genome(
        tmp_path / "torn" / "start.safetensors",
        genomes.random(jax.random.key(6), RULE),
        io.Provenance("1", "2024-01-31", 0, (), 0, None, {}),
    )
    with pytest.raises(BluraxError, match="is not the file that the run started from"):
        run.advance(tmp_path / "torn")
    (tmp_path / "torn" / "start.safetensors").unlink()
    with pytest.raises(BluraxError, match=r"There is no file .*start\.safetensors"):
        run.advance(tmp_path / "torn")


def test_a_learner_starts_from_numbers_of_its_own(tmp_path):
    network = Network((2, 3, 2))
    learner, other = (Blur(genomes.random(jax.random.key(n), RULE), network) for n in (1, 2))
    config = dataclasses.replace(CONFIG, start=other, learner="Blur")
    space = config.space(learner)
    for one, two in zip(
        jax.tree.leaves(space.start(jax.random.key(0))), jax.tree.leaves(other), strict=True
    ):
        np.testing.assert_array_equal(one, two)
    moved = space.start(jax.random.key(0), 1)
    assert not jnp.array_equal(moved.genome.neuron.nu, other.genome.neuron.nu)
    with pytest.raises(BluraxError, match="is a genome file; give the path of a learner file"):
        dataclasses.replace(config, start=GENOME).space(learner)


def test_a_digest_alone_starts_nothing():
    with pytest.raises(BluraxError, match="of which no more is known"):
        dataclasses.replace(CONFIG, start=Given("0" * 64, "mine")).space()


def test_one_method_after_another_on_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["meta-train", "--tasks", "xor", "--hidden", "3", "--meta-steps", "2"]
    words += ["--validate-every", "1", "--episode.steps", "2", "--episode.query", "16"]
    first = ["--method", "cma-es", "--cma.sigma", "0.2", "--population", "4", "--directory", "a"]
    assert cli.main([*words, *first]) == 0
    assert "--cma.sigma is called --method.sigma now." in capsys.readouterr().err
    then = ["--start", "a/best.safetensors", "--population", "2", "--directory", "b"]
    assert cli.main([*words, *then, "--rule.states", "3"]) == 0
    config = run.read_config(tmp_path / "b")[0]
    assert config.method.name == "gradient"
    assert config.rule == dataclasses.replace(Rule(), states=3)
    assert run.read_config(tmp_path / "a")[0].method == Cma(sigma=0.2)
    before = (tmp_path / "a" / "best.safetensors").read_bytes()
    assert config.start.sha256 == hashlib.sha256(before).hexdigest()
    assert cli.main([*words, "--start", "nowhere"]) == 2
    assert "no genome or learner 'nowhere'" in capsys.readouterr().err


@pytest.mark.parametrize("method", [Cma(), Pes(pairs=1, window=1)])
def test_methods_with_scales_and_jobs_start_from_a_wider_genome(method, tmp_path):
    wide = dataclasses.replace(RULE, states=4)
    parts = {"objective": Objective(when=When.MEAN), "job_size": 2}
    config = dataclasses.replace(CONFIG, rule=wide, method=method, **parts)
    assert blurax.meta_train(config, tmp_path / "run").genome.rule == wide
