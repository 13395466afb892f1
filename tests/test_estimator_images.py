"""Estimators whose networks read images: rows are shaped, and what does not fit is refused."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits

from blurax import BlurClassifier, BlurRegressor
from blurax.errors import BluraxError

IMAGES = {"network": "c8k5s2-16", "image_shape": (8, 8, 1), "random_state": 0}


@pytest.fixture(scope="module")
def digits():
    return load_digits(return_X_y=True)


@pytest.fixture(scope="module")
def fitted(digits):
    x, y = digits
    return BlurClassifier(**IMAGES, steps=100).fit(x[:1200], y[:1200])


def test_a_convolution_learns_digits(fitted, digits):
    x, y = digits
    assert fitted.state_.network.groups == ((8, 8, 1), (4, 4, 8), (16,), (10,))
    assert fitted.score(x[1200:], y[1200:]) > 0.9
    assert fitted.predict_proba(x[:3]).shape == (3, 10)


def test_an_answer_does_not_depend_on_others(fitted, digits):
    x, _ = digits
    np.testing.assert_array_equal(fitted.predict_proba(x[:5])[2:3], fitted.predict_proba(x[2:3]))


def test_clones_and_warm_starts_know_the_network(fitted, digits):
    x, y = digits
    again = clone(fitted)
    assert again.get_params()["network"] == "c8k5s2-16"
    assert again.get_params()["image_shape"] == (8, 8, 1)
    other = clone(fitted).set_params(warm_start=True, steps=1)
    other.fit(x[:200], y[:200]).fit(x[:200], y[:200])
    with pytest.raises(BluraxError, match=r"^network and the data make .* > 8 > 10; 3 edges\)"):
        other.set_params(network="c8k5s2-8").fit(x[:200], y[:200])


def test_a_convolution_predicts_numbers(digits):
    x, _ = digits
    darkness = x.reshape(-1, 8, 8)[:, :4].sum(axis=(1, 2))
    found = BlurRegressor(**{**IMAGES, "network": "c4s2-8"}, steps=100)
    assert found.fit(x[:400], darkness[:400]).score(x[1200:], darkness[1200:]) > 0.7


def test_a_name_stands_for_sizes(digits):
    x, y = digits
    given = {"steps": 5, "random_state": 0}
    one = BlurClassifier((8, 4), **given).fit(x[:100], y[:100])
    other = BlurClassifier(network="8-4", image_shape=(8, 8, 1), **given).fit(x[:100], y[:100])
    np.testing.assert_array_equal(one.predict_proba(x[:9]), other.predict_proba(x[:9]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"network": 64}, "network is 64; it takes a name such as 'c8k5s2-16', or None"),
        ({"network": "c8q"}, "'c8q' is no layer"),
        ({"network": "r8"}, "network is 'r8', whose neurons drive themselves over time"),
        ({"network": "c8-c9k9v"}, r"'c9k9v' does not fit: .* \(8, 8, 8\)"),
        ({"image_shape": None}, "'c8k5s2-16', which reads images, and image_shape is None; it"),
        ({"image_shape": (8, 8)}, r"image_shape is \(8, 8\); it takes \(height, width, colours\)"),
        ({"image_shape": (8, 8, 0)}, r"image_shape is \(8, 8, 0\); it takes"),
        ({"image_shape": (8, 8, 3)}, "which rows of 192 features make, but X has 64"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(options, message, digits):
    x, y = digits
    with pytest.raises(BluraxError, match=message):
        BlurClassifier(**IMAGES).set_params(**options).fit(x[:50], y[:50])
