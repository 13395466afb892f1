"""Rules of one's own in a comparison: from the command line, from Python, next to own baselines."""

import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import blurax
import blurax.cli.commands as cli
from blurax import io
from blurax.baselines import BASELINES, BUILT_IN, Arrangement, Setting, Tuning, baseline
from blurax.curves import Schedule
from blurax.errors import BluraxError
from blurax.experiments import compare as experiment
from blurax.experiments import compare_measure
from blurax.experiments.compare_reuse import reuse
from blurax.spec import Activation

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("own_baselines_forgotten")]

LITTLE = Tuning((Activation.RELU,), (False,), (Schedule.CONSTANT,), seeds=2, long_seeds=2)
SIZE = {"tasks": ("iris",), "hidden": ("3",), "budgets": (2, 4), "seeds": 2, "batch": 8}
SIZE |= {"tuning": LITTLE}

RULE = """
import equinox as eqx
import jax.numpy as jnp
import optax

import blurax


class Line(blurax.Learner):
    '''A line through the origin.'''

    network: blurax.Network = eqx.field(static=True)
    rate: jnp.ndarray = eqx.field(converter=jnp.asarray, default=0.1)
    twice: bool = eqx.field(static=True, default=False)

    def init(self, key, batch):
        return jnp.zeros(self.network.sizes[:: len(self.network.sizes) - 1])

    def step(self, state, batch, *, rate, key, index):
        x, y = batch
        size = (2 if self.twice else 1) * (self.rate + rate)
        return state + size * x.T @ (y - x @ state) / len(x), None

    def predict(self, state, x):
        return x @ state


def fast(network):
    return Line(network, 0.2, True)


blurax.add_baseline("lion-like", optax.lion, scale=0.01, space={"b1": (0.8, 0.9)})
blurax.add_baseline("line", lambda network: Line(network, 0.0), scale=0.1)
"""

WORDS = [
    *("--tasks", "iris", "--hidden", "3", "--steps", "4", "--seeds", "2", "--batch", "8"),
    *("--tuning.activations", "relu", "--tuning.normalise", "False", "--tuning.schedules"),
    *("constant", "--tuning.seeds", "2"),
]


@pytest.fixture
def at_home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_rules.py").write_text(RULE, encoding="utf-8")
    return tmp_path


class Line(blurax.Learner):
    """As that in the file."""

    network: blurax.Network = eqx.field(static=True)
    rate: jnp.ndarray = eqx.field(converter=jnp.asarray)
    twice: bool = eqx.field(static=True, default=False)

    def init(self, key, batch):
        return jnp.zeros(self.network.sizes[:: len(self.network.sizes) - 1])

    def step(self, state, batch, *, rate, key, index):
        x, y = batch
        size = (2 if self.twice else 1) * (self.rate + rate)
        return state + size * x.T @ (y - x @ state) / len(x), None

    def predict(self, state, x):
        return x @ state


KEYS = jax.random.split(jax.random.key(0), 2)
LINE = Line(blurax.Network((4, 3)), 0.3)


def learner_file(path, rate=0.3, name="Line"):
    origin = io.Provenance("0.1.0", "2026-01-31", 0, ("iris",), 0, None, {})
    path.parent.mkdir(parents=True, exist_ok=True)
    io.save_learner(path, name, {"rate": np.asarray(rate)}, origin)
    return path


