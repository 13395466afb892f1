"""Lessons: the curve is what step-by-step learning gives, and unfit pairs are refused."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from blurax import genome as genomes
from blurax import teach
from blurax.errors import BluraxError
from blurax.inner import predict, step
from blurax.network import Network
from blurax.spec import Feedback, Reduction, Rule, Signal, Update
from blurax.tasks import EpisodeSpec, Kind, Split, from_arrays, get
from blurax.teach import query_loss, score

RULE = Rule(update=Update(batch=Reduction.MEAN))


@pytest.fixture(scope="module")
def iris():
    return get("iris")


def test_the_curve_is_that_of_single_steps(iris):
    genome, network = genomes.random(jax.random.key(1), RULE), Network((4, 5, 3))
    key, spec = jax.random.key(2), EpisodeSpec(steps=4, batch=8)
    state, curve = teach.teach(genome, network, iris, key, spec, Split.TEST)

    slow = network.init(jax.random.fold_in(key, 0), RULE, 8)
    drawn = jax.random.fold_in(key, 1)
    episode = iris.sample(drawn, spec, Split.TEST)
    for t in range(4):
        slow, _ = step(genome, slow, episode.x[t], episode.y[t], t)
        prediction = predict(genome, slow, episode.query_x)
        assert curve.accuracy[t] == score(prediction, episode.query_y, iris.kind)
        np.testing.assert_allclose(
            curve.loss[t], query_loss(prediction, episode.query_y, iris.kind)
        )
    for one, other in zip(state.synapses, slow.synapses, strict=True):
        np.testing.assert_allclose(one.forward, other.forward, rtol=1e-10)


def test_seeds_side_by_side_are_the_seeds_alone(iris):
    genome, network = genomes.random(jax.random.key(1), RULE), Network((4, 5, 3))
    keys, spec = jax.random.split(jax.random.key(2), 3), EpisodeSpec(steps=4, batch=8)
    _, together = teach.teach(genome, network, iris, keys, spec)
    assert together.accuracy.shape == (3, 4)
    for seed, key in enumerate(keys):
        _, alone = teach.teach(genome, network, iris, key, spec)
        np.testing.assert_allclose(together.loss[seed], alone.loss, rtol=1e-8)


def test_a_long_lesson_goes_on_where_its_first_part_ended(iris, monkeypatch):
    monkeypatch.setattr(teach, "CHUNK", 3)
    rule = dataclasses.replace(RULE, feedback=Feedback(every=2), keep_neurons=True)
    genome, network = genomes.random(jax.random.key(1), rule), Network((4, 5, 3))
    key = jax.random.key(2)
    state, curve = teach.teach(genome, network, iris, key, EpisodeSpec(steps=5, batch=8))
    assert curve.accuracy.shape == (5,)

    slow, t = network.init(jax.random.fold_in(key, 0), rule, 8), 0
    for first, length in ((0, 3), (3, 2)):
        drawn = jax.random.fold_in(key, 1)
        episode = iris.sample(drawn, EpisodeSpec(steps=length, batch=8), Split.TEST, first)
        for x, y in zip(episode.x, episode.y, strict=True):
            slow, _ = step(genome, slow, x, y, t)
            t += 1
    np.testing.assert_allclose(state.synapses[0].forward, slow.synapses[0].forward, rtol=1e-10)


def test_back_propagation_teaches():
    """The exact genome learns an easy task nearly perfectly, so lessons do teach."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 2))
    task = from_arrays(x, (x[:, 0] > x[:, 1]).astype(int), "diagonal")
    genome = genomes.backprop(Rule.backprop(), 0.5)
    spec = EpisodeSpec(steps=60, batch=64)
    _, curve = teach.teach(genome, Network((2, 8, 2)), task, jax.random.key(0), spec)
    assert curve.accuracy[-1] > 0.95
    assert curve.loss[-1] < curve.loss[0] / 2


def test_final_score_is_the_end_of_a_lesson_and_0_where_it_diverges(iris):
    spec = EpisodeSpec(steps=30, batch=8)
    learned = genomes.backprop(Rule.backprop(), 0.3)
    wild = genomes.backprop(Rule.backprop(), float("inf"))
    args = Network((4, 5, 3)), iris, jax.random.key(0), spec, Split.VALIDATE
    final = eqx.filter_jit(teach.final_score)
    assert final(learned, *args) > 0.6
    assert final(wild, *args) == 0


