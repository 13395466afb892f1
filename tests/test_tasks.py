"""Tasks: what is drawn, what is held apart, what is refused."""

import dataclasses
import functools
from decimal import Decimal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from blurax.errors import BluraxError
from blurax.tasks import (
    TASKS,
    Augmented,
    EpisodeSpec,
    Mixture,
    Regression,
    Split,
    Task,
    check_task,
    from_arrays,
    get,
)
from blurax.tasks.entries import Family

N = 50


@pytest.fixture
def numbered():
    """A task whose every example can be told apart: feature 0 rises with its number."""
    x = np.stack([np.arange(N), np.arange(N) % 3], axis=1).astype(float)
    return from_arrays(x, np.arange(N) % 2, "numbered")


@functools.cache
def drawer(spec, split):
    return eqx.filter_jit(lambda task, key: task.sample(key, spec, split))


def identities(x) -> set[float]:
    return {round(float(v), 6) for v in np.asarray(x)[..., 0].ravel()}


TABLE = [
    *(
        name
        for name, entry in TASKS.items()
        if entry.family in (Family.TOY, Family.MADE, Family.REGRESSION)
    ),
    *("digits", "wine", "breast-cancer", "iris"),
    *("delayed-bit", "adding:time=4", "text", "digits:by=rows"),
    "digits:by=rows,noise=0.1,scale=2,pattern=0.5,permute-labels",
    *("picture:china,size=16,encoding=2", "waves:points=64,frequencies=3"),
    "delayed-bit:delay=4,size=2@2+delayed-bit:delay=4,project=2",
    "blobs:classes=3",
    "xor:outputs=1",
    "two-moon:project=5,noise=0.1,scale=2,pattern=0.5",
    "iris:permute-labels,permute-inputs,outputs=6",
    "xor@2+and+two-moon:permute-labels",
    "wine:outputs=10,project=8+digits:project=8",
]
"""Every task that needs no files, and each thing that can be done to one."""

SPEC = EpisodeSpec(steps=3, batch=8, query=12, held_out=15)


@pytest.fixture(scope="module", params=TABLE)
def drawn(request):
    """A task, and how to draw an episode of each split from it: compiled once."""
    task = get(request.param)
    assert isinstance(task, Task)

    @jax.jit
    def sample(seed, first):
        key = jax.random.key(seed)
        return {split: task.sample(key, SPEC, split, first) for split in Split}

    @functools.cache
    def one(seed, first):
        return sample(seed, jnp.asarray(first))

    return task, lambda seed, split, first=0: one(seed, first)[split]


def rows(task, x) -> set[bytes]:
    """All examples, with all their time steps."""
    x = np.asarray(x) if task.time is None else np.swapaxes(x, -3, -2)
    return {row.tobytes() for row in x.reshape(-1, (task.time or 1) * task.features)}


@pytest.mark.parametrize("split", Split)
def test_every_task_draws_what_it_says(drawn, split):
    task, sample = drawn
    check_task(task, SPEC, split)
    episode = sample(0, split)
    queries = 12 if split is Split.TRAIN else 15
    time = () if task.time is None else (task.time,)
    late = () if task.time is None else (task.time if task.name == "text" else 1,)
    assert episode.x.shape == (3, *time, 8, *task.input_shape)
    assert episode.y.shape == (3, *late, 8, task.outputs)
    assert episode.query_x.shape == (*time, queries, *task.input_shape)
    assert episode.query_y.shape == (*late, queries, task.outputs)
    for x, y in ((episode.x, episode.y), (episode.query_x, episode.query_y)):
        assert np.isfinite(x).all()
        assert np.isfinite(y).all()
        if task.target.classes:
            assert set(np.unique(y)) <= {-1.0, 1.0}
            if task.outputs > 1:
                np.testing.assert_array_equal((np.asarray(y) > 0).sum(-1), 1)


