"""Tasks: what is drawn, what is held apart, what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from blurax import tasks
from blurax.errors import BluraxError
from blurax.tasks import EpisodeSpec, Split, from_arrays, get

N = 50


@pytest.fixture
def numbered():
    """A task whose every example can be told apart: feature 0 rises with its number."""
    x = np.stack([np.arange(N), np.arange(N) % 3], axis=1).astype(float)
    return from_arrays(x, np.arange(N) % 2, "numbered")


def identities(x) -> set[float]:
    return {round(float(v), 6) for v in np.asarray(x)[..., 0].ravel()}


@pytest.mark.parametrize("name", sorted(tasks.TASKS))
@pytest.mark.parametrize("split", Split)
def test_every_task_draws_what_it_says(name, split):
    task, spec = get(name), EpisodeSpec(steps=3, batch=16, query=20)
    episode = jax.jit(lambda key: task.sample(key, spec, split))(jax.random.key(0))
    assert task.name == name
    assert episode.x.shape == (3, 16, task.features)
    assert episode.y.shape == (3, 16, task.classes)
    assert episode.query_x.shape[1:] == (task.features,)
    for y in (episode.y, episode.query_y):
        assert set(np.unique(y)) == {-1.0, 1.0}
        np.testing.assert_array_equal((np.asarray(y) > 0).sum(-1), 1)
    assert np.isfinite(episode.x).all()


def test_scikit_learn_data_is_whole():
    digits, wine, cancer, iris = (get(n) for n in ("digits", "wine", "breast-cancer", "iris"))
    assert (digits.x.shape, digits.classes) == ((1797, 64), 10)
    assert (wine.x.shape, wine.classes) == ((178, 13), 3)
    assert (cancer.x.shape, cancer.classes) == ((569, 30), 2)
    assert (iris.x.shape, iris.classes) == ((150, 4), 3)
    assert np.bincount(digits.labels).tolist() == [
        178, 182, 177, 183, 181, 182, 181, 179, 174, 180,
    ]  # fmt: skip


@pytest.mark.parametrize("split", Split)
def test_support_and_query_share_no_example(numbered, split):
    for seed in range(20):
        episode = numbered.sample(jax.random.key(seed), EpisodeSpec(4, 9, 7), split)
        assert not identities(episode.x) & identities(episode.query_x)


def test_queries_of_different_splits_share_no_example(numbered):
    spec = EpisodeSpec(4, 9, 7)
    drawn = {
        split: [numbered.sample(jax.random.key(seed), spec, split) for seed in range(30)]
        for split in Split
    }
    query = {s: set().union(*(identities(e.query_x) for e in drawn[s])) for s in Split}
    seen = {s: set().union(*(identities(e.x) for e in drawn[s])) for s in Split}
    assert len(query[Split.VALIDATE]) == len(query[Split.TEST]) == N // 5
    assert not query[Split.VALIDATE] & (query[Split.TRAIN] | seen[Split.TRAIN])
    assert not query[Split.TEST] & (query[Split.TRAIN] | query[Split.VALIDATE])
    assert not query[Split.TEST] & (seen[Split.TRAIN] | seen[Split.VALIDATE] | seen[Split.TEST])


def test_support_sees_each_example_once_before_any_again(numbered):
    episode = numbered.sample(jax.random.key(1), EpisodeSpec(5, 6, 7), Split.VALIDATE)
    assert len(identities(episode.x)) == 30  # the training examples are exactly 30
    again = numbered.sample(jax.random.key(1), EpisodeSpec(10, 6, 7), Split.VALIDATE)
    _, counts = np.unique(np.asarray(again.x)[..., 0], return_counts=True)
    assert counts.tolist() == [2] * 30


def test_fixed_batch_repeats_one_batch(numbered):
    episode = numbered.sample(jax.random.key(1), EpisodeSpec(5, 6, 7, True), Split.TRAIN)
    assert jnp.all(episode.x == episode.x[:1])
    assert len(identities(episode.x)) == 6


def test_same_key_same_episode(numbered):
    spec = EpisodeSpec(3, 4, 5)
    one, two, other = (numbered.sample(jax.random.key(k), spec, Split.TRAIN) for k in (3, 3, 4))
    np.testing.assert_array_equal(one.x, two.x)
    assert not np.array_equal(one.x, other.x)


def test_features_are_standardised_on_training_examples_only():
    x = np.concatenate([np.random.default_rng(0).normal(7, 3, (40, 1)), np.ones((40, 1))], axis=1)
    task = from_arrays(x, np.arange(40) % 2)
    training = np.asarray(task.x[:24])
    np.testing.assert_allclose(training.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(training.std(0), [1, 0], atol=1e-6)  # a constant feature becomes 0
    assert abs(np.asarray(task.x).mean()) > 1e-6


GOOD_X, GOOD_LABELS = np.arange(40.0).reshape(20, 2), np.arange(20) % 2
HOLED = GOOD_X.copy()
HOLED[3, 1] = np.nan


@pytest.mark.parametrize(
    ("x", "labels", "message"),
    [
        (GOOD_X[0], GOOD_LABELS, r"x has shape \(2,\); it takes \[examples, features\]"),
        (np.zeros((0, 2)), np.zeros(0, int), "holds no data"),
        (GOOD_X, GOOD_LABELS[:-1], r"labels have shape \(19,\); x has 20 examples"),
        (GOOD_X.astype(str), GOOD_LABELS, "takes real numbers"),
        (HOLED, GOOD_LABELS, "holds 1 values that are NaN or infinite"),
        (GOOD_X, GOOD_LABELS.astype(float), "labels have dtype float64"),
        (GOOD_X, GOOD_LABELS - 1, "labels start at -1"),
        (GOOD_X, GOOD_LABELS * 0, "a single class"),
        (GOOD_X, GOOD_LABELS * 99, "labels go up to 99 with 20 examples"),
        (GOOD_X[:6], GOOD_LABELS[:6], "a split takes at least 10"),
        (GOOD_X, GOOD_LABELS + 1, "no example has label 0"),
        (GOOD_X, GOOD_LABELS * 2, "no example has label 1"),
    ],
)
def test_bad_arrays_are_refused_in_one_sentence(x, labels, message):
    with pytest.raises(BluraxError, match=message) as caught:
        from_arrays(x, labels, "mine")
    assert str(caught.value).startswith("Task mine:")
    assert "\n" not in str(caught.value)


def test_unknown_task_names_the_nearest():
    with pytest.raises(BluraxError, match="did you mean digits"):
        get("digit")
    with pytest.raises(BluraxError, match="breast-cancer, digits, iris, wine"):
        get("xyz")


def test_query_that_leaves_nothing_to_learn_from_is_refused(numbered):
    with pytest.raises(BluraxError, match="30 training examples; a query batch of 30"):
        numbered.sample(jax.random.key(0), EpisodeSpec(1, 4, 30), Split.TRAIN)


@pytest.mark.parametrize("field", ["steps", "batch", "query"])
def test_episode_sizes_start_at_one(field):
    with pytest.raises(BluraxError, match=f"EpisodeSpec.{field} is 0"):
        EpisodeSpec(**{field: 0})
