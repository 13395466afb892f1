"""The judge of genomes: by validation examples, on settings as they are named."""

import sys
from pathlib import Path

import numpy as np
import pytest

from blurax import tasks, zoo
from blurax.errors import BluraxError
from blurax.fit import network_for
from blurax.genome import Genome

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

from judge import SETTINGS, gain, scores, with_numbers


@pytest.fixture(name="quick")
def _quick() -> Genome:
    return zoo.genome("quick")[0]


def test_numbers_are_put_in_by_hand(quick):
    put = with_numbers(quick, ["hidden.batch_size=0.5", "readout.layer_size=0.25", "both.eta*2"])
    assert put.rule.update.batch_size
    assert put.rule.update.layer_size
    np.testing.assert_allclose(put.synapse.terms["batch_size"], [0.5, 0])
    np.testing.assert_allclose(put.synapse.terms["layer_size"], [0, 0.25])
    np.testing.assert_allclose(put.neuron.eta, 2 * quick.neuron.eta)
    with pytest.raises(BluraxError, match="names width, which the genome has not"):
        with_numbers(quick, ["both.width=1"])
    with pytest.raises(BluraxError, match=r"takes layer\.gene=value or layer\.gene\*factor"):
        with_numbers(quick, ["eta=1"])
    with pytest.raises(BluraxError, match="much is not a number"):
        with_numbers(quick, ["both.eta=much"])
    with pytest.raises(BluraxError, match="readout has genes of its own"):
        with_numbers(zoo.genome("smooth")[0], ["both.eta=1"])


def test_a_tenth_less_error_is_a_gain_of_ten_hundredths():
    old = np.array([0.5, 0.91])
    new = 1.01 - (1.01 - old) * np.exp(-0.1)
    np.testing.assert_allclose(gain(new, old), 10)


def test_scores_are_those_of_validation(quick, monkeypatch):
    where = ("digits", "16", 32)
    monkeypatch.setattr("judge.STOPS", (2, 4))
    found = scores(quick, where, 2)
    assert found.shape == (2,)
    assert 0.3 < found[0] < found[1] <= 1
    other = with_numbers(quick, ["both.eta_tilde=0"])
    assert np.all(scores(other, where, 2) < found)


@pytest.mark.parametrize(
    "title", [t for t, (name, _, _) in SETTINGS.items() if "mnist" not in name]
)
def test_settings_are_tasks_with_networks_that_fit(title):
    name, hidden, _ = SETTINGS[title]
    assert network_for(tasks.get(name), hidden)
