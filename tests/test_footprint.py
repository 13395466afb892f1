"""Estimates of memory are hardly more than XLA plans, and no less than a quarter of it."""

import jax
import jax.numpy as jnp
import pytest

from blurax import curves, footprint
from blurax import genome as genomes
from blurax.fit import network_for
from blurax.inner import Remat
from blurax.learner import Blur
from blurax.outer.config import MetaTrain
from blurax.outer.needs import size_of
from blurax.outer.objective import Objective
from blurax.outer.variants import CHEAP, STABLE
from blurax.spec import Rule
from blurax.tasks import EpisodeSpec, Split, get


def planned(lowered) -> int:
    """The bytes of arguments, results and all between them."""
    compiled = lowered.compile()
    found = getattr(compiled, "compiled", compiled).memory_analysis()
    return found.temp_size_in_bytes + found.argument_size_in_bytes + found.output_size_in_bytes


def check(estimate, lowered):
    needed = planned(lowered)
    assert 0.25 * needed < estimate < 1.1 * needed


@pytest.mark.parametrize(
    ("name", "hidden", "batch"),
    [("xor", "16", 3000), ("xor", "300-300", 8), ("digits", "c16-c8s2", 500)],
)
@pytest.mark.parametrize("rule", [Rule(), STABLE, CHEAP], ids=["plain", "stable", "cheap"])
def test_episodes_take_what_is_estimated(rule, name, hidden, batch):
    task = get(name)
    network = network_for(task, hidden)
    genome = genomes.random(jax.random.key(0), rule)
    keys, spec = jax.random.split(jax.random.key(0), 2), EpisodeSpec(steps=4, batch=batch)
    learner, first = Blur(genome, network), jnp.zeros((), jnp.int32)
    states = curves._init(learner, keys, batch)
    support = curves._support(task, keys, spec, Split.TEST, first, rows=True)
    query = curves._queries(task, keys, spec, Split.TEST)
    rates, span, due = jnp.zeros(2), jnp.array([0, 4], jnp.int32), jnp.ones(4, bool)
    lowered = curves._advance.lower(
        *(learner, states, keys, support, query, rates, span, due, task.target),
        *(None, None, None),  # nothing is observed or judged, and there are no stages
    )
    evaluated = query["query"].y.shape[1]
    estimate = 2 * footprint.of(network, rule).episode(4, batch, evaluated)
    check(estimate, lowered)


@pytest.mark.parametrize(
    ("hidden", "batch"), [("16", 3000), ("200-200", 8)], ids=["neurons", "synapses"]
)
@pytest.mark.parametrize("remat", [Remat.NONE, Remat.PRODUCTS])
def test_a_meta_step_takes_what_is_estimated(remat, hidden, batch):
    config = MetaTrain(
        tasks=("xor",),
        hidden=(hidden,),
        episode=EpisodeSpec(8, batch, 8),
        population=2,
        objective=Objective(remat=remat),
    )
    trainer = config.trainer()
    state = trainer.init(jax.random.key(0))
    lowered = type(trainer)._whole.lower(trainer, state, jax.random.key(0), None)
    network = config.problem().networks[0][0]
    one = footprint.of(network, config.rule)
    numbers = size_of(config.space())
    args = config, one, config.episode, config.episode.query, numbers
    check(2 * config.method.episode(*args), lowered)
