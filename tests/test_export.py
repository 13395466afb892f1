"""The files that users copy learn the same as blurax, variant by variant, and need nothing else."""

import ast
import functools
import subprocess
import sys

import jax
import numpy as np
import pytest

import blurax.cli.commands as cli
import ports
from blurax import genome as genomes
from blurax import io, zoo
from blurax.export import Library
from blurax.frozen import from_json, to_json
from blurax.inner import observe_moments, predict, unroll
from blurax.spec import Rule
from blurax.targets import Classes
from closeness import assert_close
from ports import LIBRARIES, Port, needs_torch, parts
from variants import EXPORTED, TABLE, batches, initial, jit, lively

STEPS = 4


@pytest.fixture(params=LIBRARIES, ids=str)
def port(request) -> Port:
    return ports.of(request.param)


@functools.cache
def here(name: str) -> tuple:
    """What blurax does: the synapses after each step, and what the last network predicts."""
    rule, genome, state = TABLE[name], lively(TABLE[name]), initial(TABLE[name])
    x, y = batches(STEPS)

    @jit
    def taught(genome, state):
        end, each = unroll(genome, state, x, y, lambda state, _: state.synapses)
        return each, predict(genome, end, x[0], observe_moments(genome, end, x[-1]))

    return to_json(rule), genome, state, *taught(genome, state)


@pytest.mark.parametrize("name", EXPORTED)
def test_a_variant_takes_the_same_steps(name: str, port: Port):
    rule, genome, state, each, answer = here(name)
    genes, network = port.genes(genome), port.network(state)
    for number, (x, y) in enumerate(zip(*batches(STEPS), strict=True)):
        network = port.file.step(rule, genes, network, port.number(x), port.number(y))
        for mine, theirs in zip(each, network["synapses"], strict=True):
            for ours, copied in zip(parts(mine), theirs, strict=True):
                assert (ours is None) == (copied is None)
                if ours is not None:
                    assert_close(np.asarray(copied), ours[number], tolerance=1e-10)
    found = port.file.predict(rule, genes, network, port.number(batches(STEPS)[0][0]))
    assert_close(np.asarray(found), answer, tolerance=1e-9)


@pytest.mark.parametrize("name", zoo.names())
def test_a_file_is_read_the_same(name: str, port: Port):
    rule, genes = port.file.load_genome(zoo.genome_file(name))
    genome, _ = io.load_genome(zoo.genome_file(name))
    assert from_json(Rule, rule) == genome.rule  # a file from before a field was added lacks it
    expected = genomes.leaves(genome)
    assert set(genes) == set(expected)
    for path, leaf in expected.items():
        found = np.asarray(genes[path])
        np.testing.assert_array_equal(found, np.asarray(leaf, found.dtype))


@needs_torch
@pytest.mark.parametrize("name", ["default", "cross-entropy", "saturation-length"])
def test_pytorch_takes_the_same_gradient_through_a_episode(name: str):
    import torch

    from blurax.export import torch_blur

    rule, genome, state, *_ = here(name)
    x, y = batches(STEPS)

    def loss(genome):
        end, _ = unroll(genome, state, x, y)
        scores = predict(genome, end, x[0], observe_moments(genome, end, x[-1]))
        return Classes(y.shape[-1]).loss(scores, y[0])

    port = ports.of(Library.TORCH)
    genes = {path: leaf.requires_grad_() for path, leaf in port.genes(genome).items()}
    network = port.network(state)
    for batch in range(STEPS):
        network = torch_blur.step(
            rule, genes, network, port.number(x[batch]), port.number(y[batch])
        )
    with torch.no_grad():  # leaves nothing behind that lacks a gradient
        torch_blur.predict(rule, genes, network, port.number(x[0]))
    scores = torch_blur.predict(rule, genes, network, port.number(x[0]))
    right = port.number(y[0]).argmax(1)
    torch.nn.functional.cross_entropy(scores, right).backward()
    for path, leaf in genomes.leaves(jit(jax.grad(loss))(genome)).items():
        slope = genes[path].grad
        assert_close(np.zeros_like(leaf) if slope is None else slope.numpy(), leaf, tolerance=1e-8)


