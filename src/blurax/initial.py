"""The initial synapses: normal numbers, of a deviation that the rule or the genome says."""

import itertools
import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from blurax.errors import require
from blurax.genome import Genome
from blurax.spec import InitScale, Rule


def stds_of(of: Rule | Genome, sets: list[int]) -> list[Array | float]:
    """The standard deviation of the initial synapses of each link, before they are scaled.

    Args:
        sets: for each link the number of its genes, where the rule has several.
    """
    if isinstance(of, Genome) and of.init_std is not None:
        std = jnp.abs(of.init_std)
        return [std if of.rule.gene_sets is None else std[n] for n in sets]
    rule = of.rule if isinstance(of, Genome) else of
    require(
        not rule.init.learned,
        "Init.learned is on: the initial synapses depend on the genome, and a rule alone is given.",
    )
    return [rule.init.std] * len(sets)


def normal(
    key: PRNGKeyArray,
    rule: Rule,
    stds: list[Array | float],
    shapes: list[tuple[int, int, int]],
    fan_in: list[float],
) -> list[Array]:
    """Normal synapses of these shapes, from one draw: each draw takes XLA a second to compile.

    Args:
        fan_in: for each shape how many synapses lead into one neuron.
    """
    sizes = [math.prod(shape) for shape in shapes]
    numbers = jax.random.normal(key, (sum(sizes),), float)
    pieces = jnp.split(numbers, list(itertools.accumulate(sizes))[:-1])
    found = [
        std / (fan**0.5 if rule.init.scale is InitScale.FAN_IN else 1.0) * piece.reshape(shape)
        for std, fan, shape, piece in zip(stds, fan_in, shapes, pieces, strict=True)
    ]
    for term in rule.terms:
        found = [term.initial(w) for w in found]
    return found
