"""The estimators as a user of scikit-learn meets them."""

import os
import pickle
import subprocess
import sys

import jax
import joblib
import numpy as np
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

import blurax
from blurax import BlurClassifier, BlurRegressor
from blurax.errors import BluraxError
from blurax.spec import Activation

pytestmark = pytest.mark.usefixtures("float32", "unchecked")
WORDS = np.array(["setosa", "versicolor", "virginica"])


def small(**options) -> BlurClassifier:
    return BlurClassifier(**{"hidden": (16,), "steps": 60, "random_state": 0, **options})


@pytest.fixture(scope="module")
def iris():
    x, y = load_iris(return_X_y=True)
    return train_test_split(x, WORDS[y], random_state=0, stratify=y)


def test_digits_are_learned_by_the_default_genome():
    x, y = load_digits(return_X_y=True)
    x, held_x, y, held_y = train_test_split(x, y, random_state=0)
    found = BlurClassifier(random_state=0).fit(x, y)
    assert found.genome_.rule == blurax.load("images").rule
    assert found.score(held_x, held_y) > 0.96
    assert found.n_iter_ == len(found.learning_curve_) == 200
    assert np.mean(found.learning_curve_[-20:]) > 0.98 > 0.5 > found.learning_curve_[0]


def test_diabetes_is_learned_by_the_default_genome():
    x, y = load_diabetes(return_X_y=True)
    x, held_x, y, held_y = train_test_split(x, y, random_state=0)
    found = BlurRegressor(random_state=0).fit(x, y)
    assert found.score(held_x, held_y) > 0.25  # least squares reaches 0.36
    assert found.learning_curve_[-1] > 0.2 > found.learning_curve_[0]


def test_words_are_labels_and_probabilities_are_in_their_order(iris):
    x, held_x, y, held_y = iris
    found = small().fit(x, y)
    assert found.score(held_x, held_y) > 0.85
    odds = found.predict_proba(held_x)
    assert odds.shape == (len(held_x), 3)
    np.testing.assert_allclose(odds.sum(axis=1), 1.0)
    assert (found.classes_[odds.argmax(axis=1)] == found.predict(held_x)).all()


def test_the_same_random_state_gives_the_same_and_another_another(iris):
    x, held_x, y, _ = iris
    odds = [small(random_state=seed).fit(x, y).predict_proba(held_x) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(odds[0], odds[1])
    assert np.abs(odds[0] - odds[2]).max() > 1e-3


def test_an_answer_does_not_depend_on_what_else_is_asked(iris):
    x, held_x, y, _ = iris
    found = small().fit(x, y)
    alone = np.concatenate([found.predict_proba(held_x[i : i + 1]) for i in range(5)])
    np.testing.assert_array_equal(alone, found.predict_proba(held_x)[:5])


def test_it_works_in_a_pipeline_a_search_and_side_by_side(iris):
    x, held_x, y, held_y = iris
    piped = make_pipeline(MinMaxScaler(), small(steps=200))
    search = GridSearchCV(piped, {"blurclassifier__hidden": [(4,), (16,)]}, cv=2).fit(x, y)
    assert search.score(held_x, held_y) > 0.8
    scores = [cross_val_score(small(), x, y, cv=3, n_jobs=jobs) for jobs in (1, 2)]
    np.testing.assert_array_equal(*scores)


def test_a_search_side_by_side_finds_the_same(iris):
    x, _, y, _ = iris
    grid = {"genome": ["default", "backprop"]}
    found = [GridSearchCV(small(steps=20), grid, cv=2, n_jobs=jobs).fit(x, y) for jobs in (1, 2)]
    for name in ("mean_test_score", "split1_test_score"):
        np.testing.assert_array_equal(*(each.cv_results_[name] for each in found))
    np.testing.assert_array_equal(*(each.best_estimator_.predict_proba(x) for each in found))


def test_one_feature_and_a_constant_one_are_enough():
    x = np.random.default_rng(0).uniform(-1, 1, size=(300, 1))
    y = np.where(np.abs(x[:, 0]) > 0.5, "far", "near")
    assert small(steps=200).fit(x, y).score(x, y) > 0.9
    both = np.concatenate([x, np.full((300, 1), 7.0)], axis=1)
    found = small(steps=200).fit(both, y)
    assert found.score(both, y) > 0.9
    changed = found.predict_proba(both + np.array([0, 1e6]))
    np.testing.assert_array_equal(changed, found.predict_proba(both))  # it never varied: no news
    numbers = BlurRegressor((16,), random_state=0).fit(x, 3 * x[:, 0] + 1)
    assert numbers.score(x, 3 * x[:, 0] + 1) > 0.9


def test_a_dumped_one_answers_the_same(iris, tmp_path):
    x, held_x, y, _ = iris
    found = small().fit(x, y)
    joblib.dump(found, tmp_path / "found.joblib")
    again = joblib.load(tmp_path / "found.joblib")  # as scikit-learn does, and our own file
    np.testing.assert_array_equal(found.predict_proba(held_x), again.predict_proba(held_x))
    assert again.learning_curve_ == found.learning_curve_


def test_a_pickled_one_answers_the_same_and_learns_on_the_same(iris):
    x, held_x, y, _ = iris
    found = small().fit(x, y)
    again = pickle.loads(pickle.dumps(found))  # noqa: S301  scikit-learn's own way, our own bytes
    np.testing.assert_array_equal(found.predict_proba(held_x), again.predict_proba(held_x))
    one, other = found.partial_fit(x, y), again.partial_fit(x, y)
    np.testing.assert_array_equal(one.predict_proba(held_x), other.predict_proba(held_x))


def test_partial_fits_add_up(iris):
    x, held_x, y, held_y = iris
    found, rng = small(batch_size=32), np.random.default_rng(0)
    first = rng.permutation(len(x))[:16]
    found.partial_fit(x[first], y[first], classes=WORDS)
    before = found.score(held_x, held_y)
    for _ in range(20):
        found.partial_fit(x, y)
    assert found.score(held_x, held_y) > before + 0.3
    assert found.n_iter_ == 1 + 20 * 4
    with pytest.raises(BluraxError, match="a new estimator takes others"):
        found.partial_fit(x, y, classes=[*WORDS, "rose"])


def test_early_stopping_keeps_the_best_network(iris):
    x, _, y, _ = iris
    options = {"early_stopping": True, "patience": 2, "validation_fraction": 0.3}
    found = small(steps=2000, **options).fit(x, y)
    assert found.n_iter_ < 2000
    best = int(np.argmax(found.validation_curve_))
    assert len(found.validation_curve_) == best + 3 == found.n_iter_ // 50


def test_few_examples_of_a_class_are_not_forgotten():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(size=(285, 4)), rng.normal(size=(15, 4)) + 4])
    y = np.repeat([0, 1], [285, 15])
    assert small(steps=200).fit(x, y).predict(x)[-15:].mean() > 0.8


