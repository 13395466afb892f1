"""(5), (6) and (7), each on its own, against loops over single numbers."""

import jax.numpy as jnp
import numpy as np
import pytest

import naive
from blurax import rules
from blurax.activations import activate, phi, phi_prime
from blurax.spec import Activation, Backward, Reduction
from closeness import assert_close, error

BATCH, LOWER, UPPER = 3, 4, 5
F, ETA = 0.7, -1.3

states_and_channels = pytest.mark.parametrize(
    ("k", "channels"), [(1, 1), (2, 2), (2, 1), (3, 3), (3, 1), (4, 4), (4, 1)]
)


class Arrays:
    """Random neurons, synapses and transforms of one pair of layers."""

    def __init__(self, k: int, channels: int):
        rng = np.random.default_rng(100 * k + channels)
        self.a_i = rng.normal(size=(k, BATCH, LOWER))
        self.a_j = rng.normal(size=(k, BATCH, UPPER))
        self.up = rng.normal(size=(channels, LOWER + 1, UPPER))
        self.down = rng.normal(size=(channels, UPPER, LOWER))
        self.square = rng.normal(size=(k, k))
        self.nu_tilde = rng.normal(size=(k, channels))
        self.mu_tilde = rng.normal(size=(channels, k))

    def __call__(self, *names: str) -> list:
        """The arrays of these names as JAX arrays."""
        return [jnp.asarray(getattr(self, name)) for name in names]


def gates(*numbers: float) -> list:
    return [jnp.asarray(number) for number in numbers]


@states_and_channels
def test_forward_is_equation_5(k: int, channels: int):
    arrays = Arrays(k, channels)
    want = naive.forward(arrays.a_i, arrays.a_j, arrays.up, arrays.square, F, ETA)
    got = rules.forward(*arrays("a_i", "a_j", "up", "square"), *gates(F, ETA))
    assert_close(got, want)


@pytest.mark.parametrize("how", Backward)
@states_and_channels
def test_backward_is_equation_6(k: int, channels: int, how: Backward):
    arrays = Arrays(k, channels)
    want = naive.backward(arrays.a_i, arrays.a_j, arrays.down, arrays.square, F, ETA, how)
    got = rules.backward(*arrays("a_i", "a_j", "down", "square"), *gates(F, ETA), how)
    assert_close(got, want)


@pytest.mark.parametrize("batch", Reduction)
@states_and_channels
def test_synapse_is_equation_7_upwards(k: int, channels: int, batch: Reduction):
    arrays = Arrays(k, channels)
    pair = arrays.nu_tilde, arrays.mu_tilde
    want = naive.synapse(arrays.a_i, arrays.a_j, arrays.up, *pair, F, ETA, batch)
    a_i, *others = arrays("a_i", "a_j", "up", "nu_tilde", "mu_tilde")
    assert_close(rules.synapse(rules.with_bias(a_i), *others, *gates(F, ETA), batch), want)


@pytest.mark.parametrize("batch", Reduction)
@states_and_channels
def test_synapse_is_equation_7_downwards(k: int, channels: int, batch: Reduction):
    arrays = Arrays(k, channels)
    pair = arrays.nu_tilde, arrays.mu_tilde
    want = naive.synapse(arrays.a_j, arrays.a_i, arrays.down, *pair, F, ETA, batch)
    down = arrays("a_j", "a_i", "down", "nu_tilde", "mu_tilde")
    assert_close(rules.synapse(*down, *gates(F, ETA), batch), want)


def test_the_defaults_are_the_equations_as_printed():
    arrays = Arrays(3, 3)
    down, both = arrays("a_i", "a_j", "down", "square"), gates(F, ETA)
    added = rules.backward(*down, *both, Backward.ADDITIVE)
    assert_close(rules.backward(*down, *both), added, tolerance=0.0)
    a_j, a_i, *others = arrays("a_j", "a_i", "down", "nu_tilde", "mu_tilde")
    summed = rules.synapse(a_j, a_i, *others, *both, Reduction.SUM)
    assert_close(rules.synapse(a_j, a_i, *others, *both), summed, tolerance=0.0)


def test_the_bias_is_1_in_every_state():
    (a_i,) = Arrays(3, 3)("a_i")
    biased = rules.with_bias(a_i)
    assert_close(biased[..., :-1], a_i, tolerance=0.0)
    assert_close(biased[..., -1], np.ones((3, BATCH)), tolerance=0.0)


NUMBERS = np.linspace(-3.0, 3.0, 13)
"""Zero among them, where the relus have their kink."""


@pytest.mark.parametrize("activation", Activation)
def test_phi_and_its_derivative(activation: Activation):
    values = np.array([naive.phi(z, activation) for z in NUMBERS])
    assert_close(phi(jnp.asarray(NUMBERS), activation), values)
    slopes = np.array([naive.phi_prime(z, activation) for z in NUMBERS])
    assert_close(phi_prime(jnp.asarray(NUMBERS), activation), slopes)


@pytest.mark.parametrize("activation", Activation)
def test_phi_prime_is_the_slope_of_phi(activation: Activation):
    z, h = jnp.asarray(NUMBERS[NUMBERS != 0]), 1e-5
    slope = (phi(z + h, activation) - phi(z - h, activation)) / (2 * h)
    assert error(phi_prime(z, activation), slope) <= 1e-9


@pytest.mark.parametrize("derivative", [False, True])
@pytest.mark.parametrize("activation", Activation)
def test_sigma_gives_state_2_the_derivative_where_asked(activation: Activation, derivative: bool):
    z = np.random.default_rng(0).normal(size=(4, BATCH, LOWER))
    want = naive.sigma(z, activation, derivative)
    assert_close(activate(jnp.asarray(z), activation, derivative), want)


def test_sigma_is_phi_alone_unless_asked():
    z = np.random.default_rng(0).normal(size=(2, BATCH, LOWER))
    assert_close(activate(jnp.asarray(z), Activation.TANH), np.tanh(z))
