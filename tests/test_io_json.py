"""JSON from files is read by one strict and bounded reader, whatever file it is."""

import ast
import shutil
from pathlib import Path

import pytest

import pages
from blurax import findings, io, zoo
from blurax.analysis.runs_view import find_runs
from blurax.errors import BluraxError
from blurax.experiments import compare, demo
from blurax.io import sealed
from blurax.io.strict_json import LIMIT
from blurax.outer import metrics, repair, run
from blurax.zoo import keeper

SOURCES = pages.ROOT / "src" / "blurax"
BAD = {
    "empty": b"",
    "no JSON": b"{",
    "not UTF-8": b'{"config": "\xe4"}',
    "a list": b"[1]",
    "a number": b"5",
    "null": b"null",
    "text after it": b"{} {}",
    "NaN": b'{"config": NaN}',
    "Infinity": b'{"config": -Infinity}',
    "infinite in effect": b'{"config": 1e999}',
    "a name twice": b'{"config": {"seed": 1, "seed": 2}}',
    "nested deep": b'{"config": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "many digits": b'{"config": ' + b"9" * 5000 + b"}",
    "NULs": b"\0" * 1000,
    "a mark of byte order": b'\xef\xbb\xbf{"config": 1}',
}
READERS = {
    "config.json": run.read_config,
    "metrics.jsonl": metrics.read_metrics,
    "plan.json": compare.read_plan,
    "comparison.json": compare.read,
    "demo.json": demo.read,
    "rivals-5.json": lambda folder: demo.rivals(folder).__enter__(),
    "findings.json": lambda folder: findings.read(folder / "findings.json"),
    "default.json": lambda folder: keeper.card("default"),
}


@pytest.fixture
def own_zoo(tmp_path, monkeypatch):
    shutil.copy(zoo.find("default"), tmp_path)
    monkeypatch.setattr(keeper, "HOME", tmp_path)
    keeper.names.cache_clear()
    yield
    keeper.names.cache_clear()


@pytest.mark.usefixtures("own_zoo")
@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
@pytest.mark.parametrize("name", READERS)
def test_what_is_not_ours_is_refused(tmp_path, name, bad):
    end = b"\n" if name == "metrics.jsonl" else b""
    (tmp_path / name).write_bytes(bad + end)
    with pytest.raises(BluraxError) as refused:
        READERS[name](tmp_path)
    assert len(str(refused.value)) < 1000


@pytest.mark.usefixtures("own_zoo")
@pytest.mark.parametrize("name", READERS)
def test_what_is_too_large_or_no_file_is_refused_without_being_read(tmp_path, name):
    path = tmp_path / name
    with open(path, "wb") as file:
        file.truncate(2**40)  # of holes
    with pytest.raises(BluraxError):
        READERS[name](tmp_path)
    path.unlink()
    path.mkdir()
    with pytest.raises(BluraxError):
        READERS[name](tmp_path)
    path.rmdir()
    path.symlink_to("/dev/zero")
    with pytest.raises(BluraxError):
        READERS[name](tmp_path)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (b"[]", "a list of JSON; it takes an object"),
        (b'{"a": 1, "a": 1}', "the name 'a' comes twice"),
        (b'{"a": NaN}', "NaN is no finite number"),
        (b'{"a": -1e999}', "-1e999 is no finite number"),
        (b"{}" + b" " * LIMIT, "has more than 67,108,864 bytes"),
    ],
)
def test_the_sentence_says_what_is_wrong(tmp_path, bad, said):
    path = tmp_path / "x.json"
    path.write_bytes(bad)
    with pytest.raises(BluraxError, match=said):
        io.read_json(path)
    path.write_bytes(b'{"a": 1}' + b" " * 1000)
    assert io.read_json(path) == {"a": 1}


def test_findings_alone_may_hold_what_is_not_finite(tmp_path):
    (tmp_path / "x.json").write_bytes(b'{"a": NaN, "b": 1e999}')
    found = io.read_json(tmp_path / "x.json", finite=False)
    assert found["b"] == float("inf")


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_line_of_a_log_that_is_not_ours_is_damage(bad):
    assert not repair._is_line(bad, 1, "loss")
    assert repair._is_line(b'{"step": 1, "loss": [1.0]}', 1, "loss")
    assert not repair._is_line(b'{"step": 1, "loss": [1.0], "loss": [1.0]}', 1, "loss")
    assert not repair._is_line(b'{"step": 1, "loss": ["\\ud800"]}', 1, "loss")


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_headers_that_are_not_ours_are_refused(bad):
    text = bad.decode("latin-1")
    with pytest.raises(BluraxError):
        sealed.unseal(sealed.save({}, {"blurax": text}), sealed.Kind.GENOME, "x")
    with pytest.raises(BluraxError):
        sealed._entry(len(bad).to_bytes(8, "little") + bad, "x")


def test_a_checkpoint_larger_than_memory_is_refused(tmp_path):
    with open(tmp_path / "checkpoint-00000001.safetensors", "wb") as file:
        file.truncate(2**42)
    with pytest.raises(BluraxError, match="of memory, and there are"):
        io.load_checkpoint(tmp_path, {})


def test_only_one_place_reads_json():
    """The exported files stand alone; they check the digest of the genome."""
    apart = {Path("io/strict_json.py"), Path("export/numpy_blur.py"), Path("export/torch_blur.py")}
    found = set()
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            reads = isinstance(node, ast.Attribute) and node.attr in ("load", "loads")
            if reads and isinstance(node.value, ast.Name) and node.value.id == "json":
                found.add(path.relative_to(SOURCES))
    assert found == apart


def test_runs_show_what_they_can(tmp_path):
    for name in BAD:
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_bytes(BAD[name])
    assert len(find_runs(tmp_path)) == len(BAD)
