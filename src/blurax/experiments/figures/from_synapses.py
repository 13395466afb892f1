"""How accurate a network is, from its synapses alone: two ways to foretell it.

Quantiles of the weights with boosted trees: Unterthiner et al., "Predicting Neural Network Accuracy
from Weights", 2020 (arXiv 2002.11448), section 3. Messages on the network's graph: Kofinas et al.,
"Graph Neural Networks for Learning Equivariant Representations of Neural Networks", ICLR 2024,
section 4.3; smaller than theirs.
"""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax.learned.messages import Nodes, Round, exchanged, rounds

Synapses = dict[str, np.ndarray]
"""Of n networks with one hidden layer: `w0` `[n, i, h]` and `b0` `[n, h]` below it, `w1` and `b1`
above it."""

POSITION = 8
"""Learned numbers that say where a neuron is: each input and output has its own, the hidden ones
share theirs."""
TREES = 300


@dataclasses.dataclass(frozen=True)
class Training:
    """How a graph network is trained: AdamW, its rate falling as a cosine."""

    epochs: int
    width: int = 16
    rounds: int = 2
    batch: int = 32
    rate: float = 5e-3


def quantiles(synapses: Synapses) -> Float[np.ndarray, "n features"]:
    """Mean, variance, ends and quartiles of the weights of each layer, and of its biases."""
    found = []
    for name in ("w0", "b0", "w1", "b1"):
        each = synapses[name].reshape(len(synapses[name]), -1)
        parts = np.percentile(each, (0, 25, 50, 75, 100), axis=1)
        found += [each.mean(axis=1), each.var(axis=1), *parts]
    return np.stack(found, axis=1)


def by_trees(
    known: Synapses, accuracy: Float[np.ndarray, " n"], asked: Synapses
) -> Float[np.ndarray, " m"]:
    """The accuracies foretold by boosted trees on quantiles.

    Args:
        known: the networks whose accuracy is known.
        asked: those it is foretold of.
    """
    from sklearn.ensemble import GradientBoostingRegressor

    trees = GradientBoostingRegressor(
        n_estimators=TREES, learning_rate=0.05, subsample=0.8, random_state=0
    )
    return trees.fit(quantiles(known), accuracy).predict(quantiles(asked))


class Reader(eqx.Module):
    """Messages between neurons, then a linear function of the means over groups and layers."""

    positions: Nodes
    rounds: tuple[Round, ...]
    out: Float[Array, " _"]
    shift: Float[Array, ""]

    def __init__(self, key: PRNGKeyArray, sizes: tuple[int, int, int], how: Training) -> None:
        """Random numbers; a linear function of 0."""
        inputs, _, outputs = sizes
        self.positions = [
            jax.random.normal(jax.random.fold_in(key, n), (many, POSITION))
            for n, many in enumerate((inputs, 1, outputs))
        ]
        self.rounds = rounds(jax.random.fold_in(key, 3), how.rounds, 1, 1 + POSITION, how.width)
        self.out, self.shift = jnp.zeros(5 * how.width), jnp.zeros(())

    def __call__(self, synapses: dict[str, Array]) -> Float[Array, ""]:
        """The logit of the accuracy of one network."""
        edges = [synapses["w0"][..., None], synapses["w1"][..., None]]
        biases = [jnp.zeros(len(edges[0])), synapses["b0"], synapses["b1"]]
        nodes = [
            jnp.concatenate([b[:, None], jnp.broadcast_to(position, (len(b), POSITION))], axis=1)
            for b, position in zip(biases, self.positions, strict=True)
        ]
        edges, nodes = exchanged(self.rounds, edges, nodes)
        means = [*(v.mean(axis=0) for v in nodes), *(e.mean(axis=(0, 1)) for e in edges)]
        return jnp.concatenate(means) @ self.out + self.shift


def by_messages(
    known: Synapses,
    accuracy: Float[np.ndarray, " n"],
    asked: Synapses,
    how: Training,
    key: PRNGKeyArray,
) -> Float[np.ndarray, " m"]:
    """The accuracies foretold by a graph network.

    Args:
        known: the networks whose accuracy is known.
        asked: those it is foretold of.
    """
    units = {name: float(np.std(values)) + 1e-9 for name, values in known.items()}
    seen, others = (
        {name: jnp.asarray(values / units[name], float) for name, values in each.items()}
        for each in (known, asked)
    )
    sizes = (*known["w0"].shape[1:], known["w1"].shape[2])
    reader = Reader(jax.random.fold_in(key, 0), sizes, how)
    batch = min(how.batch, len(accuracy))
    per_epoch = len(accuracy) // batch
    orders = np.stack(
        [
            np.random.default_rng(epoch).permutation(len(accuracy))[: per_epoch * batch]
            for epoch in range(how.epochs)
        ]
    ).reshape(-1, batch)
    reader = _trained(reader, seen, jnp.asarray(accuracy, float), jnp.asarray(orders), how)
    said = [jax.nn.sigmoid(_said(reader, part)) for part in _parts(others, batch)]
    return np.concatenate([np.asarray(each, float) for each in said])


@eqx.filter_jit
def _said(reader: Reader, synapses: dict[str, Array]) -> Float[Array, " n"]:
    return jax.vmap(reader)(synapses)


@eqx.filter_jit
def _trained(
    reader: Reader,
    synapses: dict[str, Array],
    accuracy: Float[Array, " n"],
    orders: Int[Array, "steps batch"],
    how: Training,
) -> Reader:
    """After a step of AdamW on each row of examples; the loss is the cross-entropy."""
    schedule = optax.cosine_decay_schedule(how.rate, len(orders))
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(schedule))

    def loss(reader: Reader, rows: Array) -> Array:
        some = {name: values[rows] for name, values in synapses.items()}
        said = jax.vmap(reader)(some)
        return optax.sigmoid_binary_cross_entropy(said, accuracy[rows]).mean()

    def step(state: tuple[Any, Any], rows: Array) -> tuple[tuple[Any, Any], None]:
        reader, memory = state
        gradient = jax.grad(loss)(reader, rows)
        updates, memory = optimiser.update(gradient, memory, reader)
        return (jax.tree.map(jnp.add, reader, updates), memory), None

    begun: Any = reader
    return jax.lax.scan(step, (reader, optimiser.init(begun)), orders)[0][0]


def _parts(synapses: dict[str, Array], size: int) -> list[dict[str, Array]]:
    """A few networks at a time."""
    many = len(synapses["w0"])
    return [
        {name: values[first : first + size] for name, values in synapses.items()}
        for first in range(0, many, size)
    ]
