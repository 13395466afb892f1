"""Tangent kernels against explicit Jacobians, and errors by frequency against known waves."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from blurax import genome as genomes
from blurax.baselines import Arrangement, baseline
from blurax.experiments.tangent import at_ends
from blurax.fit import network_for
from blurax.learner import Blur
from blurax.network import Network
from blurax.spec import Normalise, Over, Rule, Stabilise
from blurax.spectra import effective_rank, eigenvalues, tangent_kernel, wave_errors
from blurax.targets import Signals, decibels
from blurax.tasks import EpisodeSpec, Split, get
from closeness import assert_close

NETWORK = Network((3, 5, 2))
X = jax.random.normal(jax.random.key(1), (6, 3))


def learners():
    task = get("iris")
    yield baseline("adam").make(Arrangement(), NETWORK, task)
    yield baseline("schedule-free").make(Arrangement(normalise=True), NETWORK, task)
    yield baseline("adam").make(Arrangement(normalise=True, over=Over.CROSS), NETWORK, task)
    rule = Rule(states=3, stabilise=Stabilise(Normalise.FORWARD))
    yield Blur(genomes.random(jax.random.key(2), rule), NETWORK)


@pytest.mark.parametrize("learner", [*learners()], ids=["relu", "batch", "cross", "genome"])
def test_a_kernel_is_the_product_of_explicit_jacobians(learner):
    state = learner.init(jax.random.key(0), 6)
    jacobian = jax.jacrev(lambda state: learner.predict(state, X), allow_int=True)(state)
    slopes = [
        leaf.reshape(6, 2, -1)
        for leaf in jax.tree.leaves(jacobian)
        if jnp.issubdtype(leaf.dtype, jnp.floating)
    ]
    whole = np.concatenate(slopes, axis=2)
    wanted = np.zeros((6, 6))
    for i, j, o in np.ndindex(6, 6, 2):
        wanted[i, j] += whole[i, o] @ whole[j, o]
    found = tangent_kernel(learner, state, X)
    assert_close(found, wanted, tolerance=1e-12)
    assert_close(eigenvalues(found), np.linalg.eigvalsh(wanted)[::-1].clip(0), tolerance=1e-12)


def test_kernels_of_several_networks_at_both_ends():
    task = get("waves:points=32,frequencies=2")
    learner = baseline("adam").make(Arrangement(), network_for(task, "4"), task)
    keys = jax.random.split(jax.random.key(3), 2)
    begun = jax.vmap(lambda key: learner.init(jax.random.fold_in(key, 0), 8))(keys)
    first, end = at_ends(learner, task, keys, begun, EpisodeSpec(batch=8), Split.TEST, 5)
    assert first.shape == (2, 5)
    assert_close(first, end)  # nothing was learned
    assert (np.diff(np.asarray(first)) <= 0).all()


def test_the_effective_rank_counts_eigenvalues():
    assert float(effective_rank(jnp.full(7, 0.3))) == pytest.approx(7)
    assert float(effective_rank(jnp.asarray([5.0, 0.0, 0.0]))) == pytest.approx(1)
    assert float(effective_rank(jnp.zeros(3))) == 0


FREQUENCIES = jnp.asarray([1.0, 3.0, 6.0])


def test_on_an_even_grid_errors_are_those_of_a_fourier_transform():
    rng = np.random.default_rng(0)
    x, error = np.arange(32) / 16 - 1, rng.normal(size=(32, 2))
    transform = 2 * np.abs(np.fft.rfft(error, axis=0)) / 32
    wanted = np.sqrt(np.mean(transform[[1, 3, 6]] ** 2, axis=1))
    assert_close(wave_errors(jnp.asarray(x), jnp.asarray(error), FREQUENCIES), wanted, 1e-12)


def test_at_any_points_known_amplitudes_are_found():
    rng = np.random.default_rng(1)
    x, phases, sizes = rng.uniform(-1, 1, 40), rng.uniform(0, 6, 3), np.array([0.5, 2.0, 0.0])
    error = sum(
        size * np.sin(np.pi * f * x + phase)
        for size, f, phase in zip(sizes, FREQUENCIES, phases, strict=True)
    )
    found = wave_errors(jnp.asarray(x), jnp.asarray(error)[:, None], FREQUENCIES)
    assert_close(found, sizes, tolerance=1e-10)


def test_psnr_is_of_the_whole_span():
    assert float(decibels(jnp.asarray(4.0))) == pytest.approx(0)
    assert float(decibels(jnp.asarray(100.0), span=255.0)) == pytest.approx(28.1308036)
    y = jnp.asarray([[0.5, -0.5], [0.1, 0.2], [0.0, 0.0]])
    target, mask = Signals(2), jnp.asarray([True, True, False])
    assert float(target.score(y + 0.2, y)) == pytest.approx(0.2)  # 10 log10(4 / 0.04)
    off = y.at[2].set(9.0)
    assert float(target.score(off + 0.2 * mask[:, None], y, mask)) == pytest.approx(0.2)
    assert float(target.score(y, y)) == 1.0
    assert float(target.score(y + 100, y)) == 0.0
    assert float(target.finite_score(y * jnp.nan, y)) == 0.0
