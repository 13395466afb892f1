"""Several threads on one estimator, and on one each."""

import copy
import dataclasses
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from joblib import parallel_backend
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

import blurax
from blurax import BlurClassifier, BlurRegressor
from blurax.errors import BluraxError
from blurax.estimator.threads import fitting
from blurax.tasks import TASKS, get, own

pytestmark = pytest.mark.usefixtures("float32", "unchecked")
RNG = np.random.default_rng(0)
SETS = [(x, (x[:, 0] > x[:, 1]).astype(int)) for x in RNG.normal(size=(6, 60, 3))]
SMALL = {"hidden": (8,), "random_state": 0, "steps": 20, "genome": "steady"}
KINDS = pytest.mark.parametrize("kind", [BlurClassifier, BlurRegressor])


class Gate:
    """Holds up whoever calls it until it is opened."""

    def __init__(self, then=None):
        self.reached, self.opened, self.then = threading.Event(), threading.Event(), then

    def __call__(self, *given):
        self.reached.set()
        assert self.opened.wait(300)
        return self.then(*given) if self.then else None


@pytest.fixture
def pool():
    with ThreadPoolExecutor(2) as found:
        yield found


@KINDS
def test_a_second_thread_that_fits_is_refused_and_the_first_ends_as_alone(kind, pool, monkeypatch):
    alone = kind(**SMALL).fit(*SETS[0])
    model, gate = kind(**SMALL), Gate()
    with monkeypatch.context() as patch:
        patch.setattr(model, "_report", gate)
        first = pool.submit(model.fit, *SETS[0])
        assert gate.reached.wait(300)
        for call in (model.fit, model.partial_fit):
            with pytest.raises(BluraxError, match=r"fitted in another thread; fit one for each"):
                call(*SETS[1])
        gate.opened.set()
        first.result()
    np.testing.assert_array_equal(model._outputs(SETS[0][0]), alone._outputs(SETS[0][0]))
    second = kind(**SMALL).fit(*SETS[1])
    np.testing.assert_array_equal(
        model.fit(*SETS[1]).predict(SETS[0][0]), second.predict(SETS[0][0])
    )


@KINDS
def test_a_prediction_waits_for_the_fit_of_another_thread(kind, pool, monkeypatch):
    model, gate = kind(**SMALL).fit(*SETS[0]), Gate()
    with monkeypatch.context() as patch:
        patch.setattr(model, "_report", gate)
        fit = pool.submit(model.fit, *SETS[1])
        assert gate.reached.wait(300)
        asked = pool.submit(model.predict, SETS[0][0])
        assert not threading.Event().wait(0.2)
        assert not asked.done()
        gate.opened.set()
        fit.result()
    wanted = kind(**SMALL).fit(*SETS[1]).predict(SETS[0][0])
    np.testing.assert_array_equal(asked.result(), wanted)


def test_a_fit_waits_for_the_predictions_of_other_threads(pool, monkeypatch):
    model = BlurClassifier(**SMALL).fit(*SETS[0])
    before, gate = model.predict_proba(SETS[0][0]), Gate(model._answers)
    monkeypatch.setattr(model, "_answers", gate)
    asked = pool.submit(model.predict_proba, SETS[0][0])
    assert gate.reached.wait(300)
    fit = pool.submit(model.fit, *SETS[1])
    assert not threading.Event().wait(0.2)
    assert not fit.done()
    gate.opened.set()
    np.testing.assert_array_equal(asked.result(), before)
    assert not np.array_equal(fit.result().predict_proba(SETS[0][0]), before)


@KINDS
def test_estimators_of_their_own_in_threads_learn_as_in_turn(kind):
    def learned(number):
        return kind(**SMALL).fit(*SETS[number])._outputs(SETS[0][0])

    wanted = [learned(number) for number in range(6)]
    with ThreadPoolExecutor(6) as several:
        found = list(several.map(learned, range(6)))
    np.testing.assert_array_equal(found, wanted)


def test_a_fit_may_ask_its_own_estimator():
    class Own(BlurClassifier):
        def fit(self, X, y, sample_weight=None):  # noqa: N803
            with self._all_or_nothing():
                super().fit(X, y, sample_weight)
                self.own_ = self.predict(X)
            return self

    model = Own(**SMALL).fit(*SETS[0])
    np.testing.assert_array_equal(model.own_, model.predict(SETS[0][0]))


@pytest.mark.parametrize("fitted", [False, True])
def test_what_copies_an_estimator_copies_no_lock(fitted):
    model = BlurClassifier(**SMALL)
    if fitted:
        model.fit(*SETS[0])
    copies = [copy.deepcopy(model), pickle.loads(pickle.dumps(model))]  # noqa: S301
    for found in [*copies, clone(model)]:
        assert found.get_params() == model.get_params()
    for found in copies:
        assert hasattr(found, "classes_") == fitted
        if fitted:
            np.testing.assert_array_equal(found.predict(SETS[0][0]), model.predict(SETS[0][0]))
            with fitting(model):  # a use of the copy's own
                found.predict(SETS[0][0])
    with pytest.raises(NotFittedError):
        clone(model).predict(SETS[0][0])


@pytest.mark.parametrize("fitted", [False, True])
def test_a_search_in_threads_finds_what_a_search_in_turn_finds(fitted):
    def found(jobs):
        model = BlurClassifier(**SMALL)
        if fitted:
            model.fit(*SETS[1])
        search = GridSearchCV(model, {"steps": [10, 20]}, cv=2, n_jobs=jobs)
        with parallel_backend("threading"):
            search.fit(*SETS[0])
        return search.cv_results_["mean_test_score"], search.predict_proba(SETS[0][0])

    for several, one in zip(found(2), found(1), strict=True):
        np.testing.assert_array_equal(several, one)


def test_tasks_are_listed_while_others_are_added(pool, own_tasks_forgotten, monkeypatch):
    monkeypatch.setattr(own, "check_task", lambda *_: None)  # which takes a second
    task = blurax.from_arrays(np.eye(20), np.arange(20) % 2, name="own")
    stop, before = threading.Event(), len(TASKS)

    def add():
        for number in range(2_000):
            if stop.is_set():
                return number
            blurax.add_task(dataclasses.replace(task, name=f"own-{number}"))
        return number

    adding, end, seen = pool.submit(add), time.monotonic() + 1, 0
    try:
        while time.monotonic() < end:
            names = sorted(TASKS)
            seen = max(seen, len(names))
            with pytest.raises(BluraxError, match=r"there are|did you mean"):
                get("nothing-like-it")
    finally:
        stop.set()
    assert adding.result() > 0
    assert before < seen <= len(TASKS)
