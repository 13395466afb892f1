"""Estimators of the meta-gradient against the exact one, on one fixed episode in float64."""

import dataclasses
import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from blurax import genome as genomes
from blurax.errors import BluraxError
from blurax.outer.config import MetaTrain
from blurax.outer.methods import Pes, Truncated
from blurax.outer.methods.es import AntitheticES, PersistentES
from blurax.outer.methods.gradient import ForwardGradient, FullGradient, TruncatedGradient
from blurax.outer.objective import Objective, When
from blurax.outer.ongoing import advance, begin
from blurax.outer.protocol import Estimator
from blurax.outer.space import GenomeSpace
from blurax.outer.vary import Draw, Vary
from blurax.spec import Reduction, Rule, Update
from blurax.tasks import EpisodeSpec

STEPS, WINDOW = 6, 2
CONFIG = MetaTrain(
    tasks=("xor",),
    hidden=("3",),
    rule=Rule(update=Update(batch=Reduction.MEAN)),
    episode=EpisodeSpec(STEPS, 24, 24),
    objective=Objective(when=When.MEAN),
)
PROBLEM = CONFIG.problem()
GENOME = genomes.random(jax.random.key(1), CONFIG.rule)
KEY = jax.random.key(7)


def episode_loss(genome, problem=PROBLEM):
    """The mean loss over the whole episode that `KEY` names."""
    return advance(problem, genome, begin(problem, KEY), STEPS)[0]


@pytest.fixture(scope="module")
def exact():
    return genomes.flatten(eqx.filter_jit(jax.grad(episode_loss))(GENOME))


def whole_episode(estimator: Estimator, windows: int, key) -> jnp.ndarray:
    """The mean estimate over an episode, the genome held fixed."""
    carry, total = estimator.init(KEY), 0.0
    for number in range(windows):
        _, gradient, carry = estimator.estimate(
            GENOME, carry, jax.random.fold_in(key, number), None
        )
        total += genomes.flatten(gradient) / windows
    return total


def test_forward_and_reverse_mode_agree():
    key = jax.random.key(2)
    (one, g, _), (two, h, _) = (
        eqx.filter_jit(e.estimate)(GENOME, None, key, None)
        for e in (FullGradient(PROBLEM), ForwardGradient(PROBLEM, chunk=4))
    )
    np.testing.assert_allclose(one, two, rtol=1e-12)
    np.testing.assert_allclose(genomes.flatten(g), genomes.flatten(h), rtol=1e-9, atol=1e-12)