def test_several_numbers_are_predicted_side_by_side():
    x = np.random.default_rng(0).normal(size=(400, 3))
    y = np.stack([x[:, 0] + x[:, 1], 100 * x[:, 2] - 7], axis=1)
    found = BlurRegressor((32,), random_state=0).fit(x, y)
    assert found.predict(x).shape == y.shape
    assert found.score(x, y) > 0.9
    constant = BlurRegressor((4,), steps=5, random_state=0).fit(x, np.full(400, 3.25))
    np.testing.assert_allclose(constant.predict(x), 3.25)


def test_a_genome_of_one_s_own(iris, tmp_path):
    x, held_x, y, held_y = iris
    exact = blurax.backprop(blurax.Rule.backprop(), 0.5)
    path = tmp_path / "exact.safetensors"
    facts = blurax.Provenance("0.1.0", "2026-01-31", 0, (), 0, None, {})
    blurax.save_genome(path, exact, facts)
    given, read = (small(genome=g, steps=200).fit(x, y) for g in (exact, path))
    np.testing.assert_array_equal(given.predict_proba(held_x), read.predict_proba(held_x))
    assert given.score(held_x, held_y) > 0.85
    assert clone(given).genome.rule == exact.rule


def test_a_single_number_is_a_single_hidden_layer(iris):
    x, held_x, y, _ = iris
    one, layers = (small(hidden=h, steps=5).fit(x, y) for h in (8, (8,)))
    np.testing.assert_array_equal(one.predict_proba(held_x), layers.predict_proba(held_x))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps is 0; it takes a whole number >= 1"),
        ({"epochs": 1.5}, "epochs is 1.5; it takes a whole number >= 1"),
        ({"batch_size": True}, "batch_size is True"),
        ({"validation_fraction": 1.0}, "validation_fraction is 1.0"),
        ({"genome": "defalt"}, "did you mean default?"),
        ({"genome": 3}, "genome is 3; it takes a name, a path or a Genome"),
        ({"hidden": (0,)}, "hidden is (0,); it takes one whole number >= 1"),
        ({"hidden": 0}, "hidden is 0; it takes one whole number >= 1"),
        ({"hidden": "64"}, "hidden is '64'; it takes one whole number"),
        ({"hidden": (3.5,)}, "hidden is (3.5,); it takes one whole number"),
        ({"standardise": "maybe"}, "standardise is 'maybe'; it takes True or False"),
        ({"warm_start": 1}, "warm_start is 1; it takes True or False"),
        ({"verbose": -1}, "verbose is -1; it takes True, False or a number >= 0"),
        ({"clip": 0}, "clip is 0; it takes a number above 0, or None"),
        ({"class_weight": "even"}, "class_weight is 'even'; it takes 'balanced', None, or a dict"),
        ({"class_weight": {"rose": 1}}, "class_weight names 'rose', which is none of the classes"),
    ],
)
def test_a_wrong_parameter_is_told_by_name(iris, options, message):
    x, _, y, _ = iris
    with pytest.raises(BluraxError) as told:
        small(**options).fit(x, y)
    assert message in str(told.value)


