"""Meta-training of a rule of one's own: every method, runs that resume, files, the command line."""

import dataclasses
import shutil

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float

import blurax
import blurax.cli.commands as cli
from blurax import io
from blurax.errors import BluraxError
from blurax.network import Network
from blurax.outer import run
from blurax.outer.config import MetaTrain
from blurax.outer.curriculum import Curriculum
from blurax.outer.methods import RandomSearch
from blurax.outer.numbers import flatten, numbers_of
from blurax.outer.objective import Objective, When
from blurax.outer.optimiser import Optimiser
from blurax.outer.space import LearnerSpace
from blurax.tasks import EpisodeSpec
from small_methods import small

pytestmark = pytest.mark.long

RULE = """
import equinox as eqx
import jax
import jax.numpy as jnp

import blurax
import blurax.cli.commands as cli


class Fading(blurax.Learner):
    '''w <- keep w + rate times what back-propagation says, with noise if it is asked for.'''

    network: blurax.Network = eqx.field(static=True)
    rate: jax.Array = eqx.field(converter=jnp.asarray, default=0.02)
    keep: jax.Array = eqx.field(converter=jnp.asarray, default=1.0)
    noise: float = eqx.field(static=True, default=0.0)

    def init(self, key, batch):
        sizes = self.network.sizes
        pairs = zip(jax.random.split(key, len(sizes) - 1), sizes, sizes[1:], strict=False)
        return [jax.random.normal(key, (i, j)) / i**0.5 for key, i, j in pairs]

    def sweep(self, state, x):
        said = [x]
        for w in state[:-1]:
            said.append(jnp.tanh(said[-1] @ w))
        return [*said, said[-1] @ state[-1]]

    def step(self, state, batch, *, rate, key, index):
        x, y = batch
        *said, answer = self.sweep(state, x)
        error, new = (y > 0) - jax.nn.softmax(answer), []
        for w, a in zip(reversed(state), reversed(said), strict=True):
            drawn = self.noise * jax.random.normal(key, w.shape)
            new.append(self.keep * w + self.rate * (a.T @ error / len(x) + drawn))
            error = error @ w.T * (1 - a**2)
        return new[::-1], answer

    def predict(self, state, x):
        return self.sweep(state, x)[-1]


def noisy(network):
    return Fading(network, noise=0.1)
"""

CONFIG = MetaTrain(
    tasks=("iris", "wine"),
    hidden=("3", "4-3"),
    episode=EpisodeSpec(4, 16, 16, held_out=64),
    curriculum=Curriculum(add=4, every=4),
    objective=Objective(when=When.MEAN),
    optimiser=Optimiser(learning_rate=0.05),
    population=4,
    meta_steps=6,
    validate_every=2,
    validation_episodes=1,
)


