"""A target of one's own, labels of which several may be right, through all that learns."""

import dataclasses
import shutil

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import blurax
from blurax.baselines import BASELINES, Arrangement, Tuning, tune
from blurax.curves import Schedule, learning_curve
from blurax.errors import BluraxError
from blurax.outer import run
from blurax.outer.config import MetaTrain
from blurax.outer.methods import Cma, Gradient
from blurax.outer.objective import Objective, When
from blurax.outer.optimiser import Optimiser
from blurax.outer.start import Start
from blurax.spec import Activation, Rule, Signal
from blurax.targets import mean
from blurax.tasks import EpisodeSpec, Split, Target

pytestmark = [
    pytest.mark.long,
    pytest.mark.usefixtures("own_tasks_forgotten", "own_baselines_forgotten"),
]

NETWORK = blurax.Network((12, 4, 3))
KEYS = jax.random.split(jax.random.key(0), 2)
TUNING = Tuning((Activation.RELU,), (False,), (Schedule.CONSTANT,), seeds=2, long_seeds=2)
SIZES = {"budgets": (4,), "batch": 8, "tuning": TUNING}


class Labels(Target):
    """Any number of labels for an example, each +1 or -1."""

    score_name = "labels right"

    def losses(self, outputs, y):
        return jax.nn.softplus(-outputs * y)

    def score(self, outputs, y, mask=None):
        return mean((outputs * y > 0).astype(float), mask)


class Digits(Target):
    """The right class as a whole number, as optax has it."""

    score_name = "accuracy"

    @property
    def y_shape(self):
        return ()

    def losses(self, outputs, y):
        return -jnp.take_along_axis(jax.nn.log_softmax(outputs), y[:, None].astype(int), 1)[:, 0]

    def score(self, outputs, y, mask=None):
        return mean((jnp.argmax(outputs, 1) == y).astype(float), mask)


class Columns(blurax.Learner):
    """A logistic model of the columns of images, whose shape it uses."""

    network: blurax.Network = eqx.field(static=True)
    rate: jnp.ndarray = eqx.field(converter=jnp.asarray, default=0.5)
    target: Target | None = eqx.field(static=True, default=None)

    def inputs(self, x):
        return x

    def for_target(self, target):
        return Columns(self.network, self.rate, target)

    def init(self, key, batch):
        return jnp.zeros((3, self.network.sizes[-1]))

    def step(self, state, batch, *, rate, key, index):
        slope = jax.grad(lambda w: self.target.loss(self.predict(w, batch.x), batch.y))(state)
        return state - (self.rate + rate) * slope, None

    def predict(self, state, x):
        assert x.shape[1:] == (4, 3, 1)
        return x.mean(axis=(1, 3)) @ state


def pictures(n):
    x = np.random.default_rng(0).normal(size=(n, 4, 3, 1))
    columns = x.mean(axis=(1, 3))
    return x, np.where(columns @ [[1, 0, 1], [0, 1, 1], [1, -1, 0]] > 0, 1.0, -1.0)


@pytest.fixture
def task():
    found = blurax.from_arrays(*pictures(200), "labels", kind=Labels)
    blurax.add_task(found)
    return found


def test_arrays_and_functions_of_it_are_tasks(task):
    assert task.target == Labels(3)
    assert task.input_shape == (4, 3, 1)
    assert task.sample(KEYS[0], EpisodeSpec(2, 5, 4), Split.TRAIN).x.shape == (2, 5, 4, 3, 1)
    rows, labels = pictures(200)
    flat = blurax.from_arrays(rows.reshape(200, -1), labels, "flat", kind=Labels)
    np.testing.assert_array_equal(flat.x, task.x)
    assert blurax.tasks.score_name(("labels",)) == "labels right"
    with pytest.raises(BluraxError, match=r"\(200, 12, 1\); it takes \[examples, features\], or "):
        blurax.from_arrays(rows.reshape(200, 12, 1), labels, kind=Labels)


