"""(5), (6) and (7), each on its own, against loops over single numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import naive
from blurax import activations, rules
from blurax.activations import activate, phi, phi_prime
from blurax.links import Dense
from blurax.spec import Activation, Backward, Reduction
from blurax.terms.vectors import length
from closeness import assert_close, error

BATCH, LOWER, UPPER = 3, 4, 5
F, ETA = 0.7, -1.3

states_and_channels = pytest.mark.parametrize(
    ("k", "channels"), [(1, 1), (2, 2), (2, 1), (3, 3), (3, 1), (4, 4), (4, 1)]
)


@pytest.fixture(autouse=True, params=["small", "large"])
def written_for(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Products of small groups are written in another way than those of large ones: both."""
    if request.param == "large":
        monkeypatch.setattr(rules, "SMALL", 0)
        monkeypatch.setattr(activations, "NARROW", 0)


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
    got = forward(*arrays("a_i", "a_j"), *up_of(arrays), *arrays("square"), *gates(F, ETA))
    assert_close(got, want)


@states_and_channels
def test_a_lower_layer_of_state_1_alone_is_one_whose_other_states_are_0(k: int, channels: int):
    arrays = Arrays(k, channels)
    alone, padded = arrays.a_i[:1], arrays.a_i * (np.arange(k) == 0)[:, None, None]
    want = naive.forward(padded, arrays.a_j, arrays.up, arrays.square, F, ETA)
    a_j, square = arrays("a_j", "square")
    got = forward(jnp.asarray(alone), a_j, *up_of(arrays), square, *gates(F, ETA))
    assert_close(got, want)
    pair = arrays.nu_tilde, arrays.mu_tilde
    want = naive.synapse(padded, arrays.a_j, arrays.up, *pair, F, ETA, Reduction.SUM)
    assert_close(updated(jnp.asarray(alone), arrays, Reduction.SUM), want)


@states_and_channels
def test_normalised_synapses_are_those_of_appendix_b(k: int, channels: int):
    arrays = Arrays(k, channels)
    up, down = naive.normalise_synapses(arrays.up), naive.normalise_synapses(arrays.down)
    a_i, a_j, square, down_ = arrays("a_i", "a_j", "square", "down")
    w_ij, bias_j = up_of(arrays)
    got = forward(a_i, a_j, w_ij, bias_j, square, *gates(F, ETA), length(w_ij, bias_j))
    assert_close(got, naive.forward(arrays.a_i, arrays.a_j, up, arrays.square, F, ETA))
    how = Backward.MULTIPLICATIVE
    got = backward(a_i, a_j, down_, square, *gates(F, ETA), how, length=length(down_))
    assert_close(got, naive.backward(arrays.a_i, arrays.a_j, down, arrays.square, F, ETA, how))


@pytest.mark.parametrize("how", Backward)
@states_and_channels
def test_backward_is_equation_6(k: int, channels: int, how: Backward):
    arrays = Arrays(k, channels)
    want = naive.backward(arrays.a_i, arrays.a_j, arrays.down, arrays.square, F, ETA, how)
    got = backward(*arrays("a_i", "a_j", "down", "square"), *gates(F, ETA), how)
    assert_close(got, want)


@pytest.mark.parametrize("batch", Reduction)
@states_and_channels
def test_synapse_is_equation_7_upwards(k: int, channels: int, batch: Reduction):
    arrays = Arrays(k, channels)
    pair = arrays.nu_tilde, arrays.mu_tilde
    want = naive.synapse(arrays.a_i, arrays.a_j, arrays.up, *pair, F, ETA, batch)
    assert_close(updated(jnp.asarray(arrays.a_i), arrays, batch), want)


