"""Curves of genomes that learn, and the score at the end of an episode."""

import equinox as eqx
import jax
import numpy as np
import pytest

from blurax import genome as genomes
from blurax.analysis.style import round_steps
from blurax.baselines import Arrangement, baseline, record_baseline, tune
from blurax.baselines.record import record_learner
from blurax.curves import learning_curve, spread_stops
from blurax.errors import BluraxError
from blurax.fit import blur_for
from blurax.learner import Blur
from blurax.network import Network
from blurax.outer.problem import final_score
from blurax.spec import Rule, Signal
from blurax.tasks import EpisodeSpec, Split, from_arrays, get


@pytest.fixture(scope="module")
def iris():
    return get("iris")


def curve_of(genome, network, task, seed, steps, batch=64):
    """Accuracy and loss `[steps]`."""
    learner, keys = blur_for(genome, network, task), jax.random.key(seed)[None]
    stops = range(1, steps + 1)
    _, curve = learning_curve(learner, task, keys, stops, Split.TEST, batch=batch)
    return jax.tree.map(lambda leaf: leaf[0], curve)


def test_back_propagation_teaches():
    """The exact genome learns an easy task nearly perfectly."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 2))
    task = from_arrays(x, (x[:, 0] > x[:, 1]).astype(int), "diagonal")
    genome = genomes.backprop(Rule.backprop(), 0.5)
    curve = curve_of(genome, Network((2, 8, 2)), task, 0, 60)
    assert curve.accuracy[-1] > 0.95
    assert curve.loss[-1] < curve.loss[0] / 2


def test_final_score_is_the_end_of_an_episode_and_0_where_it_diverges(iris):
    spec = EpisodeSpec(steps=30, batch=8)
    learned = genomes.backprop(Rule.backprop(), 0.3)
    wild = genomes.backprop(Rule.backprop(), float("inf"))
    args, network = (iris, jax.random.key(0), spec, Split.VALIDATE), Network((4, 5, 3))
    final = eqx.filter_jit(final_score)
    assert final(Blur(learned, network), *args) > 0.6
    assert final(Blur(wild, network), *args) == 0


def test_back_propagation_learns_numbers():
    """The sine's amplitude is learned by the rule that minimises the squared error."""
    rule = Rule.backprop(signal=Signal.SQUARED_ERROR)
    genome = genomes.backprop(rule, 2e-3)
    curve = curve_of(genome, Network((1, 40, 1)), get("sine"), 1, 400)
    assert curve.accuracy[0] < 0.5
    assert curve.accuracy[-1] > 0.6
    assert curve.loss[-1] < 0.5 * curve.loss[0]


def test_numbers_are_taught_by_the_squared_error_whatever_the_genome_was_trained_with():
    x = np.random.default_rng(0).normal(size=(400, 3))
    found = {}
    for outputs in (1, 2):
        task = from_arrays(x, x[:, :outputs], "numbers", kind="regression")
        network = Network((3, 16, outputs))
        for signal in (Signal.CROSS_ENTROPY, Signal.SQUARED_ERROR):
            genome = genomes.backprop(Rule.backprop(signal=signal), learning_rate=0.5)
            curve = curve_of(genome, network, task, 0, 60)
            found[outputs, signal] = np.asarray(curve.accuracy)
            assert curve.accuracy[-1] > 0.8
        np.testing.assert_array_equal(
            found[outputs, Signal.CROSS_ENTROPY], found[outputs, Signal.SQUARED_ERROR]
        )


def test_spread_stops_are_dense_at_first_and_end_at_the_last():
    assert spread_stops(1) == (1,)
    assert spread_stops(20) == (*range(1, 21),)
    assert spread_stops(32) == (*range(1, 20), 20, 25, 30, 32)
    stops = spread_stops(3001)
    assert set(round_steps(3001)) <= set(stops)
    assert stops[-4:] == (2000, 2500, 3000, 3001)
    assert len(stops) == 19 + 36 + 36 + 4


def test_a_curve_at_some_stops_is_part_of_the_dense_one(iris):
    network, keys = Network((4, 5, 3)), jax.random.split(jax.random.key(0), 2)
    way = blur_for(genomes.backprop(Rule.backprop(), 0.3), network, iris), iris, keys
    last, dense = learning_curve(*way, range(1, 24), Split.TEST)
    same, few = learning_curve(*way, spread_stops(23), Split.TEST)
    places = np.subtract(spread_stops(23), 1)
    np.testing.assert_array_equal(few.accuracy, dense.accuracy[:, places])
    np.testing.assert_array_equal(few.loss, dense.loss[:, places])
    jax.tree.map(np.testing.assert_array_equal, last, same)


@pytest.mark.parametrize("measure", ["learning_curve", "tune", "record_baseline", "record_learner"])
def test_a_batch_beside_whole_sizes_is_refused(iris, measure):
    """One of the two would be ignored."""
    network, task = Network((4, 3)), iris
    key, both = jax.random.key(0), {"batch": 16, "sizes": EpisodeSpec(batch=8, held_out=20)}
    calls = {
        "learning_curve": lambda: learning_curve(
            baseline("sgd").make(Arrangement(), network, task),
            *(task, jax.random.split(key, 2), (1,), Split.TEST),
            **both,
        ),
        "tune": lambda: tune("sgd", network, task, key, (1,), **both),
        "record_baseline": lambda: record_baseline("sgd", network, task, key, (1,), **both),
        "record_learner": lambda: record_learner(
            "a", baseline("sgd").make(Arrangement(), network, task), task, key, (1,), **both
        ),
    }
    with pytest.raises(BluraxError, match="batch is 16 and sizes too"):
        calls[measure]()
