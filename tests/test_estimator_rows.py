"""Which examples an estimator learns from: rounds, batches, weights, and those held apart."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blurax.errors import BluraxError
from blurax.estimator.rows import Examples, divide, one_pass


def examples(weights) -> Examples:
    n = len(weights)
    rows = np.arange(n, dtype=np.float64)[:, None]
    return Examples(rows, -rows, np.asarray(weights, np.float64))


@given(st.lists(st.integers(1, 5), min_size=1, max_size=30), st.integers(0, 100))
def test_whole_weights_are_repetitions(weights, seed):
    found = examples(weights).one_round(np.random.default_rng(seed))
    np.testing.assert_array_equal(np.bincount(found, minlength=len(weights)), weights)


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=30), st.integers(0, 100))
def test_other_weights_are_shares(weights, seed):
    weights = np.asarray(weights) + 0.1234
    found = examples(weights).one_round(np.random.default_rng(seed))
    expected = len(weights) * weights / weights.sum()
    assert len(found) == len(weights)
    assert (np.abs(np.bincount(found, minlength=len(weights)) - expected) < 1 + 1e-9).all()


def test_huge_whole_weights_take_no_memory():
    found = examples([10**12, 10**12]).one_round(np.random.default_rng(0))
    assert sorted(found) == [0, 1]


def test_a_round_is_over_before_an_example_comes_twice():
    rows = examples(np.ones(7)).batches(np.random.default_rng(0), 3)
    met = np.concatenate(list(itertools.islice(rows, 14)))
    for first in range(0, 42, 7):
        assert sorted(met[first : first + 7]) == list(range(7))


def test_examples_without_weight_are_left_out():
    kept = examples([0, 2, 0, 1]).counting()
    np.testing.assert_array_equal(kept.x[:, 0], [1, 3])
    with pytest.raises(BluraxError, match="sample_weight holds no number above 0"):
        examples([0, 0]).counting()


@pytest.mark.parametrize("recent", [None, examples(np.ones(3))])
def test_a_pass_meets_each_new_example_once_and_fills_the_last_batch(recent):
    new = examples(np.ones(10))
    new = Examples(new.x + 100, new.y, new.weights)
    found = list(one_pass(new, recent, np.random.default_rng(0), 4))
    assert [len(batch) for batch in found] == [4, 4, 4]
    met = np.concatenate([batch.x[:, 0] for batch in found])
    assert sorted(met[:10]) == list(range(100, 110))
    assert set(met[10:]) <= (set(range(3)) if recent is not None else set(range(100, 110)))


def test_the_latest_follow_the_others():
    both = examples(np.ones(3)).followed_by(examples(np.full(2, 5.0)))
    np.testing.assert_array_equal(both.latest(3).x[:, 0], [2, 0, 1])
    np.testing.assert_array_equal(both.latest(3).weights, [1, 5, 5])
    assert len(both.latest(99)) == 5


def test_some_of_each_class_are_held_apart_two_at_least():
    classes = np.repeat([0, 1, 2, 3], [190, 10, 4, 3])
    y = np.eye(4)[classes]
    for seed in range(5):
        kept, held = divide(y, classes, 0.1, np.random.RandomState(seed))
        np.testing.assert_array_equal(np.bincount(classes[held], minlength=4), [19, 2, 2, 0])
        np.testing.assert_array_equal(np.sort(np.concatenate([kept, held])), np.arange(207))


def test_numbers_held_apart_differ():
    y = np.zeros((50, 1))
    y[7] = 1.0
    for seed in range(5):
        kept, held = divide(y, None, 0.1, np.random.RandomState(seed))
        assert len(held) == 5
        assert len(np.unique(y[held])) == 2
        assert len(np.union1d(kept, held)) == 50


@pytest.mark.parametrize(
    ("classes", "words"),
    [(np.repeat([0, 1, 2], 3), "no class has four"), (None, "there are 3 in all")],
)
def test_too_few_to_hold_two_apart_is_said(classes, words):
    y = np.arange(3.0 if classes is None else 9.0)[:, None]
    with pytest.raises(BluraxError, match=words):
        divide(y, classes, 0.1, np.random.RandomState(0))
