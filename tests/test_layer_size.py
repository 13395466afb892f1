"""Rates relative to the number of neurons that synapses lead to."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from blurax import genome as genomes
from blurax import graphs
from blurax.genome import Genome
from blurax.inner import unroll
from blurax.network import Network
from blurax.spec import Init, InitScale, Reduction, Rule, Update
from blurax.widen import widen
from closeness import assert_close, differs
from variants import jit, labels

SIZES, RATE = (6, 16, 5, 4), 0.3
EXACT = dataclasses.replace(
    Rule.backprop(init=Init(1.0, InitScale.FAN_IN)), update=Update(Reduction.MEAN)
)
SIZED = dataclasses.replace(EXACT, update=dataclasses.replace(EXACT.update, layer_size=True))


def sized(power: float) -> Genome:
    """Back-propagation at rates that fall with a layer's neurons by this power."""
    genome = genomes.backprop(SIZED, RATE)
    terms = genome.synapse.terms | {"layer_size": jnp.asarray(power)}
    return dataclasses.replace(genome, synapse=dataclasses.replace(genome.synapse, terms=terms))


def changed(genome: Genome, run=jit(unroll)):  # noqa: B008
    """What one step adds to the synapses of each layer."""
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(1, 8, SIZES[0])))
    y = jnp.asarray(labels(rng, 1, 8, SIZES[-1]))
    state = Network(SIZES).init(jax.random.key(1), genome, 8)
    last = run(genome, state, x, y)[0]
    pairs = zip(last.synapses, state.synapses, strict=True)
    return [new.forward - old.forward for new, old in pairs]


@pytest.mark.parametrize("power", [0.5, 1.0, -0.25])
def test_each_layer_steps_at_the_rate_of_its_neurons(power):
    plain = changed(genomes.backprop(EXACT, RATE))
    for found, step, n in zip(changed(sized(power)), plain, SIZES[1:], strict=True):
        assert_close(found, step * (64 / n) ** power, 1e-12)
        assert differs(found, step)


def test_without_a_power_nothing_changes_and_a_genome_can_be_widened_to_it():
    plain = genomes.backprop(EXACT, RATE)
    assert_close(changed(sized(0.0)), changed(plain), 0.0)
    assert_close(widen(plain, SIZED), sized(0.0), 0.0)
    assert float(genomes.random(jax.random.key(0), SIZED).synapse.layer_size) == 0.25


def test_in_a_convolution_channels_count_and_not_places():
    network = graphs.network("c4k3-5", (6, 6, 1), 3)
    x = jnp.asarray(np.random.default_rng(0).normal(size=(1, 2, 6, 6, 1)))
    y = jnp.eye(3)[jnp.array([[0, 2]])]

    def changes(genome):
        state = network.init(jax.random.key(0), genome, 2)
        last = jit(unroll)(genome, state, x, y)[0]
        pairs = zip(last.synapses, state.synapses, strict=True)
        return [new.forward - old.forward for new, old in pairs]

    found, plain = changes(sized(1.0)), changes(genomes.backprop(EXACT, RATE))
    for one, other, n in zip(found, plain, (4, 5, 3), strict=True):
        assert_close(one, other * 64 / n, 1e-12)
        assert np.any(np.asarray(other) != 0)
