"""How many steps a genome's synapses can take before single precision has no number for them.

With traces each synapse has a second number, and (7) is a matrix over the two. Where its largest
eigenvalue is above 1 both grow by a percent or so in each step, whatever is learned. Normalised
synapses do not show it in hundreds of steps, in which nothing happens but that they change less and
less; after some thousands the square of their length is infinite, and every output 0.
"""

import math

import jax
import numpy as np
from jaxtyping import Float

from blurax.choices import Oja, Saturation
from blurax.genome import Genome
from blurax.spec import Rule

LARGEST = math.sqrt(float(np.finfo(np.float32).max))
"""The length whose square is the last number that single precision has."""


def growth(genome: Genome) -> Float[np.ndarray, " sets"]:
    """By what a step multiplies long synapses and their traces, without what is learned.

    Args:
        genome: of a rule whose synapses nothing bounds, see `bounded`.

    Returns:
        The largest absolute eigenvalue for each set of genes, in the order in which they lead; NaN
        for genes that are no numbers.
    """
    g = jax.tree.map(np.asarray, genome.synapse)
    slows = genome.rule.stabilise.saturation is Saturation.SLOWING
    f = np.ones_like(g.f_tilde) if slows else g.f_tilde  # slowing brings f~ to 1 at large lengths
    if not genome.rule.update.trace:
        return np.abs(f).ravel()
    moves, follows, kept = (
        g.terms[f"trace_{name}"] for name in ("to_synapse", "of_synapse", "kept")
    )
    rows = [[f, moves], [follows * f, kept + follows * moves]]
    matrices = np.moveaxis(np.array(rows, float), (0, 1), (-2, -1))
    matrices = matrices.reshape(-1, 2, 2)
    known = np.array([np.isfinite(matrix).all() for matrix in matrices])
    found = np.abs(np.linalg.eigvals(np.where(known[:, None, None], matrices, 0.0)))
    return np.where(known, found.max(axis=-1), np.nan)


def bounded(rule: Rule) -> bool:
    """Whether something but (7) itself keeps synapses short, so that growth has no meaning.

    A term of one's own might, and is taken to.
    """
    stable = rule.stabilise
    free = stable.saturation in (Saturation.NONE, Saturation.SLOWING)
    own = bool(rule.extra)
    return not free or own or stable.normalise_stored or stable.oja is not Oja.NONE


def steps_left(genome: Genome) -> float:
    """Steps until the square of the length of a synapse vector overflows in single precision.

    Counted from length 1; infinite where synapses are bounded, or do not grow for ever.
    """
    if bounded(genome.rule):
        return math.inf
    most = float(np.max(growth(genome)))
    return math.log(LARGEST) / math.log(most) if most > 1 + 1e-6 else math.inf
