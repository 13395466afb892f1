"""A network: groups of neurons, joined by edges of links.

A `Network` is only a shape. What its neurons and synapses do is the genome's business, so the same
genome runs in any network, and the same network runs any genome. What happens in it is in
`sweeps.py`.
"""

import dataclasses
import itertools
import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax.bounds import check_count
from blurax.edges import Edge, chain, check_edges, check_groups
from blurax.errors import require, shown
from blurax.frozen import check_types
from blurax.genome import Genome
from blurax.initial import normal, stds_of
from blurax.links import Indexed, Shape
from blurax.spec import Rule, Symmetry
from blurax.synapses import Synapses

Neurons = tuple[Float[Array, "_ b *_"], ...]
"""The states of all groups, `[k, b, *shape]` each, after the input, `[1, b, *shape]`: its other
states would be 0 for ever."""


@dataclasses.dataclass(frozen=True, init=False)
class Network:
    """Groups of neurons and the edges between them; by default a fully connected chain.

    Raises:
        BluraxError: for fewer than two groups, a size that is not a whole number >= 1, or edges
            that do not meet, form a circle without delay, or leave a group without input.
    """

    groups: tuple[Shape, ...]
    """The shape of each group, input first: `(64,)`, or `(28, 28, 1)` for `[height, width,
    features]`."""
    edges: tuple[Edge, ...]
    """In the order of their synapses."""
    outputs: tuple[int, ...]
    """The groups that get an error signal, by number; the first one's states are the prediction."""

    def __init__(
        self,
        groups: tuple[int | Shape, ...],
        edges: tuple[Edge, ...] = (),
        outputs: tuple[int, ...] = (-1,),
    ) -> None:
        """Take groups and edges that go together.

        Args:
            groups: a number stands for a group in a row, so `Network((64, 32, 10))` is a chain.
            edges: by default each group leads to the next, fully connected.
            outputs: negative numbers count from the last group.
        """
        given = groups if isinstance(groups, tuple) else ()
        check_groups(len(given))
        shapes = tuple(g if isinstance(g, tuple) else (g,) for g in given)
        whole = all(shape and all(map(_is_count, shape)) for shape in shapes)
        require(
            len(shapes) >= 2 and whole,
            f"Network.groups is {shown(groups)}; it takes a tuple of two or more whole numbers "
            ">= 1, such as (64, 32, 10), or of shapes, such as ((28, 28, 1), (10,)).",
        )
        for size in itertools.chain(*shapes):
            check_count("A size of Network.groups", size)
        found = outputs if isinstance(outputs, tuple) else ()
        require(
            len(found) > 0 and all(isinstance(n, int) for n in found),
            f"Network.outputs is {shown(outputs)}; it takes a tuple of one or more group numbers.",
        )
        numbers = tuple(n + len(shapes) if n < 0 else n for n in found)
        require(
            len(set(numbers)) == len(numbers),
            f"Network.outputs is {shown(outputs)}; it takes each group once.",
        )
        for name, value in (
            ("groups", shapes),
            ("edges", edges or chain(len(shapes))),
            ("outputs", numbers),
        ):
            object.__setattr__(self, name, value)
        check_types(self)
        check_edges(self.groups, self.edges, self.outputs)

    @classmethod
    def dense(cls, sizes: tuple[int, ...]) -> "Network":
        """A fully connected chain: the sizes of its layers, input and output among them."""
        return cls(tuple(sizes))

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many neurons each group has."""
        return tuple(math.prod(group) for group in self.groups)

    @property
    def is_dense(self) -> bool:
        """Whether it is a fully connected chain, whose sizes say everything."""
        rows = all(len(group) == 1 for group in self.groups)
        last = len(self.groups) - 1
        return rows and self.edges == chain(len(self.groups)) and self.outputs == (last,)

    @property
    def is_delayed(self) -> bool:
        """Whether an edge transmits what the step before has left."""
        return any(edge.delay for edge in self.edges)

    @property
    def synapse_count(self) -> int:
        """The number of forward synapses, biases included."""
        found = 0
        for edge in self.edges:
            if edge.up and edge.link.has_synapses:
                rows, features = self._shape_of(edge)
                found += (rows + edge.bias) * features
        return found

    def __str__(self) -> str:
        if self.is_dense:
            return str(self.sizes)
        groups = " > ".join("x".join(map(str, group)) for group in self.groups)
        return f"({groups}; {len(self.edges)} edges)"

    def on(self, x: Any) -> tuple["Network", Any]:
        """The network on a batch: by the indices that travel with its inputs, if any do.

        Returns:
            The network, and the inputs without them.

        Raises:
            BluraxError: if a link takes another index.
        """
        if not isinstance(x, Indexed):
            return self, x
        edges = [dataclasses.replace(e, link=e.link.bound(x.index)) for e in self.edges]
        require(
            any(now.link is not edge.link for now, edge in zip(edges, self.edges, strict=True)),
            f"The inputs come with the indices {', '.join(x.index) or 'none'}, but no link of the "
            f"network {self} takes one; tasks of graphs take the network 'rules'.",
        )
        for name, index in x.index.items():
            require(
                len(index) == len(x.x),
                f"The index {name!r} is of {len(index)} examples, and the inputs of {len(x.x)}.",
            )
        return Network(self.groups, tuple(edges), self.outputs), x.x

    def into(self, group: int) -> list[int]:
        """The edges by which a group gets others' states in the forward sweep, by number."""
        return [l for l, edge in enumerate(self.edges) if edge.up and edge.post == group]

    def back_into(self, group: int) -> list[int]:
        """The edges by which a group gets others' states in the backward sweep; none for input."""
        edges = enumerate(self.edges) if group else ()
        return [l for l, edge in edges if edge.down and edge.pre == group]

    def has_own(self, edge: Edge, rule: Rule) -> bool:
        """Whether an edge has backward synapses of its own."""
        own = rule.symmetry is Symmetry.ASYMMETRIC or not edge.up
        return own and edge.down and edge.pre > 0 and edge.link.has_synapses

    def gene_set(self, rule: Rule, edge: int) -> int:
        """Which of the rule's genes hold for an edge, where it has several (`genome.at_layer`)."""
        return int(self.edges[edge].post in self.outputs) if rule.readout else edge

    def init(self, key: PRNGKeyArray, of: Rule | Genome, batch: int) -> "NetworkState":
        """An initial network: normal synapses, and neurons at 0 where they are kept.

        Args:
            of: the genome, or its rule, which is enough unless `Init.learned` is on.
            batch: the number of examples in each inner step; only kept neurons depend on it.

        Raises:
            BluraxError: if the rule is for another number of layers, or its initial standard
                deviation a gene and no genome given.
        """
        rule = of.rule if isinstance(of, Genome) else of
        self.check(rule)
        stds = stds_of(of, [self.gene_set(rule, l) for l in range(len(self.edges))])
        up, bias = self._init_up(key, rule, stds)
        down = self._init_down(jax.random.fold_in(key, 1), rule, stds)
        every = range(len(self.edges))
        synapses = [Synapses(up.get(l), bias.get(l), down.get(l)).begun(rule) for l in every]
        kept = rule.keep_neurons or self.is_delayed
        neurons = resting_neurons(self, rule, batch) if kept else None
        steps = None if rule.steps is None else jnp.zeros((), jnp.int32)
        return NetworkState(tuple(synapses), neurons, steps, None if self.is_dense else self)

    def _init_up(
        self, key: PRNGKeyArray, rule: Rule, stds: list[Array | float]
    ) -> tuple[dict[int, Array], dict[int, Array]]:
        """The forward synapses, and those of bias units, by the number of their edge."""
        numbers = [l for l, e in enumerate(self.edges) if e.up and e.link.has_synapses]
        shapes, fan_in = [], []
        for edge in (self.edges[l] for l in numbers):
            rows, features = self._shape_of(edge)
            shapes.append((rule.synapse_channels, rows + edge.bias, features))
            pre, post = self.groups[edge.pre], self.groups[edge.post]
            fan_in.append(edge.link.fan_in(pre, post) + edge.bias)
        drawn = normal(key, rule, [stds[l] for l in numbers], shapes, fan_in)
        up, bias = {}, {}
        for l, w in zip(numbers, drawn, strict=True):
            edge = self.edges[l]
            rows, _ = self._shape_of(edge)
            pre, post = self.groups[edge.pre], self.groups[edge.post]
            up[l] = edge.link.held(w[:, :rows], pre, post)
            if edge.bias:
                bias[l] = w[:, rows:]
        return up, bias

    def _init_down(
        self, key: PRNGKeyArray, rule: Rule, stds: list[Array | float]
    ) -> dict[int, Array]:
        """Backward synapses of their own, by the number of their edge."""
        numbers = [l for l, edge in enumerate(self.edges) if self.has_own(edge, rule)]
        if not numbers:
            return {}
        shapes, fan_in = [], []
        for edge in (self.edges[l] for l in numbers):
            link, pre, post = edge.link.back, self.groups[edge.pre], self.groups[edge.post]
            shapes.append((rule.synapse_channels, link.count(post, pre), link.features(pre)))
            fan_in.append(link.fan_in(post, pre))
        drawn = normal(key, rule, [stds[l] for l in numbers], shapes, fan_in)
        return {
            l: self.edges[l].link.back.held(
                w, self.groups[self.edges[l].post], self.groups[self.edges[l].pre]
            )
            for l, w in zip(numbers, drawn, strict=True)
        }

    def _shape_of(self, edge: Edge) -> tuple[int, int]:
        """The rows and columns of an edge's synapses."""
        pre, post = self.groups[edge.pre], self.groups[edge.post]
        return edge.link.count(pre, post), edge.link.features(post)

    def check(self, rule: Rule) -> None:
        """Raise `BluraxError` if a genome for `rule` cannot run in this network."""
        layers, chain = len(self.groups) - 1, [(l, l + 1) for l in range(len(self.groups) - 1)]
        require(
            rule.layers is None or [(e.pre, e.post) for e in self.edges] == chain,
            f"The genome has genes for {rule.layers} synapse layers of their own, but the network "
            f"{self} is no chain of layers.",
        )
        require(
            rule.layers in (None, layers),
            f"The genome has genes for {rule.layers} synapse layers of their own, "
            f"but the network {self} has {layers}.",
        )


