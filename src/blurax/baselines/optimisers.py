"""The optimisers, through optax; and their lessons on a ReLU network of a `Network`'s sizes."""

import itertools
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Key, PRNGKeyArray

from blurax.network import Network
from blurax.tasks import EpisodeSpec, Split, Task
from blurax.teach import Curve, curve_point, query_loss

WEIGHT_DECAY = 1e-2
"""AdamW's, times the learning rate. With optax's own 1e-4 a thousand steps would be Adam's."""

OPTIMISERS: dict[str, Callable[[Array], optax.GradientTransformation]] = {
    "sgd": lambda rate: optax.sgd(rate),
    "momentum": lambda rate: optax.sgd(rate, momentum=0.9),
    "nesterov": lambda rate: optax.sgd(rate, momentum=0.9, nesterov=True),
    "adam": lambda rate: optax.adam(rate),
    "adamw": lambda rate: optax.adamw(rate, weight_decay=WEIGHT_DECAY),
    "rmsprop": lambda rate: optax.rmsprop(rate),
}
"""The optimisers by name, each made from a learning rate. None keeps the rate in its memory."""

Weights = list[tuple[Float[Array, "_ _"], Float[Array, " _"]]]


def init(key: PRNGKeyArray, network: Network) -> Weights:
    """He-normal weights and zero biases, the usual start of a ReLU network."""
    layers = list(zip(network.sizes, network.sizes[1:], strict=False))
    ends = list(itertools.accumulate(i * j for i, j in layers))
    numbers = jnp.split(jax.random.normal(key, (ends[-1],), float), ends[:-1])
    return [
        (piece.reshape(i, j) * (2 / i) ** 0.5, jnp.zeros(j, float))
        for piece, (i, j) in zip(numbers, layers, strict=True)
    ]


def apply(weights: Weights, x: Float[Array, "b features"]) -> Float[Array, "b outputs"]:
    """The logits of a ReLU network."""
    *hidden, (w_last, b_last) = weights
    for w, b in hidden:
        x = jax.nn.relu(x @ w + b)
    return x @ w_last + b_last


@eqx.filter_jit
def descend(
    optimiser: str,
    rates: Float[Array, " rates"],
    network: Network,
    task: Task,
    keys: Key[Array, " seeds"],
    spec: EpisodeSpec,
    split: Split,
) -> Curve:
    """Train a network for every learning rate and seed by cross-entropy, or squared error.

    Args:
        optimiser: a name in `OPTIMISERS`.
        rates: the learning rates.
        keys: `[seeds]`; each gives initial weights and an episode of its own.

    Returns:
        Curves with leading axes `[rates, seeds]`; after a step that is not finite, accuracy is 0.
    """

    def one(rate: Array, key: PRNGKeyArray) -> Curve:
        born, drawn = jax.random.split(key)
        episode = task.sample(drawn, spec, split)
        transform = OPTIMISERS[optimiser](rate)
        weights = init(born, network)

        def loss(weights: Weights, x: Array, y: Array) -> Array:
            return query_loss(apply(weights, x), y, task.kind)

        def body(carry: tuple, batch: tuple[Array, Array]) -> tuple[tuple, Curve]:
            weights, state = carry
            updates, state = transform.update(jax.grad(loss)(weights, *batch), state, weights)
            weights = jax.tree.map(jnp.add, weights, updates)
            prediction = apply(weights, episode.query_x)
            return (weights, state), curve_point(prediction, episode.query_y, task.kind)

        start = (weights, transform.init(weights))
        return jax.lax.scan(body, start, (episode.x, episode.y))[1]

    return jax.vmap(lambda rate: jax.vmap(lambda key: one(rate, key))(keys))(rates)
