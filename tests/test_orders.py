"""Random orders, computed place by place: bijections, fair, endless, the same everywhere."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from blurax.tasks.orders import order, stream


def numbers(key, n):
    return np.asarray(order(key, n, jnp.arange(n)))


@pytest.mark.parametrize("n", [1, 2, 3, 7, 64, 1000, 50_021])
def test_an_order_holds_every_number_once(n):
    found = numbers(jax.random.key(n), n)
    np.testing.assert_array_equal(np.sort(found), np.arange(n))


def test_a_place_has_the_same_number_whoever_asks():
    key, places = jax.random.key(0), jnp.asarray([[5, 0], [999, 17]])
    np.testing.assert_array_equal(order(key, 1000, places), numbers(key, 1000)[np.asarray(places)])


def test_every_order_of_four_is_as_likely():
    draw = jax.jit(jax.vmap(lambda key: order(key, 4, jnp.arange(4))))
    found = np.asarray(draw(jax.random.split(jax.random.key(0), 12_000)))
    counts = [int((found == each).all(axis=1).sum()) for each in itertools.permutations(range(4))]
    assert sum(counts) == 12_000
    assert stats.chisquare(counts).pvalue > 1e-3


def test_pairs_of_a_large_order_are_independent():
    """Where two neighbouring places land is uniform over the plane: no lattice, no clusters."""
    draw = jax.jit(jax.vmap(lambda key: order(key, 50_000, jnp.arange(2) + 777)))
    found = np.asarray(draw(jax.random.split(jax.random.key(1), 20_000))) * 10 // 50_000
    counts = np.bincount(found[:, 0] * 10 + found[:, 1], minlength=100)
    assert stats.chisquare(counts).pvalue > 1e-3
    far = numbers(jax.random.key(2), 50_000)
    assert abs(np.corrcoef(far, np.arange(50_000))[0, 1]) < 0.02
    assert abs(np.corrcoef(far[1:], far[:-1])[0, 1]) < 0.02


@pytest.mark.parametrize(
    ("n", "start", "count"), [(7, 0, 30), (7, 5, 9), (100, 350, 40), (3, 1, 1)]
)
def test_a_stream_may_be_read_from_anywhere(n, start, count):
    key = jax.random.key(3)
    whole = np.asarray(stream(key, n, 0, start + count))
    part = jax.jit(lambda start: stream(key, n, start, count))(start)
    np.testing.assert_array_equal(part, whole[start:])


def test_every_pass_of_a_stream_is_an_order_of_its_own():
    passes = np.asarray(stream(jax.random.key(4), 20, 0, 100)).reshape(5, 20)
    np.testing.assert_array_equal(np.sort(passes, axis=1), np.tile(np.arange(20), (5, 1)))
    assert len({tuple(one) for one in passes.tolist()}) == 5


def test_the_same_key_gives_the_same_order_on_any_machine():
    """Written down once: whoever changes these numbers changes every episode."""
    assert numbers(jax.random.key(0), 10).tolist() == ORDER
    assert np.asarray(stream(jax.random.key(0), 5, 3, 6)).tolist() == STREAM


ORDER = [5, 4, 2, 8, 9, 0, 1, 7, 3, 6]
STREAM = [3, 2, 0, 3, 1, 4]
