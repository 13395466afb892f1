"""Runs whose configuration was written while a method was a name beside its settings."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from blurax.errors import BluraxError
from blurax.frozen import from_json, to_json
from blurax.outer import run
from blurax.outer.config import MetaTrain
from blurax.outer.methods import Cma, Es, Forward, Gradient, Nres, Pes, RandomSearch, Truncated

pytestmark = pytest.mark.usefixtures("unchecked")

HOME = Path(__file__).parent / "data"
OLD = HOME / "old-run-pes"


@pytest.fixture
def values():
    return json.loads((OLD / "config.json").read_text(encoding="utf-8"))["config"]


ES = {"pairs": 2, "sigma": 0.1, "scale": ("nu=0.5",)}
NOW = {
    "gradient": Gradient(),
    "forward": Forward(16),
    "truncated": Truncated(2),
    "es": Es(**ES),
    "pes": Pes(**ES, window=2),
    "nres": Nres(**ES, window=2),
    "cma-es": Cma(sigma=0.2, bound=4.0, chunk=3),
    "random-search": RandomSearch(chunk=3),
}


@pytest.mark.parametrize("name", NOW)
def test_an_older_configuration_is_read(name, values):
    config = from_json(MetaTrain, {**values, "method": name})
    assert config.method == NOW[name]
    assert dataclasses.replace(config, method=name).method == type(NOW[name])()
    written = to_json(config)
    assert written["method"]["name"] == name
    assert from_json(MetaTrain, json.loads(json.dumps(written))) == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "magic"}, r"MetaTrain\.method is 'magic'; it takes one of gradient, forward"),
        ({"es": {"pairs": 2}}, r"MetaTrain\.method lacks the field"),
        ({"window": "2"}, r"Pes\.window is '2'"),
        ({"method": {"name": "pes", "wings": 2}}, r"MetaTrain\.method has no field wings"),
        ({"method": {"pairs": 2}}, r"MetaTrain\.method lacks the field name"),
        ({"method": 3}, r"MetaTrain has no field"),
        ({"start": "default"}, r"MetaTrain\.start is 'default'; it takes one of random, backprop"),
        ({"start": 3}, r"MetaTrain\.start is 3; it takes one of random, backprop"),
        ({"start": {"sha256": 3, "source": ""}}, r"Given\.sha256 is 3"),
    ],
)
def test_what_makes_no_sense_is_refused(change, message, values):
    with pytest.raises(BluraxError, match=message):
        from_json(MetaTrain, {**values, **change})


def test_an_older_run_goes_on(tmp_path, float32):
    shutil.copytree(OLD, tmp_path / "run")
    run.advance(tmp_path / "run")
    found, known = (
        [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for path in (tmp_path / "run" / "metrics.jsonl", HOME / "old-run-pes-metrics.jsonl")
    )
    assert len(found) == len(known) == 9
    assert found[:6] == known[:6]  # these are kept
    for one, other in zip(found, known, strict=True):
        assert one.keys() == other.keys()
        for name, value in one.items():
            # The same bits on the machine that wrote it, optimised; all else rounds otherwise.
            np.testing.assert_allclose(value, other[name], rtol=1e-2)


def test_begun_anew_an_older_configuration_gives_the_same_bits_as_a_present_one(tmp_path, float32):
    (tmp_path / "old").mkdir()
    shutil.copy(OLD / "config.json", tmp_path / "old")
    config = run.read_config(tmp_path / "old")[0]
    run.start(config, tmp_path / "new")
    text = (tmp_path / "new" / "config.json").read_text(encoding="utf-8")
    assert "window" not in json.loads(text)["config"]
    for name in ("old", "new"):
        run.advance(tmp_path / name)
    old, new = (tmp_path / name / "metrics.jsonl" for name in ("old", "new"))
    assert old.read_bytes() == new.read_bytes()
