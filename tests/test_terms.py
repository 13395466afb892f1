"""What each term computes, on its own, against loops over single numbers."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

import naive
from blurax import rules
from blurax.genes import SynapseGenes
from blurax.spec import Over, Reduction, Rule, Update
from blurax.terms import Pair, decorrelation, statistics, vectors
from blurax.terms.oja import OjaActivation, OjaFull, OjaMultiplier
from blurax.terms.saturation import Exponential, Length, Slowing, Tanh
from blurax.terms.statistics import STATISTICS
from closeness import assert_close
from variants import TABLE, batches, initial, lively, run

rng = np.random.default_rng(5)
W = rng.normal(size=(3, 4, 5))
UPDATED = rng.normal(size=(3, 4, 5))


def numbers(*values: float) -> list:
    return [jnp.asarray(value) for value in values]


def normalised(z, scale, shift, over=Over.BATCH):
    """By what is measured of z itself."""
    how, states = STATISTICS[over], (-1, 1, 1)
    return how.standardised(z, how.measure(z), scale.reshape(states)) + shift.reshape(states)


@pytest.mark.parametrize("over", Over)
@pytest.mark.parametrize("spread", [1.0, 1e-3])
def test_activations_are_normalised(spread: float, over: Over):
    # With a small spread the ε under the root counts.
    z = 2.0 + spread * rng.normal(size=(3, 6, 4))
    scale, shift = rng.normal(size=3), rng.normal(size=3)
    got = normalised(*numbers(z, scale, shift), over)
    # The mean takes digits from a small spread: 2 / 1e-3 rounding errors.
    assert_close(got, naive.normalise_activations(z, scale, shift, over))


@pytest.mark.parametrize("over", Over)
def test_positions_of_maps_are_examples(over: Over):
    z = jnp.asarray(rng.normal(size=(2, 3, 4, 5, 6)))
    how, rows = STATISTICS[over], z.reshape(2, -1, 6)
    got = how.standardised(z, how.measure(z), jnp.ones(()))
    assert_close(got.reshape(rows.shape), how.standardised(rows, how.measure(rows), jnp.ones(())))


@pytest.mark.parametrize("over", Over)
def test_examples_of_weight_0_do_not_count(over: Over):
    z, how = jnp.asarray(rng.normal(size=(2, 6, 4))), STATISTICS[over]
    weights = jnp.asarray([0.25, 0.25, 0, 0.25, 0, 0.25])
    assert_close(how.measure(z, weights), how.measure(z[:, [0, 1, 3, 5]]))


@pytest.mark.parametrize("over", Over)
def test_one_example_and_one_neuron_stay_finite(over: Over):
    for shape in ((1, 1, 3), (1, 3, 1), (1, 1, 1)):
        z = jnp.asarray(rng.normal(size=shape))
        assert np.isfinite(normalised(z, jnp.ones(1), jnp.ones(1), over)).all()


def test_only_over_the_layer_an_example_stands_alone():
    z = jnp.asarray(rng.normal(size=(2, 5, 4)))
    for over in Over:
        each = [normalised(z[:, b : b + 1], jnp.ones(2), jnp.ones(2), over) for b in range(5)]
        whole = normalised(z, jnp.ones(2), jnp.ones(2), over)
        alone = np.allclose(jnp.concatenate(each, axis=1), whole, atol=1e-9)
        assert alone == (over is Over.LAYER) == (not STATISTICS[over].mixes)


def test_normalised_activations_have_mean_shift_and_deviation_scale():
    z = jnp.asarray(7.0 + 30.0 * rng.normal(size=(2, 50, 3)))
    got = normalised(z, jnp.asarray([2.0, -0.5]), jnp.asarray([1.0, 4.0]))
    assert_close(got.mean(axis=1), np.array([[1.0] * 3, [4.0] * 3]), tolerance=1e-12)
    assert_close(got.std(axis=1), np.array([[2.0] * 3, [0.5] * 3]), tolerance=1e-7)


def test_a_batch_without_variance_is_normalised_to_the_shift():
    z = jnp.full((2, 4, 3), 0.25)
    got = normalised(z, jnp.asarray([3.0, 3.0]), jnp.asarray([0.5, -1.0]))
    assert_close(got, jnp.asarray([0.5, -1.0])[:, None, None] * jnp.ones((2, 4, 3)))


ONE = np.ones((1, 1)), np.ones((1, 1)), 1.0


def pair(old, genes=ONE, a_j=None, batch=Reduction.SUM, **terms) -> Pair:
    """What a term is given of synapses; genes are ν~, μ~ and η~."""
    named = {name: jnp.asarray(value) for name, value in terms.items()}
    nu, mu, eta = numbers(*genes)
    upper = jnp.asarray(np.zeros((1, 1, 1)) if a_j is None else a_j)
    return Pair(SynapseGenes(nu, mu, jnp.ones(()), eta, named), batch, upper, upper, old)


def whole(parts: list) -> jnp.ndarray:
    return jnp.concatenate(parts, axis=1)


def parts_of(w: np.ndarray) -> list:
    """The neurons' synapses and the bias unit's, the last row."""
    return numbers(w[:, :-1], w[:, -1:])


@pytest.mark.parametrize("length", [1.0, 1e-4])
def test_synapses_are_normalised_over_all_that_leads_into_a_neuron(length: float):
    # Short synapse vectors show the ε under the root.
    parts = parts_of(length * W)
    got = jnp.concatenate([part / vectors.length(*parts) for part in parts], axis=1)
    assert_close(got, naive.normalise_synapses(length * W))


def test_oja_multiplier_is_the_first_term_of_equation_8():
    parts = parts_of(W)
    for m in (0.3, -0.3):
        got = OjaMultiplier().after(parts, pair(parts, oja=m))
        assert_close(whole(got) - W, naive.oja_multiplier(W, m))


@pytest.mark.parametrize("batch", Reduction)
@pytest.mark.parametrize("states", [1, 3])
def test_oja_of_activations_is_that_of_the_release(states: int, batch: Reduction):
    a_j, mu_tilde = rng.normal(size=(states, 6, 5)), rng.normal(size=(3, states))
    parts, genes = parts_of(W), (np.ones((states, 3)), mu_tilde, -0.2)
    got = OjaActivation().after(parts, pair(parts, genes, a_j, batch, oja=-0.3))
    assert_close(whole(got) - W, naive.oja_activation(a_j, W, mu_tilde, -0.2, -0.3, batch))


@pytest.mark.parametrize("scale", [None, 2.5, -2.5])
def test_synapses_are_brought_to_a_length(scale: float | None):
    own = None if scale is None else jnp.asarray(scale)
    got = jnp.concatenate(vectors.to_length(own, *parts_of(W)), axis=1)
    assert_close(got, abs(scale or 1.0) * naive.normalise_synapses(W))


@pytest.mark.parametrize("batch", Reduction)
@pytest.mark.parametrize("channels", [1, 3])
def test_oja_full_is_equation_8(channels: int, batch: Reduction):
    a_i, a_j = rng.normal(size=(3, 2, 4)), rng.normal(size=(3, 2, 5))
    both = rng.normal(size=(3, channels)), rng.normal(size=(channels, 3))
    w, f_tilde, eta_tilde = numbers(W[:channels], 0.6, -0.2)
    given = pair([w])
    given.f_tilde = f_tilde
    given.changes = [rules.hebbian(*numbers(a_i, a_j, *both), eta_tilde, batch)]
    (got,) = OjaFull().after([w], given)
    assert_close(got - w, naive.oja_full(a_i, a_j, W[:channels], *both, 0.6, -0.2, batch))


@pytest.mark.parametrize("alpha", [0.5, -2.0])
def test_saturation_is_a_bounded_tanh(alpha: float):
    (got,) = Tanh().after(numbers(100 * W), pair(numbers(W), saturation=alpha))
    assert_close(got, naive.saturate(100 * W, alpha))
    assert jnp.abs(got).max() <= abs(alpha)


@pytest.mark.parametrize("alpha", [-3.0, 0.0, 3.0])
def test_long_synapse_vectors_are_shortened_and_short_ones_kept(alpha: float):
    parts = parts_of(W)
    got = whole(Length().after(parts, pair(parts, saturation=alpha)))
    assert_close(got, naive.shorten(W, alpha))
    lengths = jnp.sqrt(jnp.sum(got**2, axis=1))
    assert (lengths <= np.exp(alpha) + 1e-12).all()


@pytest.mark.parametrize("s", [0.8, -0.8])
def test_exponential_saturation_damps_the_change(s: float):
    (got,) = Exponential().after(numbers(UPDATED), pair(numbers(W), saturation=s))
    assert_close(got, naive.saturate_exponentially(W, UPDATED, s))
    assert (jnp.abs(got - W) < jnp.abs(UPDATED - W)).all()


@pytest.mark.parametrize("alpha", [-1.0, 1.0])
def test_a_forget_gate_weakens_with_length_and_is_whole_up_to_length_1(alpha: float):
    w = W * np.linspace(0.1, 2.0, 5)
    got = Slowing().forget(jnp.asarray(1.3), pair(numbers(w), saturation=alpha))
    want = naive.slowed_gates(w, 1.3, alpha)
    assert_close(jnp.broadcast_to(got, w.shape), want)
    assert want.max() == 1.3
    assert 1 < want.min() < 1.29


def test_a_length_that_slows_grows_as_a_power_of_the_step_number():
    # d|w|/dt = 0.2 |w|^(1 - q) with q = 2: |w|² grows by 0.4 a step.
    w, alpha = jnp.ones((1, 1, 1)), jnp.log(2.0)
    for _ in range(1000):
        w = w * Slowing().forget(jnp.asarray(1.2), pair([w], saturation=alpha))
    assert float(w[0, 0, 0]) ** 2 == pytest.approx(1 + 0.4 * 1000, rel=0.02)


@pytest.mark.parametrize("batch", [1, 2, 7, 32, 33, 64, 100])
def test_the_inverse_is_the_inverse(batch: int):
    root = rng.normal(size=(3, batch, batch + 2))
    a = root @ np.swapaxes(root, 1, 2) + 0.1 * np.eye(batch)
    assert_close(decorrelation.inverse(jnp.asarray(a)), np.linalg.inv(a), tolerance=1e-10)
    assert_close(decorrelation._by_factors(jnp.asarray(a)), np.linalg.inv(a), tolerance=1e-10)


@pytest.mark.parametrize("share", [0.2, 0.9])
def test_decorrelation_is_the_inverse_of_how_alike_examples_are(share: float):
    a_i, nu_tilde = rng.normal(size=(3, 5, 4)), rng.normal(size=(3, 2))
    gene = np.log(share / (1 - share))
    pre, bias = rules.mix(*numbers(nu_tilde.T, a_i)), jnp.asarray(nu_tilde.sum(axis=0))
    got = decorrelation.decorrelation(pre, bias, jnp.asarray(share))
    assert_close(got, naive.among_examples(a_i, nu_tilde, gene, 5), tolerance=1e-10)
    alone = decorrelation.decorrelation(pre, None, jnp.asarray(share))
    assert_close(alone, naive.among_examples(a_i, nu_tilde, gene, 4), tolerance=1e-10)


def test_width_free_neither_the_size_nor_the_number_of_lower_states_counts():
    """Upper neurons move alike, whether 20 neurons of size 1 or 2,000 of size 3 lead in."""
    share, wish = jnp.asarray(0.5), jnp.asarray(rng.normal(size=(1, 6, 2)))
    causes, one = rng.normal(size=(1, 6, 4)), jnp.ones((1, 1))

    def moved(wide: int, size: float, width_free: bool) -> float:
        a_i = jnp.asarray(size * causes @ rng.normal(size=(4, wide)))
        among = decorrelation.decorrelation(a_i, None, share, width_free)
        change = rules.hebbian(a_i, wish, one, one, jnp.ones(()), among=among)
        return float(jnp.sqrt(jnp.mean((a_i @ change) ** 2)))

    assert moved(20, 1.0, True) == pytest.approx(moved(2000, 3.0, True), rel=0.3)
    assert moved(2000, 3.0, False) > 100 * moved(20, 1.0, False)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("width_free", [True, False])
@pytest.mark.parametrize(("batch", "within"), [(7, 3), (6, 2), (5, 4), (4, 9), (3, 1)])
def test_within_blocks_examples_inhibit_those_of_their_own(
    batch: int, within: int, width_free: bool, bias: bool
):
    """As if each block were a batch, the last of them perhaps a smaller one."""
    a_i, nu_tilde = rng.normal(size=(3, batch, 4)), rng.normal(size=(3, 2))
    wish = jnp.asarray(rng.normal(size=(2, batch, 3)))
    pre = rules.mix(*numbers(nu_tilde.T, a_i))
    unit = jnp.asarray(nu_tilde.sum(axis=0)) if bias else None
    share = jnp.asarray(1 / (1 + np.exp(-0.4)))
    got = decorrelation.within_blocks(pre, unit, share, width_free, within)
    assert got.shape[2] <= within
    want = naive.among_blocks(a_i, within, nu_tilde, 0.4, 4 + bias, width_free)
    assert_close(rules.whole(got, batch), want, tolerance=1e-10)
    assert_close(rules.acted(got, wish), want @ np.asarray(wish), tolerance=1e-10)


def test_without_a_share_each_example_counts_alone():
    pre = jnp.asarray(rng.normal(size=(2, 5, 4)))
    got = decorrelation.decorrelation(pre, None, jnp.zeros(()))
    assert_close(got, np.broadcast_to(np.eye(5), (2, 5, 5)))


def test_with_the_whole_share_upper_neurons_move_by_what_they_are_asked_for():
    # Fewer examples than inputs: the synapses can give each of them its own wish.
    a_i, wish = jnp.asarray(3 + rng.normal(size=(1, 5, 9))), jnp.asarray(rng.normal(size=(1, 5, 2)))
    among = decorrelation.decorrelation(a_i, None, jnp.asarray(1 - 1e-12))
    one = jnp.ones((1, 1))
    change = rules.hebbian(a_i, wish, one, one, jnp.ones(()), among=among)
    moved = a_i @ change
    size = jnp.mean(jnp.sum(a_i**2, axis=-1))
    assert_close(moved, size * wish, tolerance=1e-6)


def test_a_rule_says_the_size_of_its_blocks():
    rule = Rule(update=Update(decorrelate=True, decorrelate_within=32))
    whole = Rule(update=Update(decorrelate=True))
    said = "alike examples inhibiting each other"
    assert [term.described() for term in rule.terms] == [f"{said} within blocks of 32"]
    assert [term.described() for term in whole.terms] == [said]


def test_the_constants_are_the_documented_ones():
    assert statistics.ACTIVATION_EPSILON == 1e-5
    assert vectors.SYNAPSE_EPSILON == 1e-9


@pytest.mark.parametrize("width_free", [False, True])
@pytest.mark.parametrize("batch", [4, 5, 6, 20])
def test_decorrelation_goes_by_the_smaller_side_and_both_are_the_same(batch: int, width_free: bool):
    """Four synapses and that of a bias unit lead into each of three neurons."""
    term = decorrelation.WidthFree() if width_free else decorrelation.Decorrelation()
    lower, upper = rng.normal(size=(3, batch, 4)), rng.normal(size=(3, batch, 3))
    nu, mu = rng.normal(size=(3, 2)), rng.normal(size=(2, 3))
    genes = SynapseGenes(*numbers(nu, mu, 1.0, 0.7), {"decorrelation": jnp.asarray(1.5)})
    old = [jnp.zeros((2, 4, 3)), jnp.zeros((2, 1, 3))]
    given = Pair(genes, Reduction.SUM, *numbers(lower, upper), old)
    among = term.coupling(None, given)
    assert (among is None) == (batch > 5)
    own = genes.nu_tilde, genes.mu_tilde, genes.eta_tilde, Reduction.SUM, among
    plain = [rules.hebbian(given.a_i, given.a_j, *own), rules.hebbian_bias(given.a_j, *own)]
    between = naive.among_examples(lower, nu, 1.5, 5, width_free)
    zeros = np.zeros((2, 5, 3))
    expected = naive.synapse(lower, upper, zeros, nu, mu, 1.0, 0.7, Reduction.SUM, between)
    assert_close(whole(term.change(plain, given)), expected, tolerance=1e-10)


@pytest.mark.parametrize(("power", "normalised"), [(1.0, True), (0.0, False)])
def test_powers_of_1_and_0_are_normalised_synapses_and_bare_ones(power: float, normalised: bool):
    given = lively(TABLE["length-power"])
    neuron = given.neuron
    own = dict(neuron.terms)
    del own["length_power"]
    stable = dataclasses.replace(
        given.rule.stabilise, normalise_power=False, normalise_synapses=normalised
    )
    plain = dataclasses.replace(
        given,
        rule=dataclasses.replace(given.rule, stabilise=stable),
        neuron=dataclasses.replace(neuron, terms=own),
    )
    terms = own | {"length_power": jnp.asarray(power)}
    powered = dataclasses.replace(given, neuron=dataclasses.replace(neuron, terms=terms))
    got, want = (run(g, initial(g.rule), *batches())[0] for g in (powered, plain))
    assert_close(got.synapses, want.synapses)
