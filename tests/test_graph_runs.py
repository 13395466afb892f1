"""Networks by name in meta-training, `train`, `show` and `learn`; runs keep the name."""

import json

import jax
import numpy as np
import pytest

import blurax
import blurax.cli.commands as cli
from blurax.baselines import Tuning
from blurax.cli.renamed import renamed
from blurax.curves import Schedule
from blurax.experiments.inside import ANGLE, look
from blurax.fit import network_for
from blurax.outer import run
from blurax.outer.plastic import log_size
from blurax.spec import Activation, Rule
from blurax.tasks import EpisodeSpec, get

CONV = "c2k3s4-4"


AVERAGED = blurax.Objective(growth=0.1, when=blurax.When.LAST, average=0.5)


@pytest.mark.parametrize(
    ("method", "objective"),
    [(blurax.Gradient(), blurax.Objective()), (blurax.Es(pairs=1), AVERAGED)],
    ids=["gradient", "es"],
)
def test_meta_training_with_convolutions(method, objective, tmp_path):
    config = blurax.MetaTrain(
        tasks=("digits",),
        hidden=(CONV,),
        method=method,
        objective=objective,
        episode=EpisodeSpec(2, 8, 8, held_out=20),
        vary=blurax.Vary(init=1.5),
        population=1,
        meta_steps=1,
        validate_every=1,
        validation_episodes=1,
    )
    found = blurax.meta_train(config, tmp_path / "run")
    assert np.isfinite(found.score)
    assert run.read_config(tmp_path / "run")[0] == config
    written = json.loads((tmp_path / "run" / "config.json").read_text(encoding="utf-8"))
    assert f'"{CONV}"' in json.dumps(written)


def test_the_command_train_takes_a_name(tmp_path, capsys):
    words = ["train", "steady", "--steps", "2", "--seeds", "1", "--directory", str(tmp_path)]
    assert cli.main([*words, "--network", "c4k3s2-16"]) == 0
    said = capsys.readouterr()
    assert "network c4k3s2-16" in said.out
    assert said.err == ""
    curve = json.loads((tmp_path / "curve-steady-digits-c4k3s2-16.json").read_text("utf-8"))
    assert (curve["network"], curve["sizes"]) == ("c4k3s2-16", [64, 64, 16, 10])
    assert cli.main([*words, "--network=c4-c16q3"]) == 2
    assert "The network 'c4-c16q3': 'c16q3' is no layer" in capsys.readouterr().err
    assert cli.main([*words, "--task", "iris", "--hidden", "c4"]) == 2
    assert (
        "'c4' takes images (height, width, features), but neurons (4,)" in capsys.readouterr().err
    )


@pytest.mark.parametrize("command", ["train", "show", "compare", "meta-train"])
def test_network_is_another_name_of_hidden(command, capsys):
    words = ["--tasks", "digits", "--network", "c4", "64", "--seed=1", "--network=lenet"]
    there = ["--tasks", "digits", "--hidden", "c4", "64", "--seed=1", "--hidden=lenet"]
    assert renamed(command, words) == there
    assert capsys.readouterr().err == ""


def test_a_genome_is_watched_in_a_residual_network():
    found = look(blurax.load("backprop"), get("digits"), "c2s4-res(c2)", steps=2, seeds=1)
    assert found.title.endswith("network c2s4-res(c2)")
    assert len(found.chart(ANGLE).curves) == 3  # the edge around the block has no synapses


def test_learning_goes_on_in_the_same_network_only():
    task, genome = get("digits"), blurax.load("backprop")
    network, other = (network_for(task, name) for name in (CONV, "c2k2s4-4"))
    first = blurax.learn(genome, network, task, steps=1, batch=8)
    assert first.state.network == network
    assert blurax.learn(genome, network, task, steps=1, batch=8, start=first).steps == 2
    with pytest.raises(blurax.BluraxError, match=r"but start holds a network of sizes \(8x8x1"):
        blurax.learn(genome, other, task, steps=1, batch=8, start=first)
    alike = network_for(task, CONV.replace("k3", "k5"))
    with pytest.raises(blurax.BluraxError, match=r"\), with other edges or links\."):
        blurax.learn(genome, alike, task, steps=1, batch=8, start=first)


def test_the_size_of_a_residual_network_is_that_of_its_synapses():
    network = network_for(get("digits"), "c2s4-res(c2)")
    state = network.init(jax.random.key(0), Rule(), 8)
    lengths = [
        np.mean(np.sum(np.concatenate([s.forward, s.bias], 1) ** 2, 1)) / (s.forward.shape[1] + 1)
        for s in state.synapses
        if s.forward is not None
    ]
    assert len(lengths) == 3
    np.testing.assert_allclose(log_size(state), np.mean(0.5 * np.log(lengths)), rtol=1e-5)


@pytest.mark.long
def test_a_comparison_of_convolutions_with_a_tuned_baseline():
    one = Tuning((Activation.RELU,), (False,), (Schedule.CONSTANT,), 1, 1, 1)
    size = {"budgets": (2, 4), "seeds": 2, "batch": 8, "baselines": ("sgd",), "tuning": one}
    genomes = {"bp": blurax.load("backprop")}
    found = blurax.compare(genomes, tasks=("digits",), hidden=(CONV, "4"), **size)
    assert {row["hidden"] for row in found.rows} == {CONV, "4"}
    assert len(found.rows) == 8
