"""What users bring: tasks from a function and under a name, rules by subclassing `Learner`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float

import blurax
from blurax.errors import BluraxError
from blurax.network import Network
from blurax.tasks import EpisodeSpec, Split

SPEC = EpisodeSpec(steps=3, batch=16, query=20, held_out=30)


def ring(key, n):
    x = jax.random.uniform(key, (n, 2), minval=-1, maxval=1)
    return x, (jnp.sum(x**2, axis=1) < 0.5).astype(int)


def line(key, n):
    x = jax.random.normal(key, (n, 3))
    return x, x @ jnp.array([[1.0], [2.0], [0.0]])


def test_a_function_draws_labelled_examples_that_never_repeat():
    task = blurax.from_function(ring, 2, 2, "ring")
    episodes = {split: task.sample(jax.random.key(0), SPEC, split) for split in Split}
    shown = episodes[Split.TEST]
    assert shown.x.shape == (3, 16, 2)
    assert shown.query_x.shape == (30, 2)
    inside = np.sum(np.asarray(shown.x) ** 2, axis=-1) < 0.5
    np.testing.assert_array_equal(np.asarray(shown.y[..., 1]) > 0, inside)
    points = [e.query_x for e in episodes.values()] + [shown.x.reshape(-1, 2)]
    rows = np.concatenate([np.asarray(p) for p in points])
    assert len(np.unique(rows, axis=0)) == len(rows) == 20 + 30 + 30 + 48


def test_an_episode_goes_on_where_it_was():
    task = blurax.from_function(ring, 2, 2)
    whole = task.sample(jax.random.key(1), SPEC, Split.TEST)
    later = task.sample(jax.random.key(1), EpisodeSpec(2, 16), Split.TEST, first=1)
    np.testing.assert_array_equal(whole.x[1:], later.x)


def test_numbers_can_be_asked_for():
    task = blurax.from_function(line, 3, 1, kind="regression")
    drawn = task.sample(jax.random.key(0), SPEC, Split.TRAIN)
    np.testing.assert_allclose(drawn.query_y[:, 0], drawn.query_x[:, 0] + 2 * drawn.query_x[:, 1])


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("draw", "options", "message"),
    [
        (ring, {"features": 3}, r"gives examples of shape \(7, 2\); it takes \(7, 3\)"),
        (ring, {"outputs": 0}, "outputs is 0; it takes a whole number >= 1"),
        (ring, {"kind": "class"}, "kind is 'class'; it takes 'classes', 'regression' or a Target"),
        (lambda key, n: ring(key, n)[0], {}, "does not give examples and labels"),
        (lambda key: ring(key, 3), {}, "does not give examples and labels: .*takes 1 positional"),
        (line, {"features": 3}, r"gives labels of shape \(7, 1\); it takes \(7,\)"),
        (lambda key, n: (ring(key, n)[0], jnp.zeros(n)), {}, "classes are whole numbers 0, 1, 2"),
    ],
)
def test_a_function_that_draws_wrongly_is_told(draw, options, message):
    wanted = {"features": 2, "outputs": 2, **options}
    with pytest.raises(BluraxError, match=message) as told:
        blurax.from_function(draw, name="mine", **wanted)
    assert "\n" not in str(told.value)


@pytest.mark.usefixtures("own_tasks_forgotten")
def test_a_task_of_ones_own_goes_by_its_name():
    blurax.add_task(blurax.from_function(ring, 2, 2, "ring"))
    many = EpisodeSpec(steps=1, batch=2000)
    plain, noisy = (
        blurax.task(name).sample(jax.random.key(0), many, Split.TEST)
        for name in ("ring", "ring:noise=0.5")
    )
    np.testing.assert_allclose(np.var(plain.x), 1 / 3, rtol=0.05)
    np.testing.assert_allclose(np.var(noisy.x), 1 / 3 + 0.5**2, rtol=0.05)
    problem = blurax.MetaTrain(tasks=("ring@2", "xor+ring"), hidden=("3",), episode=SPEC).problem()
    assert [task.name for task in problem.tasks] == ["ring", "xor+ring"]
    assert [networks[0].sizes for networks in problem.networks] == [(2, 3, 2)] * 2
    blurax.add_task(blurax.from_function(line, 3, 1, "ring", kind="regression"))  # as in a notebook
    assert blurax.task("ring").features == 3


@pytest.mark.usefixtures("unchecked", "own_tasks_forgotten")
@pytest.mark.parametrize(
    ("task", "message"),
    [
        ("xor", "task is of type str; it takes a Task"),
        (blurax.from_function(ring, 2, 2, "xor"), "There is a task 'xor' already"),
        (blurax.from_function(ring, 2, 2, "my ring"), "a name takes small letters"),
        (blurax.from_function(ring, 2, 2, "a+b"), "a name takes small letters"),
    ],
)
def test_a_task_that_cannot_have_its_name_is_told(task, message):
    with pytest.raises(BluraxError, match=message):
        blurax.add_task(task)


class Line(blurax.Learner):
    """One layer by the delta rule, with its rate to learn."""

    network: Network
    rate: Float[Array, ""]

    def init(self, key, batch):
        return jnp.zeros(self.network.sizes)

    def step(self, state, batch, *, rate, key, index):
        x, y = batch
        return state + self.rate * x.T @ (y - x @ state) / len(x), None

    def predict(self, state, x):
        return x @ state


def test_a_rule_of_ones_own_learns_its_numbers():
    task = blurax.from_function(line, 3, 1, kind="regression")
    slow = Line(Network((3, 1)), jnp.array(0.01))
    better, losses = blurax.improve(slow, task, meta_steps=60, rate=0.05, spec=SPEC)
    assert losses.shape == (60,)
    assert losses[-1] < 0.2 < 2 < losses[0]  # the targets' mean square is 5
    keys = jax.random.split(jax.random.key(0), 2)
    curves = [blurax.learning_curve(r, task, keys, (3,), Split.TEST)[1] for r in (slow, better)]
    scores = [curve.accuracy for curve in curves]
    assert scores[0].max() < 0.2 < 0.9 < scores[1].min()


def test_the_first_loss_is_that_of_the_episode_and_steps_follow_its_gradient():
    task = blurax.from_function(line, 3, 1, kind="regression")
    key = jax.random.key(5)
    for number in (0, 0, 0):  # the meta-step, the member, the setting
        key = jax.random.fold_in(key, number)
    first, drawn = jax.random.split(key)
    episode = task.sample(drawn, SPEC, Split.TRAIN)

    def loss(rate):
        rule = Line(Network((3, 1)), rate)
        state = rule.init(first, 16)
        for x, y in zip(episode.x, episode.y, strict=True):
            state, _ = rule.step(state, (x, y), rate=None, key=None, index=None)
        return task.target.loss(rule.predict(state, episode.query_x), episode.query_y)

    rule = Line(Network((3, 1)), jnp.array(2.5))  # too fast: the gradient points down
    moved, losses = blurax.improve(rule, task, meta_steps=1, rate=0.01, spec=SPEC, key=5)
    np.testing.assert_allclose(losses[0], loss(2.5), rtol=1e-12)
    assert jax.grad(loss)(2.5) > 0
    np.testing.assert_allclose(moved.rate, 2.49, atol=1e-6)  # Adam's first step is its rate


def test_a_genome_improves_as_any_rule_does():
    learner = blurax.Blur(blurax.backprop(blurax.Rule.backprop(), 0.05), Network((4, 6, 3)))
    spec = EpisodeSpec(steps=5, batch=20, query=30)
    better, losses = blurax.improve(learner, blurax.task("iris"), meta_steps=25, spec=spec)
    assert losses[-5:].mean() < losses[:5].mean() - 0.1
    assert better.genome.rule == learner.genome.rule


def test_a_step_that_is_no_number_changes_nothing():
    wild = Line(Network((3, 1)), jnp.array(1e200))
    task = blurax.from_function(line, 3, 1, kind="regression")
    same, losses = blurax.improve(wild, task, meta_steps=2, spec=SPEC)
    assert not np.isfinite(losses).any()
    assert same.rate == wild.rate


@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_improved_is_told():
    task = blurax.from_function(line, 3, 1, kind="regression")
    with pytest.raises(BluraxError, match="holds no arrays of real numbers"):
        blurax.improve(Line(Network((3, 1)), 0.1), task)
    with pytest.raises(BluraxError, match="has 2 inputs and 1 outputs"):
        blurax.improve(Line(Network((2, 1)), jnp.array(0.1)), task)
    with pytest.raises(BluraxError, match="meta_steps is 0"):
        blurax.improve(Line(Network((3, 1)), jnp.array(0.1)), task, meta_steps=0)
