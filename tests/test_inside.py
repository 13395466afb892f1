"""Looking inside a genome: the gradient's angle, and numbers taken away."""

import dataclasses

import jax
import numpy as np
import pytest

from blurax import genome as genomes
from blurax.errors import BluraxError
from blurax.experiments.ablation import MATRICES, positions
from blurax.experiments.inside import look
from blurax.genome import flatten
from blurax.spec import Activation, Rule
from blurax.tasks import get

DIGITS = get("digits")


@pytest.fixture(scope="module")
def backprop():
    return look(genomes.backprop(Rule.backprop(Activation.TANH), 0.3), DIGITS, "16", 12, 2)


def test_back_propagation_goes_down_the_gradient(backprop):
    curves = backprop.chart("Angle to the negative gradient of the loss").curves
    assert [c.label for c in curves] == ["layer 1", "layer 2"]
    for curve in curves:
        assert len(curve.mean) == 12
        assert max(curve.mean) < 1e-3  # degrees


def test_the_opposite_rate_goes_up():
    found = look(genomes.backprop(Rule.backprop(), -0.01), DIGITS, "16", 3, 2)
    for curve in found.chart("Angle to the negative gradient of the loss").curves:
        assert min(curve.mean) > 179.9


def test_what_back_propagation_needs_is_missed(backprop):
    whole = backprop.fact("accuracy of the whole genome")
    assert whole > 0.5
    forward = backprop.table("ν, forward: points lost")
    assert forward.at("1", "1") > 0.3  # no activity reaches the next layer
    assert 0 < abs(forward.at("2", "1")) < 0.2  # φ'(0) = 1: the error passes undamped
    assert forward.at("1", "2") == forward.at("2", "2") == 0  # these are 0 anyway
    post = backprop.table("μ~, post-synaptic: points lost")
    assert (post.rows, post.columns) == (("1",), ("1", "2"))
    assert post.at("1", "2") > 0.3  # nothing is learned
    assert post.at("1", "1") == 0


def test_positions_are_those_of_the_vector():
    genome = genomes.random(jax.random.key(0), Rule(states=3))
    vector, places = np.asarray(flatten(genome)), positions(genome)
    for name in MATRICES:
        owner, leaf = name.split(".")
        np.testing.assert_array_equal(vector[places[name]], getattr(getattr(genome, owner), leaf))


def test_a_genome_for_each_layer_is_refused():
    rule = dataclasses.replace(Rule(), layers=2)
    with pytest.raises(BluraxError, match="numbers for each layer cannot be looked into"):
        look(genomes.random(jax.random.key(0), rule), DIGITS, "8", 2, 1)
