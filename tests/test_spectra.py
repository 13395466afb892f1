"""Tangent kernels against explicit Jacobians, and errors by frequency against known waves."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from blurax import genome as genomes
from blurax.baselines import Arrangement, baseline
from blurax.experiments.frequencies import left_by_frequency
from blurax.experiments.tangent import at_ends
from blurax.fit import network_for
from blurax.learner import Blur, Learner
from blurax.network import Network
from blurax.spec import Normalise, Over, Rule, Stabilise
from blurax.spectra import band_sizes, effective_rank, eigenvalues, tangent_kernel, wave_errors
from blurax.targets import Signals, decibels
from blurax.tasks import EpisodeSpec, Split, get
from closeness import assert_close

NETWORK = Network((3, 5, 2))
KEY = jax.random.key(7)
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


@pytest.mark.parametrize("side", [4, 8, 15])
def test_octaves_are_those_of_a_loop_and_add_up_to_the_mean_square(side):
    image = np.random.default_rng(0).normal(size=(side, side, 3))
    spectrum = np.fft.fft2(image, axes=(0, 1)) / side**2
    found = np.asarray(band_sizes(jnp.asarray(image)))
    wanted = np.zeros(len(found))
    for i, j in np.ndindex(side, side):
        square = sum(min(n, side - n) ** 2 for n in (i, j))
        band = 0 if square == 0 else 1 + int(math.log2(square) // 2 if square > 1 else 0)
        wanted[band] += np.mean(np.abs(spectrum[i, j]) ** 2)
    np.testing.assert_allclose(found**2, wanted, rtol=1e-9, atol=1e-15)
    assert float((found**2).sum()) == pytest.approx(np.mean(image**2), rel=1e-9)


@pytest.mark.parametrize(("waves", "band"), [(1, 1), (2, 2), (3, 2), (4, 3), (7, 3), (8, 4)])
def test_a_wave_is_in_its_octave(waves, band):
    x = np.arange(16) / 16
    image = jnp.asarray(np.tile(np.sin(2 * np.pi * waves * x + 0.3), (16, 1)))[..., None]
    found = np.asarray(band_sizes(image))
    assert found[band] == pytest.approx(float(jnp.sqrt(jnp.mean(image**2))), rel=1e-9)
    assert np.delete(found, band) == pytest.approx(0, abs=1e-12)


def exact(task, network):
    """A learner that says nothing at first, and the signal itself from its first step on."""

    class Exact(Learner):
        network: Network

        def init(self, key, batch):
            return jnp.zeros(())

        def step(self, state, batch, *, rate, key, index):
            return jnp.ones(()), None

        def predict(self, state, x):
            whole = task.x
            nearest = jnp.argmin(jnp.sum((x[:, None] - whole) ** 2, axis=-1), axis=1)
            return state * task.labels[nearest]

    return Exact(network)


def test_of_a_picture_all_is_left_at_first_and_nothing_of_what_is_known():
    task = get("picture:china,size=8")
    learner, keys = exact(task, network_for(task, "4")), jax.random.split(KEY, 2)
    (chart,) = left_by_frequency(
        *(learner, task, keys, EpisodeSpec(3, 8, held_out=10), jnp.ones(2))
    )
    first, end = chart.curves
    assert first.x == (1.0, 2.0, 4.0)
    assert first.mean == pytest.approx((1.0,) * 3)
    assert end.mean == pytest.approx((0.0,) * 3, abs=1e-6)


def test_of_waves_all_are_left_at_first():
    task = get("waves:points=64,frequencies=3")
    signal = task.signal(jax.random.fold_in(KEY, 1))
    episode = task.sample(jax.random.fold_in(KEY, 1), EpisodeSpec(1, 8), Split.TEST)
    where = [int(np.argmin(np.abs(signal.x[:, 0] - x))) for x in episode.query_x[:, 0]]
    np.testing.assert_allclose(signal.labels[np.array(where)], episode.query_y)
    learner = exact(signal, network_for(task, "4"))
    (chart,) = left_by_frequency(learner, task, KEY[None], EpisodeSpec(2, 8), jnp.ones(1))
    first, end = chart.curves
    assert first.x == (2.0, 4.0, 6.0)
    assert first.mean == pytest.approx((1.0,) * 3, rel=1e-4)
    assert end.mean == pytest.approx((0.0,) * 3, abs=1e-4)


def test_other_tasks_have_no_frequencies():
    for name in ("iris", "digits", "sine"):
        task = get(name)
        learner = exact(task, network_for(task, "4"))
        assert left_by_frequency(learner, task, KEY[None], EpisodeSpec(2, 8), jnp.ones(1)) == ()
