"""A network as a graph of neurons and synapses, for whatever learns from graphs.

Source: Kofinas et al., "Graph Neural Networks for Learning Equivariant Representations of Neural
Networks", ICLR 2024, section 2.1: nodes hold biases, edges weights; all hidden neurons of a group
share one positional number, each input and each output has its own.
"""

import dataclasses
import io as memory
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from blurax import io
from blurax.edges import Edge
from blurax.errors import BluraxError, require, some
from blurax.links import Link
from blurax.network import Network
from blurax.synapses import Synapses

LIMIT = 10**8
"""The most pairs of neurons that one edge of the network may join: they are looked at all at once,
in as many numbers for each channel."""

OF_NEURONS = ("nodes", "group", "place", "position")
"""The arrays that have a row for each neuron; the others have one for each synapse."""


@dataclasses.dataclass(frozen=True)
class NeuralGraph:
    """A network: n neurons, those of the first group first, and e synapses from one to another.

    A convolution's synapses are at each place where they act; pooling and identity are edges whose
    numbers nobody learned.
    """

    nodes: Float[np.ndarray, "n channels"]
    """What the bias units lead to each neuron, a number for each channel of the synapses."""
    group: Int[np.ndarray, " n"]
    """The group of each neuron: its layer in a chain, 0 for inputs."""
    place: Int[np.ndarray, " n"]
    """Its place in the group."""
    position: Int[np.ndarray, " n"]
    """From 0: a number for each input and each output, and one for each hidden group."""
    senders: Int[np.ndarray, " e"]
    """The lower neuron of each synapse, by its number."""
    receivers: Int[np.ndarray, " e"]
    """The upper neuron."""
    edges: Float[np.ndarray, "e features"]
    """The synapses that lead up, a number for each channel; then those that lead back, where the
    network has any of their own; 0 where a pair of neurons has none."""
    link: Int[np.ndarray, " e"]
    """The edge of `Network.edges` that each comes from."""

    def write(self, path: Path) -> None:
        """Write all arrays into an .npz file, whole or not at all; `numpy.load` reads it.

        Raises:
            BluraxError: if the file cannot be written.
        """
        buffer = memory.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **vars(self))
        io.write_bytes(path, buffer.getvalue())

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> "NeuralGraph":
        """The graph in a file that `write` or `blurax export --graph` has written.

        Raises:
            BluraxError: for what is no such file.
        """
        arrays = io.read_arrays(path)
        names = [field.name for field in dataclasses.fields(cls)]
        missing = [name for name in names if name not in arrays]
        require(not missing, f"{path} lacks the arrays {some(missing)}; it is no graph.")
        found = {name: arrays[name] for name in names}
        _check(str(path), found)
        return cls(**found)

    def to_networkx(self) -> Any:
        """A `networkx.MultiDiGraph` with the same names as attributes of nodes and edges.

        Raises:
            BluraxError: without networkx.
        """
        try:
            import networkx
        except ImportError as error:
            raise BluraxError(
                "Graphs of networkx take networkx: pip install 'blurax[graphs]'."
            ) from error
        graph = networkx.MultiDiGraph()
        of_nodes = zip(self.nodes, self.group, self.place, self.position, strict=True)
        for n, (bias, group, place, position) in enumerate(of_nodes):
            says = {"group": int(group), "place": int(place), "position": int(position)}
            graph.add_node(n, bias=bias, **says)
        of_edges = zip(self.senders, self.receivers, self.edges, self.link, strict=True)
        for lower, upper, synapse, link in of_edges:
            graph.add_edge(int(lower), int(upper), synapse=synapse, link=int(link))
        return graph


def _check(path: str, arrays: dict[str, np.ndarray]) -> None:
    """Raise `BluraxError` for arrays that do not go together."""
    n, e = len(np.atleast_1d(arrays["nodes"])), len(np.atleast_1d(arrays["edges"]))
    for name, array in arrays.items():
        real, many = name in ("nodes", "edges"), n if name in OF_NEURONS else e
        kind, axes = (np.floating, 2) if real else (np.integer, 1)
        require(
            array.ndim == axes and len(array) == many and np.issubdtype(array.dtype, kind),
            f"{path}: {name} has shape {array.shape} and type {array.dtype}; in a graph of {n} "
            f"neurons and {e} synapses it takes {'numbers' if real else 'whole numbers'}, "
            f"{many} in {axes} axes.",
        )
    for name in ("senders", "receivers"):
        ends = arrays[name]
        require(
            bool(((ends >= 0) & (ends < n)).all()),
            f"{path}: {name} holds a number that no neuron is; there are {n}.",
        )


