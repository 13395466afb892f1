"""A learned optimiser whose update is two rounds of messages on the network's own graph.

After Kofinas et al., "Graph Neural Networks for Learning Equivariant Representations of Neural
Networks", ICLR 2024, section 4.4 (learning to optimise): features of synapses and neurons, rounds
of messages between them, and a change of each. The features, sizes and the start are ours.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax.baselines.descent import forward
from blurax.baselines.weights import Weights, initial_weights
from blurax.bounds import check_count
from blurax.errors import require
from blurax.learned.chains import check_chain
from blurax.learned.messages import Edges, Nodes, Round, exchanged, rounds
from blurax.learned.retargeted import retargeted
from blurax.learner import Batch, Learner
from blurax.network import Network
from blurax.spec import Activation
from blurax.targets import Classes, Target

KEPT = (0.9, 0.5, 0.99)
"""How much of each running mean of gradients a step keeps; the first is Adam's."""
KEPT_SQUARE, EPSILON = 0.999, 1e-8
"""Adam's other two constants (Kingma and Ba, ICLR 2015)."""
LARGEST = 3.0
"""A synapse's rate is at most e^3 of the common one, and at least e^-3."""


class Memory(eqx.Module):
    """A network on its way."""

    weights: Weights
    means: tuple[Weights, ...]
    """Of gradients, for each of `KEPT`."""
    square: Weights
    """Of squared gradients."""
    steps: Int[Array, ""]


class ByMessages(Learner):
    """w <- w - rate exp(s) (Adam's direction + d): s and d of each synapse come of messages.

    A synapse's features are itself, its gradient, and means of it at three time scales over the
    root of its mean square. A neuron's are the same of its bias, the mean and deviation of what it
    says over the batch, the size of its error, and where it is. At the start s = d = 0: it is Adam.
    Neurons of a hidden layer in another order learn the same in that order.

    Networks are fully connected chains of ReLU. A meta-gradient takes gradients and what neurons
    say as given, as in Andrychowicz et al., "Learning to learn by gradient descent by gradient
    descent", NIPS 2016, so that it needs no second derivatives.

    Raises:
        BluraxError: for a network that is no fully connected chain.
    """

    network: Network = eqx.field(static=True)
    target: Target = eqx.field(static=True)
    log_rate: Float[Array, ""]
    """The logarithm of the rate of all."""
    rounds: tuple[Round, ...]
    edge_head: Float[Array, "width 2"]
    """From the last features of a synapse to s and d."""
    node_head: Float[Array, "width 2"]
    """The same for biases."""

    def __init__(self, network: Network, width: int = 8, rate: float = 0.01, seed: int = 0) -> None:
        """Two rounds of random numbers, and heads of 0.

        Args:
            width: features of synapses and neurons within the rounds, a whole number >= 1.
            rate: Adam's, above 0.
            seed: of the random numbers.
        """
        check_count("width", width)
        require(rate > 0, f"rate is {rate}; it takes a number above 0.")
        self.network, self.target = network, Classes(network.sizes[-1])
        self.log_rate = jnp.log(jnp.asarray(rate, float))
        self.rounds = rounds(jax.random.key(seed), 2, 2 + len(KEPT), 8 + len(KEPT), width)
        self.edge_head, self.node_head = jnp.zeros((width, 2)), jnp.zeros((width, 2))

    def __check_init__(self) -> None:
        check_chain(self)

    def for_target(self, target: Target) -> "ByMessages":
        """The same, whose loss is the target's."""
        return retargeted(self, target)

    @property
    def takes_masks(self) -> bool:
        """What neurons say is averaged over all examples."""
        return False

    def init(self, key: PRNGKeyArray, batch: int) -> Memory:
        """Initial weights, and nothing remembered."""
        weights = initial_weights(key, self.network, Activation.RELU)
        zeros: Any = jax.tree.map(jnp.zeros_like, weights)
        return Memory(weights, (zeros,) * len(KEPT), zeros, jnp.zeros((), jnp.int32))

    def step(
        self,
        state: Memory,
        batch: Batch,
        *,
        rate: Float[Array, ""],
        key: PRNGKeyArray,
        index: Int[Array, ""],
    ) -> tuple[Memory, None]:
        """Two rounds of messages; the rate is its own."""
        gradient, said, errors = jax.lax.stop_gradient(self._swept(state.weights, batch))
        state = _remembered(state, gradient)
        ways: list[Any] = [_ways(state, number) for number in range(len(KEPT))]
        edges = _edge_features(state.weights, gradient, ways)
        nodes = _node_features(state.weights, gradient, ways, said, errors)
        edges, nodes = exchanged(self.rounds, edges, nodes)
        changes = [e @ self.edge_head for e in edges], [v @ self.node_head for v in nodes[1:]]
        now: Any = state.weights  # of a dense chain: no weight is missing
        w, b = (
            tuple(
                old - jnp.exp(self.log_rate + _bounded(c[..., 0])) * (way + c[..., 1])
                for old, way, c in zip(olds, along, each, strict=True)
            )
            for olds, along, each in zip(
                (now.w, now.b), (ways[0].w, ways[0].b), changes, strict=True
            )
        )
        weights = Weights(w, b, state.weights.scale)
        return Memory(weights, state.means, state.square, state.steps), None

    def _swept(
        self, weights: Weights, batch: Batch
    ) -> tuple[Weights, list[Array], tuple[Array, ...]]:
        """The gradient, what all neurons say, and the error of each beyond the input, by example.

        An error is the derivative of the loss of all examples by what a neuron gets.
        """

        def loss(weights: Weights, nudges: tuple[Array, ...]) -> tuple[Array, list[Array]]:
            groups = forward(self.network, weights, batch.x, Activation.RELU, nudges=nudges)[0]
            return self.target.loss(groups[-1], batch.y, batch.mask), groups

        nudges = tuple(jnp.zeros((len(batch.x), n), float) for n in self.network.sizes[1:])
        (gradient, errors), said = jax.grad(loss, (0, 1), has_aux=True)(weights, nudges)
        return gradient, said, errors

    def predict(self, state: Memory, x: Float[Array, "q ..."]) -> Float[Array, "q outputs"]:
        """The last layer."""
        return forward(self.network, state.weights, x, Activation.RELU)[0][-1]

    def activations(
        self, state: Memory, x: Float[Array, "q ..."], batch: Float[Array, "b ..."]
    ) -> list[Float[Array, "q ..."]]:
        """What each group says."""
        return forward(self.network, state.weights, x, Activation.RELU)[0]