@pytest.mark.parametrize("split", Split)
def test_every_task_repeats_itself_and_may_be_drawn_in_parts(drawn, split):
    _, sample = drawn
    whole, again, other = (sample(seed, split) for seed in (3, 3, 4))
    jax.tree.map(np.testing.assert_array_equal, whole, again)
    assert not np.array_equal(whole.x, other.x)
    later = sample(3, split, first=1)
    np.testing.assert_allclose(later.x[:2], whole.x[1:], rtol=1e-12)
    np.testing.assert_array_equal(later.y[:2], whole.y[1:])
    np.testing.assert_array_equal(later.query_x, whole.query_x)


def test_no_task_asks_what_it_has_shown(drawn):
    task, sample = drawn
    if isinstance(task, Augmented | Mixture):
        pytest.skip("what it draws is disguised: its own task is tested")
    shown = {split: set() for split in Split}
    asked = {split: set() for split in Split}
    for seed in range(8):
        for split in Split:
            episode = sample(seed, split)
            if "iris" not in task.name:  # which holds one flower twice
                assert not rows(task, episode.x) & rows(task, episode.query_x)
            shown[split] |= rows(task, episode.x)
            asked[split] |= rows(task, episode.query_x)
    if "iris" in task.name:
        return
    for split, query in asked.items():
        for other in Split:
            assert split is other or not query & asked[other]
    assert not asked[Split.VALIDATE] & shown[Split.TRAIN]
    assert not asked[Split.TEST] & (shown[Split.TRAIN] | shown[Split.VALIDATE])


@pytest.mark.parametrize(
    "name", ["xor", "sine", "iris", "xor:noise=0.3", "xor:pattern=0.3", "adding", "text"]
)
def test_a_fixed_batch_is_the_same_in_every_step(name):
    spec = dataclasses.replace(SPEC, fixed_batch=True)
    episode = get(name).sample(jax.random.key(1), spec, Split.TRAIN)
    np.testing.assert_allclose(episode.x, np.broadcast_to(episode.x[:1], episode.x.shape))
    np.testing.assert_array_equal(episode.y, np.broadcast_to(episode.y[:1], episode.y.shape))


def test_scikit_learn_data_is_whole():
    digits, wine, cancer, iris = (get(n) for n in ("digits", "wine", "breast-cancer", "iris"))
    assert (digits.x.shape, digits.outputs) == ((1797, 64), 10)
    assert (wine.x.shape, wine.outputs) == ((178, 13), 3)
    assert (cancer.x.shape, cancer.outputs) == ((569, 30), 2)
    assert (iris.x.shape, iris.outputs) == ((150, 4), 3)
    assert np.bincount(digits.labels).tolist() == [
        178, 182, 177, 183, 181, 182, 181, 179, 174, 180,
    ]  # fmt: skip


@pytest.mark.parametrize("split", Split)
def test_support_and_query_share_no_example(numbered, split):
    for seed in range(20):
        episode = drawer(EpisodeSpec(4, 9, 7), split)(numbered, jax.random.key(seed))
        assert not identities(episode.x) & identities(episode.query_x)


def test_queries_of_different_splits_share_no_example(numbered):
    spec = EpisodeSpec(4, 9, 7)
    drawn = {
        split: [drawer(spec, split)(numbered, jax.random.key(seed)) for seed in range(30)]
        for split in Split
    }
    query = {s: set().union(*(identities(e.query_x) for e in drawn[s])) for s in Split}
    seen = {s: set().union(*(identities(e.x) for e in drawn[s])) for s in Split}
    assert len(query[Split.VALIDATE]) == len(query[Split.TEST]) == N // 5
    assert not query[Split.VALIDATE] & (query[Split.TRAIN] | seen[Split.TRAIN])
    assert not query[Split.TEST] & (query[Split.TRAIN] | query[Split.VALIDATE])
    assert not query[Split.TEST] & (seen[Split.TRAIN] | seen[Split.VALIDATE] | seen[Split.TEST])


