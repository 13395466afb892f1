"""One compile a run, none after the first call; programs and memory that do not grow."""

import dataclasses

import jax
import jax.numpy as jnp
import pytest

from blurax import genome as genomes
from blurax.inner import Remat
from blurax.learner import Blur
from blurax.network import Network
from blurax.outer import run
from blurax.outer.config import MetaTrain
from blurax.outer.objective import Objective, When, episode_loss
from blurax.spec import Rule, Symmetry
from blurax.tasks import EpisodeSpec, get

LAST = Objective()


def at(*horizons: int) -> Objective:
    return Objective(when=When.HORIZONS, horizons=horizons)


COMPILED = "/jax/core/compile/backend_compile_duration"


class Compilations:
    """Counts what XLA compiles."""

    def __init__(self) -> None:
        self.count, self.listening = 0, True

    def __call__(self, event: str, duration: float, **_: object) -> None:
        self.count += self.listening and event == COMPILED


@pytest.fixture
def compilations():
    counter = Compilations()
    jax.monitoring.register_event_duration_secs_listener(counter)
    yield counter
    counter.listening = False  # not every supported JAX can unregister a listener


def test_nothing_compiles_after_the_first_steps(tmp_path, compilations):
    config = MetaTrain(
        hidden=("4",),
        episode=EpisodeSpec(2, 8, 8),
        population=2,
        meta_steps=9,
        validate_every=3,
        validation_episodes=1,
    )
    run.start(config, tmp_path)
    seen = []
    run.advance(tmp_path, lambda progress: seen.append(compilations.count))
    assert seen[0] > 0  # the counter counts
    # step 3 validates for the first time; after that, nothing is left to compile
    assert seen[2:] == [seen[2]] * 7
    assert seen[1] == seen[0]


def test_each_setting_is_a_program_of_its_own(compilations):
    def compiled(hidden: tuple[str, ...]) -> int:
        trainer = MetaTrain(hidden=hidden, episode=EpisodeSpec(2, 8, 8), population=2).trainer()
        state = trainer.init(jax.random.key(0))
        keys = [jax.random.key(n) for n in (1, 2)]
        before = compilations.count
        state, _ = trainer.step(state, keys[0])
        after = compilations.count
        trainer.step(state, keys[1])
        assert compilations.count == after
        return after - before

    def settings(first: int, count: int) -> tuple[str, ...]:
        return tuple(str(size) for size in range(first, first + count))

    for count in (2, 4):
        compiled(settings(3, count))  # with what is compiled once for so many
    assert compiled(settings(7, 4)) - compiled(settings(11, 2)) == 2


def gradient_of(steps: int, remat: Remat, when: Objective = LAST):
    task, rule = get("digits"), Rule(states=3)
    network, spec = Network((64, 100, 10)), EpisodeSpec(steps, 32, 32)
    genome = genomes.random(jax.random.key(0), rule)
    objective = dataclasses.replace(when, remat=remat)

    def loss(genome, key):
        return episode_loss(Blur(genome, network), task, spec, objective, key)

    return jax.grad(loss), genome


def equations(jaxpr) -> int:
    """All equations of a program, those of the programs inside it included."""
    total = 0
    for equation in jaxpr.eqns:
        total += 1
        for inner in jax.tree.leaves(
            list(equation.params.values()), is_leaf=lambda p: hasattr(p, "eqns")
        ):
            inner = getattr(inner, "jaxpr", inner)
            total += equations(inner) if hasattr(inner, "eqns") else 0
    return total


@pytest.mark.parametrize("remat", Remat)
def test_the_program_does_not_grow_with_the_unroll(remat):
    sizes = []
    for steps in (10, 100):
        gradient, genome = gradient_of(steps, remat)
        sizes.append(equations(jax.make_jaxpr(gradient)(genome, jax.random.key(1)).jaxpr))
    assert sizes[0] > 100
    assert sizes[1] == sizes[0]


@pytest.mark.parametrize("remat", Remat)
def test_the_program_does_not_grow_with_the_horizons(remat):
    def size(*horizons: int) -> int:
        gradient, genome = gradient_of(16, remat, at(*horizons))
        return equations(jax.make_jaxpr(gradient)(genome, jax.random.key(1)).jaxpr)

    few, many = size(2, 16), size(1, 2, 4, 8, 12, 16)
    assert many == few
    # The step is in it once, as if the query were asked at the end alone; the query twice.
    assert few < size(16) * 1.5


def temporary_bytes(steps: int, remat: Remat, when: Objective = LAST) -> int:
    gradient, genome = gradient_of(steps, remat, when)
    compiled = jax.jit(gradient).lower(genome, jax.random.key(1)).compile()
    return compiled.memory_analysis().temp_size_in_bytes


def test_rematerialisation_bounds_the_memory_of_the_gradient():
    none, step, products, sqrt = (temporary_bytes(100, remat) for remat in Remat)
    number = jnp.zeros(()).itemsize
    synapses = 3 * (65 * 100 + 101 * 10 + 10 * 100) * number
    heard = 3 * 32 * (100 + 10 + 100) * number
    episode = 100 * 32 * (64 + 10) * number
    # Remat.STEP keeps the synapses before each step; the few more are one step's work.
    assert 100 * synapses < step < 115 * synapses + 3 * episode
    # Remat.PRODUCTS keeps what the neurons hear upwards and downwards as well.
    assert step + 90 * heard < products < step + 115 * heard
    assert none > 2 * step
    # Remat.SQRT keeps 10 + 10 of them.
    assert sqrt < 35 * synapses + 3 * episode


def test_a_prime_number_of_steps_takes_no_more_memory_than_the_number_after_it():
    prime, even = (temporary_bytes(steps, Remat.SQRT) for steps in (97, 100))
    assert prime < 1.1 * even
    assert prime < 0.5 * temporary_bytes(97, Remat.STEP)


def test_a_horizon_takes_no_memory_in_the_steps_that_do_not_ask():
    number = jnp.zeros(()).itemsize
    query = 32 * 3 * (100 + 10) * number
    last, horizons = (
        temporary_bytes(50, Remat.PRODUCTS, when) for when in (LAST, at(5, 10, 20, 30, 50))
    )
    assert horizons < last + 20 * query


def test_a_gradient_computes_no_product_twice_if_it_keeps_them():
    # Not more operations than if everything is kept, and fewer than if only the synapses are.
    task, rule = get("digits"), Rule(states=3, symmetry=Symmetry.SYMMETRIC)
    genome = genomes.random(jax.random.key(0), rule)

    def operations(remat: Remat) -> float:
        def loss(genome, key):
            spec, objective = EpisodeSpec(1, 64, 64), Objective(remat=remat)
            return episode_loss(Blur(genome, Network((64, 64, 64, 10))), task, spec, objective, key)

        program = jax.jit(jax.grad(loss)).lower(genome, jax.random.key(1)).compile()
        return program.cost_analysis()["flops"]

    everything, products, synapses = map(operations, (Remat.NONE, Remat.PRODUCTS, Remat.STEP))
    assert products < 1.02 * everything
    assert synapses > 1.05 * products
