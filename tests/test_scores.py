"""Scores and losses by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from blurax.spec import Signal
from blurax.targets import mean
from blurax.tasks import Classes, Regression, Target


def test_scores_by_hand():
    y = jnp.asarray([[1.0, -1.0], [-1.0, 1.0], [-1.0, 1.0], [1.0, -1.0]])
    right = jnp.asarray([[0.3, 0.2], [0.3, 0.2], [-5.0, -4.0], [0.0, -0.1]])
    assert Classes(2).score(right, y) == 0.75
    one = jnp.asarray([[2.0], [-0.5], [0.0], [-1.0]])
    labels = jnp.asarray([[1.0], [-1.0], [1.0], [1.0]])
    assert Classes(1).score(one, labels) == 0.5  # 0 is no side
    numbers = jnp.asarray([[1.0], [2.0], [3.0], [6.0]])
    assert Regression(1).score(numbers, numbers) == 1
    np.testing.assert_allclose(Regression(1).score(numbers + 1, numbers), 1 - 4 / 14)
    assert Regression(1).score(jnp.zeros((4, 1)), numbers) == 0  # worse than the mean


def test_losses_by_hand():
    one, y = jnp.asarray([[2.0], [-0.5]]), jnp.asarray([[1.0], [1.0]])
    by_hand = (np.log(1 + np.exp(-2)) + np.log(1 + np.exp(0.5))) / 2
    np.testing.assert_allclose(Classes(1).loss(one, y), by_hand)
    np.testing.assert_allclose(Regression(1).loss(one, y), (1 + 2.25) / 2)


class MultiLabel(Target):
    """Any number of labels for an example, each +1 or -1."""

    def losses(self, outputs, y):
        return jax.nn.softplus(-outputs * y)

    def score(self, outputs, y, mask=None):
        return mean((outputs * y > 0).astype(float), mask)


TARGETS = [Classes(1), Classes(3), Regression(3), MultiLabel(3)]


@pytest.mark.parametrize("target", TARGETS, ids=str)
@pytest.mark.parametrize("signal", Signal)
def test_the_feedback_is_the_label_or_the_gradient_of_a_loss(target, signal):
    outputs, noise = jax.random.normal(jax.random.key(0), (2, 5, target.outputs))
    y = target.encode(jnp.arange(5) % max(2, target.outputs)) if target.classes else noise
    if type(target) is MultiLabel:
        y = jnp.sign(noise)

    def total(outputs):
        if signal is Signal.SQUARED_ERROR and type(target) is not MultiLabel:
            return jnp.sum((outputs - y) ** 2) / 2
        scale = target.outputs / 2 if type(target) is Regression else 1
        return scale * len(y) * target.loss(outputs, y)

    wanted = y if signal is Signal.LABEL else jax.grad(total)(outputs)
    np.testing.assert_allclose(target.feedback(signal, outputs, y), wanted, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_what_a_mask_hides_does_not_count(target):
    outputs, noise = jax.random.normal(jax.random.key(1), (2, 6, target.outputs))
    y = target.encode(jnp.arange(6) % max(2, target.outputs)) if target.classes else noise
    hidden = outputs.at[4:].set(jnp.nan), y, jnp.arange(6) < 4
    shown = outputs[:4], y[:4]
    for measure in (target.loss, target.score, target.finite_score):
        np.testing.assert_allclose(measure(*hidden), measure(*shown), rtol=1e-6)


def test_the_chance_score_and_the_number_of_outputs(unchecked):
    assert [target.chance for target in TARGETS] == [0.5, pytest.approx(1 / 3), 0, 0]
    for wrong in (0, 2.5, True):
        with pytest.raises(ValueError, match=f"MultiLabel.outputs is {wrong}; it takes"):
            MultiLabel(wrong)
