"""Fitted estimators as files: the same answers where there is only NumPy."""

import copy
import dataclasses
import importlib.util
import json
import random
import subprocess
import sys

import numpy as np
import pytest

from blurax import BlurClassifier, BlurRegressor
from blurax.errors import BluraxError
from blurax.export.fitted import write_fitted
from blurax.inner import observe_moments, predict
from closeness import assert_close
from variants import EXPORTED, TABLE, batches, initial, lively

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 5)) * [1, 1e-9, 1e6, 0, 1] + [0, 0, 1e6, 0.1, 0]
Y = (X[:, 0] + X[:, 4] > 0) + 1 * (X[:, 4] > 1)
NEW = np.concatenate([X[:40], RNG.normal(size=(10, 5)) * 1e7])
REFUSALS = ValueError, SyntaxError, NameError, ImportError, AttributeError, TypeError
ALONE = """
import json, sys
sys.modules.update(dict.fromkeys(["blurax", "jax", "sklearn", "scipy", "safetensors"]))
import numpy as np, model
x = np.array(json.loads(sys.stdin.read()))
found = {"predict": model.predict(x).tolist()}
found["alone"] = [model.predict(row[None]).tolist()[0] for row in x]
if hasattr(model, "predict_proba"):
    found["proba"] = model.predict_proba(x).tolist()
    found["classes"] = model.CLASSES.tolist()
print(json.dumps(found))
"""


@pytest.fixture(autouse=True)
def no_bytecode(monkeypatch):
    """A file is written anew under its name within a second: old bytecode would be taken for it."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)


def fitted(kind=BlurClassifier, y=Y, **options):
    return kind((8, 6), random_state=0, **{"steps": 20, **options}).fit(X, y)


@pytest.fixture(scope="module")
def usual():
    """A classifier that no test changes."""
    return fitted()


def imported(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def exported(estimator, path):
    estimator.export(path / "model.py")
    return imported(path / "model.py")


def alone(path) -> dict:
    done = subprocess.run(
        [sys.executable, "-B", "-c", ALONE],
        cwd=path,
        input=json.dumps(NEW.tolist()),
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.usefixtures("float32")
@pytest.mark.parametrize("genome", ["default", "smooth", "backprop"])
def test_a_classifier_answers_the_same_without_blurax(genome, tmp_path):
    model = fitted(genome=genome, y=np.array(["no", "ja", "ü\n'\"$x"])[Y])
    model.export(tmp_path / "model.py")
    found = alone(tmp_path)
    assert found["predict"] == found["alone"] == model.predict(NEW).tolist()
    assert found["classes"] == model.classes_.tolist()
    np.testing.assert_allclose(found["proba"], model.predict_proba(NEW), rtol=0, atol=1e-5)


@pytest.mark.usefixtures("float32")
@pytest.mark.parametrize("outputs", [None, 1, 2])
def test_a_regressor_answers_the_same_without_blurax(outputs, tmp_path):
    y = X[:, 0] if outputs is None else np.stack([X[:, 0], 1e6 + 1e3 * X[:, 4]], 1)[:, :outputs]
    model = fitted(BlurRegressor, y)
    model.export(tmp_path / "model.py")
    found, wanted = alone(tmp_path), model.predict(NEW)
    for answers in (found["predict"], found["alone"]):
        assert np.shape(answers) == wanted.shape
        np.testing.assert_allclose(answers, wanted, rtol=1e-5, atol=1e-5 * y.std())


@pytest.mark.parametrize(
    "options",
    [
        {"standardise": False},
        {"clip": None},
        {"clip": 0.5},
        {"batch_size": 7},
        {"early_stopping": True},
        {"class_weight": "balanced"},
    ],
    ids=str,
)
def test_every_option_is_carried_over(options, tmp_path):
    model = fitted(**options)
    new = RNG.normal(size=(50, 5)) if options == {"standardise": False} else NEW
    file = exported(model, tmp_path)
    np.testing.assert_allclose(file.predict_proba(new), model.predict_proba(new), atol=1e-10)


@pytest.mark.parametrize("name", EXPORTED)
def test_every_variant_of_the_rule_is_carried_over(name, tmp_path):
    genome, state = lively(TABLE[name]), initial(TABLE[name])
    if state.steps is not None:
        state = dataclasses.replace(state, steps=state.steps + 1)
    x = batches()[0]
    moments = observe_moments(genome, state, x[0])
    write_fitted(tmp_path / "m.py", genome=genome, state=state, moments=moments, flat=False)
    wanted = predict(genome, state, x[1], moments)
    assert_close(imported(tmp_path / "m.py").predict(x[1]), np.asarray(wanted))


def test_a_stream_is_exported_as_it_stands(tmp_path):
    model = BlurClassifier((8,), random_state=0)
    for rows in np.split(np.arange(300), 3):
        model.partial_fit(X[rows], Y[rows], classes=[0, 1, 2])
        file = exported(model, tmp_path)
        np.testing.assert_allclose(file.predict_proba(NEW), model.predict_proba(NEW), atol=1e-10)


@pytest.mark.parametrize(
    "labels",
    [
        np.array([3, -1, 7]),
        np.array([3, 1, 7], np.uint8),
        np.array([0.0, 1e15, -2]),
        np.array([1, 2, 3], np.float32),
        np.array([2**62, 5, -(2**62)]),
        np.array(["b", "a", "long label"]),
        np.array(["b", "a", "long label"], object),
        np.array(['"""', "\\", "{{SHA256}} ${SHA256} \ud800"]),
        np.array([True, False, True]),  # three, for the network has three outputs
    ],
    ids=lambda labels: f"{labels.dtype}",
)
def test_labels_keep_their_type(labels, tmp_path, usual):
    model = copy.copy(usual)
    model.classes_ = labels
    file = exported(model, tmp_path)
    assert file.CLASSES.dtype == model.classes_.dtype
    np.testing.assert_array_equal(file.CLASSES, model.classes_)
    assert file.predict(NEW).dtype == model.classes_.dtype
    np.testing.assert_array_equal(file.predict(NEW), model.predict(NEW))


