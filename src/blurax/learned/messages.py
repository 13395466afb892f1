"""Messages on the graph of a fully connected chain: neurons are its nodes, synapses its edges.

Source: Kofinas et al., "Graph Neural Networks for Learning Equivariant Representations of Neural
Networks", ICLR 2024, section 2.2: edges are updated by both their ends, nodes by the edges that
they are at. All numbers are shared, so that neurons of a hidden layer in another order give the
same in that order.
"""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

Edges = list[Float[Array, "_ _ _"]]
"""The features of the synapses of each layer, `[i, j, features]`."""
Nodes = list[Float[Array, "_ _"]]
"""Those of the neurons of each group, the input's first: `[n, features]`."""


class Round(eqx.Module):
    """One round: e' = σ(E e + L v_i + U v_j + b), then v' = σ(V v + I mean_i e' + O mean_j e' + c).

    σ is SiLU. The means are over all synapses that lead into a neuron, and over all that lead out
    of it; 0 where there are none.
    """

    edge: Float[Array, "edge width"]
    """E."""
    lower: Float[Array, "node width"]
    """L."""
    upper: Float[Array, "node width"]
    """U."""
    edge_bias: Float[Array, " width"]
    """b."""
    node: Float[Array, "node width"]
    """V."""
    into: Float[Array, "width width"]
    """I."""
    out: Float[Array, "width width"]
    """O."""
    node_bias: Float[Array, " width"]
    """c."""

    def __init__(self, key: PRNGKeyArray, edge: int, node: int, width: int) -> None:
        """Normal numbers that keep the size of features; biases of 0.

        Args:
            edge: features of an edge before the round.
            node: those of a node.
            width: those of both after it.
        """
        shapes = (edge, node, node, node, width, width)
        drawn = [  # each sum is one of three such terms
            jax.random.normal(jax.random.fold_in(key, n), (rows, width)) / (3 * rows) ** 0.5
            for n, rows in enumerate(shapes)
        ]
        self.edge, self.lower, self.upper, self.node, self.into, self.out = drawn
        self.edge_bias, self.node_bias = jnp.zeros(width), jnp.zeros(width)

    def __call__(self, edges: Edges, nodes: Nodes) -> tuple[Edges, Nodes]:
        """The features after the round."""
        new = []
        for e, below, above in zip(edges, nodes, nodes[1:], strict=False):
            ends = (below @ self.lower)[:, None] + (above @ self.upper)[None]
            new.append(jax.nn.silu(e @ self.edge + ends + self.edge_bias))
        into = [jnp.zeros(()), *(jnp.mean(e, axis=0) @ self.into for e in new)]
        out = [*(jnp.mean(e, axis=1) @ self.out for e in new), jnp.zeros(())]
        heard = zip(nodes, into, out, strict=True)
        return new, [jax.nn.silu(v @ self.node + i + o + self.node_bias) for v, i, o in heard]


def rounds(key: PRNGKeyArray, count: int, edge: int, node: int, width: int) -> tuple[Round, ...]:
    """Several rounds, the first from features of these numbers, the others from `width`."""
    return tuple(
        Round(jax.random.fold_in(key, n), width if n else edge, width if n else node, width)
        for n in range(count)
    )


def exchanged(every: Sequence[Round], edges: Edges, nodes: Nodes) -> tuple[Edges, Nodes]:
    """The features after all rounds."""
    for each in every:
        edges, nodes = each(edges, nodes)
    return edges, nodes
