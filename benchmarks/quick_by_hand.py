"""The step by hand from what the recipe `quick` evolves to the zoo's `quick`.

    blurax meta-train --recipe quick --directory runs/quick
    python benchmarks/quick_by_hand.py runs/quick/best.safetensors quick.safetensors

Half of the numbers are back-propagation's again, errors pass through, the readout's synapses are
divided by a power of their length and change at rates relative to the size of their errors, and
everything that is left of evolution has two decimals. Why:
docs/explanation/decisions/0025-quick-taken-apart.md and 0026-rates-by-the-size-of-errors.md.
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

from blurax.errors import BluraxError, require
from blurax.genome import Genome
from blurax.io import load_genome, save_genome
from blurax.outer.recipes import get_recipe
from blurax.widen import widen

NOTE = (
    "The numbers that the recipe quick evolved, rounded to two decimals, with these set by hand: "
    "nu, mu, nu~, mu~, f, eta of hidden layers and the backward sweep's scale and shift as in "
    "back-propagation, F12 = 0, errors passing through by 2/3; in the readout eta = .6, f~ = 1, "
    "eta~ = -1, logit s = 2.4, synapses divided by their length to the power of .6, and rates "
    "relative to the square root of the mean squared error."
)
"""What the zoo's file says of itself."""
# The first of two is that of hidden layers, the second the readout's.
NEURON = {
    "nu": [[[1, 0], [1, 0]]] * 2,
    "mu": [[[1, 0], [0, 1]]] * 2,
    "f": [1, 1],
    "eta": [1, 0.6],
    "backward_scale": [[1, 1]] * 2,
    "backward_shift": [[0, 0]] * 2,
    "pass_through": [0.67, 0.67],
    "length_power": [1, 0.6],
}
SYNAPSE = {
    "nu_tilde": [[[1], [0]]] * 2,
    "mu_tilde": [[[0, 1]]] * 2,
    "f_tilde": [1.28, 1],
    "eta_tilde": [-0.65, -1],
    "error_size": [0, 0.5],
    "trace_to_synapse": [0, 0],
    "decorrelation": [0.46, 2.4],
}


def by_hand(evolved: Genome) -> Genome:
    """The evolved genome with what was set by hand."""
    rule = dataclasses.replace(
        evolved.rule,
        sigma=dataclasses.replace(evolved.rule.sigma, pass_through=True),
        stabilise=dataclasses.replace(evolved.rule.stabilise, normalise_power=True),
        update=dataclasses.replace(evolved.rule.update, error_size=True),
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


def main(source: Path, target: Path) -> None:
    """Write the genome by hand of the evolved one, and say so in its file."""
    evolved, provenance = load_genome(source)
    require(
        evolved.rule == get_recipe("quick").config.rule,
        f"{source} has another rule than the recipe quick; it takes what that recipe evolved.",
    )
    save_genome(target, by_hand(evolved), dataclasses.replace(provenance, note=NOTE))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(
            "usage: python benchmarks/quick_by_hand.py EVOLVED.safetensors NEW.safetensors"
        )
    try:
        main(Path(sys.argv[1]), Path(sys.argv[2]))
    except BluraxError as error:
        raise SystemExit(f"quick_by_hand: {error}") from None
