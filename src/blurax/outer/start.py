"""Where meta-training starts from."""

import dataclasses
import enum
import math
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from blurax.genome import Genome, backprop, perturb, random
from blurax.spec import Rule


class Start(enum.StrEnum):
    """Where meta-training starts from."""

    RANDOM = "random"
    BACKPROP = "backprop"


@dataclasses.dataclass(frozen=True)
class Origin:
    """The genomes with which a run begins."""

    start: Start = Start.RANDOM
    rate: float = 0.1
    """The learning rate of back-propagation, where that is the start."""
    share: float = 0.5
    """s of `terms.decorrelation`, where the rule has it."""

    def genome(self, key: PRNGKeyArray, rule: Rule) -> Genome:
        """A random genome, or a slightly perturbed back-propagation one."""
        if self.start is Start.RANDOM:
            return self._shared(random(key, rule))
        return perturb(key, self._shared(backprop(rule, self.rate)), 0.01)

    def _shared(self, genome: Genome) -> Genome:
        """The genome with s in the place of 1/2."""
        if not genome.rule.update.decorrelate or self.share == 0.5:
            return genome
        logit = math.log(self.share / (1 - self.share))

        def genes(g: Genome) -> list[Any]:
            both = (g.synapse, g.forward_synapse)
            return [s.decorrelation for s in both if s is not None and s.decorrelation is not None]

        return eqx.tree_at(genes, genome, replace_fn=lambda leaf: jnp.full_like(leaf, logit))
