"""Scores and losses by hand."""

import jax.numpy as jnp
import numpy as np

from blurax.tasks import Kind
from blurax.tasks.scores import query_loss, score


def test_scores_by_hand():
    y = jnp.asarray([[1.0, -1.0], [-1.0, 1.0], [-1.0, 1.0], [1.0, -1.0]])
    right = jnp.asarray([[0.3, 0.2], [0.3, 0.2], [-5.0, -4.0], [0.0, -0.1]])
    assert score(right, y, Kind.CLASSES) == 0.75
    one = jnp.asarray([[2.0], [-0.5], [0.0], [-1.0]])
    labels = jnp.asarray([[1.0], [-1.0], [1.0], [1.0]])
    assert score(one, labels, Kind.CLASSES) == 0.5  # 0 is no side
    numbers = jnp.asarray([[1.0], [2.0], [3.0], [6.0]])
    assert score(numbers, numbers, Kind.NUMBERS) == 1
    np.testing.assert_allclose(score(numbers + 1, numbers, Kind.NUMBERS), 1 - 4 / 14)
    assert score(jnp.zeros((4, 1)), numbers, Kind.NUMBERS) == 0  # worse than the mean, not below 0


def test_losses_by_hand():
    one, y = jnp.asarray([[2.0], [-0.5]]), jnp.asarray([[1.0], [1.0]])
    by_hand = (np.log(1 + np.exp(-2)) + np.log(1 + np.exp(0.5))) / 2
    np.testing.assert_allclose(query_loss(one, y, Kind.CLASSES), by_hand)
    np.testing.assert_allclose(query_loss(one, y, Kind.NUMBERS), (1 + 2.25) / 2)