def test_a_initial_is_as_large_as_one_of_blurax(port: Port):
    rule = to_json(TABLE["default"])
    made = port.file.init(rule, (50, 40, 30), port.source(0))
    assert [tuple(w.shape) for w, _, _ in made["synapses"]] == [(2, 50, 40), (2, 40, 30)]
    assert made["synapses"][0][2] is None  # nothing leads back to the input
    assert tuple(made["synapses"][1][2].shape) == (2, 30, 40)
    std = float(made["synapses"][0][0].std())
    assert std == pytest.approx(TABLE["default"].init.std, rel=0.1)


def test_a_initial_with_a_learned_deviation_needs_the_genes(port: Port):
    genome = lively(TABLE["per-step-learned-init"])
    rule, genes = to_json(genome.rule), port.genes(genome)
    source = port.source(0)
    with pytest.raises(ValueError, match="give the genes"):
        port.file.init(rule, (50, 40, 30, 20), source)
    made = port.file.init(rule, (50, 40, 30, 20), source, genes=genes)
    for (w, _, _), std in zip(made["synapses"], genome.init_std, strict=True):
        assert float(w.std()) == pytest.approx(abs(float(std)), rel=0.1)


ALONE = {
    Library.NUMPY: (
        "import numpy as np, numpy_blur as nb\n"
        "rule, genes = nb.load_genome('toys.safetensors')\n"
        "rng = np.random.default_rng(0)\n"
        "network = nb.init(rule, (2, 20, 2), rng)\n"
        "for _ in range(50):\n"
        "    x = rng.uniform(-1, 1, (128, 2))\n"
        "    y = np.where((x[:, :1] * x[:, 1:] > 0) == [True, False], 1.0, -1.0)\n"
        "    score = np.mean(nb.predict(rule, genes, network, x).argmax(1) == y.argmax(1))\n"
        "    network = nb.step(rule, genes, network, x, y)\n"
        "print(score)\n"
    ),
    Library.TORCH: (
        "import torch, torch_blur as tb\n"
        "rule, genes = tb.load_genome('toys.safetensors')\n"
        "rng = torch.Generator().manual_seed(0)\n"
        "network = tb.init(rule, (2, 20, 2), rng)\n"
        "for _ in range(50):\n"
        "    x = 2 * torch.rand((128, 2), generator=rng) - 1\n"
        "    same = x[:, :1] * x[:, 1:] > 0\n"
        "    y = torch.where(same == torch.tensor([True, False]), 1.0, -1.0)\n"
        "    right = tb.predict(rule, genes, network, x).argmax(1) == y.argmax(1)\n"
        "    network = tb.step(rule, genes, network, x, y)\n"
        "print(right.float().mean().item())\n"
    ),
}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("library", LIBRARIES)
def test_the_command_writes_two_files_that_work_alone(library, tmp_path, monkeypatch, capsys):
    out = tmp_path / "out"
    command = ["export", str(out), "--genome", "toys", "--library", library.value]
    assert cli.main(command) == 0
    assert {p.name for p in out.iterdir()} == {library.file.name, "toys.safetensors"}
    alone = [sys.executable, "-c", ALONE[library]]
    score = subprocess.run(alone, cwd=out, capture_output=True, encoding="utf-8", check=True).stdout
    assert float(score) > 0.85  # xor
    assert cli.main(command) == 2
    assert "is there already" in capsys.readouterr().err


@pytest.mark.parametrize("library", Library)
def test_a_file_imports_its_library_json_and_hashlib_alone(library: Library):
    tree = ast.parse(library.file.read_text(encoding="utf-8"))
    names = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert names == {"json", "hashlib", library.value}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
