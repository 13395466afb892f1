"""Whether a rule is a gradient: the test, tested on fields whose answer is known."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from blurax.experiments.figures.common import PLAIN
from blurax.experiments.figures.gradient_field import (
    Metrics,
    change,
    forward_synapses,
    jacobian,
    most_definite,
)
from blurax.genome import backprop, random
from blurax.network import Network
from blurax.spec import Activation, Rule, Stabilise, Symmetry

KEY = jax.random.key(3)
X = jax.random.normal(jax.random.key(1), (6, 2))
Y = jnp.where(jax.random.bernoulli(jax.random.key(2), shape=(6, 1)), 1.0, -1.0) * jnp.array([1, -1])


def test_back_propagation_has_a_symmetric_jacobian():
    found = jacobian(backprop(Rule.backprop(), 0.1), Network((2, 3, 2)), KEY, X, Y)
    assert found.forward.shape == (17, 17)
    assert np.abs(found.forward).max() > 1e-3
    assert found.asymmetry.max() < 10 * found.error < 1e-14


@pytest.mark.parametrize("symmetry", Symmetry)
def test_a_random_rule_has_not(symmetry):
    rule = dataclasses.replace(PLAIN, states=2, stabilise=Stabilise(), symmetry=symmetry)
    found = jacobian(random(KEY, rule), Network((2, 3, 2)), KEY, X, Y)
    assert found.forward.shape == (34, 34)
    assert np.median(found.asymmetry) > 1e4 * found.error


def test_the_jacobian_is_that_of_the_change_by_finite_differences():
    genome, network = backprop(Rule.backprop(Activation.TANH), 0.3), Network((2, 3, 2))
    state = network.init(KEY, genome.rule, 6)
    found, flat = jacobian(genome, network, KEY, X, Y).forward, forward_synapses(state)
    for place in (0, 7, 16):
        step = jnp.zeros_like(flat).at[place].set(1e-6)
        up, down = (change(genome, state, flat + way * step, X, Y) for way in (1, -1))
        slope = (up - down) / 2e-6
        np.testing.assert_allclose(found[:, place], slope, atol=1e-8)


def _fields(metric: np.ndarray, count: int) -> Metrics:
    """The metrics left by gradient fields under a metric: J = G⁻¹ S with symmetric S."""
    generator = np.random.default_rng(4)
    metrics = Metrics(len(metric))
    for _ in range(count):
        half = generator.normal(size=metric.shape)
        metrics.ask(np.linalg.solve(metric, half + half.T))
    return metrics


def _metric(signs: list[float]) -> np.ndarray:
    turn, _ = np.linalg.qr(np.random.default_rng(5).normal(size=(5, 5)))
    return turn @ np.diag(np.array([1.0, 2.0, 0.5, 3.0, 1.5]) * signs) @ turn.T


def test_a_metric_that_is_there_is_found():
    metric = _metric([1, 1, 1, 1, 1])
    left = _fields(metric, 4).left()
    assert left.shape == (1, 5, 5)
    ratio = left[0] / metric
    np.testing.assert_allclose(ratio, ratio[0, 0], rtol=1e-6)
    assert most_definite(left) == pytest.approx(0.5 / 3)


def test_a_metric_that_is_not_definite_is_told_apart():
    left = _fields(_metric([1, -1, 1, 1, 1]), 4).left()
    assert len(left) == 1
    assert most_definite(left) < -0.1


def test_fields_of_no_metric_leave_none():
    generator, metrics = np.random.default_rng(6), Metrics(5)
    for _ in range(3):
        metrics.ask(generator.normal(size=(5, 5)))
    assert len(metrics.left()) == 0
    assert most_definite(metrics.left()) == 0


def test_the_most_definite_combination_is_found_among_many():
    definite, others = np.diag([3.0, 1.0, 2.0]), np.random.default_rng(7).normal(size=(2, 3, 3))
    mixed = others + np.swapaxes(others, 1, 2) + 4 * definite
    assert most_definite(np.stack([*mixed, *(mixed - 4 * definite)])) > 0.2
