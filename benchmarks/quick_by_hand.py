"""The step by hand from what the recipe `quick` evolves to the zoo's `quick`.

    blurax meta-train --recipe quick --directory runs/quick
    python benchmarks/quick_by_hand.py runs/quick/best.safetensors quick.safetensors

Half of the numbers are back-propagation's again, errors pass through, the readout's synapses are
divided by a power of their length, and everything that is left of evolution has two decimals. Why:
docs/explanation/decisions/0025-quick-taken-apart.md.
"""

import dataclasses
import operator
import sys
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from blurax.genome import Genome
from blurax.io import load_genome, save_genome
from blurax.widen import widen

# The first of two is that of hidden layers, the second the readout's.
NEURON = {
    "nu": [[[1, 0], [1, 0]]] * 2,
    "mu": [[[1, 0], [0, 1]]] * 2,
    "f": [1, 1],
    "eta": [1, 0.6],
    "backward_scale": [[1, 1]] * 2,
    "backward_shift": [[0, 0]] * 2,
    "pass_through": [0.67, 0.67],
    "length_power": [1, 0.65],
}
SYNAPSE = {
    "nu_tilde": [[[1], [0]]] * 2,
    "mu_tilde": [[[0, 1]]] * 2,
    "eta_tilde": [-0.65, -1.3],
    "trace_to_synapse": [0, 0],
    "decorrelation": [0.46, 2.4],
}


def by_hand(evolved: Genome) -> Genome:
    """The evolved genome with what was set by hand."""
    rule = dataclasses.replace(
        evolved.rule,
        sigma=dataclasses.replace(evolved.rule.sigma, pass_through=True),
        stabilise=dataclasses.replace(evolved.rule.stabilise, normalise_power=True),
    )
    genome = jax.tree.map(_decimals, widen(evolved, rule))
    for part, numbers in (("neuron", NEURON), ("synapse", SYNAPSE)):
        for name, value in numbers.items():
            where = operator.attrgetter(f"{part}.{name}")
            genome = eqx.tree_at(where, genome, jnp.asarray(value, jnp.float32))
    return genome


def _decimals(value: Array) -> Array:
    """Two of them, rounded in float64: in float32 .85 would become .84999996."""
    return jnp.asarray(np.round(np.asarray(value, np.float64), 2), jnp.float32)


if __name__ == "__main__":
    evolved, provenance = load_genome(Path(sys.argv[1]))
    save_genome(Path(sys.argv[2]), by_hand(evolved), provenance)
