"""How much memory learning takes: estimates from sizes alone, before anything is allocated.

They count what a program can hardly do without. What XLA plans is 0.9 to 4 times as much, as it
fuses (tests/test_footprint.py): what is refused would not have fitted.
"""

import dataclasses
import math

import jax

from blurax.network import Network
from blurax.remat import Remat
from blurax.spec import Rule


@dataclasses.dataclass(frozen=True)
class Footprint:
    """The bytes of one network that learns."""

    synapses: int
    """Of all its synapses."""
    neurons: int
    """Of the states of its neurons, for one example."""
    example: int
    """Of an input and its label."""
    among: int = 0
    """Of how the examples of a batch act on each other, for each pair of them, or for each pair of
    synapses into a neuron where these are fewer."""
    widest: int = 0
    """The most synapses that lead into a neuron."""
    patches: int = 0
    """Of what the synapses of a convolution see at all positions, for one example."""
    within: int = 0
    """Events of a block where they act on their own block alone, times the events of an example; 0
    where all act on all."""

    def episode(self, steps: int, batch: int, query: int) -> int:
        """Bytes of some steps whose batches are all drawn before, with nothing differentiated."""
        return (
            2 * self.synapses
            + steps * batch * self.example
            + batch * (2 * self.neurons + self.patches)
            + self._acting(batch) * self.among
            + query * (self.example + self.neurons)
        )

    def _acting(self, batch: int) -> int:
        """Numbers of how the events of a batch act on each other."""
        return batch * self.within if self.within else min(batch, self.widest) ** 2

    def gradient(self, steps: int, batch: int, query: int, remat: Remat, often: bool) -> int:
        """Bytes of the same with a gradient through it.

        Args:
            often: whether the query is evaluated after every step.
        """
        kept, neurons, evaluations = steps, 0, 1
        match remat:
            case Remat.NONE:
                neurons, evaluations = 8 * steps, steps
            case Remat.PRODUCTS:
                neurons, evaluations = steps, steps
            case Remat.SQRT:
                kept = 2 * int(steps**0.5)
        return (
            self.episode(steps, batch, query)
            + kept * self.synapses
            + (neurons + 4) * batch * self.neurons
            + (evaluations if often else 2) * query * self.neurons
        )


def of(network: Network, rule: Rule, time: int | None = None) -> Footprint:
    """The footprint of a network under a rule.

    Args:
        time: time steps of an example; none if None.
    """
    count, patches, widest, most = network.synapse_count, 0, 0, 1
    for edge in network.edges:
        link, pre, post = edge.link, network.groups[edge.pre], network.groups[edge.post]
        if network.has_own(edge, rule):
            count += link.back.count(post, pre) * link.back.features(pre)
        positions = math.prod(post) // link.features(post)
        if positions > 1:  # what couples examples has what they see there side by side
            patches = max(patches, positions * link.count(pre, post))
        most = max(most, positions)
        widest = max(widest, link.count(pre, post) + edge.bias if link.has_synapses else 0)
    each, channels = number(), rule.synapse_channels
    count *= 1 + sum(term.keeps for term in rule.terms)
    couples = any(term.couples for term in rule.terms)
    below, *above = network.sizes
    return Footprint(
        each * channels * count,
        each * (below + rule.states * sum(above)),
        each * ((time or 1) * below + network.sizes[network.outputs[0]]),
        each * channels * couples,
        widest,
        each * channels * patches * couples,
        most * (rule.update.decorrelate_within or 0),
    )


def number() -> int:
    """The bytes of a number that JAX computes with."""
    return jax.dtypes.canonicalize_dtype(float).itemsize
