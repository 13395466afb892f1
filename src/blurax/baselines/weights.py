"""The weights of networks that optimisers train, and what they begin with."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from blurax.links import Link
from blurax.network import Network
from blurax.spec import Activation, Over
from blurax.specialisation import hidden_groups


def gain(activation: Activation) -> float:
    """The variance of weights times their inputs that keeps activations alike from layer to layer.

    2 / (1 + s²) for a relu whose slope below 0 is s (He et al., ICCV 2015), else 1 (LeCun et al.,
    1998).
    """
    slope = {Activation.RELU: 0.0, Activation.RELU_TANH: 0.0, Activation.FOLDED_RELU: -0.5}
    return 2 / (1 + slope[activation] ** 2) if activation in slope else 1.0


OMEGA = 30.0
"""ω0 of sin(ω0 z), what `Activation.SINE` is in networks that optimisers train (SIREN: Sitzmann et
al., NeurIPS 2020, arXiv 2006.09661)."""


class Weights(eqx.Module):
    """What gradient descent learns."""

    w: tuple[Float[Array, "_ _"] | None, ...]
    """Of each edge; None where its link has no synapses, or it does not lead up."""
    b: tuple[Float[Array, " _"] | None, ...]
    """Of each edge's bias unit; None where there is none."""
    scale: tuple[Float[Array, " _"] | None, ...]
    """Of each group's normalisation, whose shift is `b`; None where there is none."""
    before: tuple[Float[Array, " _"] | None, ...] = ()
    """Of each edge's bias unit too, added before the normalisation; empty where that takes a number
    for each neuron away again, as over the batch, and without normalisation."""


def initial_weights(
    key: PRNGKeyArray,
    network: Network,
    activation: Activation,
    normalise: bool = False,
    over: Over = Over.BATCH,
) -> Weights:
    """Normal weights of variance gain / inputs, and zero biases; those of sines by SIREN.

    A link that says what its weights begin with (`Link.birth`) has it for all of them.

    What is added before a normalisation is uniform up to 1 / sqrt(inputs): without it, a first
    layer that is normalised over its neurons would see the direction of an input and not its size.

    There (sec. 3.2) weights are uniform up to 1 / inputs from the network's input, and up to
    sqrt(6 / inputs) / ω0 elsewhere; biases up to 1 / sqrt(inputs), as in the authors' code.
    """
    groups, shapes, size = network.groups, {}, {}
    sines, fan_in = activation is Activation.SINE, {}
    for l, edge in enumerate(network.edges):
        if edge.up and edge.link.has_synapses:
            link, pre, post = edge.link, groups[edge.pre], groups[edge.post]
            shapes[l] = link.count(pre, post), link.features(post)
            fan_in[l] = link.fan_in(pre, post)
            size[l] = (gain(activation) / fan_in[l]) ** 0.5
            if sines:
                size[l] = 1 / fan_in[l] if edge.pre == 0 else (6 / fan_in[l]) ** 0.5 / OMEGA
    ends = list(itertools.accumulate(i * j for i, j in shapes.values()))
    # One draw, cut into pieces: each draw takes XLA long to compile.
    pieces = jnp.split(_numbers(key, ends[-1], sines), ends[:-1])
    drawn = dict(zip(shapes, pieces, strict=True))
    w = {l: _begun(network.edges[l].link, drawn[l].reshape(shapes[l]) * size[l]) for l in shapes}
    every = range(len(network.edges))
    biases: dict[int, Array] = {}
    for l in (l for l in shapes if network.edges[l].bias):
        biases[l] = jnp.zeros(shapes[l][1], float)
        if sines:
            own = _numbers(jax.random.fold_in(key, l), shapes[l][1], sines)
            biases[l] = own / fan_in[l] ** 0.5
    scaled = hidden_groups(network) if normalise else []
    before: dict[int, Array] = {}
    if over is not Over.BATCH:
        for l in (l for l in biases if network.edges[l].post in scaled):
            own = _numbers(jax.random.fold_in(key, len(every) + l), shapes[l][1], True)
            before[l] = own / fan_in[l] ** 0.5
    return Weights(
        tuple(map(w.get, every)),
        tuple(biases.get(l) for l in every),
        tuple(jnp.ones(g[-1], float) if j in scaled else None for j, g in enumerate(groups)),
        tuple(before.get(l) for l in every) if before else (),
    )


def _begun(link: Link, drawn: Float[Array, "i j"]) -> Float[Array, "i j"]:
    """The weights of a link at birth."""
    return drawn if link.birth is None else jnp.full_like(drawn, link.birth)


def _numbers(key: PRNGKeyArray, many: int, uniform: bool) -> Float[Array, " many"]:
    """Normal numbers, or uniform ones from -1 to 1."""
    if uniform:
        return jax.random.uniform(key, (many,), float, -1, 1)
    return jax.random.normal(key, (many,), float)


def with_fixed(network: Network, new: Weights, before: Weights) -> Weights:
    """The new weights, but for those of edges that are not plastic."""
    plastic = [edge.plastic for edge in network.edges]
    w, b, first = (
        tuple(n if learned else old for n, old, learned in zip(*parts, plastic, strict=True))
        if parts[0]
        else ()
        for parts in ((new.w, before.w), (new.b, before.b), (new.before, before.before))
    )
    return Weights(w, b, new.scale, first)