@pytest.mark.parametrize("batch", Reduction)
@states_and_channels
def test_synapse_is_equation_7_downwards(k: int, channels: int, batch: Reduction):
    arrays = Arrays(k, channels)
    pair = arrays.nu_tilde, arrays.mu_tilde
    want = naive.synapse(arrays.a_j, arrays.a_i, arrays.down, *pair, F, ETA, batch)
    roles, (down,) = arrays("a_j", "a_i", "nu_tilde", "mu_tilde"), arrays("down")
    f_tilde, eta_tilde = gates(F, ETA)
    change = rules.hebbian(*roles, eta_tilde, batch)
    assert_close(rules.synapse(down, change, f_tilde), want)


def test_the_defaults_are_the_equations_as_printed():
    arrays = Arrays(3, 3)
    down, both = arrays("a_i", "a_j", "down", "square"), gates(F, ETA)
    added = backward(*down, *both, Backward.ADDITIVE)
    assert_close(backward(*down, *both), added, tolerance=0.0)
    roles, eta_tilde = arrays("a_j", "a_i", "nu_tilde", "mu_tilde"), gates(ETA)
    summed = rules.hebbian(*roles, *eta_tilde, Reduction.SUM)
    assert_close(rules.hebbian(*roles, *eta_tilde), summed, tolerance=0.0)
    bias = arrays("a_j", "nu_tilde", "mu_tilde")
    summed = rules.hebbian_bias(*bias, *eta_tilde, Reduction.SUM)
    assert_close(rules.hebbian_bias(*bias, *eta_tilde), summed, tolerance=0.0)


def forward(a_i, a_j, w_ij, bias_j, nu, f, eta, length=None) -> jax.Array:
    """(5) between two layers."""
    arriving = rules.arrive(Dense(), w_ij, eta * nu, a_i, a_j.shape[2:], bias_j, length)
    return rules.forward(a_j, f, [arriving])


def backward(a_i, a_j, w_ji, mu, f, eta, *how, length=None) -> jax.Array:
    """(6) between two layers."""
    states = rules.reached(*how) if how else slice(None)
    w_ji, length = (v if v is None or len(v) == 1 else v[states] for v in (w_ji, length))
    arriving = rules.arrive(Dense(), w_ji, (eta * mu)[states], a_j, a_i.shape[2:], None, length)
    return rules.backward(a_i, f, [arriving], *how)


def up_of(arrays: Arrays) -> tuple[jax.Array, jax.Array]:
    """The forward synapses, and apart from them those of the bias unit, the last row."""
    (up,) = arrays("up")
    return up[:, :-1], up[:, -1:]


def updated(a_i: jax.Array, arrays: Arrays, batch: Reduction) -> jax.Array:
    """The forward synapses after (7), the bias unit's as the last row."""
    a_j, *pair = arrays("a_j", "nu_tilde", "mu_tilde")
    f_tilde, eta_tilde = gates(F, ETA)
    changes = (
        rules.hebbian(a_i, a_j, *pair, eta_tilde, batch),
        rules.hebbian_bias(a_j, *pair, eta_tilde, batch, pre=a_i.shape[2:]),
    )
    both = zip(up_of(arrays), changes, strict=True)
    return jnp.concatenate([rules.synapse(w, change, f_tilde) for w, change in both], axis=1)


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


@pytest.mark.parametrize("activation", Activation)
def test_at_the_kink_rules_and_optimisers_take_the_same_slope(activation: Activation):
    zero = jnp.zeros(())
    assert float(phi_prime(zero, activation)) == float(jax.grad(phi)(zero, activation))


@pytest.mark.parametrize("derivative", [False, True])
@pytest.mark.parametrize("activation", Activation)
def test_sigma_gives_state_2_the_derivative_where_asked(activation: Activation, derivative: bool):
    z = np.random.default_rng(0).normal(size=(4, BATCH, LOWER))
    want = naive.sigma(z, activation, derivative)
    assert_close(activate(jnp.asarray(z), activation, derivative), want)


def test_sigma_is_phi_alone_unless_asked():
    z = np.random.default_rng(0).normal(size=(2, BATCH, LOWER))
    assert_close(activate(jnp.asarray(z), Activation.TANH), np.tanh(z))