@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_written_is_refused(tmp_path, usual):
    model = copy.copy(usual)
    for path in ("model.npz", "model", "model.PY", tmp_path):
        with pytest.raises(BluraxError, match=r"path is .*; it takes a Python file to write, such"):
            model.export(path)
    model.classes_ = np.array(["2020-01-01", "2020-01-02", "2020-01-03"], "datetime64[D]")
    with pytest.raises(BluraxError, match=r"The label .* cannot be written to a file; strings"):
        model.export(tmp_path / "model.py")
    assert not list(tmp_path.iterdir())


def test_other_inputs_are_refused(tmp_path, usual):
    file = exported(usual, tmp_path)
    for wrong in (NEW[0], NEW[:, :4], NEW[None]):
        with pytest.raises(ValueError, match=r"X has shape .*; it takes \[n, 5\]"):
            file.predict(wrong)
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match="missing or infinite"):
            file.predict(np.full((1, 5), bad))
    assert file.predict_proba(NEW[:0]).shape == (0, 3)


def test_a_damaged_file_is_refused(tmp_path, usual):
    model, path = usual, tmp_path / "model.py"
    model.export(path)
    whole, draw, said = path.read_bytes(), random.Random(0), 0
    wanted = model.predict_proba(NEW)
    for _ in range(300):
        spoilt = bytearray(whole)
        spoilt[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        path.write_bytes(bytes(spoilt))
        try:
            file = imported(path)
        except REFUSALS as error:
            said += "is damaged or was changed; export" in str(error)
        else:  # the check itself was hit, and so nothing else was
            np.testing.assert_allclose(file.predict_proba(NEW), wanted, atol=1e-10)
    assert said > 100  # of the others Python says that they are no Python
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises((ValueError, SyntaxError)):
        imported(path)
    path.write_bytes(whole.replace(b"1e-5", b"1e-6"))
    with pytest.raises(ValueError, match=r"model\.py is damaged or was changed; export the esti"):
        imported(path)
    path.write_bytes(whole.replace(b"\n", b"\r\n"))  # as some version control writes it
    np.testing.assert_array_equal(imported(path).predict(NEW), model.predict(NEW))


def test_the_same_estimator_gives_the_same_file(tmp_path, usual):
    for name in ("a.py", "b.py"):
        usual.export(str(tmp_path / name))
    assert (tmp_path / "a.py").read_bytes() == (tmp_path / "b.py").read_bytes()