def test_unfit_networks_are_refused(iris):
    genome = genomes.random(jax.random.key(1), RULE)
    with pytest.raises(BluraxError, match="has 5 inputs and 3 outputs, but task iris has 4"):
        teach.teach(genome, Network((5, 3)), iris, jax.random.key(0), EpisodeSpec())
    layered = genomes.random(jax.random.key(1), dataclasses.replace(RULE, layers=2))
    with pytest.raises(BluraxError, match="genes for 2 synapse layers"):
        teach.teach(layered, Network((4, 3)), iris, jax.random.key(0), EpisodeSpec())


@pytest.mark.parametrize(
    ("text", "sizes"), [("32", (32,)), ("256-128", (256, 128)), ("0", ()), ("1-2-3", (1, 2, 3))]
)
def test_hidden_layers_in_short(text, sizes):
    assert teach.parse_hidden(text) == sizes


@pytest.mark.parametrize("text", ["", "a", "32-", "-5", "3.5", "32,16", "3-0", "0-0"])
def test_hidden_layers_that_are_none(text):
    with pytest.raises(BluraxError, match="The hidden layers"):
        teach.parse_hidden(text)


def test_scores_by_hand():
    y = jnp.asarray([[1.0, -1.0], [-1.0, 1.0], [-1.0, 1.0], [1.0, -1.0]])
    right = jnp.asarray([[0.3, 0.2], [0.3, 0.2], [-5.0, -4.0], [0.0, -0.1]])
    assert score(right, y, Kind.CLASSES) == 0.75
    one = jnp.asarray([[2.0], [-0.5], [0.0], [-1.0]])
    labels = jnp.asarray([[1.0], [-1.0], [1.0], [1.0]])
    assert score(one, labels, Kind.CLASSES) == 0.5  # 0 is no side
    numbers = jnp.asarray([[1.0], [2.0], [3.0], [6.0]])
    assert score(numbers, numbers, Kind.NUMBERS) == 1
    np.testing.assert_allclose(score(numbers + 1, numbers, Kind.NUMBERS), 1 - 4 / 14)
    assert score(jnp.zeros((4, 1)), numbers, Kind.NUMBERS) == 0  # worse than the mean, not below 0


def test_losses_by_hand():
    one, y = jnp.asarray([[2.0], [-0.5]]), jnp.asarray([[1.0], [1.0]])
    by_hand = (np.log(1 + np.exp(-2)) + np.log(1 + np.exp(0.5))) / 2
    np.testing.assert_allclose(query_loss(one, y, Kind.CLASSES), by_hand)
    np.testing.assert_allclose(query_loss(one, y, Kind.NUMBERS), (1 + 2.25) / 2)


def test_back_propagation_learns_numbers():
    """The sine's amplitude is learned by the rule that minimises the squared error."""
    rule = Rule.backprop(signal=Signal.SQUARED_ERROR)
    genome = genomes.backprop(rule, 2e-3)
    spec = EpisodeSpec(steps=400, batch=64, held_out=200)
    _, curve = teach.teach(genome, Network((1, 40, 1)), get("sine"), jax.random.key(1), spec)
    assert curve.accuracy[0] < 0.5
    assert curve.accuracy[-1] > 0.6
    assert curve.loss[-1] < 0.5 * curve.loss[0]


def test_numbers_are_taught_by_the_squared_error_whatever_the_genome_was_trained_with():
    x = np.random.default_rng(0).normal(size=(400, 3))
    key, spec = jax.random.key(0), EpisodeSpec(steps=60, batch=64)
    found = {}
    for outputs in (1, 2):
        task = from_arrays(x, x[:, :outputs], "numbers", kind=Kind.NUMBERS)
        network = Network((3, 16, outputs))
        for signal in (Signal.CROSS_ENTROPY, Signal.SQUARED_ERROR):
            genome = genomes.backprop(Rule.backprop(signal=signal), learning_rate=0.5)
            _, curve = teach.teach(genome, network, task, key, spec)
            found[outputs, signal] = np.asarray(curve.accuracy)
            assert curve.accuracy[-1] > 0.8
        np.testing.assert_array_equal(
            found[outputs, Signal.CROSS_ENTROPY], found[outputs, Signal.SQUARED_ERROR]
        )
    assert teach.suited(genome, get("iris")) is genome