@pytest.fixture(scope="module")
def rules(tmp_path_factory):
    """The module that a user would write."""
    path = tmp_path_factory.mktemp("rules") / "my_rules.py"
    path.write_text(RULE, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def fading(rules):
    return cli_learner(f"{rules}:Fading")


def cli_learner(text):
    from blurax.cli.learner import load_learner_class

    return load_learner_class(text, Network((4, 3, 3)))


def files(directory):
    found = sorted(path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in found}


class StopError(Exception):
    """Ctrl-C, say."""


@pytest.mark.parametrize("method", small(), ids=lambda method: method.name)
def test_every_method_learns_any_rule_and_resumes_to_the_same_bits(method, fading, tmp_path):
    config = dataclasses.replace(CONFIG, method=method)
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    run.start(config, whole, fading)
    shutil.copytree(whole, torn)
    result = run.advance(whole, learner=fading)
    for last in (1, 3, 5):

        def stop(progress, last=last):
            if progress.step == last:
                raise StopError

        with pytest.raises(StopError):
            run.advance(torn, stop, learner=fading)
    again = run.advance(torn, learner=fading)
    assert files(torn) == files(whole)
    assert type(result.learner) is type(fading)
    np.testing.assert_array_equal(flatten(result.numbers), flatten(again.numbers))
    assert 0 < result.score <= 1
    if not isinstance(method, RandomSearch):  # which has one start, the rule as it was written
        assert result.learner.rate != fading.rate


def test_numbers_are_learned_saved_and_loaded(fading, tmp_path):
    config = dataclasses.replace(
        CONFIG, population=1, meta_steps=40, validate_every=8, curriculum=Curriculum()
    )
    result = blurax.meta_train(config, tmp_path / "run", learner=fading)
    assert (tmp_path / "run" / "run.png").exists()
    loaded = blurax.load_learner(tmp_path / "run" / "best.safetensors", fading)
    np.testing.assert_array_equal(loaded.rate, result.learner.rate)
    assert loaded.network == fading.network
    task, keys = blurax.task("iris"), jax.random.split(jax.random.key(1), 4)
    before, after = (
        blurax.learning_curve(rule, task, keys, (4,), blurax.Split.TEST, batch=16)[1].loss.mean()
        for rule in (fading, loaded)
    )
    assert after < before - 0.1
    with pytest.raises(BluraxError, match="is a run of a learner"):
        _ = result.genome
    with pytest.raises(BluraxError, match="is a learner file; give the path of a genome file"):
        blurax.load(tmp_path / "run" / "best.safetensors")


def test_a_run_goes_on_with_its_own_learner_only(fading, tmp_path):
    run.start(CONFIG, tmp_path / "run", fading)
    for other in (None, Other(Network((4, 3)), jnp.ones(()))):
        with pytest.raises(BluraxError, match=r"MetaTrain.learner is 'Fading', but the learner"):
            run.advance(tmp_path / "run", learner=other)
    run.start(CONFIG, tmp_path / "genomes")
    with pytest.raises(BluraxError, match=r"MetaTrain\.learner is ''"):
        run.advance(tmp_path / "genomes", learner=fading)


class Other(blurax.Learner):
    """A line; `wrong` makes its predictions of another shape."""

    network: Network = eqx.field(static=True)
    rate: Float[Array, ""]
    wrong: bool = eqx.field(static=True, default=False)

    def init(self, key, batch):
        return jnp.zeros(self.network.sizes[:: len(self.network.sizes) - 1])

    def step(self, state, batch, *, rate, key, index):
        x, y = batch
        return state + self.rate * x.T @ (y - x @ state) / len(x), None

    def predict(self, state, x):
        return (x @ state)[:, :1] if self.wrong else x @ state


class Fixed(Other):
    """No number to learn."""

    rate: float = eqx.field(static=True)


@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_learned_is_told(tmp_path):
    network = Network((4, 3))
    with pytest.raises(BluraxError, match="holds no arrays of real numbers"):
        LearnerSpace(Fixed(network, 0.1))
    with pytest.raises(BluraxError, match=r"Other.predict gives .*; it takes an array of shape"):
        run.start(CONFIG, tmp_path, Other(network, jnp.ones(()), wrong=True))
    with pytest.raises(BluraxError, match=r"cannot learn with the network \(4, 3, 3\): "):
        run.start(CONFIG, tmp_path, Other(network, jnp.ones((7, 5))))
    assert not any(tmp_path.iterdir())


def test_a_learner_that_draws_gets_another_key_in_each_step(rules):
    noisy = cli_learner(f"{rules}:noisy")
    still = eqx.tree_at(lambda r: (r.rate, r.keep), noisy, (jnp.ones(()), jnp.zeros(())))
    task, keys = blurax.task("iris"), jax.random.split(jax.random.key(0), 2)
    _, curve = blurax.learning_curve(still, task, keys, (1, 2, 3), blurax.Split.TEST, batch=16)
    assert len(np.unique(np.asarray(curve.loss))) == 6
    _, again = blurax.learning_curve(still, task, keys, (1, 2, 3), blurax.Split.TEST, batch=16)
    np.testing.assert_array_equal(curve.loss, again.loss)


@pytest.mark.usefixtures("unchecked")
def test_the_command_line_takes_a_rule_of_ones_own(rules, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["meta-train", "--learner", f"{rules}:Fading", "--tasks", "iris", "--hidden", "3"]
    words += ["--meta-steps", "2", "--validate-every", "1", "--population", "1"]
    assert (
        cli.main([*words, "--episode.steps", "2", "--episode.query", "16", "--directory", "here"])
        == 0
    )
    assert "Numbers: here/best.safetensors" in capsys.readouterr().out
    assert cli.main(["meta-train", "--resume", "here", "--learner", f"{rules}:Fading"]) == 0
    assert cli.main(["meta-train", "--resume", "here"]) == 2
    assert "MetaTrain.learner is 'Fading'" in capsys.readouterr().err
    assert cli.main(["runs"]) in (0, 2)
    assert cli.main(["runs", "here"]) == 0
    assert "iris" in capsys.readouterr().out
    assert cli.main(["show", "here"]) == 0
    shown = capsys.readouterr().out
    assert "Fading · 2 numbers" in shown
    assert "keep" in shown
    assert "moved" not in shown
    assert cli.main(["show", "here/best.safetensors", "--learner", f"{rules}:Fading"]) == 0
    shown = capsys.readouterr().out
    assert "at the start" in shown
    assert "0.02" in shown
    assert cli.main(["show", "here", "--learner", f"{rules}:Other"]) == 2
    assert "has no Other" in capsys.readouterr().err
    assert cli.main(["show", "here", "--canonical"]) == 2
    assert "is a learner file" in capsys.readouterr().err
    assert cli.main(["show", "default", "--learner", f"{rules}:Fading"]) == 2
    assert "default is none" in capsys.readouterr().err
    assert cli.main(["report", "here"]) == 0
    page = (tmp_path / "here" / "report.html").read_text("utf-8")
    assert "<td>Fading</td>" in page
    assert "rate" in page


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("{}", "it takes a Python file and a name in it"),
        ("{}:", "it takes a Python file and a name in it"),
        ("nowhere.py:Rule", "There is no file nowhere.py"),
        ("{}:Rule", "has no Rule"),
        ("{}:jnp", "no learner, and nothing that makes one"),
        ("{}:eqx.field", "has no eqx.field"),
    ],
)
def test_a_name_that_is_no_learner_is_told(rules, name, message):
    with pytest.raises(BluraxError, match=message):
        cli_learner(name.format(rules))


def test_numbers_are_all_arrays_of_real_numbers(fading):
    assert [leaf.shape for leaf in jax.tree.leaves(numbers_of(fading))] == [(), ()]


def test_a_learner_file_s_arrays_have_one_order(tmp_path):
    names = [f"w{n}" for n in range(12)]
    file = tmp_path / "mine.safetensors"
    found = io.Provenance("1.2.3", "2024-01-31", 7, ("digits",), 9, 0.9, {})
    io.save_learner(file, "Mine", {name: np.ones(2) for name in names[::-1]}, found)
    assert list(io.load_learner(file)[1]) == sorted(names)