@pytest.mark.parametrize("signal", [Signal.CROSS_ENTROPY, Signal.LABEL])
def test_a_genome_learns_it(task, signal):
    genome = blurax.backprop(Rule.backprop(signal=signal), 0.5)
    curve = blurax.learn(genome, NETWORK, task, steps=20, batch=32).curve
    assert np.isfinite(curve.loss).all()
    if signal is Signal.CROSS_ENTROPY:
        assert curve.accuracy[-1] > 0.7 > curve.accuracy[0]


def test_learners_and_baselines_learn_it(task):
    sgd = BASELINES["sgd"].make(Arrangement(), NETWORK, task)
    for learner, rate, good in ((sgd, 1.0, True), (sgd, 0.0, False), (Columns(NETWORK), 0.0, True)):
        _, curve = learning_curve(learner, task, KEYS, (30,), Split.TEST, rate=rate, batch=32)
        assert (curve.accuracy.min() > 0.7) == good


CONFIG = MetaTrain(
    tasks=("labels",),
    hidden=("4",),
    episode=EpisodeSpec(3, 8, 8, held_out=40),
    objective=Objective(when=When.MEAN),
    optimiser=Optimiser(learning_rate=0.1),
    population=4,
    meta_steps=4,
    validate_every=2,
    validation_episodes=1,
)


class StopError(Exception):
    """Ctrl-C, say."""


@pytest.mark.parametrize("method", [Gradient(), Cma()], ids=lambda method: method.name)
@pytest.mark.parametrize("learner", [None, Columns(NETWORK, 0.01)], ids=["genome", "own rule"])
def test_it_is_meta_trained_and_resumed(task, method, learner, tmp_path):
    config = dataclasses.replace(CONFIG, method=method)
    if learner is None:
        config = dataclasses.replace(config, rule=Rule.backprop(), start=Start.BACKPROP)
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    run.start(config, whole, learner)
    shutil.copytree(whole, torn)

    def stop(progress):
        if progress.step == 3:
            raise StopError

    with pytest.raises(StopError):
        run.advance(torn, stop, learner=learner)
    ends = [run.advance(each, learner=learner) for each in (whole, torn)]
    assert 0 < ends[0].score <= 1
    for name in ("best.safetensors", "metrics.jsonl"):
        assert (whole / name).read_bytes() == (torn / name).read_bytes()
    if learner is not None:
        assert ends[0].learner.rate > learner.rate  # which is far too small


def test_it_is_tuned_and_compared(task, tmp_path):
    (choice,) = tune("sgd", NETWORK, task, KEYS[0], (4,), batch=8, tuning=TUNING)
    assert choice.validation > 0.5
    blurax.add_baseline("columns", lambda network: Columns(network, 0.0), scale=0.5)
    genome = blurax.backprop(Rule.backprop(), 0.5)
    learners = {"genome": genome, "columns as it is": Columns(NETWORK)}
    baselines = ("sgd", "fa", "columns")
    found = blurax.compare(
        learners, tasks=(task,), hidden=("4",), baselines=baselines, seeds=2, **SIZES
    )
    assert {row["learner"] for row in found.rows} == {*learners, *baselines}
    assert all(0 < row["mean"] <= 1 for row in found.rows)
    assert "test labels right" in str(found)
    found.draw(tmp_path / "labels.png")


def test_targets_of_another_shape_than_the_outputs_are_compared():
    def drawn(key, n):
        x = jax.random.normal(key, (n, 3))
        return x, jnp.argmax(x, axis=1)

    digits = blurax.from_function(drawn, 3, 3, "digits-of-ones-own", kind=Digits)
    blurax.add_task(digits)
    blurax.add_baseline("plain", optax.sgd, scale=0.5)
    rule = Rule.backprop()
    found = blurax.compare(
        {"genome": blurax.backprop(rule, 0.5)},
        tasks=(digits,),
        hidden=("4",),
        baselines=("plain",),
        seeds=2,
        **SIZES,
    )
    assert all(row["mean"] > 0.3 for row in found.rows)