def neural_graph(network: Network, synapses: Sequence[Synapses]) -> NeuralGraph:
    """The graph of a network with these synapses, an edge's after another.

    Args:
        synapses: of each edge of the network, such as `NetworkState.synapses`.

    Raises:
        BluraxError: for synapses of another number of edges or of other shapes, links whose places
            travel with the inputs, or more than 10**8 pairs of neurons that an edge may join.
    """
    several = isinstance(synapses, Sequence) and all(isinstance(s, Synapses) for s in synapses)
    require(several, "synapses takes those of each edge, such as NetworkState.synapses.")
    require(
        len(synapses) == len(network.edges),
        f"synapses are those of {len(synapses)} edges, but the network {network} has "
        f"{len(network.edges)}.",
    )
    for edge, own in zip(network.edges, synapses, strict=True):
        pre, post = network.groups[edge.pre], network.groups[edge.post]
        want = edge.link.count(pre, post), edge.link.features(post)
        held = None if own.forward is None else own.forward.shape[1:]
        require(
            held in (None, want) or edge.link.travels,
            f"The synapses of Edge({edge.pre}, {edge.post}) have shape {held}; the network "
            f"{network} takes {want}.",
        )
        require(
            not edge.link.travels,
            f"Edge({edge.pre}, {edge.post}) is {edge.link}, whose synapses stand elsewhere in each "
            "example, as those of the network rules do; there is no single graph of such a "
            "network, and it cannot be exported as one.",
        )
    starts = np.cumsum([0, *network.sizes])
    group = np.repeat(np.arange(len(network.sizes)), network.sizes)
    place = np.arange(starts[-1]) - starts[group]
    backward = any(each.backward is not None for each in synapses)
    channels = max(len(part) for each in synapses for part in (*each.up, *each.down))
    nodes = np.zeros((starts[-1], channels))
    parts = []
    for number, (edge, own) in enumerate(zip(network.edges, synapses, strict=True)):
        lower, upper, numbers = _pairs(network, edge, own, channels, backward)
        senders, receivers = lower + starts[edge.pre], upper + starts[edge.post]
        parts.append((senders, receivers, numbers, np.full(len(lower), number)))
        if own.bias is not None:
            post = network.groups[edge.post]
            led = jnp.broadcast_to(edge.link.bias(own.bias, post), (len(own.bias), 1, *post))
            nodes[starts[edge.post] : starts[edge.post + 1]] += _flat(led, channels)[0]
    whole = [np.concatenate(each) for each in zip(*parts, strict=True)]
    return NeuralGraph(nodes, group, place, _positions(network, group), *whole)


def _pairs(
    network: Network, edge: Edge, own: Synapses, channels: int, backward: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pairs of neurons that an edge joins, by their places, and the synapses of each."""
    pre, post = network.sizes[edge.pre], network.sizes[edge.post]
    require(
        pre * post <= LIMIT,
        f"Edge({edge.pre}, {edge.post}) joins {pre} neurons with {post}; a graph takes an edge of "
        f"at most {LIMIT:,} pairs.",
    )
    lower, upper = network.groups[edge.pre], network.groups[edge.post]
    joined = np.zeros((pre, post), bool)
    numbers = np.zeros((pre, post, channels * (1 + backward)))
    if edge.up:
        joined, numbers[..., :channels] = _matrix(edge.link, own.forward, lower, upper, channels)
    if own.backward is not None:
        there, found = _matrix(edge.link.back, own.backward, upper, lower, channels)
        joined, numbers[..., channels:] = joined | there.T, found.swapaxes(0, 1)
    senders, receivers = joined.nonzero()
    return senders, receivers, numbers[senders, receivers]


def _matrix(
    link: Link, w: Any, pre: tuple[int, ...], post: tuple[int, ...], channels: int
) -> tuple[np.ndarray, np.ndarray]:
    """Which neurons a link joins, `[pre, post]`, and by what, `[pre, post, channels]`.

    Where a link has no numbers, w is None. A link is linear: what it transmits of a single neuron
    of 1 says by what it leads on.
    """
    single = jnp.eye(int(np.prod(pre))).reshape(1, -1, *pre)
    found = _flat(link.transmit(w, single, post), channels)
    if w is None:
        return (found != 0).any(axis=-1), found
    ones = link.held(jnp.ones_like(w), pre, post)
    return (_flat(link.transmit(ones, single, post), channels) != 0).any(axis=-1), found


def _flat(states: Array, channels: int) -> Float[np.ndarray, "b neurons channels"]:
    """States `[c, b, *shape]` with the channels last; those that are missing are the first."""
    found = np.asarray(jax.device_get(states), float).reshape(*states.shape[:2], -1)
    return np.moveaxis(np.broadcast_to(found, (channels, *found.shape[1:])), 0, -1)


def _positions(network: Network, group: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """A number for each input and output, and one for each hidden group, in the order of groups."""
    own = np.isin(group, [0, *network.outputs])
    first = np.concatenate([[True], group[1:] != group[:-1]])
    return np.cumsum(own | first) - 1
