"""The measures of tasks in sequence, against loops and by hand."""

import numpy as np
import pytest

from blurax import forgetting
from blurax.errors import BluraxError

BY_HAND = np.array([[0.9, 0.3, 0.1], [0.95, 0.8, 0.2], [0.5, 0.7, 0.6]])


def test_by_hand():
    assert forgetting.average_accuracy(BY_HAND) == pytest.approx((0.5 + 0.7 + 0.6) / 3)
    assert forgetting.learning_accuracy(BY_HAND) == pytest.approx((0.9 + 0.8 + 0.6) / 3)
    # The first stage was best after the second: 0.95.
    assert forgetting.forgetting(BY_HAND) == pytest.approx((0.95 - 0.5 + 0.8 - 0.7) / 2)
    assert forgetting.backward_transfer(BY_HAND) == pytest.approx((0.5 - 0.9 + 0.7 - 0.8) / 2)
    chance = np.array([9.9, 0.1, 0.15])  # of the first stage it does not count
    assert forgetting.forward_transfer(BY_HAND, chance) == pytest.approx((0.2 + 0.05) / 2)


def test_each_seed_as_loops_say():
    many = np.random.default_rng(0).uniform(size=(3, 4, 4))
    for seed, r in enumerate(many):
        last = 3
        found = {name: values[seed] for name, values in forgetting.measures(many, 0.25).items()}
        assert found == pytest.approx(
            {
                "average accuracy": sum(r[last][j] for j in range(4)) / 4,
                "accuracy when learned": sum(r[j][j] for j in range(4)) / 4,
                "forgetting": sum(max(r[i][j] for i in range(3)) - r[last][j] for j in range(3))
                / 3,
                "backward transfer": sum(r[last][j] - r[j][j] for j in range(3)) / 3,
                "forward transfer": sum(r[j - 1][j] - 0.25 for j in (1, 2, 3)) / 3,
            },
            rel=1e-12,
        )


@pytest.mark.parametrize("shape", [(3,), (2, 3), (1, 1), (5, 4, 3)])
def test_other_than_square_matrices_are_refused(shape, unchecked):
    with pytest.raises(BluraxError, match="two or more stages"):
        forgetting.average_accuracy(np.zeros(shape))


@pytest.mark.parametrize(
    ("matrix", "words"),
    [
        (
            [[0.5, float("nan")], [0.1, 0.2]],
            "matrix has 1 numbers that are not finite, such as nan",
        ),
        ([[0.5, 0.3], [0.1, float("inf")]], "such as inf"),
        ([["a", "b"], ["c", "d"]], "it takes an array of numbers"),
        (None, "matrix"),
        ([[0.1, 0.2], [0.3]], "it takes an array of numbers"),
    ],
    ids=["nan", "inf", "words", "None", "ragged"],
)
def test_other_than_finite_numbers_are_refused(matrix, words, unchecked):
    for measure in (*forgetting.MEASURES.values(), lambda m: forgetting.measures(m, 0.1)):
        with pytest.raises(BluraxError, match=words):
            measure(matrix)


def test_lists_are_matrices_too(unchecked):
    found = forgetting.measures(BY_HAND.tolist(), 0.1)
    assert found == forgetting.measures(BY_HAND, 0.1)


@pytest.mark.parametrize("initial", [np.zeros(2), np.nan, "much"], ids=["short", "nan", "word"])
def test_what_is_known_before_is_a_finite_number_or_one_for_each_stage(initial, unchecked):
    with pytest.raises(BluraxError, match="initial"):
        forgetting.forward_transfer(BY_HAND, initial)
