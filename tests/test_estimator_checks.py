"""scikit-learn's own checks of an estimator, all of them."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from blurax import BlurClassifier, BlurRegressor

SMALL = {"hidden": (16,), "random_state": 0, "steps": 100, "batch_size": 32}
SHUFFLED = (
    "the check shuffles the weighted and the repeated rows apart, and batches follow the order of "
    "rows; test_weights_of_0_and_2_leave_out_and_repeat has them in one order"
)
EXPECTED = {
    f"check_sample_weight_equivalence_on_{kind}_data": SHUFFLED for kind in ("dense", "sparse")
}


@pytest.mark.usefixtures("float32", "unchecked")
@parametrize_with_checks(
    [BlurClassifier(**SMALL), BlurRegressor(**SMALL)],
    expected_failed_checks=lambda estimator: EXPECTED,
)
def test_scikit_learn_s_checks(estimator, check):
    check(estimator)
