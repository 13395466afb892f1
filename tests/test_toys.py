"""The toys: each point has the class it should have, on the domain it should have."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from blurax.errors import BluraxError
from blurax.tasks import EpisodeSpec, Split, get
from blurax.tasks.toys import marked

SPEC = EpisodeSpec(steps=2, batch=2000, query=50)


def support(name, seed=0):
    """Points and classes of an episode."""
    episode = jax.jit(lambda key: get(name).sample(key, SPEC, Split.TRAIN))(jax.random.key(seed))
    x, y = np.asarray(episode.x).reshape(-1, 2), np.asarray(episode.y)
    return x, y.reshape(-1, y.shape[-1]).argmax(1)


BY_HAND = {
    "xor": lambda a, b: a * b > 0,
    "nxor": lambda a, b: a * b <= 0,
    "and": lambda a, b: min(a, b) > 0,
    "or": lambda a, b: max(a, b) > 0,
    "nand": lambda a, b: min(a, b) < 0,
    "quadrant": lambda a, b: a < 0 < b,
    "centre-circle": lambda a, b: math.hypot(a, b) < 0.7,
    "small-circle": lambda a, b: math.hypot(a, b) < 0.3,
    "pie-slice": lambda a, b: a > 0 and -0.78 <= math.atan(b / a) <= 0.78,
    "square": lambda a, b: -0.2 < a < 0.2 and -0.2 < b < 0.2,
    "squares": lambda a, b: 0.25 < abs(a) < 0.75 and 0.25 < abs(b) < 0.75,
    "cross": lambda a, b: abs(a) < 0.3 or abs(b) < 0.3,
    "triangle": lambda a, b: a + b < 1 and b - a < 1 and b > -0.5,
}
AREAS = {
    "xor": 1 / 2,
    "nxor": 1 / 2,
    "and": 1 / 4,
    "or": 3 / 4,
    "nand": 3 / 4,
    "quadrant": 1 / 4,
    "centre-circle": math.pi * 0.49 / 4,
    "small-circle": math.pi * 0.09 / 4,
    "pie-slice": math.tan(0.78) / 4,
    "square": 0.04,
    "squares": 1 / 4,
    "cross": 1 - 0.49,
    "triangle": (1 + 1) / 4,  # the square cuts its lower corners off
}


@pytest.mark.parametrize("name", BY_HAND)
def test_every_point_has_its_class(name):
    x, labels = support(name)
    assert (np.abs(x) <= 1).all()
    assert x.min(0).max() < -0.99 < 0.99 < x.max(0).min()  # the whole square
    assert [bool(label) for label in labels] == [bool(BY_HAND[name](a, b)) for a, b in x]
    assert labels.mean() == pytest.approx(AREAS[name], abs=0.03)


@pytest.mark.parametrize("name", ["two-moon", "two-moon-rotated", "concentric-circles", "blobs"])
def test_clouds_lie_where_the_grid_says(name):
    x, labels = support(name)
    grid = np.asarray(get(name).grid(jax.random.key(0), jnp.asarray(x)))
    classes = get(name).outputs
    assert np.bincount(labels, minlength=classes).min() > 0.8 * len(labels) / classes
    # Clouds overlap, so that the likeliest class is not always the right one.
    assert (grid == labels).mean() > {"blobs": 0.75}.get(name, 0.97)


def test_the_moons_are_those_of_scikit_learn():
    from sklearn.datasets import make_moons

    theirs, names = make_moons(4000, noise=0.1, random_state=0)
    theirs = (theirs - [0.5, 0.25]) * [2 / 3, 4 / 3]
    ours, labels = support("two-moon")
    turned, _ = support("two-moon-rotated")
    for label in (0, 1):
        a, b = theirs[names == label], ours[labels == label]
        np.testing.assert_allclose(a.mean(0), b.mean(0), atol=0.03)
        np.testing.assert_allclose(np.cov(a.T), np.cov(b.T), atol=0.02)
    np.testing.assert_allclose(turned, np.stack([-ours[:, 1], ours[:, 0]], 1), atol=1e-9)


def test_the_rings_have_their_radii():
    x, labels = support("concentric-circles")
    radii = [np.linalg.norm(x[labels == c], axis=1).mean() for c in range(4)]
    np.testing.assert_allclose(radii, (0.2, 0.1, 1.0, 0.5), rtol=0.05)


@pytest.mark.parametrize("name", ["random-circle", "random-xor", "blobs:classes=3"])
def test_families_differ_between_episodes_but_not_within(name):
    task = get(name)
    x = jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (500, 2)))
    grids = [np.asarray(task.grid(jax.random.key(seed), x)) for seed in range(6)]
    assert len({grid.tobytes() for grid in grids}) == 6
    if name.startswith("blobs"):
        return
    points, labels = support(name, seed=5)
    grid = np.asarray(task.grid(jax.random.key(5), jnp.asarray(points)))
    np.testing.assert_array_equal(grid, labels)


def test_random_labels_say_nothing_of_the_point():
    x, labels = support("random-labels")
    assert labels.mean() == pytest.approx(0.5, abs=0.03)
    features = np.concatenate([x, x**2, x[:, :1] * x[:, 1:]], axis=1)
    assert np.abs(np.corrcoef(features.T, labels)[-1, :-1]).max() < 0.06


def test_the_sine_is_one():
    task = get("sine")
    key = jax.random.key(1)
    episode = task.sample(key, EpisodeSpec(steps=2, batch=50, query=50), Split.TRAIN)
    amplitude = float(task.amplitude(key))
    assert 0 < amplitude < 10
    for x, y in ((episode.x, episode.y), (episode.query_x, episode.query_y)):
        np.testing.assert_allclose(y, amplitude * np.sin(x), rtol=1e-6)
        assert x.min() >= 0
        assert x.max() <= 2 * np.pi
    amplitudes = [float(task.amplitude(jax.random.key(seed))) for seed in range(40)]
    assert min(amplitudes) < 2
    assert max(amplitudes) > 8


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_a_mark_is_small_and_keeps_examples_apart(dtype):
    x = jnp.asarray([[0.0, 1], [0.1, 2], [-0.7, 3], [1e-30, 4], [1.0, 5]], dtype)
    kept = [np.asarray(marked(x, mark)) for mark in range(4)]
    for one in kept:
        assert one.dtype == dtype
        np.testing.assert_allclose(one, x, rtol=1e-6, atol=2e-20)
        np.testing.assert_array_equal(one[:, 1], x[:, 1])
    for row in range(5):
        assert len({float(one[row, 0]) for one in kept}) == 4


def test_one_output_is_the_sign():
    spec = EpisodeSpec(steps=1, batch=64, query=8)
    two, one = (
        get(n).sample(jax.random.key(0), spec, Split.TRAIN) for n in ("xor", "xor:outputs=1")
    )
    assert one.y.shape == (1, 64, 1)
    positive = np.asarray(one.x[..., 0] * one.x[..., 1] > 0)
    np.testing.assert_array_equal(np.asarray(one.y[..., 0]) > 0, positive)
    assert two.y.shape == (1, 64, 2)


def test_one_cloud_is_refused():
    with pytest.raises(BluraxError, match=r"BlobsOptions\.classes is 1"):
        get("blobs:classes=1")
