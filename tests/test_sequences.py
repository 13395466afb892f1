"""Tasks over time: what is shown when, what a solution scores, and who may learn them."""

import functools
import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import blurax
from blurax.batch import Batch
from blurax.curves import learning_curve
from blurax.errors import BluraxError
from blurax.fit import network_for
from blurax.targets import Classes, Regression, late_rows, squared_error
from blurax.tasks import Episode, EpisodeSpec, SequenceTask, Split, Task, check_task, get
from blurax.tasks.sequences import text

SPEC = EpisodeSpec(steps=3, batch=8, query=100, held_out=1000)


@functools.cache
def drawn(name, split=Split.TEST, spec=SPEC):
    return jax.jit(lambda key: get(name).sample(key, spec, split))(jax.random.key(0))


def score(name, outputs, episode):
    return float(get(name).target.finite_score(outputs, episode.query_y, episode.query_mask))


def bits(x):
    """What the first time step shows, as outputs at every time step."""
    first = jnp.broadcast_to(x[:1, :, :1], (*x.shape[:2], 1))
    return jnp.concatenate([-first, first], axis=-1)


@pytest.mark.parametrize("name", ["delayed-bit", "delayed-bit:delay=1,size=3"])
def test_a_delayed_bit_is_remembered_and_not_seen(name):
    episode = drawn(name)
    x, task = episode.query_x, get(name)
    assert task.time == (11 if name == "delayed-bit" else 2)
    assert set(np.unique(x[0])) == {-1.0, 1.0}
    np.testing.assert_array_equal(x[0], x[0, :, :1] * np.ones(task.features))
    assert np.std(x[1:]) == pytest.approx(0.2, rel=0.1)
    assert score(name, bits(x), episode) == 1.0
    now = jnp.concatenate([-x[..., :1], x[..., :1]], axis=-1)  # of the last time step alone
    assert score(name, now, episode) == pytest.approx(task.target.chance, abs=0.06)


@pytest.mark.parametrize("time", [3, 10])
def test_two_marked_numbers_are_added(time):
    name = f"adding:time={time}"
    episode = drawn(name)
    numbers, marks = np.moveaxis(np.asarray(episode.query_x), -1, 0)
    assert set(np.unique(marks)) == {0.0, 1.0}
    np.testing.assert_array_equal(marks.sum(0), 2)
    assert (marks[-1] == 0).all()
    # Every place before the last is marked as often as any other.
    np.testing.assert_allclose(marks[:-1].mean(1), 2 / (time - 1), atol=0.06)
    assert abs(numbers).max() <= 1
    total = jnp.cumsum(jnp.asarray(numbers * marks), axis=0)[..., None]
    assert score(name, total, episode) == pytest.approx(1.0, abs=1e-6)
    assert score(name, total * 0, episode) == pytest.approx(0.0, abs=0.01)
    last = np.corrcoef(numbers[-1], np.asarray(episode.query_y)[0, :, 0])[0, 1]
    assert abs(last) < 0.1


def test_rows_are_the_images_one_after_the_other():
    whole, rows = drawn("digits"), drawn("digits:by=rows")
    again = np.moveaxis(np.asarray(rows.x), 1, 2).reshape(whole.x.shape)
    np.testing.assert_array_equal(again, whole.x)
    np.testing.assert_array_equal(rows.y, whole.y[:, None])
    again = np.moveaxis(rows.query_x, 0, 1).reshape(whole.query_x.shape)
    np.testing.assert_array_equal(again, whole.query_x)
    np.testing.assert_array_equal(rows.query_y[0], whole.query_y)


def test_every_character_of_a_text_is_followed_by_its_next():
    task, episode = get("text"), drawn("text")
    characters = np.array(task.task.class_names)
    for x, y in ((episode.query_x, episode.query_y), (episode.x[0], episode.y[0])):
        np.testing.assert_array_equal(x.sum(-1), 1)
        np.testing.assert_array_equal(np.asarray(y)[:-1] > 0, np.asarray(x)[1:] == 1)
        whole = np.concatenate([x[:1].argmax(-1), y.argmax(-1)])
        assert all("".join(characters[one]) in text() for one in whole.T)