def test_windows_add_up_to_the_episode():
    loss, episode, parts = jax.jit(episode_loss)(GENOME), begin(PROBLEM, KEY), []
    window = eqx.filter_jit(lambda episode: advance(PROBLEM, GENOME, episode, WINDOW))
    for number in range(STEPS // WINDOW):
        assert int(episode.step) == number * WINDOW
        part, episode = window(episode)
        parts.append(part)
    np.testing.assert_allclose(np.mean(parts), loss, rtol=1e-10)
    assert int(episode.step) == 0  # and then another one begins
    assert not np.array_equal(episode.seed, begin(PROBLEM, KEY).seed)
    made = begin(PROBLEM, jax.random.wrap_key_data(episode.seed))
    for got, want in zip(jax.tree.leaves(episode), jax.tree.leaves(made), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-14)  # compiled, a last digit may differ


def test_one_window_as_long_as_the_episode_is_exact(exact):
    whole = eqx.filter_jit(lambda key: whole_episode(TruncatedGradient(PROBLEM, STEPS), 1, key))
    np.testing.assert_allclose(whole(KEY), exact, rtol=1e-9, atol=1e-12)


def test_short_windows_are_blind_to_what_came_before(exact):
    short = eqx.filter_jit(
        lambda key: whole_episode(TruncatedGradient(PROBLEM, WINDOW), STEPS // WINDOW, key)
    )
    bias = np.linalg.norm(short(KEY) - exact) / np.linalg.norm(exact)
    assert bias > 0.05


@functools.cache
def smoothed_gradient(sigma: float) -> np.ndarray:
    """The gradient of the loss smoothed by normal noise, from many exact gradients."""
    size = sigma * CONFIG.space().scales()

    def one(key):
        noise = jax.random.normal(key, size.shape)
        moved = genomes.unflatten(genomes.flatten(GENOME) + size * noise, CONFIG.rule)
        return genomes.flatten(jax.grad(episode_loss)(moved))

    draws = jax.jit(lambda keys: jax.lax.map(one, keys, batch_size=64))
    return np.asarray(draws(jax.random.split(jax.random.key(9), 2048))).mean(axis=0)


SIGMA = 0.03


@pytest.mark.parametrize("kind", ["es", "pes", "nres"])
def test_evolution_strategies_are_unbiased(kind):
    """Within five standard errors of the smoothed gradient, in every number."""
    problem, windows = PROBLEM, STEPS // WINDOW
    pairs = 64
    if kind == "es":
        # one window of the whole episode: the same loss, and nothing to remember
        estimator = PersistentES(problem, pairs, SIGMA, STEPS)
        windows = 1
    else:
        estimator = PersistentES(problem, pairs, SIGMA, WINDOW, reuse=kind == "nres")

    def estimate(key):
        same = estimator.init(KEY)
        episodes = jax.tree.map(
            lambda leaf: jnp.broadcast_to(leaf, (pairs, *leaf.shape)), begin(problem, KEY)
        )
        carry = dataclasses.replace(same, up=episodes, down=episodes)
        total = 0.0
        for number in range(windows):
            _, gradient, carry = estimator.estimate(
                GENOME, carry, jax.random.fold_in(key, number), None
            )
            total += genomes.flatten(gradient) / windows
        return total

    draws = jax.jit(lambda keys: jax.lax.map(estimate, keys))
    found = np.asarray(draws(jax.random.split(jax.random.key(4), 60)))
    error = found.std(axis=0, ddof=1) / 60**0.5
    wanted = smoothed_gradient(SIGMA)
    slack = 5 * error + 0.02 * np.linalg.norm(wanted)
    assert (np.abs(found.mean(axis=0) - wanted) < slack).all()
    # and the slack is no licence: the estimate points where the gradient does
    mean = found.mean(axis=0)
    assert mean @ wanted / np.linalg.norm(mean) / np.linalg.norm(wanted) > 0.9


def test_antithetic_es_is_unbiased_for_its_episode():
    estimator, key = AntitheticES(PROBLEM, 4000, 1e-3), jax.random.key(3)
    own_loss, exact = eqx.filter_jit(jax.value_and_grad(PROBLEM.loss))(
        GENOME, jax.random.fold_in(key, 0)
    )
    exact = genomes.flatten(exact)
    loss, gradient, _ = eqx.filter_jit(estimator.estimate)(GENOME, None, key, None)
    found = genomes.flatten(gradient)
    assert found @ exact / np.linalg.norm(found) / np.linalg.norm(exact) > 0.97
    assert np.linalg.norm(found) == pytest.approx(float(np.linalg.norm(exact)), rel=0.15)
    assert loss == pytest.approx(float(own_loss), rel=1e-3)


def test_scales_go_to_their_leaves():
    rule = Rule(states=3)
    leaves = genomes.leaves(genomes.template(rule))
    scales = np.asarray(GenomeSpace(rule).scales(("eta_tilde=0.5", "neuron.nu=2")))
    parts = np.split(scales, np.cumsum([leaf.size for leaf in leaves.values()])[:-1])
    for name, part in zip(leaves, parts, strict=True):
        wanted = {"synapse.eta_tilde": 0.5, "neuron.nu": 2.0}.get(name, 1.0)
        assert (part == wanted).all()
    usual = dict(
        zip(
            leaves,
            np.split(
                np.asarray(GenomeSpace(rule).scales()),
                np.cumsum([l.size for l in leaves.values()])[:-1],
            ),
            strict=True,
        )
    )
    assert usual["synapse.eta_tilde"] == pytest.approx(1e-3)  # a sum over the batch


@pytest.mark.parametrize(
    ("window", "fields", "message"),
    [
        (4, {}, "The window is 4 steps; it takes a divisor of the episode's 6"),
        (2, {"objective": Objective()}, "Objective.when is last"),
        (2, {"vary": Vary(draw=Draw.ONE)}, "Vary.draw is one"),
    ],
)
@pytest.mark.parametrize("method", [Truncated, Pes])
def test_episodes_that_cannot_be_cut_are_refused(method, window, fields, message):
    with pytest.raises(BluraxError, match=message):
        dataclasses.replace(CONFIG, method=method(window=window), **fields).trainer()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nothing=1", "'nothing=1' names no leaf; there are neuron.nu"),
        ("nu", "'nu' is not of the form leaf=number"),
        ("nu=0", "'nu=0' takes a number above 0"),
    ],
)
def test_bad_scales_are_refused(text, message):
    with pytest.raises(BluraxError, match=message):
        GenomeSpace(Rule()).scales((text,))
