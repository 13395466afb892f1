"""Where meta-training starts from."""

import enum

from jaxtyping import PRNGKeyArray

from blurax.genome import Genome, backprop, perturb, random
from blurax.spec import Rule


class Start(enum.StrEnum):
    """Where meta-training starts from."""

    RANDOM = "random"
    BACKPROP = "backprop"


def newborn(key: PRNGKeyArray, rule: Rule, start: Start, rate: float) -> Genome:
    """A random genome, or a slightly perturbed back-propagation one with this learning rate."""
    if start is Start.RANDOM:
        return random(key, rule)
    return perturb(key, backprop(rule, rate), 0.01)
