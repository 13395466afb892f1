"""Compiled programs are forgotten before they fill a process, and nothing is lost by it."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import blurax
from blurax import programs
from blurax.curves import learning_curve
from blurax.tasks import Split


@pytest.fixture
def looks(tmp_path, monkeypatch):
    """Say how many maps there are and may be; the next look is at once."""

    def say(many: int, most: str = "100") -> None:
        (tmp_path / "maps").write_text("a map\n" * many, encoding="utf-8")
        (tmp_path / "most").write_text(most, encoding="utf-8")
        monkeypatch.setattr(programs, "_looked", -programs.EVERY)

    monkeypatch.setattr(programs, "_MAPS", tmp_path / "maps")
    monkeypatch.setattr(programs, "_MOST", tmp_path / "most")
    return say


@jax.jit
def doubled(x):
    return 2 * x


def test_programs_are_forgotten_when_they_take_most_of_the_maps(looks):
    doubled(jnp.ones(3))
    looks(75)
    assert not programs.make_room()
    assert doubled._cache_size() == 1
    looks(76)
    assert programs.make_room()
    assert doubled._cache_size() == 0
    assert float(doubled(jnp.ones(3))[0]) == 2


def test_looks_are_rare(looks):
    looks(100)
    assert programs.make_room()
    assert not programs.make_room()


@pytest.mark.parametrize("most", ["", "many"])
def test_where_nobody_counts_nothing_happens(looks, most, monkeypatch):
    looks(100, most)
    assert not programs.make_room()
    monkeypatch.setattr(programs, "_MAPS", Path("/no/such/file"))
    looks(100)
    assert not programs.make_room()


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="the system counts no maps")
def test_forgetting_gives_maps_back():
    def maps() -> int:
        return Path("/proc/self/maps").read_bytes().count(b"\n")

    before = maps()
    for n in range(20):
        jax.jit(lambda x, n=n: (jnp.sin(n * x).sum(), jnp.cos(x + n).prod()))(jnp.ones(10 + n))
    full = maps()
    jax.clear_caches()
    assert full > before + 40
    assert maps() < (before + full) / 2


def test_a_curve_makes_room_and_is_the_same(looks):
    task = blurax.task("iris")
    learner = blurax.Blur(blurax.load("backprop"), blurax.Network((4, 5, 3)))
    keys = jax.random.split(jax.random.key(0), 2)

    def curve() -> np.ndarray:
        return np.asarray(learning_curve(learner, task, keys, (3,), Split.TEST, batch=16)[1].loss)

    looks(0)
    first = curve()
    doubled(jnp.ones(3))
    looks(100)
    np.testing.assert_array_equal(curve(), first)
    assert doubled._cache_size() == 0
