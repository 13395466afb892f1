"""The files that users copy: single rows, dtypes, damaged genomes."""

import functools
import json
import random

import numpy as np
import pytest
from safetensors.numpy import save
from sklearn.datasets import load_digits

import ports
from blurax import zoo
from blurax.errors import BluraxError
from blurax.export import check
from blurax.frozen import to_json
from blurax.io import sealed
from blurax.spec import Rule
from closeness import assert_close
from ports import LIBRARIES, Port
from variants import BATCH, EXPORTED, SIZES, TABLE, batches, initial, lively

X, Y = (np.asarray(array) for array in batches())


@pytest.fixture(params=LIBRARIES, ids=str)
def port(request) -> Port:
    return ports.of(request.param)


def taught(port: Port, name: str, dtype: str = "float64") -> tuple:
    """A rule, its genes, and a network that learned from each of `batches()`."""
    rule, genes = to_json(TABLE[name]), port.genes(lively(TABLE[name]))
    network = port.network(initial(TABLE[name]))
    cast = port.dtype(dtype)
    network["synapses"] = [
        tuple(None if w is None else in_dtype(w, cast) for w in layer)
        for layer in network["synapses"]
    ]
    if network["neurons"]:
        network["neurons"] = [in_dtype(a, cast) for a in network["neurons"]]
    for x, y in zip(X, Y, strict=True):
        network = port.file.step(rule, genes, network, port.number(x), port.number(y))
    return rule, genes, network


def in_dtype(array, dtype):
    return array.astype(dtype) if isinstance(array, np.ndarray) else array.to(dtype)


@pytest.mark.parametrize("name", EXPORTED)
def test_a_row_is_predicted_alone_as_among_others(name: str, port: Port):
    rule, genes, network = taught(port, name)
    predict = functools.partial(port.file.predict, rule, genes, network)
    together = np.asarray(predict(port.number(X[0])))
    for row, among in zip(X[0], together, strict=True):
        assert_close(np.asarray(predict(port.number(row[None])))[0], among)
    assert_close(np.asarray(predict(port.number(X[0][::-1].copy()))), together[::-1])


def test_digits_are_told_apart_one_by_one(port: Port):
    x, right = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    x, right = (x[order] / 16).astype(np.float32), right[order]
    y = 2 * np.eye(10, dtype=np.float32)[right] - 1
    rule, genes = port.file.load_genome(zoo.genome_file("default"))
    network = port.file.init(rule, (64, 64, 10), port.source(0))
    for first in [128 * number for number in range(10)] * 15:
        rows = slice(first, first + 128)
        network = port.file.step(rule, genes, network, port.number(x[rows]), port.number(y[rows]))
    predict = functools.partial(port.file.predict, rule, genes, network)
    for size in (517, 10, 1):
        parts = [port.number(x[first : first + size]) for first in range(1280, len(x), size)]
        found = np.concatenate([np.asarray(predict(part)) for part in parts])
        assert np.mean(found.argmax(1) == right[1280:]) > 0.95


def test_other_examples_can_be_observed(port: Port):
    rule, genes, network = taught(port, "normalise-forward")
    for others in (X[0], X[-1]):
        seen = port.file.observe(rule, genes, network, port.number(others))
        fresh = {
            **port.network(initial(TABLE["normalise-forward"])),
            "synapses": network["synapses"],
        }
        among = port.file.predict(rule, genes, fresh, port.number(others))
        found = port.file.predict(rule, genes, seen, port.number(others[:1]))
        assert_close(np.asarray(found), np.asarray(among)[:1])


def test_moments_are_those_of_the_synapses_after_the_step(port: Port):
    """A prediction between two steps must not leave its moments behind."""
    rule, genes, network = taught(port, "normalise-forward")
    port.file.predict(rule, genes, network, port.number(X[0]))
    x, y = port.number(X[1]), port.number(Y[1])
    after = port.file.step(rule, genes, network, x, y)
    never = port.file.step(rule, genes, taught(port, "normalise-forward")[2], x, y)
    found, wanted = (port.file.predict(rule, genes, n, port.number(X[0])) for n in (after, never))
    assert_close(np.asarray(found), np.asarray(wanted))


def test_a_small_last_batch_does_not_decide_alone(port: Port):
    rule, genes, network = taught(port, "normalise-forward")
    step = functools.partial(port.file.step, rule, genes)
    network = step(network, port.number(X[0][:1]), port.number(Y[0][:1]))
    assert len(network["batch"]) == BATCH
    np.testing.assert_array_equal(np.asarray(network["batch"])[-1], X[0][0])
    np.testing.assert_array_equal(np.asarray(network["batch"])[:-1], X[-1][1:])


def test_what_was_learned_from_may_be_overwritten(port: Port):
    rule, genes, network = taught(port, "normalise-forward")
    x = port.number(X[0].copy())
    network = port.file.step(rule, genes, network, x, port.number(Y[0]))
    x[:] = 0
    np.testing.assert_array_equal(np.asarray(network["batch"]), X[0])


def test_a_row_without_a_mean_is_refused(port: Port):
    rule = TABLE["normalise-forward"]
    genes, fresh = port.genes(lively(rule)), port.network(initial(rule))
    predict = functools.partial(port.file.predict, to_json(rule), genes)
    assert np.asarray(predict(fresh, port.number(X[0]))).shape == (BATCH, SIZES[-1])
    with pytest.raises(ValueError, match="1 example has no mean and variance"):
        predict(fresh, port.number(X[0][:1]))
    only = port.file.step(to_json(rule), genes, fresh, port.number(X[0][:1]), port.number(Y[0][:1]))
    with pytest.raises(ValueError, match=r"or observe\(rule, genes, network, x\) some"):
        predict(only, port.number(X[0]))


