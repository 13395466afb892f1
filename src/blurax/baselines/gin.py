"""A message-passing network, for contrast with a RuleGNN: a graph isomorphism network.

Source: Xu et al., "How Powerful are Graph Neural Networks?", ICLR 2019, equation 4.1 and section
4.2; without batch normalisation.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax.bounds import check_whole
from blurax.errors import BluraxError, require
from blurax.learner import Batch, Learner
from blurax.links import Indexed
from blurax.links.by_rule import DISTANCE, LABEL
from blurax.network import Network
from blurax.targets import Target
from blurax.tasks import Augmented, GraphTask

Weights = dict[str, Any]


class Gin(Learner):
    """h_v = MLP((1 + ε) h_v + the sum of h_u over the neighbours u of v), trained by Adam.

    At first h_v says which label v has; the MLP has two layers of ReLU, and ε is learned. The
    outputs are a linear function of the sums of h over all nodes, of every layer. Weights are
    normal of variance 2 / inputs, those of the outputs 0. Learns from a `GraphTask` alone.

    Raises:
        BluraxError: for inputs without labels and distances.
    """

    network: Network = eqx.field(static=True)
    """From the nodes to the classes: what it fits; nothing runs in it."""
    target: Target = eqx.field(static=True)
    labels: int = eqx.field(static=True)
    layers: int = eqx.field(static=True)
    width: int = eqx.field(static=True)

    def __init__(self, task: GraphTask | Augmented, layers: int = 5, width: int = 32) -> None:
        """As many layers and features as Xu et al. have.

        Args:
            task: whose graphs it learns.
            layers: rounds of messages; 0 sums the labels of the nodes alone.
            width: features of a node.
        """
        of = task.task if isinstance(task, Augmented) else task
        if not isinstance(of, GraphTask):
            raise BluraxError(
                f"task is a {type(of).__name__}; Gin takes a task of graphs, such as graphs:csl."
            )
        for name, value in (("layers", layers), ("width", width)):
            check_whole(name, value, least=0 if name == "layers" else 1)
        self.network = Network((task.features, width, task.outputs))
        self.target, self.labels = task.target, of.labels
        self.layers, self.width = layers, width

    def inputs(self, x: Any) -> Indexed:
        """Graphs as they are."""
        require(
            isinstance(x, Indexed) and {LABEL, DISTANCE} <= {*x.index},
            "Gin takes labels and distances with the inputs, as tasks of graphs give them.",
        )
        return x

    def init(self, key: PRNGKeyArray, batch: int) -> tuple[Weights, Any]:
        """Initial weights, and Adam's memory."""
        sizes = [self.labels, *[self.width] * self.layers]
        drawn = iter(jax.random.split(key, 2 * self.layers))

        def normal(i: int, j: int) -> Float[Array, "i j"]:
            return jax.random.normal(next(drawn), (i, j), float) * (2 / i) ** 0.5

        zeros = jnp.zeros((self.layers, 2, self.width), float)
        weights = {
            "in": [normal(i, self.width) for i in sizes[:-1]],
            "out": [normal(self.width, self.width) for _ in sizes[:-1]],
            "bias": zeros,
            "eps": jnp.zeros(self.layers, float),
            "readout": [jnp.zeros((i, self.target.outputs), float) for i in sizes],
            "last": jnp.zeros(self.target.outputs, float),
        }
        return weights, optax.adam(0.0).init(weights)

    def step(
        self,
        state: tuple[Weights, Any],
        batch: Batch,
        *,
        rate: Float[Array, ""],
        key: PRNGKeyArray,
        index: Int[Array, ""],
    ) -> tuple[tuple[Weights, Any], None]:
        """One update by Adam."""
        weights, memory = state

        def loss(weights: Weights) -> Float[Array, ""]:
            return self.target.loss(self._outputs(weights, batch.x), batch.y, batch.mask)

        moves, memory = optax.adam(rate).update(jax.grad(loss)(weights), memory)
        return (jax.tree.map(jnp.add, weights, moves), memory), None

    def predict(self, state: tuple[Weights, Any], x: Indexed) -> Float[Array, "q outputs"]:
        """The logits."""
        return self._outputs(state[0], x)

    def _outputs(self, weights: Weights, x: Indexed) -> Float[Array, "b outputs"]:
        near = (x.index[DISTANCE] == 1).astype(float)
        there = x.x[:, :, None]
        h = jax.nn.one_hot(x.index[LABEL], self.labels, dtype=float)
        found = weights["last"] + h.sum(1) @ weights["readout"][0]
        for l in range(self.layers):
            z = (1 + weights["eps"][l]) * h + near @ h
            z = jax.nn.relu(z @ weights["in"][l] + weights["bias"][l, 0])
            h = there * jax.nn.relu(z @ weights["out"][l] + weights["bias"][l, 1])
            found = found + h.sum(1) @ weights["readout"][l + 1]
        return found
