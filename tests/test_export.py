"""The file that users copy learns the same as blurax, variant by variant, and needs only NumPy."""

import ast
import subprocess
import sys

import jax
import numpy as np
import pytest

import blurax.cli.commands as cli
from blurax import genome as genomes
from blurax import io, zoo
from blurax.export import NUMPY, numpy_blur
from blurax.frozen import to_json
from blurax.inner import predict, unroll
from blurax.network import NetworkState
from closeness import assert_close
from variants import TABLE, batches, lively, newborn

STEPS = 4


def both(name: str):
    """A variant's trajectory here and there, from the same birth on the same batches."""
    rule, genome, state = TABLE[name], lively(TABLE[name]), newborn(TABLE[name])
    x, y = batches(STEPS)
    end, _ = jax.jit(unroll)(genome, state, x, y)
    copied = {path: np.asarray(leaf) for path, leaf in genomes.leaves(genome).items()}
    network = {
        "synapses": [
            tuple(None if w is None else np.asarray(w) for w in (s.forward, s.bias, s.backward))
            for s in state.synapses
        ],
        "neurons": None if state.neurons is None else [np.asarray(a) for a in state.neurons],
        "steps": 0,
    }
    plain = to_json(rule)
    for batch in range(STEPS):
        network = numpy_blur.step(
            plain, copied, network, np.asarray(x[batch]), np.asarray(y[batch])
        )
    return (genome, end, x[0]), (plain, copied, network, np.asarray(x[0]))


@pytest.mark.parametrize("name", TABLE)
def test_a_variant_takes_the_same_steps(name: str):
    (genome, end, x), there = both(name)
    for mine, theirs in zip(end.synapses, there[2]["synapses"], strict=True):
        for ours, copied in zip((mine.forward, mine.bias, mine.backward), theirs, strict=True):
            if ours is not None:
                assert_close(copied, ours, tolerance=1e-10)
    at_rest = NetworkState(end.synapses, None)
    assert_close(numpy_blur.predict(*there), predict(genome, at_rest, x), tolerance=1e-9)


@pytest.mark.parametrize("name", zoo.names())
def test_a_file_is_read_the_same(name: str):
    rule, genes = numpy_blur.load_genome(zoo.genome_file(name))
    genome, _ = io.load_genome(zoo.genome_file(name))
    assert rule == to_json(genome.rule)
    expected = genomes.leaves(genome)
    assert set(genes) == set(expected)
    for path, leaf in expected.items():
        np.testing.assert_array_equal(genes[path], np.asarray(leaf, genes[path].dtype))


def test_a_newborn_is_as_large_as_one_of_blurax():
    rule = to_json(TABLE["default"])
    born = numpy_blur.newborn(rule, (50, 40, 30), np.random.default_rng(0))
    assert [w.shape for w, _, _ in born["synapses"]] == [(2, 50, 40), (2, 40, 30)]
    assert born["synapses"][0][2] is None  # nothing leads back to the input
    assert born["synapses"][1][2].shape == (2, 30, 40)
    assert born["synapses"][0][0].std() == pytest.approx(TABLE["default"].init.std, rel=0.1)


@pytest.mark.usefixtures("unchecked")
def test_the_command_writes_two_files_that_work_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cli, "_use_compilation_cache", lambda: None)
    out = tmp_path / "out"
    assert cli.main(["export", str(out), "--genome", "toys"]) == 0
    assert {p.name for p in out.iterdir()} == {"numpy_blur.py", "toys.safetensors"}
    code = (
        "import numpy as np, numpy_blur as nb\n"
        "rule, genes = nb.load_genome('toys.safetensors')\n"
        "rng = np.random.default_rng(0)\n"
        "network = nb.newborn(rule, (2, 20, 2), rng)\n"
        "for _ in range(50):\n"
        "    x = rng.uniform(-1, 1, (128, 2))\n"
        "    y = np.where((x[:, :1] * x[:, 1:] > 0) == [True, False], 1.0, -1.0)\n"
        "    score = np.mean(nb.predict(rule, genes, network, x).argmax(1) == y.argmax(1))\n"
        "    network = nb.step(rule, genes, network, x, y)\n"
        "print(score)\n"
    )
    alone = [sys.executable, "-c", code]
    score = subprocess.run(alone, cwd=out, capture_output=True, text=True, check=True).stdout
    assert float(score) > 0.85  # xor
    assert cli.main(["export", str(out), "--genome", "toys"]) == 2
    assert "is there already" in capsys.readouterr().err


def test_the_file_imports_numpy_and_json_alone():
    tree = ast.parse(NUMPY.read_text())
    names = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert names == {"json", "numpy"}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