def test_wrong_data_is_told(iris):
    x, held_x, y, _ = iris
    with pytest.raises(NotFittedError):
        small().predict(x)
    with pytest.raises(ValueError, match="NaN"):
        small().fit(np.where(x > 7, np.nan, x), y)
    with pytest.raises(ValueError, match="1 class"):
        small().fit(x, np.full(len(x), "one"))
    found = small().fit(x, y)
    with pytest.raises(ValueError, match="features"):
        found.predict(held_x[:, :2])
    with pytest.raises(ValueError, match="'rose' is none of the classes"):
        found.partial_fit(x[:2], ["rose", "setosa"])


def test_a_network_that_diverges_is_told(iris):
    x, _, y, _ = iris
    wild = blurax.backprop(blurax.Rule.backprop(Activation.LINEAR), learning_rate=1e6)
    with pytest.warns(ConvergenceWarning, match="The network diverged within 50 steps"):
        BlurClassifier((8,), genome=wild, steps=50, random_state=0).fit(x, y)


def test_several_labels_an_example_are_refused():
    x, y = np.ones((4, 2)), np.array([[0, 1], [1, 1], [1, 0], [0, 0]])
    with pytest.raises(BluraxError, match="MultiOutputClassifier fits one classifier for each"):
        small().fit(x, y)


def test_log_probabilities_do_not_end_at_minus_infinity(iris):
    x, _, y, _ = iris
    found = small().fit(x, y)
    far = 1e6 * (x[:5] - x.mean(axis=0))
    small_odds = small(clip=None).fit(x, y).predict_log_proba(far)
    assert np.isfinite(small_odds).all()
    np.testing.assert_allclose(np.exp(found.predict_log_proba(x)), found.predict_proba(x))


def test_a_warm_start_goes_on(iris):
    x, held_x, y, held_y = iris
    found = small(steps=50, warm_start=True).fit(x, y)
    first = found.predict_proba(held_x)
    found.fit(x, y)
    assert found.n_iter_ == len(found.learning_curve_) == 100
    assert np.abs(found.predict_proba(held_x) - first).max() > 1e-3
    assert found.score(held_x, held_y) > 0.85
    with pytest.raises(BluraxError, match="the one to go on with has"):
        found.set_params(hidden=(3,)).fit(x, y)
    with pytest.raises(BluraxError, match="has learned to tell"):
        found.set_params(hidden=(16,)).fit(x[y != "setosa"], y[y != "setosa"])


def test_progress_is_printed_on_request(iris, capsys):
    x, _, y, _ = iris
    small(steps=100).fit(x, y)
    assert capsys.readouterr().out == ""
    small(steps=100, verbose=True, early_stopping=True).fit(x, y)
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("BlurClassifier: step 50 of 100, score 0.")
    assert last.startswith("BlurClassifier: step 100 of 100, score ")
    assert "held apart" in last


def test_sparse_inputs_are_read_where_they_fit(iris, monkeypatch):
    x, held_x, y, _ = iris
    found = small().fit(scipy.sparse.csr_matrix(x), y)
    expected = small().fit(x, y).predict_proba(held_x)
    np.testing.assert_array_equal(found.predict_proba(scipy.sparse.csc_matrix(held_x)), expected)
    monkeypatch.setattr("blurax.memory.on_host", lambda: 1000.0)
    with pytest.raises(BluraxError, match=r"X as the dense array .* 112 x 4, .*TruncatedSVD"):
        found.predict(scipy.sparse.csr_matrix(x))


@pytest.fixture
def compiled():
    """The programs that are compiled from now on."""
    events: list[str] = []

    def listen(event: str, seconds: float, **_: object) -> None:
        if event.endswith("backend_compile_duration"):
            events.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield events
    jax.monitoring.clear_event_listeners()


def test_forty_sizes_compile_no_more_programs_than_one(compiled):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    y = (x[:, 0] > 0).astype(int)
    small(hidden=(5,), steps=7, genome="steady").fit(x, y).partial_fit(x[:3], y[:3]).predict(x)
    assert len(compiled) > 0
    compiled.clear()
    for n, steps in ((11, 3), (50, 13), (127, 23), (129, 1), (200, 9)):
        found = small(hidden=(5,), steps=steps, genome="steady").fit(x[:n], y[:n])
        found.predict(x[: n // 2])
        found.partial_fit(x[: n // 4], y[: n // 4])
        found.predict(x[:3])
    assert compiled == []


FORKED = """
import multiprocessing, sys
import numpy as np
from blurax import BlurClassifier

x = np.random.default_rng(0).normal(size=(40, 2))
y = (x[:, 0] > 0).astype(int)
model = BlurClassifier((3,), steps=2).fit(x, y)

def child(queue):
    for call in (lambda: model.fit(x, y), lambda: model.predict(x)):
        try:
            call()
        except ValueError as error:
            queue.put(str(error))

context = multiprocessing.get_context("fork")
queue = context.Queue()
process = context.Process(target=child, args=(queue,))
process.start()
print(queue.get(timeout=60))
print(queue.get(timeout=60))
process.join(60)
sys.exit(process.exitcode)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_a_forked_child_is_told_at_once():
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED],
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=True,
    )
    assert run.stdout.count("forked from one that has used JAX") == 2
    assert "loky and threading work" in run.stdout