def _remembered(state: Memory, gradient: Weights) -> Memory:
    """The running means after a gradient."""

    def mixed(kept: float, mean: Any, new: Any) -> Any:
        return jax.tree.map(lambda old, g: kept * old + (1 - kept) * g, mean, new)

    means = tuple(mixed(k, mean, gradient) for k, mean in zip(KEPT, state.means, strict=True))
    square = mixed(KEPT_SQUARE, state.square, jax.tree.map(jnp.square, gradient))
    return Memory(state.weights, means, square, state.steps + 1)


def _ways(state: Memory, number: int) -> Weights:
    """A mean of gradients over the root of their mean square, both without their bias to 0."""

    def way(mean: Array, square: Array) -> Array:
        mean = mean / (1 - KEPT[number] ** state.steps)
        return mean / (jnp.sqrt(square / (1 - KEPT_SQUARE**state.steps)) + EPSILON)

    return jax.tree.map(way, state.means[number], state.square)


def _edge_features(weights: Weights, gradient: Weights, ways: list[Weights]) -> Edges:
    """Of each synapse: itself and its gradient in the units of its layer, and the means."""
    layers = range(len(weights.w))
    found = []
    for l in layers:
        w: Any = weights.w[l]
        own = [w * len(w) ** 0.5, _in_units(gradient.w[l]), *(way.w[l] for way in ways)]
        found.append(jnp.stack(own, axis=-1))
    return found


def _node_features(
    weights: Weights,
    gradient: Weights,
    ways: list[Weights],
    said: list[Array],
    errors: tuple[Array, ...],
) -> Nodes:
    """Of each neuron: its bias as a synapse, what it says, its error, and where it is."""
    last, found = len(said) - 1, []
    for j, a in enumerate(said):
        many = a.shape[1]
        biases: list[Any] = [jnp.zeros(many)] * (3 + len(ways))
        if j:
            error = jnp.sqrt(jnp.mean(errors[j - 1] ** 2, axis=0))
            own = (weights.b[j - 1], _in_units(gradient.b[j - 1]), _in_units(error))
            biases = [*own, *(way.b[j - 1] for way in ways)]
        size = jnp.sqrt(jnp.mean(a**2)) + EPSILON
        where = [jnp.full(many, number) for number in (j == 0, j == last, j / last)]
        says = [jnp.mean(a, axis=0) / size, jnp.std(a, axis=0) / size]
        found.append(jnp.stack([*biases, *says, *where], axis=-1))
    return found


def _in_units(numbers: Any) -> Array:
    """Divided by their root mean square."""
    return numbers / (jnp.sqrt(jnp.mean(numbers**2)) + EPSILON)


def _bounded(s: Array) -> Array:
    return LARGEST * jnp.tanh(s / LARGEST)
