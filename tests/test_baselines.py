"""The baselines are what they say, and the tuner never sees what it reports on."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from blurax.baselines import Comparison, compare_optimiser, descend, measure_genome
from blurax.baselines.compare import RATES
from blurax.baselines.optimisers import apply, init
from blurax.errors import BluraxError
from blurax.genome import backprop
from blurax.network import Network
from blurax.spec import Rule
from blurax.tasks import EpisodeSpec, Kind, Split, get
from blurax.teach import query_loss

NETWORK = Network((4, 6, 3))


@pytest.fixture(scope="module")
def iris():
    return get("iris")


def by_hand(name: str, rate: float, task, key, spec) -> list[float]:
    """The loss after each step of the textbook optimiser, in a plain Python loop."""
    born, drawn = jax.random.split(key)
    episode = task.sample(drawn, spec, Split.VALIDATE)
    weights = init(born, NETWORK)
    m = jax.tree.map(jnp.zeros_like, weights)
    v, losses = m, []
    for t, (x, y) in enumerate(zip(episode.x, episode.y, strict=True), start=1):
        g = jax.grad(lambda w, x=x, y=y: query_loss(apply(w, x), y, Kind.CLASSES))(weights)
        if name == "sgd":
            change = g
        elif name == "momentum":
            change = m = jax.tree.map(lambda m, g: 0.9 * m + g, m, g)
        else:
            m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
            v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g**2, v, g)
            change = jax.tree.map(
                lambda m, v, t=t: (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8), m, v
            )
        weights = jax.tree.map(lambda w, c: w - rate * c, weights, change)
        prediction = apply(weights, episode.query_x)
        losses.append(float(query_loss(prediction, episode.query_y, Kind.CLASSES)))
    return losses


@pytest.mark.parametrize("name", ["sgd", "momentum", "adam"])
def test_each_optimiser_is_the_textbook_one(iris, name):
    spec, keys = EpisodeSpec(steps=3, batch=16), jax.random.split(jax.random.key(0), 2)
    rates = jnp.asarray([0.01, 0.1])
    curve = descend(name, rates, NETWORK, iris, keys, spec, Split.VALIDATE)
    assert curve.loss.shape == (2, 2, 3)  # rates, seeds, steps
    np.testing.assert_allclose(curve.loss[1, 1], by_hand(name, 0.1, iris, keys[1], spec), rtol=1e-8)


def test_a_rate_that_diverges_scores_nothing(iris):
    spec, keys = EpisodeSpec(steps=5, batch=16), jax.random.split(jax.random.key(0), 2)
    curve = descend("sgd", jnp.asarray([jnp.inf]), NETWORK, iris, keys, spec, Split.TEST)
    np.testing.assert_array_equal(curve.accuracy, 0)


def test_the_tuner_chooses_on_validation_examples_for_each_budget(iris, monkeypatch):
    """With made-up curves: the rate with the best validation mean at the budget, edges marked."""
    calls = []

    class Made:
        def __init__(self, accuracy):
            self.accuracy = accuracy

    def made_up(name, rates, network, task, keys, spec, split):
        calls.append((split, np.asarray(rates), jax.random.key_data(keys)))
        validation = jnp.zeros((3, len(keys), spec.steps))
        validation = validation.at[0, :, 0].set(0.9).at[1, :, 3].set(0.8)
        test = jnp.arange(2)[:, None, None] + jnp.zeros((2, len(keys), spec.steps))
        return Made(validation if split is Split.VALIDATE else test)

    monkeypatch.setattr("blurax.baselines.compare.descend", made_up)
    found = compare_optimiser(
        "sgd", NETWORK, iris, jax.random.key(0), seeds=4, budgets=(1, 4), rates=(0.1, 1.0, 10.0)
    )
    assert found.rates == (0.1, 1.0)
    assert found.at_edge == (True, False)
    assert found.accuracy == ((0.0,) * 4, (1.0,) * 4)
    (tuned_on, _, tuning_keys), (reported_on, reported_rates, test_keys) = calls
    assert (tuned_on, reported_on) == (Split.VALIDATE, Split.TEST)
    np.testing.assert_allclose(reported_rates, [0.1, 1.0])
    assert not {k.tobytes() for k in np.asarray(tuning_keys)} & {
        k.tobytes() for k in np.asarray(test_keys)
    }


def test_tuned_optimisers_learn(iris):
    found = compare_optimiser(
        "adam", NETWORK, iris, jax.random.key(0), seeds=3, batch=32, budgets=(5, 40)
    )
    assert found.mean(40) > 0.85
    assert found.mean(40) >= found.mean(5)
    assert all(rate in RATES for rate in found.rates)
    assert found.std(40) == pytest.approx(np.std(found.accuracy[1], ddof=1))


def test_a_genome_is_measured_on_test_examples_without_tuning(iris):
    genome = backprop(Rule.backprop(), 0.3)
    found = measure_genome(
        genome, NETWORK, iris, jax.random.key(0), seeds=3, batch=32, budgets=(1, 40)
    )
    assert found.rates == found.at_edge == ()
    assert len(found.accuracy) == 2
    assert all(len(seeds) == 3 for seeds in found.accuracy)
    assert found.mean(40) > 0.8 > found.mean(1)


def test_unknown_optimiser_and_budget():
    with pytest.raises(BluraxError, match="no optimiser 'lion'; there are sgd, momentum, nesterov"):
        compare_optimiser("lion", NETWORK, get("iris"), jax.random.key(0))
    with pytest.raises(ValueError, match="not in tuple"):
        Comparison("x", (10,), ((0.5, 0.6),)).mean(11)
