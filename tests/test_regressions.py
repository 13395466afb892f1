"""Families of regression tasks: tables that repeat, functions that can be learned, noise."""

import functools

import jax
import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingRegressor

from blurax.errors import BluraxError
from blurax.tasks import EpisodeSpec, Regression, Split, get
from blurax.tasks.regressions import CLIP, FAMILIES

SPEC = EpisodeSpec(steps=10, batch=100, query=60, held_out=2000)


TABLES = [f"{name}:features=2,rows=300,target-noise=0" for name in FAMILIES]


@functools.cache
def sampler(name, splits):
    """How episodes of some splits are drawn: compiled once."""
    task = get(name)
    return jax.jit(lambda key: {split: task.sample(key, SPEC, split) for split in splits})


def drawn(name, seed=0, split=Split.TRAIN):
    splits = tuple(Split) if name in TABLES else (split,)  # of the others one split is asked
    return sampler(name, splits)(jax.random.key(seed))[split]


def flat(x):
    return np.asarray(x, np.float64).reshape(-1, np.shape(x)[-1])


def explained(train_x, train_y, x, y):
    """R^2 of a linear fit."""
    design, asked = (np.hstack([x, np.ones((len(x), 1))]) for x in (train_x, x))
    weights = np.linalg.lstsq(design, train_y, rcond=None)[0]
    return 1 - np.mean((asked @ weights - y) ** 2) / np.var(y)


@pytest.mark.parametrize("name", TABLES)
def test_an_episode_repeats_the_rows_of_one_table(name):
    episode = drawn(name)
    rows = flat(np.concatenate([episode.x, episode.y], axis=-1))
    found, counts = np.unique(rows, axis=0, return_counts=True)
    assert len(found) == 300
    assert sorted(set(counts)) == [3, 4]  # 1,000 places: each row once before any twice


@pytest.mark.parametrize("name", TABLES)
def test_inputs_and_target_are_standardised_by_the_table(name):
    episode = drawn(name, split=Split.TEST)
    for values, tolerance in ((episode.x, 0.1), (episode.y, 0.1), (episode.query_x, 0.25)):
        np.testing.assert_allclose(flat(values).mean(0), 0, atol=tolerance)
        np.testing.assert_allclose(flat(values).std(0), 1, atol=tolerance)
        assert np.abs(values).max() <= CLIP


@pytest.mark.parametrize("name", TABLES)
def test_the_function_of_an_episode_is_its_own_and_the_same_for_every_split(name):
    train = drawn(name)
    assert not np.array_equal(drawn(name, 1).y, train.y)
    for split in (Split.VALIDATE, Split.TEST):
        episode = drawn(name, 0, split)
        np.testing.assert_array_equal(episode.x, train.x)
        near = np.argmin(((flat(episode.query_x)[:, None] - flat(train.x)) ** 2).sum(-1), axis=1)
        error = np.mean((flat(train.y)[near] - flat(episode.query_y)) ** 2)
        assert error < 0.2 * np.var(episode.query_y)  # the nearest row of the table says it


def test_trees_learn_steps_and_what_is_coarse_is_seen_so():
    """Boxes of columns are what a tree divides; a coarse column has 2 to 5 values."""
    forest = GradientBoostingRegressor(max_depth=3, n_estimators=200, random_state=0)
    episode = drawn("steps:features=4,rows=1000,target-noise=0", split=Split.TEST)
    x, y, query, wanted = map(flat, (episode.x, episode.y, episode.query_x, episode.query_y))
    assert forest.fit(x, y[:, 0]).score(query, wanted[:, 0]) > 0.9
    coarse = flat(drawn("teacher:features=3,rows=300,coarse=1").query_x)
    assert all(2 <= len(np.unique(column.round(4))) <= 5 for column in coarse.T)


def fit(name, seed):
    """R^2 of a linear fit."""
    episode = drawn(name, seed, Split.TEST)
    return explained(*map(flat, (episode.x, episode.y, episode.query_x, episode.query_y)))


def test_linear_tables_are_linear_but_for_their_noise():
    bare = [fit("linear-noise:features=2,rows=300,target-noise=0", seed) for seed in range(6)]
    noisy = [fit("linear-noise:features=2,rows=300,target-noise=2", seed) for seed in range(6)]
    assert min(bare) > 0.98  # what CLIP cuts off bends the rest
    assert 0.2 < np.mean(noisy) < 0.9  # deviations of the noise from 0 to 2
    for name in TABLES:
        if "linear" not in name:
            assert np.mean([fit(name, seed) for seed in range(6)]) < 0.95


def test_a_family_is_a_regression_with_options_that_are_checked():
    task = get("teacher:features=5,rows=80")
    assert (task.features, task.target) == (5, Regression(1))
    for wrong, said in (
        ("teacher:features=0", "features is 0; it takes a whole number >= 1"),
        ("sines:rows=1", "rows is 1; it takes a whole number >= 2"),
        ("steps:coarse=2", "coarse is 2.0; it takes a share from 0 to 1"),
        ("linear-noise:target-noise=-1", "target_noise is -1.0; it takes a number >= 0"),
    ):
        with pytest.raises(BluraxError, match=said):
            get(wrong)


def test_a_table_may_be_far_smaller_than_a_batch():
    episode = drawn("teacher:rows=2,features=1")
    assert episode.x.shape == (10, 100, 1)
    assert len(np.unique(flat(episode.x))) == 2
    assert np.isfinite(episode.query_y).all()
