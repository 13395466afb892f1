"""CMA-ES and random search: they find what there is to find, and can be led to the same point."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from blurax import genome as genomes
from blurax.errors import BluraxError
from blurax.outer import run
from blurax.outer.config import MetaTrain
from blurax.outer.methods import Cma, cma_es
from blurax.outer.methods.cma_es import CmaEs
from blurax.outer.methods.random_search import Sampler
from blurax.outer.numbers import named
from blurax.outer.recipes import get_recipe
from blurax.outer.space import GenomeSpace
from blurax.spec import Rule

RULE = Rule(states=2)
TARGET = 0.5 * jnp.arange(genomes.flatten(genomes.random(jax.random.key(0), RULE)).size) % 2 - 0.5


class Sphere(eqx.Module):
    """In place of a problem: the distance to one genome, in units of each number's scale."""

    space: GenomeSpace = GenomeSpace(RULE)

    def loss(self, genome, key, which=None):
        return jnp.sum((genomes.flatten(genome) / self.space.scales() - TARGET) ** 2)

    def draw(self, key):
        return None


def cma(generations: int, **options) -> CmaEs:
    return CmaEs(Sphere(), 12, generations, Cma(**options))


def led(trainer, steps: int, state=None):
    state = trainer.init(jax.random.key(1)) if state is None else state
    losses = []
    for n in range(steps):
        state, info = trainer.step(state, jax.random.key(n))
        losses.append(np.asarray(info.loss))
    return state, np.array(losses)


@pytest.fixture(autouse=True)
def any_problem(unchecked):
    """The sphere stands in for a problem."""


def test_cma_es_finds_the_optimum_of_a_sphere():
    state, losses = led(cma(260), 260)
    assert losses[0].min() > 1
    assert losses[-1].max() < 1e-6
    found = np.asarray(state.mean) / np.asarray(Sphere().space.scales())
    np.testing.assert_allclose(found, TARGET, atol=1e-3)


def test_random_search_keeps_the_best_and_is_the_floor():
    trainer = Sampler(Sphere(), 12, 0)
    state = trainer.init(jax.random.key(1))
    best, vectors = np.inf, []
    for n in range(20):
        state, info = trainer.step(state, jax.random.key(n))
        best = min(best, float(info.loss.min()))
        vectors.append(state.vector)
        assert float(state.loss) == best
        assert float(Sphere().loss(genomes.unflatten(state.vector, RULE), None)) == best
    assert len({v.tobytes() for v in map(np.asarray, vectors)}) > 1
    assert best > led(cma(40), 20)[1].min()


def test_a_search_is_led_to_the_same_point_by_its_losses_alone():
    straight, losses = led(cma(12), 12)
    half, _ = led(cma(12), 5)
    rest = jax.tree.map(jnp.array, half)
    for n in range(5, 12):
        rest, info = cma(12).step(rest, jax.random.key(n))  # a new trainer each time: no memory
        np.testing.assert_array_equal(info.loss, losses[n])
    jax.tree.map(np.testing.assert_array_equal, rest, straight)


def test_numpys_own_random_numbers_are_left_alone():
    np.random.seed(3)
    before = np.random.get_state()[1].copy()
    led(cma(3), 3)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


@pytest.mark.parametrize("generations", [0, 6])
def test_leaves_that_are_not_searched_stay_as_they_start(generations):
    first = jax.tree.map(lambda leaf: leaf[0], cma(1).genomes(cma(1).init(jax.random.key(1))))
    trainer = cma(6, only=("synapse.nu_tilde", "eta"))
    state, _ = led(trainer, generations)
    last = jax.tree.map(lambda leaf: leaf[0], trainer.genomes(state))
    same = jax.tree.map(lambda a, b: bool((a == b).all()), first, last)
    moved = {name for name, unchanged in named(same).items() if not unchanged}
    assert moved == ({"synapse.nu_tilde", "neuron.eta"} if generations else set())


@pytest.mark.parametrize("only", [("eta", "f_tilde"), ("eta",)], ids=["two", "one"])
def test_a_few_numbers_are_found_where_they_are_best(only):
    trainer = cma(120, only=only)
    state, _ = led(trainer, 120)
    found = np.asarray(state.mean) / np.asarray(Sphere().space.scales())
    places = trainer.problem.space.places(only)
    assert places.sum() == len(only)
    np.testing.assert_allclose(found[places], TARGET[places], atol=1e-3)


def test_what_cannot_be_searched_is_refused(tmp_path):
    config = dataclasses.replace(get_recipe("digits-cma").config, method=Cma(only=("etta",)))
    with pytest.raises(BluraxError, match=r"'etta' names no leaf; there are neuron\.nu, "):
        run.start(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_bounds_hold():
    trainer = cma(6, bound=0.6, sigma=2.0)
    state = trainer.init(jax.random.key(1))
    seen = []
    original = cma_es.candidate_losses
    try:
        cma_es.candidate_losses = lambda e, p, v, *r: seen.append(v) or original(e, p, v, *r)
        for n in range(6):
            state, _ = trainer.step(state, jax.random.key(n))
    finally:
        cma_es.candidate_losses = original
    scaled = np.concatenate(seen) / np.asarray(Sphere().space.scales())
    assert np.abs(scaled).max() <= 0.6 + 1e-9
    assert np.abs(scaled).max() > 0.5


def test_a_search_at_rest_begins_anew_elsewhere():
    _, still = led(cma(420), 420)
    _, anew = led(cma(420, restarts=1), 420)
    np.testing.assert_array_equal(still[:150], anew[:150])
    assert still[-1].max() < 1e-9
    jump = int(np.argmax(anew.min(axis=1)[150:] > 1)) + 150
    assert anew[jump].min() > 1 > anew[jump - 1].max()


def test_candidates_that_overflow_count_as_the_worst():
    trainer = cma(4)
    search = trainer._search(np.asarray(jax.random.key_data(jax.random.key(1))))
    search.ask()
    losses = np.arange(12.0)
    losses[3:6] = [np.nan, np.inf, -np.inf]
    search.tell(losses)
    told = search._es.fit.hist[0]
    assert told == 0.0
    assert np.isfinite(search.mean()).all()
    search.ask()
    search.tell(np.full(12, np.nan))
    assert np.isfinite(search.mean()).all()


def test_cma_es_learns_a_rule_on_the_accuracy(tmp_path, float32):
    """The recipe digits-cma, cut to what a test may take; at the start all are near chance."""
    config = dataclasses.replace(
        get_recipe("digits-cma").config, meta_steps=24, validate_every=8, validation_episodes=2
    )
    run.start(config, tmp_path)
    result = run.advance(tmp_path)
    assert result.score > 0.8


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"sigma": 0.0}, r"Cma\.sigma is 0\.0"),
        ({"bound": -1.0}, r"Cma\.bound is -1\.0"),
        ({"restarts": -1}, r"Cma\.restarts is -1"),
        ({"chunk": -1}, r"Cma\.chunk is -1"),
    ],
)
def test_bad_options_are_refused(fields, message):
    with pytest.raises(BluraxError, match=message):
        Cma(**fields)


def test_too_few_candidates_are_refused():
    with pytest.raises(BluraxError, match="cma-es takes 4 candidates or more"):
        MetaTrain(method=Cma(), population=3)
