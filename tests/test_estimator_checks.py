"""scikit-learn's own checks of an estimator, all of them."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from blurax import BlurClassifier, BlurRegressor

SMALL = {"hidden": (16,), "random_state": 0, "steps": 100, "batch_size": 32}


@pytest.mark.usefixtures("float32", "unchecked")
@parametrize_with_checks([BlurClassifier(**SMALL), BlurRegressor(**SMALL)])
def test_scikit_learn_s_checks(estimator, check):
    check(estimator)