@pytest.mark.parametrize("name", EXPORTED)
def test_float32_stays_float32(name: str, port: Port):
    """Whatever the dtype of genes, inputs and labels: a network keeps its own."""
    rule, genes, network = taught(port, name, "float32")
    single = port.dtype("float32")
    assert {w.dtype for layer in network["synapses"] for w in layer if w is not None} == {single}
    assert {a.dtype for a in network["neurons"] or []} <= {single}
    assert port.file.predict(rule, genes, network, port.number(X[0])).dtype == single
    seen = port.file.observe(rule, genes, network, port.number(X[0]))
    assert {a.dtype for pair in seen["moments"] if pair for a in pair} <= {single}


def test_a_initial_is_float32_unless_told_otherwise(port: Port):
    rule = to_json(TABLE["default"])
    assert port.file.init(rule, (3, 2), port.source(0))["synapses"][0][0].dtype == port.dtype(
        "float32"
    )
    double = port.file.init(rule, (3, 2), port.source(0), dtype=port.dtype("float64"))
    assert {w.dtype for w in double["synapses"][0][:2]} == {port.dtype("float64")}


def test_examples_and_labels_of_other_shapes_are_refused(port: Port):
    rule, genes, network = taught(port, "default")
    x, y = port.number(X[0]), port.number(Y[0])
    predict, step = (
        functools.partial(f, rule, genes, network) for f in (port.file.predict, port.file.step)
    )
    with pytest.raises(ValueError, match=r"x has shape \(2,\); the network takes \[batch, 2\]"):
        predict(x[0])
    with pytest.raises(ValueError, match=r"x has shape \(4, 3\); the network takes \[batch, 2\]"):
        step(y, y)
    for wrong in (y[:, 0], y[:, :1], y[:1]):
        with pytest.raises(ValueError, match=r"y has shape .*takes \[4, 3\], \+1 for the right"):
            step(x, wrong)


WHOLE = zoo.genome_file("default").read_bytes()
START = 8 + int.from_bytes(WHOLE[:8], "little")


def with_entry(change) -> bytes:
    """The genome with one tensor described otherwise."""
    header = json.loads(WHOLE[8:START])
    change(header["neuron.nu"])
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + WHOLE[START:]


def refused(port: Port, path, data: bytes, sentence: str) -> None:
    path.write_bytes(data)
    with pytest.raises(ValueError, match=sentence) as caught:
        port.file.load_genome(path)
    assert type(caught.value) is ValueError
    assert str(caught.value).startswith(str(path))
    assert str(caught.value).endswith(".")


def test_a_damaged_genome_is_refused(port: Port, tmp_path):
    draw, path = random.Random(0), tmp_path / "genome"
    for number in range(600):
        spoilt = bytearray(WHOLE)
        first = START if number % 2 else 0
        spoilt[draw.randrange(first, len(WHOLE))] ^= 1 << draw.randrange(8)
        refused(port, path, bytes(spoilt), "is cut off, damaged or no genome file")
    for length in [*range(0, len(WHOLE), 97), len(WHOLE) - 1]:
        refused(port, path, WHOLE[:length], "is cut off, damaged or no genome file")
    refused(port, path, WHOLE + b"\0", "is cut off, damaged or no genome file")
    path.write_bytes(WHOLE)
    assert port.file.load_genome(path)[0]["states"] == 4


SPOILT = [
    with_entry(lambda entry: entry.update(shape=[2, 8])),
    with_entry(lambda entry: entry.update(shape=[-1, 4])),
    with_entry(lambda entry: entry.update(dtype="F64")),
    with_entry(lambda entry: entry.update(dtype="I32")),
    with_entry(lambda entry: entry.update(dtype=["F32"])),
    with_entry(lambda entry: entry.update(data_offsets=[0, 10**30])),
    with_entry(lambda entry: entry.update(data_offsets=[0, "64"])),
    with_entry(lambda entry: entry.update(data_offsets=[-64, 0])),
    with_entry(lambda entry: entry.pop("shape")),
    b"PK\x03\x04 another format, and long enough",
    save({"neuron.nu": np.ones((2, 2))}),
    save({"neuron.nu": np.ones((2, 2))}, {"blurax": "[" * 100000}),
    save({"neuron.nu": np.ones((2, 2))}, {"blurax": "[]"}),
]


@pytest.mark.parametrize("data", SPOILT, ids=range(len(SPOILT)))
def test_other_files_are_refused(port: Port, tmp_path, data):
    refused(port, tmp_path / "genome", data, "is cut off, damaged or no genome file")


def test_other_kinds_and_versions_are_told_apart(port: Port, tmp_path, monkeypatch):
    content, tensors = {"rule": to_json(Rule())}, {"neuron.nu": np.ones((2, 2))}
    data = sealed.seal(sealed.Kind.CHECKPOINT, content, tensors)
    refused(port, tmp_path / "file", data, "is a checkpoint file of format 1; give a genome")
    monkeypatch.setattr(sealed, "VERSION", 2)
    data = sealed.seal(sealed.Kind.GENOME, content, tensors)
    refused(
        port, tmp_path / "file", data, "is a genome file of format 2; give a genome of format 1"
    )


@pytest.mark.parametrize("name", [name for name in TABLE if name not in EXPORTED])
def test_normalisation_over_more_than_the_batch_is_refused(name: str):
    with pytest.raises(BluraxError, match=r"which exported files do not know"):
        check(TABLE[name])
