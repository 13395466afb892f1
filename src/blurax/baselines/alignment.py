"""Networks whose errors travel down through other synapses than those that lead up.

A learner of these is `by_rule.RuleDescent`.
"""

import dataclasses
import enum
import itertools

from blurax.links import Dense
from blurax.network import Edge, Network
from blurax.specialisation import hidden_groups


class FeedbackWeights(enum.StrEnum):
    """What backward synapses of their own are."""

    RANDOM = "random"
    """Drawn once and never changed: feedback alignment (Lillicrap et al., "Random synaptic feedback
    weights support error backpropagation for deep learning", Nature Communications 2016), also in
    its direct form."""
    SIGN = "sign"
    """The signs of the forward ones, times the initial standard deviation of these:
    sign-symmetric feedback (Liao, Leibo and Poggio, "How important is weight symmetry in
    backpropagation?", AAAI 2016)."""
    MIRROR = "mirror"
    """Drawn once, then changed and decayed as the forward ones are, so that the two grow alike
    (Kolen and Pollack, "Backpropagation without weight transport", ICNN 1994; Akrout et al., "Deep
    learning without weight transport", NeurIPS 2019)."""


def feedback_alignment(network: Network) -> Network:
    """With an edge up and another one down, right behind it, for each that led both ways."""

    def apart(edge: Edge) -> tuple[Edge, ...]:
        if not (edge.up and edge.down and edge.pre > 0 and edge.link.has_synapses):
            return (edge,)  # no error goes to the input
        up = dataclasses.replace(edge, down=False)
        return up, dataclasses.replace(edge, up=False, plastic=False, bias=False)

    edges = tuple(itertools.chain.from_iterable(map(apart, network.edges)))
    return Network(network.groups, edges, network.outputs)


def direct_feedback(network: Network) -> Network:
    """With a fully connected edge from each output down to every hidden group, and no other.

    Source: Nøkland, "Direct feedback alignment provides learning in deep neural networks", NeurIPS
    2016.
    """
    up = [dataclasses.replace(edge, down=False) for edge in network.edges if edge.up]
    down = [
        Edge(i, j, Dense(), up=False, plastic=False, bias=False)
        for i in hidden_groups(network)
        for j in network.outputs
        if j > i
    ]
    return Network(network.groups, (*up, *down), network.outputs)


def twins(network: Network) -> dict[int, int]:
    """The number of each edge that only leads down, with that of the one up before it."""
    return {
        l: l - 1
        for l, (up, down) in enumerate(itertools.pairwise(network.edges), start=1)
        if up.up and not down.up and (up.pre, up.post, up.link) == (down.pre, down.post, down.link)
    }