class NetworkState(eqx.Module):
    """What changes while a network learns."""

    synapses: tuple[Synapses, ...]
    neurons: Neurons | None
    """The neurons' states after the last inner step; None where each step zeroes them."""
    steps: Int[Array, ""] | None = None
    """How many inner steps are behind it; None where the genome is the same in all of them."""
    graph: Network | None = eqx.field(static=True, default=None)
    """The network; None for a fully connected chain, of which the synapses tell."""

    @property
    def network(self) -> Network:
        """The network."""
        if self.graph is not None:
            return self.graph
        shapes = [parts[0].shape for parts in self.forward_parts]
        return Network((shapes[0][1], *(shape[2] for shape in shapes)))

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes of the groups, input and output among them."""
        return self.network.sizes

    @property
    def forward_parts(self) -> list[tuple[Array, ...]]:
        """The forward synapses of each edge that has any, and after them the bias unit's."""
        return [tuple(s.up) for s in self.synapses if s.forward is not None]


def resting_neurons(network: Network, rule: Rule, batch: int, dtype: Any = float) -> Neurons:
    """All neurons at 0."""
    first, *others = network.groups
    return (
        jnp.zeros((1, batch, *first), dtype),
        *(jnp.zeros((rule.states, batch, *shape), dtype) for shape in others),
    )


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