def test_the_parts_of_a_text_are_apart():
    task = get("text").task
    codes = np.asarray(task.x).reshape(len(task.x), 20, -1).argmax(-1)
    whole = np.concatenate([codes, np.asarray(task.labels)[:, -1:]], axis=1)
    characters = np.array(task.class_names)
    assert text().startswith("".join(characters[whole.ravel()]))  # each character stands once
    assert [*task.bounds, len(whole)] == [312, 416, 521]


def test_the_text_is_plain_and_can_be_learned_from():
    assert 8000 <= len(text()) <= 20_000
    assert set(text()) == set("abcdefghijklmnopqrstuvwxyz ,.:;?'")
    spec = EpisodeSpec(steps=3, batch=104, query=1, held_out=1000)
    episode = drawn("text", spec=spec)
    x, y = (np.asarray(part).reshape(-1, 33) for part in (episode.x, np.asarray(episode.y) > 0))
    often = score("text", jnp.ones_like(episode.query_x) * y.mean(0), episode)
    pairs = x.T @ y
    likely = score("text", episode.query_x @ pairs, episode)
    assert get("text").target.chance < 0.1 < often < 0.25 < likely < 0.5


def test_a_loss_over_time_is_the_mean_over_time_steps_with_a_target():
    key = jax.random.key(0)
    outputs, y = (jax.random.normal(k, (7, 5, 2)) for k in jax.random.split(key))
    y, mask = jnp.sign(y).at[..., 1].multiply(-1)[-3:], jnp.arange(15).reshape(3, 5) % 4 > 0
    for target in (Classes(2), Regression(2)):
        each = [target.loss(outputs[4 + t], y[t]) for t in range(3)]
        np.testing.assert_allclose(target.loss(outputs, y), np.mean(each), rtol=1e-6)
        kept = [target.loss(outputs[4 + t], y[t], mask[t]) * mask[t].sum() for t in range(3)]
        found = target.loss(outputs, y, mask)
        np.testing.assert_allclose(found, np.sum(kept) / mask.sum(), rtol=1e-6)
    early = outputs.at[:4].set(jnp.nan)  # of no account
    assert Classes(2).finite_score(early, y) == Classes(2).finite_score(outputs, y) > 0
    assert Classes(2).finite_score(early.at[5].set(jnp.nan), y) == 0
    np.testing.assert_allclose(squared_error(outputs, y), ((outputs[4:] - y) ** 2).mean())
    plain = outputs[0]
    assert late_rows(plain, y[0], None)[0] is plain


class Remembers(blurax.Learner):
    """Answers with what the first time step showed."""

    network: blurax.Network

    def init(self, key, batch):
        return ()

    def inputs(self, x):
        return x

    def step(self, state, batch, *, rate, key, index):
        assert batch.x.shape[0] == 11
        return state, None

    def predict(self, state, x):
        return bits(x)


def curve(learner, name="delayed-bit"):
    keys = jax.random.split(jax.random.key(0), 2)
    return learning_curve(learner, get(name), keys, (1, 2), Split.TEST, batch=8)[1]


def test_a_learner_that_takes_time_learns_over_it():
    found = curve(Remembers(blurax.Network((1, 2))))
    np.testing.assert_array_equal(found.accuracy, 1)


class Rows(Remembers):
    """The same, but given rows."""

    rate: jax.Array = eqx.field(converter=jnp.asarray, default=0.1)
    inputs = blurax.Learner.inputs


@pytest.mark.parametrize("name", ["delayed-bit", "delayed-bit:noise=1", "delayed-bit+delayed-bit"])
def test_who_learns_from_rows_is_refused_a_task_with_time(name, tmp_path):
    said = "has a time axis of 11 steps, but Rows learns from rows; it takes a learner that"
    with pytest.raises(BluraxError, match=said):
        curve(Rows(blurax.Network((1, 4, 2))), name)
    config = blurax.MetaTrain(tasks=(name,), hidden=("4",), meta_steps=1, population=1)
    with pytest.raises(BluraxError, match=said):
        blurax.meta_train(config, tmp_path / "run", learner=Rows(blurax.Network((1, 4, 2))))


