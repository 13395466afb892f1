"""Rates relative to the number of examples in a batch."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from blurax import genome as genomes
from blurax import zoo
from blurax.genome import Genome
from blurax.inner import unroll
from blurax.network import Network
from blurax.spec import Init, InitScale, Rule
from blurax.widen import widen
from closeness import assert_close, differs
from variants import jit, labels

SIZES, RATE = (6, 5, 4), 0.3
EXACT = Rule.backprop(init=Init(1.0, InitScale.FAN_IN))
SIZED = dataclasses.replace(EXACT, update=dataclasses.replace(EXACT.update, batch_size=True))


def sized(power: float, rate: float = RATE) -> Genome:
    """Back-propagation at rates that grow with the batch by this power."""
    genome = genomes.backprop(SIZED, rate)
    terms = genome.synapse.terms | {"batch_size": jnp.asarray(power)}
    return dataclasses.replace(genome, synapse=dataclasses.replace(genome.synapse, terms=terms))


def learned(genome: Genome, batch: int, copies: int = 1, run=jit(unroll)):  # noqa: B008
    """The network after three steps on batches, each example so many times."""
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(3, batch, SIZES[0])))
    y = jnp.asarray(labels(rng, 3, batch, SIZES[-1]))
    x, y = (jnp.concatenate([each] * copies, axis=1) for each in (x, y))
    state = Network(SIZES).init(jax.random.key(1), genome, batch * copies)
    return run(genome, state, x, y)[0].synapses


@pytest.mark.parametrize("batch", [8, 32, 256])
@pytest.mark.parametrize("power", [0.5, 1.0])
def test_it_is_back_propagation_at_the_rate_of_the_batch(batch, power):
    plain = genomes.backprop(EXACT, RATE * (batch / 128) ** power)
    assert_close(learned(sized(power), batch), learned(plain, batch), 1e-12)


def test_at_128_examples_the_power_means_nothing_to_the_bit():
    want = learned(genomes.backprop(EXACT, RATE), 128)
    for power in (0.5, -2.0):
        jax.tree.map(np.testing.assert_array_equal, learned(sized(power), 128), want)


def test_a_batch_met_twice_over_has_twice_the_rate_at_a_power_of_one():
    """Its mean gradient is the same."""
    want = learned(sized(1.0), 8)
    assert_close(learned(sized(1.0, RATE / 2), 8, copies=2), want, 1e-12)
    assert differs(learned(sized(1.0), 8, copies=2), want)


def test_without_a_power_nothing_changes_and_a_genome_can_be_widened_to_it():
    plain = genomes.backprop(EXACT, RATE)
    assert_close(learned(sized(0.0), 8), learned(plain, 8), 0.0)
    assert_close(widen(plain, SIZED), sized(0.0), 0.0)
    assert float(genomes.random(jax.random.key(0), SIZED).synapse.batch_size) == 0.5


def test_a_genome_of_the_zoo_takes_it():
    """Beside its other terms; a meta-gradient reaches it where a batch is not of 128."""
    quick = zoo.genome("quick")[0]
    rule = dataclasses.replace(
        quick.rule, update=dataclasses.replace(quick.rule.update, batch_size=True)
    )
    wide = widen(quick, rule)

    def size_of(power, batch):
        terms = wide.synapse.terms | {"batch_size": power}
        genome = dataclasses.replace(wide, synapse=dataclasses.replace(wide.synapse, terms=terms))
        return sum(jnp.sum(jnp.square(s.forward)) for s in learned(genome, batch, run=unroll))

    slope = jax.grad(size_of)
    assert np.all(np.abs(slope(jnp.full(2, 0.5), 32)) > 1e-6)
    assert_close(slope(jnp.full(2, 0.5), 128), jnp.zeros(2), 0.0)