@pytest.mark.usefixtures("unchecked")
def test_learner_files_and_classes_are_compared_from_the_command_line(at_home, capsys, monkeypatch):
    learner_file(at_home / "runs" / "mine" / "best.safetensors")
    words = ["compare", "runs/mine", "my_rules.py:fast", "default", *WORDS]
    assert cli.main([*words, "--baselines", "sgd"]) == 2
    error = capsys.readouterr().err
    assert "holds the numbers of Line, which takes its class: --learner my_rules.py:Line" in error
    words += ["--learner", "my_rules.py:Line", "--baselines", "sgd", "lion-like"]

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(compare_measure, "record_baseline", interrupted)
        assert cli.main(words) == 130
    hint = "--resume runs/compare --learner my_rules.py:Line --learner fast=my_rules.py:fast"
    assert hint in " ".join(capsys.readouterr().err.split())
    assert cli.main(["compare", "--resume", "runs/compare"]) == 2  # without the code
    told = hint.removeprefix("--resume runs/compare ").split()
    assert cli.main(["compare", "--resume", "runs/compare", *told]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "mine against the best tuned baseline" in printed
    assert "fast against the best tuned baseline" in printed
    result = experiment.read(at_home / "runs/compare")
    records = {record.learner: record for record in result.panels[0].records}
    assert [*records] == ["mine", "fast", "default", "sgd", "lion-like"]
    assert {source.name for source in result.plan.sources} == {"mine", "fast", "lion-like"}
    assert records["lion-like"].choices[0].arrangement.settings[0].name == "b1"
    whole = (at_home / "runs/compare/comparison.json").read_bytes()
    assert cli.main(words) == 0  # the same call goes on, too
    assert (at_home / "runs/compare/comparison.json").read_bytes() == whole
    again = blurax.compare(
        {"other": "runs/mine", "fast": Line(blurax.Network((4, 3)), 0.2, True)},
        **{**SIZE, "budgets": (4,)},
        baselines=(),
        like=LINE,
    )
    mine, fast = again.result.panels[0].records
    assert (mine.accuracy, fast.accuracy) == (records["mine"].accuracy, records["fast"].accuracy)


@pytest.mark.usefixtures("unchecked")
def test_versions_of_numbers_and_code_are_not_mixed(at_home, capsys):
    path = learner_file(at_home / "mine.safetensors")
    words = ["compare", "mine.safetensors", *WORDS, "--baselines", "sgd"]
    code = ["--learner", "my_rules.py:Line"]
    assert cli.main([*words, *code]) == 0
    learner_file(path, 0.4)
    assert cli.main([*words, *code]) == 2
    assert "holds a comparison with other settings" in capsys.readouterr().err
    learner_file(path)
    (at_home / "changed.py").write_text(RULE + "\n# a comment", encoding="utf-8")
    assert cli.main([*words, "--learner", "changed.py:Line"]) == 2
    assert "holds a comparison with other settings" in capsys.readouterr().err
    resumed = ["compare", "--resume", "runs/compare", "--learner"]
    assert cli.main([*resumed, "changed.py:Line"]) == 2
    assert "The code of mine is not that which runs/compare" in capsys.readouterr().err
    assert cli.main([*resumed, "my_rules.py:fast"]) == 2  # the same code, another field
    assert "The code of mine is not that which runs/compare" in capsys.readouterr().err
    first = experiment.read_plan(at_home / "runs/compare")
    assert cli.main([*words, "--learner", "changed.py:Line", "--directory", "new"]) == 0
    second = experiment.read_plan(at_home / "new")
    assert first.genomes == second.genomes
    assert first.sources != second.sources
    (at_home / "new" / "cells" / "0-0-mine.json").unlink()
    (at_home / "new" / "cells" / "0-0-sgd.json").unlink()
    assert reuse(second, at_home / "new", at_home / "runs/compare") == 1  # sgd's


@pytest.mark.usefixtures("unchecked")
def test_a_file_that_its_code_imports_is_part_of_it(at_home, capsys):
    """It lies beside that code, and may be imported from anywhere."""
    (at_home / "beside.py").write_text("RATE = 0.2\n", encoding="utf-8")
    (at_home / "with_import.py").write_text("import beside\n" + RULE, encoding="utf-8")
    learner_file(at_home / "mine.safetensors")
    code = ["--learner", "with_import.py:Line"]
    assert cli.main(["compare", "mine.safetensors", *WORDS, "--baselines", "sgd", *code]) == 0
    assert cli.main(["compare", "--resume", "runs/compare", *code]) == 0
    (at_home / "beside.py").write_text("RATE = 0.3\n", encoding="utf-8")
    assert cli.main(["compare", "--resume", "runs/compare", *code]) == 2
    assert "The code of mine is not that which runs/compare" in capsys.readouterr().err


@pytest.mark.usefixtures("unchecked")
def test_python_gives_what_the_command_draws(tmp_path):
    learners = {"line": LINE, "exact": blurax.backprop(blurax.Rule.backprop(), 0.3)}
    size = {**SIZE, "tasks": ("iris", blurax.task("wine"))}
    found = blurax.compare(learners, **size, baselines=("sgd",))
    assert len(found.rows) == 2 * 3 * 2
    first = found.rows[0]
    assert [*first.values()][:4] == ["iris", "3", "line", 2]
    assert (first["rate"], first["schedule"], first["network"]) == (None, None, None)
    assert 0 <= first["mean"] <= 1
    assert found.rows[4]["rate"] > 0
    assert found.rows[4]["network"] == "relu"
    steps, scores = found.curves["wine", "3", "line"]
    assert steps == (1, 2, 4)
    assert scores.shape == (2, 3)
    text = str(found)
    assert "iris (3): test accuracy (%)" in text
    assert "line against the best tuned baseline" in text
    assert found.draw(tmp_path / "it.png").stat().st_size > 10_000
    kept = blurax.compare(learners, **size, baselines=("sgd",), directory=tmp_path / "it")
    assert kept == found
    written = json.loads((tmp_path / "it" / "comparison.json").read_text("utf-8"))
    assert written == found.to_dict()
    cell = tmp_path / "it" / "cells" / "1-0-line.json"
    cell.unlink()
    assert blurax.compare(learners, **size, baselines=("sgd",), directory=tmp_path / "it") == found
    assert cell.exists()


def test_an_optimiser_of_ones_own_is_tuned_over_its_space():
    blurax.add_baseline("heavy", lambda rate, m: optax.sgd(rate, m), scale=0.1, space={"m": (0.5,)})
    chosen = blurax.compare(**SIZE, baselines=("heavy",)).result.panels[0].records[0].choices
    assert {choice.arrangement.settings for choice in chosen} == {(Setting("m", 0.5),)}
    assert str(chosen[0].arrangement) == "relu + m=0.5"
    network, task = blurax.Network((4, 3, 3)), blurax.task("iris")
    both = (
        baseline(name).make(Arrangement(settings=settings), network, task)
        for name, settings in (("heavy", (Setting("m", 0.9),)), ("momentum", ()))
    )
    mine, theirs = (
        blurax.learning_curve(each, task, KEYS, (3,), blurax.Split.TEST, rate=0.1, batch=8)[1]
        for each in both
    )
    np.testing.assert_array_equal(mine.loss, theirs.loss)


def test_a_learner_of_ones_own_is_tuned():
    blurax.add_baseline(
        "line",
        lambda network, twice: Line(network, 0.0, twice),
        scale=0.1,
        space={"twice": (False, True)},
    )
    record = blurax.compare(**SIZE, baselines=("line",)).result.panels[0].records[0]
    assert all(choice.arrangement.own for choice in record.choices)
    assert str(record.choices[0].arrangement) in ("twice=True", "twice=False")
    blurax.add_baseline("line", lambda network: Line(network, 0.0), scale=0.1)  # written anew
    record = blurax.compare(**SIZE, baselines=("line",)).result.panels[0].records[0]
    assert str(record.choices[0].arrangement) == "as written"


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("name", "factory", "values", "message"),
    [
        ("adam", optax.adam, {}, "There is a baseline 'adam' already"),
        ("My Own", optax.adam, {}, "called 'My Own'; a name takes small letters"),
        ("own", optax.adam, {"scale": 0.0}, "scale is 0.0; it takes a learning rate above 0"),
        ("own", 3, {}, "The factory of own is 3; it takes a function"),
        ("own", lambda rate: rate, {}, "makes a .*; it takes an optimiser of optax"),
        ("own", optax.adam, {"space": {"beta": (1.0,)}}, "does not take a learning rate, beta"),
        ("own", optax.adam, {"space": {"b1": ()}}, "takes one or more choices for each setting"),
    ],
)
def test_a_baseline_that_is_none_is_told(name, factory, values, message):
    with pytest.raises(BluraxError, match=message):
        blurax.add_baseline(name, factory, **{"scale": 0.1, **values})
    assert set(BASELINES) == set(BUILT_IN)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("learners", "values", "message"),
    [
        ({"a": 3}, {}, "a is of type int; it takes a blurax.Genome, a blurax.Learner"),
        ({"../a": LINE}, {}, "A learner is called '../a'; it takes a name that a file can have"),
        ({"a": "nobody"}, {}, "There is no genome or learner 'nobody' in the zoo"),
        ({"sgd": LINE}, {}, r"Plan.learners has sgd twice"),
        ({}, {"baselines": ("heavy",)}, "There is no baseline 'heavy'"),
        ({"a": eqx.tree_at(lambda l: l.rate, LINE, jnp.ones((7, 5)))}, {}, "cannot learn with"),
    ],
)
def test_what_cannot_be_compared_is_told(learners, values, message):
    with pytest.raises(BluraxError, match=message):
        blurax.compare(learners, **{**SIZE, "baselines": ("sgd",), **values})


@pytest.mark.usefixtures("unchecked")
def test_code_without_a_source_is_compared_in_memory_only(tmp_path):
    names = {"__name__": "typed"}
    exec(RULE.partition("def fast")[0], names)
    line = names["Line"](blurax.Network((4, 3)), 0.3)
    found = blurax.compare({"line": line}, **SIZE, baselines=())
    theirs = blurax.compare({"line": LINE}, **SIZE, baselines=())
    assert found.result.panels == theirs.result.panels
    with pytest.raises(BluraxError, match="The source of line cannot be found"):
        blurax.compare({"line": line}, **SIZE, baselines=(), directory=tmp_path / "new")
    assert not (tmp_path / "new").exists()
