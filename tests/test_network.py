"""A network's birth, and what it refuses."""

import dataclasses
import math
from functools import partial
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from blurax import genome
from blurax.errors import BluraxError
from blurax.network import Network, NetworkState
from blurax.spec import Channels, Init, InitScale, Rule, Symmetry
from closeness import assert_close
from unchecked import unchecked
from variants import BATCH, LAYERS, SIZES, TABLE, initial, jit

WIDE = Network((80, 90, 70))


@partial(jit, static_argnums=(0, 1))
def born_of(network: Network, rule: Rule, key: jax.Array) -> NetworkState:
    return network.init(key, genome.random(key, rule), BATCH)


def made(network: Network, rule: Rule, seed: int = 0) -> NetworkState:
    return born_of(network, rule, jax.random.key(seed))


@pytest.mark.parametrize("name", TABLE)
def test_the_shapes_are_those_of_the_rule(name: str):
    rule = TABLE[name]
    shapes = jax.tree.map(jnp.shape, initial(rule))
    pairs = list(pairwise(SIZES))
    channels = 1 if rule.channels is Channels.SINGLE else rule.states
    assert [s.forward for s in shapes.synapses] == [(channels, i, j) for i, j in pairs]
    assert [s.bias for s in shapes.synapses] == [(channels, 1, j) for _, j in pairs]
    symmetric = rule.symmetry is Symmetry.SYMMETRIC
    down = [None if symmetric else (channels, j, i) for i, j in pairs[1:]]
    assert [s.backward for s in shapes.synapses] == [None, *down]
    neurons = ((1, BATCH, SIZES[0]), *((rule.states, BATCH, n) for n in SIZES[1:]))
    assert shapes.neurons == (neurons if rule.keep_neurons else None)


@pytest.mark.parametrize("scale", InitScale)
def test_synapses_start_normal_with_the_deviation_asked_for(scale: InitScale):
    state = made(WIDE, Rule(init=Init(0.3, scale)))
    for between in state.synapses:
        up = np.concatenate([between.forward, between.bias], axis=1)
        for w in (up, between.backward):
            if w is None:  # towards the input layer
                continue
            inputs = w.shape[1] if scale is InitScale.FAN_IN else 1
            unit = w * math.sqrt(inputs) / 0.3
            # 12,000 numbers and more: five standard errors of the mean and of the deviation.
            assert abs(unit.mean()) < 5 / math.sqrt(unit.size)
            assert abs(unit.std() - 1) < 5 / math.sqrt(2 * unit.size)


def test_no_two_synapses_start_alike():
    leaves = jax.tree.leaves(made(Network((6, 6, 6)), Rule(states=3)))
    numbers = np.concatenate([np.ravel(leaf) for leaf in leaves])
    assert len(np.unique(numbers)) == len(numbers)


def test_a_birth_depends_on_the_key_alone():
    network, rule = Network(SIZES), Rule()
    assert_close(made(network, rule), made(network, rule), tolerance=0.0)
    other = made(network, rule, seed=1)
    assert (other.synapses[0].forward != made(network, rule).synapses[0].forward).all()


def test_kept_neurons_start_at_zero():
    kept = made(Network(SIZES), Rule(keep_neurons=True)).neurons
    assert not any(a.any() for a in kept)


def test_synapses_are_counted_with_their_biases():
    assert Network((2, 20, 2)).synapse_count == 3 * 20 + 21 * 2


NO_SIZES = [(), (3,), (3, 0), (3, -1, 2), (3, 2.0), (3, True), (3, "2"), [3, 2]]


@pytest.mark.parametrize("sizes", NO_SIZES)
def test_sizes_that_are_no_network_are_refused(sizes: object):
    with pytest.raises(BluraxError, match=r"Network\.groups"):
        unchecked("blurax.network").Network(sizes)


def test_a_genome_for_another_depth_is_refused():
    with pytest.raises(BluraxError, match=f"{LAYERS + 1} synapse layers"):
        Network(SIZES).check(Rule(layers=LAYERS + 1))
    Network(SIZES).check(Rule(layers=LAYERS))


LEARNED = Rule(init=Init(0.5, InitScale.FAN_IN, learned=True))


def test_a_learned_deviation_starts_where_the_rule_says():
    assert_close(made(WIDE, LEARNED), made(WIDE, Rule(init=Init(0.5, InitScale.FAN_IN))))


@pytest.mark.parametrize("layers", [None, 2])
def test_the_initial_synapses_are_as_large_as_the_gene_says(layers: int | None):
    key, rule = jax.random.key(0), dataclasses.replace(LEARNED, layers=layers)
    own = genome.random(key, rule)
    state = WIDE.init(key, own, BATCH)
    std = jnp.array(3.0) if layers is None else jnp.array([3.0, -5.0])  # the sign means nothing
    wider = WIDE.init(key, dataclasses.replace(own, init_std=0.5 * std), BATCH)
    for l, (one, other) in enumerate(zip(state.synapses, wider.synapses, strict=True)):
        factor = 3.0 if layers is None or l == 0 else 5.0
        assert_close(other, jax.tree.map(lambda w, f=factor: f * w, one))


def test_the_slope_of_the_deviation_flows_through_the_start():
    own = genome.random(jax.random.key(0), LEARNED)

    def size(std: jax.Array) -> jax.Array:
        changed = dataclasses.replace(own, init_std=std)
        state = WIDE.init(jax.random.key(1), changed, BATCH)
        return sum(jnp.sum(w**2) for w in jax.tree.leaves(state.synapses))

    at = jnp.asarray(0.7)
    assert_close(jax.grad(size)(at), 2 * size(at) / at)


def test_a_learned_deviation_needs_the_genome():
    with pytest.raises(BluraxError, match=r"Init\.learned is on: .* a rule alone"):
        WIDE.init(jax.random.key(0), LEARNED, BATCH)


def test_only_genomes_that_differ_from_step_to_step_count_them():
    assert made(WIDE, Rule()).steps is None
    assert made(WIDE, Rule(steps=3)).steps == 0
