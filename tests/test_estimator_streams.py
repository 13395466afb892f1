"""Examples that come in parts, that are rare, that weigh more or less; inputs of any size."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier
from sklearn.model_selection import GridSearchCV, train_test_split

import blurax
from blurax import BlurClassifier, BlurRegressor
from blurax.errors import BluraxError

pytestmark = pytest.mark.usefixtures("float32", "unchecked")
SMALL = {"hidden": (16,), "random_state": 0, "genome": "steady"}


@pytest.fixture(scope="module")
def iris():
    x, y = load_iris(return_X_y=True)
    return train_test_split(x, y, random_state=0, stratify=y)


@pytest.mark.parametrize("scale", [1e-150, 1e-13, 1e150])
def test_the_size_of_the_inputs_does_not_matter(iris, scale):
    x, held_x, y, held_y = iris
    expected = BlurClassifier(**SMALL).fit(x, y)
    found = BlurClassifier(**SMALL).fit(x * scale, y)
    np.testing.assert_allclose(
        found.predict_proba(held_x * scale), expected.predict_proba(held_x), atol=1e-3
    )
    assert found.score(held_x * scale, held_y) > 0.94


def test_the_size_of_a_target_does_not_matter():
    x, y = load_diabetes(return_X_y=True)
    expected = BlurRegressor(**SMALL).fit(x, y).predict(x)
    for scale in (1e-15, 1e150):
        found = BlurRegressor(**SMALL).fit(x, y * scale).predict(x)
        np.testing.assert_allclose(found / scale, expected, rtol=1e-3)


def test_a_feature_that_is_nearly_constant_does_not_shout(iris):
    x, held_x, y, _ = iris
    rare = np.zeros((len(x), 1))
    rare[0] = 1e-3
    found = BlurClassifier(**SMALL).fit(np.hstack([x, rare]), y)
    inputs = found._scaled(np.hstack([held_x, np.full((len(held_x), 1), 1e9)]))
    assert np.abs(inputs).max() == 3.0
    free = BlurClassifier(**SMALL, clip=None).fit(np.hstack([x, rare]), y)
    assert np.abs(free._scaled(np.hstack([x, rare]))).max() > 9


def test_a_stream_learns_as_much_as_its_parts_hold():
    x, y = load_digits(return_X_y=True)
    x, held_x, y, held_y = train_test_split(x, y, random_state=0)
    found, scores = BlurClassifier(random_state=0), []
    for first in range(0, 1280, 320):
        part = slice(first, first + 320)
        found.partial_fit(x[part], y[part], classes=np.arange(10))
        scores.append(found.score(held_x, held_y))
    assert scores[0] > 0.75
    assert scores[-1] > 0.93
    assert min(np.diff(scores)) > -0.02


def test_single_rows_are_learned_and_add_up(iris):
    x, held_x, y, held_y = iris
    found = BlurClassifier(**SMALL)
    for i in range(len(x)):
        found.partial_fit(x[i : i + 1], y[i : i + 1], classes=[0, 1, 2])
    assert found.score(held_x, held_y) > 0.9
    np.testing.assert_allclose(found._inputs.mean, x.mean(axis=0))
    np.testing.assert_allclose(found._inputs.std, x.std(axis=0))


def test_one_more_row_does_not_destroy_what_was_fitted(iris):
    x, held_x, y, held_y = iris
    found = BlurClassifier(**SMALL).fit(x, y)
    before = found.score(held_x, held_y)
    for i in range(5):
        found.partial_fit(x[i : i + 1], y[i : i + 1])
        assert found.score(held_x, held_y) > before - 0.03


def test_what_is_constant_at_first_is_not_lost():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2400, 3))
    y = np.where(np.arange(2400) < 100, 5.0, 2 * x[:, 0] + 5)
    x[:100, 0] = 7.0  # the feature as well
    found = BlurRegressor((32,), random_state=0)
    for first in range(0, 2000, 100):
        found.partial_fit(x[first : first + 100], y[first : first + 100])
    assert found.score(x[2000:], y[2000:]) > 0.9


def logistic(seed, n=4000):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 5))
    return x, (rng.uniform(size=n) < 1 / (1 + np.exp(4 - 2 * x[:, 0]))).astype(int)


def test_a_rare_class_is_as_probable_as_it_is():
    x, y = logistic(0)
    held_x, held_y = logistic(1)
    found = BlurClassifier(random_state=0).fit(x, y)
    assert found.score(held_x, held_y) > max(0.93, 1 - held_y.mean())
    assert found.predict_proba(held_x)[:, 1].mean() == pytest.approx(held_y.mean(), abs=0.02)


def test_without_normalised_synapses_there_is_no_intercept():
    x, y = logistic(0, 200)
    exact = blurax.backprop(blurax.Rule.backprop(), 0.5)
    found = BlurClassifier((16,), genome=exact, steps=5).fit(x, y)
    assert found._learning.intercept is None


@pytest.mark.parametrize("kind", [BlurClassifier, BlurRegressor])
def test_weights_of_0_and_2_leave_out_and_repeat(kind):
    x, y = logistic(0, 300)
    weights = np.random.default_rng(0).integers(0, 3, 300)
    weighed = kind(**SMALL, steps=60).fit(x, y, sample_weight=weights)
    repeated = kind(**SMALL, steps=60).fit(np.repeat(x, weights, 0), np.repeat(y, weights))
    np.testing.assert_allclose(weighed._outputs(x), repeated._outputs(x), atol=2e-3)
    streamed = kind(**SMALL).partial_fit(x, y, sample_weight=weights)
    other = kind(**SMALL).partial_fit(np.repeat(x, weights, 0), np.repeat(y, weights))
    np.testing.assert_allclose(streamed._outputs(x), other._outputs(x), atol=2e-3)
    expected = weighed.score(np.repeat(x, weights, 0), np.repeat(y, weights))
    assert weighed.score(x, y, sample_weight=weights) == pytest.approx(expected)


def test_weights_move_probabilities_as_shares_do():
    x, y = logistic(0)
    plain = BlurClassifier(**SMALL).fit(x, y).predict_proba(x)[:, 1].mean()
    for options in ({"class_weight": "balanced"}, {"class_weight": {1: (1 - y.mean()) / y.mean()}}):
        heavy = BlurClassifier(**SMALL, **options).fit(x, y)
        assert heavy.predict(x)[y == 1].mean() > 0.7
        assert heavy.predict_proba(x)[:, 1].mean() > plain + 0.1
    by_hand = np.where(y == 1, (1 - y.mean()) / y.mean(), 1.0)
    same = BlurClassifier(**SMALL).fit(x, y, sample_weight=by_hand).predict_proba(x)
    np.testing.assert_allclose(heavy.predict_proba(x), same, atol=1e-6)
    with pytest.raises(BluraxError, match="needs all examples at once"):
        BlurClassifier(class_weight="balanced").partial_fit(x, y)


def test_a_class_that_weighs_nothing_is_no_class(iris):
    x, _, y, _ = iris
    found = BlurClassifier(**SMALL, steps=5).fit(x, y, sample_weight=(y < 2).astype(float))
    np.testing.assert_array_equal(found.classes_, [0, 1])


def test_ensembles_and_searches_pass_weights_on(iris):
    x, held_x, y, held_y = iris
    boosted = AdaBoostClassifier(BlurClassifier(**SMALL), n_estimators=3, random_state=0)
    assert boosted.fit(x, y).score(held_x, held_y) > 0.85
    bagged = BaggingClassifier(BlurClassifier(**SMALL), n_estimators=2, random_state=0)
    weights = np.ones(len(y))
    assert bagged.fit(x, y, sample_weight=weights).score(held_x, held_y) > 0.85
    search = GridSearchCV(BlurClassifier(**SMALL), {"steps": [5, 60]}, cv=2)
    assert search.fit(x, y, sample_weight=weights).best_params_ == {"steps": 60}
