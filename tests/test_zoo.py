"""The zoo: every genome loads, says where it comes from, and teaches what it was learned for."""

import dataclasses
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import blurax
import blurax.cli.commands as cli
from blurax import inner, io, zoo
from blurax.curves import learning_curve
from blurax.errors import BluraxError
from blurax.fit import blur_for, network_for
from blurax.tasks import Split, get
from closeness import assert_close

EXPECTED = {
    "smooth",
    "steady",
    "default",
    "general",
    "quick",
    "thorough",
    "images",
    "mlp-fast",
    "continual",
    "metaplastic",
    "conv",
    "toys",
    "cma-accuracy",
    "backprop",
    "regressor",
}


def test_the_promised_genomes_are_there_and_default_comes_first():
    assert set(zoo.names()) == EXPECTED
    assert zoo.names()[0] == "default"


@pytest.mark.parametrize("name", zoo.names())
def test_a_genome_has_provenance_and_a_card(name):
    genome, provenance = zoo.genome(name)
    card = zoo.card(name)
    assert card.about
    assert card.recipe
    assert (provenance.meta_steps > 0) == (name != "backprop")
    assert genome.rule == blurax.load(name).rule
    for row in card.rows:
        assert len(row.genome) == len(row.genome_std) == len(row.budgets)
        assert len(row.best) in (0, len(row.budgets))


SLOW = ("c8-res(c8-c8)-g",)


@pytest.mark.usefixtures("float32")
@pytest.mark.parametrize(
    ("name", "task", "hidden", "steps", "least"),
    [
        ("default", "digits", (64,), 10, 0.92),
        ("images", "digits", (64,), 10, 0.88),
        ("default", "digits", (256, 128), 20, 0.94),
        ("steady", "digits", (256, 128), 100, 0.96),
        ("quick", "digits", (256, 128), 20, 0.96),
        ("thorough", "digits", (256, 128), 10, 0.95),
        ("thorough", "digits", (64, 64, 64, 64, 64, 64), 20, 0.9),
        ("quick", "friedman-like:rows=2000", (64, 32), 20, 0.7),
        ("mlp-fast", "digits", (64,), 10, 0.88),
        ("cma-accuracy", "digits", (64,), 20, 0.9),
        ("conv", "digits", "c8k3s2-c16k3s2", 20, 0.94),
        ("conv", "digits", "c8-res(c8-c8)-g", 50, 0.7),
        ("toys", "xor", (20,), 50, 0.95),
        ("backprop", "digits", (64,), 100, 0.9),
        ("regressor", "friedman-like:rows=2000", (256, 128), 200, 0.85),
    ],
)
def test_it_teaches(name, task, hidden, steps, least):
    task = get(task)
    # of what is slow to run a single network, which reaches what is asked of the mean of three
    keys = jax.random.split(jax.random.key(5), 3)[: 1 if hidden in SLOW else 3]
    learner = blur_for(zoo.genome(name)[0], network_for(task, hidden), task)
    _, curve = learning_curve(learner, task, keys, (steps,), Split.TEST)
    assert np.asarray(curve.accuracy).mean() > least


def test_the_exact_one_is_exact():
    assert zoo.genome("backprop")[0].rule == blurax.Rule.backprop()


def test_names_and_files_are_told_apart(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert zoo.find("default") == zoo.genome_file("default")
    assert zoo.find("./default.safetensors").name == "default.safetensors"
    with pytest.raises(
        BluraxError, match="genome or learner 'defualt' in the zoo; did you mean default"
    ):
        blurax.load("defualt")
    with pytest.raises(BluraxError, match=r"runs/mine\.safetensors"):
        blurax.load("runs/mine.safetensors")


@pytest.mark.usefixtures("unchecked")
def test_the_commands_take_names(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["zoo"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in EXPECTED)
    assert cli.main(["zoo", "default"]) == 0
    shown = capsys.readouterr().out
    assert "blurax meta-train --recipe default" in shown
    assert "over 1,000 steps" in shown
    assert "…" not in shown  # all columns fit
    few = ["--task", "iris", "--hidden", "4", "--steps", "3", "--seeds", "2"]
    assert cli.main(["train", "default", *few]) == 0
    assert (
        json.loads((tmp_path / "curve-default-iris-4.json").read_text(encoding="utf-8"))["genome"]
        == "default"
    )
    assert cli.main(["show", "toys"]) == 0
    assert (tmp_path / "toys.png").exists()
    assert cli.main(["zoo", "nobody"]) == 2
    assert "there are default" in capsys.readouterr().err


def test_a_damaged_file_of_the_zoo_would_be_told(tmp_path):
    spoilt = tmp_path / "default.safetensors"
    content = bytearray(zoo.genome_file("default").read_bytes())
    content[-1] ^= 1
    spoilt.write_bytes(bytes(content))
    with pytest.raises(BluraxError):
        io.load_genome(spoilt)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("change", [{"genome": (0.5,)}, {"best_std": ()}, {"budgets": ()}])
def test_a_row_of_uneven_columns_is_told(change):
    row = zoo.card("default").rows[0]
    with pytest.raises(BluraxError, match="not one for each of its"):
        dataclasses.replace(row, **change)


ONCE = json.loads((Path(__file__).parent / "data" / "zoo_predictions.json").read_text("utf-8"))
"""What each genome's network predicted after three steps, as computed by version 0.1."""


@pytest.mark.parametrize("name", zoo.names())
def test_a_genome_file_of_old_predicts_what_it_did(name):
    genome, rng = zoo.genome(name)[0], np.random.default_rng(0)
    x, y = rng.normal(size=(3, 8, 5)), 2.0 * np.eye(3)[rng.integers(3, size=(3, 8))] - 1
    query, sizes = rng.normal(size=(4, 5)), (5, 7, 6, 3)
    state = blurax.Network(sizes).init(jax.random.key(1), genome, 8)
    state, _ = jax.jit(inner.unroll)(genome, state, jnp.asarray(x), jnp.asarray(y))
    got = jax.jit(inner.predict)(genome, state, jnp.asarray(query))
    assert_close(got, np.array(ONCE[name]), tolerance=1e-10)
