"""Looking inside a genome: the gradient's angle, and numbers taken away."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from blurax import genome as genomes
from blurax.curves import learning_curve
from blurax.experiments import inside
from blurax.experiments.ablation import MATRICES, RESTS, positions, terms
from blurax.experiments.inside import ANGLE, MEASURES, SPECIALISATION, TURNED, look
from blurax.fit import blur_for
from blurax.genome import flatten, leaves, unflatten
from blurax.network import Network
from blurax.spec import Activation, Normalise, Oja, Rule, Saturation, Stabilise, Update
from blurax.specialisation import measured
from blurax.tasks import EpisodeSpec, Split, get
from closeness import assert_close, differs
from variants import batches, initial, lively, run

DIGITS, NETWORK = get("digits"), Network((64, 16, 10))


@pytest.fixture(scope="module")
def backprop():
    return look(genomes.backprop(Rule.backprop(Activation.TANH), 0.3), DIGITS, "16", 12, 2)


def watched(genome, steps):
    """The charts of `look` alone, without tables and tangent kernels."""
    learner, keys = blur_for(genome, NETWORK, DIGITS), jax.random.split(jax.random.key(0), 2)
    stops, observe = tuple(range(1, steps + 1)), inside._observe(learner.genome, DIGITS.target)
    _, curves = learning_curve(learner, DIGITS, keys, stops, Split.VALIDATE, observe=observe)
    charts = inside._charts(curves, stops, genome.rule.stabilise.normalise_synapses)
    return {chart.title: chart for chart in charts}


def test_what_is_watched_is_what_look_shows(backprop):
    charts = watched(genomes.backprop(Rule.backprop(Activation.TANH), 0.3), 12)
    assert [*charts.values()] == [*backprop.charts[: len(charts)]]


def test_back_propagation_goes_down_the_gradient(backprop):
    curves = backprop.chart("Angle to the negative gradient of the loss").curves
    assert [c.label for c in curves] == ["layer 1", "layer 2"]
    for curve in curves:
        assert curve.x == (*range(1, 13),)
        assert max(curve.mean) < 1e-3  # degrees


def test_the_opposite_rate_goes_up():
    charts = watched(genomes.backprop(Rule.backprop(), -0.01), 3)
    for curve in charts["Angle to the negative gradient of the loss"].curves:
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


def test_terms_are_taken_away_one_at_a_time(backprop):
    (terms,) = (t for t in backprop.tables if t.title == "Each term: points lost")
    assert terms.columns == ("η~ = 0", "μ = 0", "f = 0", "f~ = 1")  # it has no others
    whole = backprop.fact("accuracy of the whole genome")
    nothing_learned = whole - terms.at("", "η~ = 0")
    assert nothing_learned < 0.3
    assert terms.at("", "f~ = 1") == 0  # as it is anyway
    assert 0 < terms.at("", "μ = 0") < terms.at("", "η~ = 0")  # the last layer learns alone


def test_each_term_of_a_genome_with_everything_rests():
    rule = Rule(
        states=4,
        stabilise=Stabilise(Normalise.BOTH, Oja.MULTIPLIER, True, Saturation.LENGTH, rescale=True),
        update=Update(after_forward=True, decorrelate=True),
    )
    genome = lively(rule)
    vector, found = flatten(genome), dict(terms(genome, positions(genome)))
    assert set(found) == {*RESTS, *RESTING, "no state 3", "no state 4"}
    touched = np.concatenate([where for where, _ in found.values()])
    assert set(range(len(vector))) - set(touched.tolist()) <= set(
        np.concatenate([positions(genome)[name].ravel() for name in UNTOUCHED]).tolist()
    )
    where, value = found["no state 3"]
    silent = unflatten(vector.at[where].set(value), rule)
    nu, mu = silent.neuron.nu, silent.neuron.mu
    for part in (nu[2], nu[:, 2], mu[2], mu[:, 2], silent.synapse.nu_tilde[2]):
        assert not part.any()
    assert np.count_nonzero(nu) == 9


@pytest.mark.parametrize("kind", [k for k in Saturation if k is not Saturation.NONE])
def test_a_bound_at_rest_is_none(kind):
    stable = Stabilise(normalise_synapses=True, saturation=kind)
    assert_rests(Rule(stabilise=stable), Rule(stabilise=Stabilise(normalise_synapses=True)))


@pytest.mark.parametrize("oja", [Oja.MULTIPLIER, Oja.ACTIVATION])
def test_ojas_term_at_rest_is_none(oja):
    assert_rests(Rule(stabilise=Stabilise(oja=oja)), Rule())


def test_decorrelation_at_rest_is_none():
    assert_rests(Rule(update=Update(decorrelate=True)), Rule())


def assert_rests(rule, plain):
    """The term by which two rules differ, put to rest, makes them the same."""
    more, less = lively(rule), lively(plain)
    (term,) = dict(terms(more, positions(more))).keys() - dict(terms(less, positions(less))).keys()
    where, value = dict(terms(more, positions(more)))[term]
    rested = unflatten(flatten(more).at[where].set(value), rule)
    shared = leaves(rested)
    same = unflatten(jnp.concatenate([shared[n].ravel() for n in leaves(less)]), plain)
    x, y = batches()
    before = initial(rule)
    ends = [run(genome, before, x, y)[0] for genome in (more, rested, same)]
    assert_close(ends[1], ends[2], tolerance=1e-6)
    assert differs(ends[0], ends[2])  # awake, the term does something


RESTING = (
    *("Oja: m = 0", "no bound", "decorrelation: s = 0", "forward: × = 1", "forward: + = 0"),
    *("backward: × = 1", "backward: + = 0", "forward: |w| = 1", "backward: |w| = 1"),
)
"""What the terms of that genome say of their rest."""

UNTOUCHED = (
    *("neuron.nu", "neuron.eta", "synapse.nu_tilde", "synapse.mu_tilde"),
    *(f"forward_synapse.{n}" for n in ("nu_tilde", "mu_tilde", "f_tilde", "oja")),
    *(f"forward_synapse.{n}" for n in ("saturation", "decorrelation")),
)
"""Numbers that no term is about: the matrices are taken apart number by number."""


def test_what_neurons_specialise_in_is_measured_before_and_after(backprop):
    found = backprop.table(SPECIALISATION)
    assert found.rows == ("layer 1, at first", "layer 1, at the end")
    assert found.columns == MEASURES
    assert not found.percent
    assert found.mean[0] != found.mean[1]
    for row in found.mean:
        assert row[0] > 0
        assert 0 < row[1] < 1
        assert 0 < row[2] < 1
        assert row[3] < 0
    learner = blur_for(genomes.backprop(Rule.backprop(Activation.TANH), 0.3), NETWORK, DIGITS)

    @jax.jit
    def overlap(key):  # by hand, as it is documented
        state = learner.init(jax.random.fold_in(key, 0), 128)
        spec = EpisodeSpec(steps=12, batch=128)
        query = DIGITS.sample(jax.random.fold_in(key, 1), spec, Split.VALIDATE).query
        return measured(learner, state, learner.inputs(query.x)[:64]).overlap[0]

    firsts = [float(overlap(key)) for key in jax.random.split(jax.random.key(0), 2)]
    assert found.at("layer 1, at first", "overlap") == pytest.approx(np.mean(firsts), rel=1e-4)


def test_what_only_stretches_synapses_has_no_part_in_what_turns_them():
    swift = dataclasses.replace(
        Rule.backprop(Activation.TANH), stabilise=Stabilise(normalise_synapses=True)
    )
    growing = eqx.tree_at(
        lambda g: g.synapse.f_tilde, genomes.backprop(swift, 0.05), jnp.array(1.5)
    )
    charts = watched(growing, 5)
    last, turned = (charts[name].curve("layer 2") for name in (ANGLE, TURNED))
    assert min(last.mean) > 60  # it mostly grows
    assert max(turned.mean) < 15  # and turns down the gradient; the loss of what was said decides


def test_positions_are_those_of_the_vector():
    genome = genomes.random(jax.random.key(0), Rule(states=3))
    vector, places = np.asarray(flatten(genome)), positions(genome)
    for name in MATRICES:
        owner, leaf = name.split(".")
        np.testing.assert_array_equal(vector[places[name]], getattr(getattr(genome, owner), leaf))


@pytest.mark.parametrize("more", [{"readout": True}, {"steps": 3}], ids=str)
def test_several_sets_that_are_equal_are_seen_as_one(more, backprop):
    rule = Rule.backprop(Activation.TANH)
    one = genomes.backprop(rule, 0.3)
    sets = dataclasses.replace(rule, **more)
    count = sets.gene_sets or sets.steps
    same = unflatten(
        jnp.concatenate(
            [jnp.repeat(leaf[None], count, 0).ravel() for leaf in leaves(one).values()]
        ),
        sets,
    )
    found, want = look(same, DIGITS, "16", 12, 2), backprop
    assert found.charts == want.charts
    assert found.tables == want.tables
    assert found.facts == want.facts
    assert "in all layers or steps at once" in found.setting
    assert "at once" not in want.setting


def test_no_state_rests_in_every_set():
    rule = Rule(states=3, readout=True)
    genome = lively(rule)
    where, value = dict(terms(genome, positions(genome)))["no state 3"]
    silent = unflatten(flatten(genome).at[where].set(value), rule)
    nu, pre = silent.neuron.nu, silent.synapse.nu_tilde
    assert not nu[:, 2].any()
    assert not nu[:, :, 2].any()
    assert not pre[:, 2].any()
    assert np.count_nonzero(nu) == 8