def test_support_sees_each_example_once_before_any_again(numbered):
    episode = drawer(EpisodeSpec(5, 6, 7), Split.VALIDATE)(numbered, jax.random.key(1))
    assert len(identities(episode.x)) == 30  # the training examples are exactly 30
    again = drawer(EpisodeSpec(10, 6, 7), Split.VALIDATE)(numbered, jax.random.key(1))
    _, counts = np.unique(np.asarray(again.x)[..., 0], return_counts=True)
    assert counts.tolist() == [2] * 30


def test_fixed_batch_repeats_one_batch(numbered):
    episode = numbered.sample(
        jax.random.key(1), EpisodeSpec(5, 6, 7, fixed_batch=True), Split.TRAIN
    )
    assert jnp.all(episode.x == episode.x[:1])
    assert len(identities(episode.x)) == 6


def test_same_key_same_episode(numbered):
    spec = EpisodeSpec(3, 4, 5)
    one, two, other = (drawer(spec, Split.TRAIN)(numbered, jax.random.key(k)) for k in (3, 3, 4))
    np.testing.assert_array_equal(one.x, two.x)
    assert not np.array_equal(one.x, other.x)


def test_features_are_standardised_on_training_examples_only():
    x = np.concatenate([np.random.default_rng(0).normal(7, 3, (40, 1)), np.ones((40, 1))], axis=1)
    task = from_arrays(x, np.arange(40) % 2)
    training = np.asarray(task.x[:24])
    np.testing.assert_allclose(training.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(training.std(0), [1, 0], atol=1e-6)  # a constant feature becomes 0
    assert abs(np.asarray(task.x).mean()) > 1e-6


def test_a_constant_feature_becomes_0_in_every_example_whatever_its_size():
    x = np.random.default_rng(0).normal(size=(40, 5))
    x[:, 1:4] = 0.1, 1e15 + 0.1, 1e-200
    x[:, 4] = 0.1
    held_out = np.random.default_rng(0).permutation(40)[24:]
    x[held_out[3], 4] = 7.0  # constant in training, and then not
    assert np.all(np.asarray(from_arrays(x, np.arange(40) % 2).x)[:, 1:] == 0)


@pytest.mark.parametrize("size", [1e-150, 1e-13, 1e13, 1e150])
def test_features_of_any_size_are_the_same_task(size):
    x = np.random.default_rng(0).normal(3, 1, (40, 2))
    task, scaled = (from_arrays(values, np.arange(40) % 2) for values in (x, x * size))
    np.testing.assert_allclose(scaled.x, task.x, rtol=1e-9)


def test_examples_may_be_numbers_of_any_type():
    whole = np.random.default_rng(0).integers(0, 2, (40, 3))
    labels = np.arange(40) % 2
    wanted = from_arrays(whole, labels).x
    decimals = np.array([[Decimal(int(v)) for v in row] for row in whole])
    for x in (whole.astype(bool), whole.astype(object), whole.astype(np.float16), decimals):
        np.testing.assert_array_equal(from_arrays(x, labels).x, wanted)
    with pytest.raises(BluraxError, match=r"holds NaN or infinite values"):
        from_arrays(whole.astype(object) + 10**400, labels)


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
        (GOOD_X.astype(str).astype(object), GOOD_LABELS, "dtype object; it takes real numbers"),
        (np.where(GOOD_X > 3, GOOD_X, None), GOOD_LABELS, "dtype object; it takes real numbers"),
        (GOOD_X * 1j, GOOD_LABELS, "takes real numbers"),
        (HOLED, GOOD_LABELS, r"holds NaN or infinite values \(1 of \d+\)"),
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


@pytest.mark.parametrize("size", [1e-150, 1.0, 1e150])
def test_numbers_to_predict_are_standardised_on_training_examples(size):
    x = np.random.default_rng(0).normal(size=(40, 2))
    y = size * np.stack([3 + x[:, 0], x.sum(axis=1)], axis=1)
    task = from_arrays(x, y, kind="regression")
    assert task.target == Regression(2)
    np.testing.assert_allclose(np.asarray(task.labels)[:24].mean(0), 0, atol=1e-9)
    np.testing.assert_allclose(np.asarray(task.labels)[:24].std(0), 1)
    np.testing.assert_allclose(task.labels[:, 0], task.x[:, 0], atol=1e-9)  # its own example's
    episode = drawer(EpisodeSpec(3, 4, 5), Split.TEST)(task, jax.random.key(0))
    assert (episode.y.shape, episode.query_y.shape) == ((3, 4, 2), (8, 2))
    np.testing.assert_allclose(episode.y[..., 0], episode.x[..., 0], atol=1e-9)
    one = from_arrays(x, y[:, 0], kind="regression")
    np.testing.assert_allclose(one.labels, task.labels[:, :1])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (GOOD_LABELS.astype(str), r"labels have dtype <U\d+; to predict them takes real numbers"),
        (GOOD_LABELS * np.nan, r"labels hold NaN or infinite values \(20 of 20\)"),
        (GOOD_LABELS * 0 + 0.1, "labels are the same in all training examples"),
        (np.zeros((20, 2, 2)), r"labels have shape \(20, 2, 2\); numbers to predict take"),
        (np.zeros((20, 0)), r"labels have shape \(20, 0\)"),
        (GOOD_X * [1, 0], "labels of output 1 are the same in all training"),
        (np.zeros(19), r"labels have shape \(19,\); x has 20 examples"),
    ],
)
def test_bad_numbers_to_predict_are_refused_in_one_sentence(labels, message):
    with pytest.raises(BluraxError, match=message):
        from_arrays(GOOD_X, labels, "mine", kind="regression")