def test_a_recurrent_network_remembers_a_bit_and_another_does_not():
    task, genome = get("delayed-bit:delay=5"), blurax.backprop(blurax.Rule.backprop(), 0.5)
    with_memory, without = (
        blurax.learn(genome, network_for(task, name), task, steps=50, batch=32).curve.accuracy[-1]
        for name in ("r16", "16")
    )
    assert with_memory > 0.95
    assert without < 0.6


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("delayed-bit:delay=0", "option delay is 0; it takes a whole number >= 1"),
        ("delayed-bit:size=0", "option size is 0; it takes a whole number >= 1"),
        ("adding:time=2", "option time is 2; it takes a whole number >= 3"),
        ("text:time=0", "option time is 0; it takes a whole number >= 1"),
        ("text:time=2000", "cut into 10 sequences or more, so it takes up to 1093"),
        ("digits:by=columns", "option by is 'columns'; it takes whole, rows"),
        ("wine:by=rows", "Task wine has no option by"),
        ("delayed-bit+delayed-bit:delay=3", "has 11 time steps, delayed-bit:delay=3 has 4"),
    ],
)
def test_mistakes_are_told_in_a_sentence(name, message):
    with pytest.raises(BluraxError, match=message):
        get(name)


def test_the_longest_text_has_ten_sequences():
    assert len(get("text:time=1093").task.x) == 10


class Own(Task):
    """A task of a user's own with a time axis, and one mistake."""

    wrong: str = eqx.field(static=True)
    name: str = "own"
    input_shape: tuple[int, ...] = (2,)
    target: Classes = Classes(2)
    time: int = 4

    def sample(self, key, spec, split, first=0):
        time, late = (5 if self.wrong == "time" else 4), (5 if self.wrong == "late" else 3)
        support, query = (spec.batch,), (7,)
        many = (spec.steps, late, 6 if self.wrong == "examples" else spec.batch, 2)
        return Episode(
            *(jnp.zeros((spec.steps, time, *support, 2)), jnp.zeros(many)),
            *(jnp.zeros((4, *query, 2)), jnp.zeros((3, *query, 2))),
            others={"early": Batch(jnp.zeros((4, 9, 2)), jnp.zeros((1, 9, 2)))},
        )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("time", r"x has shape \(3, 5, 8, 2\), not \(3, 4, 8, 2\)"),
        ("late", "y has targets of 5 time steps; it takes those of the last 1 to 4"),
        ("examples", r"y has shape \(3, 3, 6, 2\), not \(3, 3, 8, 2\)"),
    ],
)
def test_a_task_of_ones_own_may_have_time(wrong, message):
    check_task(Own(wrong=""), SPEC, Split.TRAIN)
    with pytest.raises(BluraxError, match=message):
        check_task(Own(wrong=wrong), SPEC, Split.TRAIN)


def test_a_sequence_takes_an_axis_for_time():
    with pytest.raises(
        BluraxError, match=r"Task iris has inputs of shape \(4,\); a sequence takes"
    ):
        SequenceTask(get("iris"))
    with pytest.raises(BluraxError, match="a sequence takes"):
        SequenceTask(get("adding"))


class Masked(Task):
    """Sequences `[time, 2]`, some left out, with a further query."""

    every: bool = eqx.field(static=True)
    name: str = "masked"
    input_shape: tuple[int, ...] = (4, 2)
    target: Classes = Classes(3)

    def sample(self, key, spec, split, first=0):
        def batch(*lead):
            time = (4,) if self.every else ()
            x = jnp.arange(np.prod(lead) * 8.0).reshape(*lead, 4, 2)
            return x, jnp.ones((*lead, *time, 3)), (jnp.arange(lead[-1]) > 0) & jnp.ones(lead, bool)

        x, y, mask = batch(spec.steps, spec.batch)
        query_x, query_y, query_mask = batch(6)
        return Episode(x, y, query_x, query_y, mask, query_mask, others={"again": Batch(*batch(5))})


@pytest.mark.parametrize("every", [True, False])
def test_masks_and_further_queries_go_along(every):
    plain = Masked(every=every)
    task = SequenceTask(plain)
    check_task(task, SPEC, Split.TRAIN)
    key = jax.random.key(0)
    whole, found = (one.sample(key, SPEC, Split.TRAIN) for one in (plain, task))
    late = 4 if every else 1
    assert found.mask.shape == (3, late, 8)
    for t, q in itertools.product(range(late), found.queries):
        np.testing.assert_array_equal(found.queries[q].mask[t], whole.queries[q].mask)
        np.testing.assert_array_equal(found.queries[q].x[t], whole.queries[q].x[:, t])
    np.testing.assert_array_equal(found.mask[:, -1], whole.mask)
