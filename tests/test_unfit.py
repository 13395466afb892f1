"""Genome, state and batch that do not belong together are refused before they broadcast."""

import jax
import jax.numpy as jnp
import pytest

from blurax import genome as genomes
from blurax.errors import BluraxError
from blurax.inner import step
from blurax.network import Network
from blurax.spec import Channels, Rule, Symmetry

UNFIT = {
    "features": ({"x": (4, 6)}, r"x has shape \(4, 6\)"),
    "classes": ({"y": (4, 1)}, r"y \(4, 1\)"),
    "batch": ({"y": (3, 3)}, r"y \(3, 3\)"),
    "channels": ({"rule": Rule(channels=Channels.SINGLE)}, "synapses of 2 channels"),
    "symmetry": ({"rule": Rule(symmetry=Symmetry.SYMMETRIC)}, "The genome is symmetric"),
    "layers": ({"rule": Rule(layers=3)}, "genes for 3 synapse layers"),
    "kept": ({"rule": Rule(keep_neurons=True)}, "Rule.keep_neurons is True"),
}


@pytest.mark.parametrize("name", UNFIT)
@pytest.mark.usefixtures("unchecked")
def test_what_does_not_fit_is_refused_before_it_broadcasts(name):
    changes, message = UNFIT[name]
    state = Network((5, 4, 3)).init(jax.random.key(0), Rule(), 4)
    genome = genomes.random(jax.random.key(0), changes.get("rule", Rule()))
    x, y = jnp.ones(changes.get("x", (4, 5))), jnp.ones(changes.get("y", (4, 3)))
    with pytest.raises(BluraxError, match=message):
        step(genome, state, x, y)


def test_kept_neurons_fit_one_batch_size_only():
    rule = Rule(keep_neurons=True)
    state = Network((5, 4, 3)).init(jax.random.key(0), rule, 1)
    genome = genomes.random(jax.random.key(0), rule)
    with pytest.raises(BluraxError, match="x has 4 examples, but the state keeps neurons for 1"):
        step(genome, state, jnp.ones((4, 5)), jnp.ones((4, 3)))