def test_an_unknown_kind_names_those_there_are():
    with pytest.raises(BluraxError, match="kind is 'words'; it takes 'classes', 'regression' or"):
        from_arrays(GOOD_X, GOOD_LABELS, kind="words")


def test_what_another_task_holds_can_be_left_out(numbered):
    shared = dataclasses.replace(numbered, x=numbered.x[20:35], labels=1 - numbered.labels[20:35])
    rest = numbered.without(shared)
    assert rest.bounds == (20, 25)
    np.testing.assert_array_equal(rest.x, np.delete(np.asarray(numbered.x), np.s_[20:35], axis=0))
    np.testing.assert_array_equal(rest.labels, np.delete(np.asarray(numbered.labels), np.s_[20:35]))
    with pytest.raises(BluraxError, match="2 inputs of float64, iris 4 of float64"):
        numbered.without(get("iris"))
    with pytest.raises(BluraxError, match="0 examples to train, 0 to validate and 0 to test"):
        numbered.without(numbered)


def test_unknown_task_names_the_nearest():
    with pytest.raises(BluraxError, match="did you mean digits"):
        get("digit")
    with pytest.raises(BluraxError, match="breast-cancer, centre-circle"):
        get("xyz")


def test_query_that_leaves_nothing_to_learn_from_is_refused(numbered):
    with pytest.raises(BluraxError, match="30 training examples; a query batch of 30"):
        drawer(EpisodeSpec(1, 4, 30), Split.TRAIN)(numbered, jax.random.key(0))


@pytest.mark.parametrize("field", ["steps", "batch", "query", "held_out"])
def test_episode_sizes_start_at_one(field):
    with pytest.raises(BluraxError, match=f"EpisodeSpec.{field} is 0"):
        EpisodeSpec(**{field: 0})


def test_a_row_that_float32_cannot_hold_is_refused(float32):
    x = np.random.default_rng(0).normal(size=(41, 2))
    x[np.random.default_rng(0).permutation(41)[-1], 0] = 1e300  # outside the training examples
    with pytest.raises(BluraxError, match="deviations from the mean of the training examples"):
        from_arrays(x, np.arange(41) % 2)
