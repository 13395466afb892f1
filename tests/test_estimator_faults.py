"""What is refused changes nothing; weights and inputs that no number can hold."""

import numpy as np
import pytest
import scipy.sparse

from blurax import BlurClassifier, BlurRegressor
from blurax.errors import BluraxError

pytestmark = pytest.mark.usefixtures("float32", "unchecked")
X = np.random.default_rng(0).normal(size=(60, 3))
Y = (X[:, 0] > 0).astype(int)
SMALL = {"hidden": (8,), "random_state": 0, "steps": 20, "genome": "steady"}


def test_a_refused_fit_leaves_the_classifier_as_it_was():
    model = BlurClassifier(**SMALL).fit(X, np.array(["a", "b"])[Y])
    before, curve = model.predict(X), list(model.learning_curve_)
    with pytest.raises(BluraxError, match="epochs is 0"):
        model.set_params(epochs=0).fit(X, np.array(["c", "d"])[Y])
    np.testing.assert_array_equal(model.predict(X), before)
    assert model.learning_curve_ == curve
    with pytest.raises(BluraxError, match="no class has four"):
        model.set_params(epochs=5, early_stopping=True).fit(X[:4, :2], [0, 1, 0, 1])
    np.testing.assert_array_equal(model.predict(X), before)


@pytest.mark.parametrize("kind", [BlurClassifier, BlurRegressor])
def test_an_interrupted_fit_leaves_the_model_as_it_was(kind, monkeypatch):
    model = kind(**{**SMALL, "steps": 100}, warm_start=True).fit(X, Y)
    before, steps = model._outputs(X), model.n_iter_
    following = [each.fit(X, Y)._outputs(X) for each in (_copy(model),)]

    def interrupt(at: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(model, "_report", interrupt)
        with pytest.raises(KeyboardInterrupt):
            model.fit(X * 1000 + 500, 1 - Y)
    np.testing.assert_array_equal(model._outputs(X), before)
    assert model.n_iter_ == steps == len(model.learning_curve_)
    np.testing.assert_array_equal(model.fit(X, Y)._outputs(X), following[0])


def _copy(model):
    import copy

    return copy.deepcopy(model)


@pytest.mark.parametrize("weight", [-1, np.nan, np.inf, None, "1"])
def test_a_weight_of_a_class_that_is_none_is_refused(weight):
    with pytest.raises(BluraxError, match="class_weight holds the weight"):
        BlurClassifier(**SMALL, class_weight={0: weight, 1: 1}).fit(X, Y)


def test_weights_that_cannot_be_added_up_are_refused_and_a_stream_begins_after_that():
    model = BlurClassifier(**SMALL, class_weight={0: 1e200})
    with pytest.raises(BluraxError, match=r"sample_weight, times class_weight, adds up to inf"):
        model.partial_fit(X, Y, [0, 1], np.full(60, 1e200))
    model.set_params(class_weight=None).partial_fit(X, Y, classes=[0, 1])
    with pytest.raises(BluraxError, match="it takes sums up to 1e"):
        BlurRegressor(**SMALL).fit(X, Y, np.full(60, 1e307))
    assert np.isfinite(model.predict_proba(X)).all()


def test_a_row_without_weight_may_have_any_label():
    weights = np.r_[0, np.ones(59)]
    found = BlurClassifier(**SMALL).partial_fit(X, np.r_[7, Y[1:]], sample_weight=weights)
    np.testing.assert_array_equal(found.classes_, [0, 1])


def test_a_few_heavy_examples_are_what_predictions_rest_on():
    x = np.concatenate([X[:3] + 50, np.random.default_rng(1).normal(size=(6000, 3))])
    weights = np.r_[np.ones(3), np.full(6000, 1e-12)]
    found = BlurClassifier(**SMALL).fit(x, np.r_[0, 1, 1, np.tile([0, 1], 3000)], weights)
    np.testing.assert_array_equal(found._recent.weights[:3], 1)


@pytest.mark.parametrize("options", [{"clip": None}, {"standardise": False}])
def test_inputs_that_float32_cannot_hold_are_refused(options):
    model = BlurClassifier(**SMALL, **options).fit(X, Y)
    with pytest.raises(BluraxError, match=r"X holds .* as the network would read it"):
        model.predict([[1e300, 0, 0]])
    assert np.isfinite(BlurClassifier(**SMALL).fit(X, Y).predict_proba([[1e300, 0, 0]])).all()


def test_the_shape_of_predictions_is_that_of_the_first_targets():
    model = BlurRegressor(**SMALL).fit(X, X[:, :2])
    with pytest.raises(BluraxError, match="the one to go on with"):
        model.partial_fit(X, X[:, 0])
    assert model.predict(X[:2]).shape == (2, 2)
    flat = BlurRegressor(**SMALL).partial_fit(X, X[:, 0]).partial_fit(X, X[:, :1])
    assert flat.predict(X[:2]).shape == (2,)


def test_a_warm_start_with_another_genome_is_refused():
    model = BlurClassifier(**SMALL, warm_start=True).fit(X, Y)
    with pytest.raises(BluraxError, match="genome is another one now"):
        model.set_params(genome="backprop").fit(X, Y)


def test_sparse_targets_are_refused():
    with pytest.raises(BluraxError, match="y is a sparse matrix"):
        BlurRegressor(**SMALL).fit(X, scipy.sparse.csr_matrix(X[:, :1]))


@pytest.mark.parametrize("rows", [2, 3, 7, 9, 40])
def test_a_regressor_chooses_its_steps_for_any_number_of_rows(rows):
    model = BlurRegressor((8,), random_state=0).fit(X[:rows], X[:rows, :2])
    assert model.predict(X).shape == (60, 2)
    assert np.isfinite(model.predict(X)).all()
    assert model.n_iter_ == 200 if rows < 8 else model.n_iter_ >= 25


def test_many_rows_hold_a_tenth_apart_and_keep_the_best(monkeypatch):
    monkeypatch.setattr("blurax.estimator.stops.STOPS", (25, 50, 75))
    x = np.random.default_rng(0).normal(size=(2100, 2))
    model = BlurRegressor((8,), random_state=0).fit(x, x[:, 0] * x[:, 1])
    assert len(model.validation_curve_) == 3
    assert model.validation_curve_[-1] > 0.5
    assert model._inputs.count == 1890
