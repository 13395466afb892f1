"""Networks by name: `256-128`, `c8k5s2-c16k3s2-128`, `c16-res(c16-c16)x2-p2-g`, `lenet`.

A name says what stands between the inputs and the outputs of a task. Its pieces are joined by `-`:

- `128`: 128 neurons, fully connected to what is before them.
- `r32`: the same, and they drive themselves too: by what they were a time step before.
- `c8k5s2`: a convolution to 8 features, of kernel 5 and stride 2 (3 and 1 where they are left out);
  a `v` at the end stands for the padding `valid`, without zeros around the image.
- `p2`: what follows sees averages over windows of 2 x 2.
- `g`: what follows sees the average of each feature.
- `res(c8-c8)x3`: pieces with an edge around them that joins their last neurons, three times over.
  The edge is the identity or, where shapes differ, a projection: fully connected, or a convolution
  of kernel 1.

`0` alone is nothing between, `rules` alone the network that a task of graphs has. The outputs are
fully connected to what is before them. `+b` at the end adds a side branch after each hidden layer
but the last, `+b2` after every second one: outputs of their own, which get an error signal too.
"""

import dataclasses
import itertools
import math
import re
from collections.abc import Iterator

from blurax.bounds import MOST
from blurax.edges import Edge, check_groups
from blurax.errors import BluraxError, require, shown
from blurax.links import After, Conv, Dense, Identity, Link, Pool, Shape
from blurax.network import Network

NAMED = {
    "lenet": "c6k5-p2-c16k5-p2-120-84",
    "resnet8": "c16-res(c16-c16)-res(c32s2-c32)-res(c64s2-c64)-g",
}
"""Networks that have a name of their own.

`lenet` is LeNet-5 (LeCun et al., 1998) with zeros around images, so that it takes small ones too,
and average pooling without synapses. `resnet8` is the smallest residual network for CIFAR (He et
al., 2016): 3 blocks of two convolutions, 7 convolutions and the readout; where a block halves the
image its projection is a convolution of kernel 1.
"""
OF_TASKS = ("rules",)
"""Networks that only some tasks have: `Task.networks`."""
DIGITS = 10
"""Of a number: more are beyond every count, and Python refuses to read thousands of them."""
TIMES = 100
"""The most repetitions of a block."""

_NUMBER = "0*[1-9][0-9]*"
_DENSE = re.compile(f"(r?)({_NUMBER})")
_CONV = re.compile(f"c({_NUMBER})(?:k({_NUMBER}))?(?:s({_NUMBER}))?(v?)")
_BRANCHES = re.compile(rf"(.*)[+]b({_NUMBER})?", re.S)
_POOL = re.compile(f"p({_NUMBER})|g")
_BLOCK = re.compile(rf"res\((.*)\)(?:x({_NUMBER}))?")


@dataclasses.dataclass(frozen=True)
class Piece:
    """A group of neurons and how it is driven by the one before it, or a pooling."""

    text: str
    link: Link
    features: int = 0
    recurrent: bool = False


@dataclasses.dataclass(frozen=True)
class Block:
    """Pieces with an edge around them."""

    text: str
    pieces: tuple[Piece, ...]
    times: int = 1


def parse(name: str) -> tuple[Piece | Block, ...]:
    """What a name says, whatever the task.

    Raises:
        BluraxError: naming the piece that is none.
    """
    long = re.search(rf"[0-9]{{{DIGITS + 1},}}", name)
    require(
        long is None,
        f"The network {shown(name)} holds the number {shown(long and long[0])} of more than "
        f"{DIGITS} digits.",
    )
    alone, _ = _branches(name)
    text = NAMED.get(alone, alone)
    if text == "0" or text in OF_TASKS:
        return ()
    parts = _split(text)
    check_groups(len(parts))
    return tuple(_block(name, part) or _piece(name, part) for part in parts)


def network(name: str, inputs: Shape, outputs: int) -> Network:
    """The network of a name.

    Args:
        inputs: the shape of an input: `(features,)`, or `(height, width, features)`, which a
            network without convolution and pooling takes as a row.
        outputs: how many neurons the last group has.

    Raises:
        BluraxError: naming the piece that is none, or does not fit what is before it.
    """
    require(
        name not in OF_TASKS,
        f"The network {name!r} is one of tasks of graphs alone, such as graphs:csl; mixtures "
        "and sequences of them have none.",
    )
    parts = parse(name)
    check_groups(sum(len(p.pieces) * p.times if isinstance(p, Block) else 1 for p in parts))
    graph = _Graph(name, (math.prod(inputs),) if _rows(parts) else inputs)
    for part in parts:
        if isinstance(part, Block):
            for _ in range(part.times):
                graph.add_block(part)
        else:
            graph.add(part)
    graph.add(Piece("", Dense(), outputs))
    last, (_, every) = len(graph.groups) - 1, _branches(name)
    if every:
        graph.add_branches(every)
    outputs_at = tuple(range(last, len(graph.groups)))
    return Network(tuple(graph.groups), tuple(graph.edges), outputs_at)


def _branches(name: str) -> tuple[str, int]:
    """The name without side branches, and after how many hidden layers each comes; 0: none."""
    found = _BRANCHES.fullmatch(name)
    return (found[1], int(found[2] or 1)) if found else (name, 0)


def reads_rows(name: str) -> bool:
    """Whether a network has fully connected layers alone, so that it takes inputs as a row."""
    return _rows(parse(name))


def title(network: Network, name: str) -> str:
    """What a network is called where it is shown: all sizes of a chain, or else its name."""
    return "-".join(map(str, network.sizes)) if network.is_dense else name


def _rows(parts: tuple[Piece | Block, ...]) -> bool:
    pieces = [p for part in parts for p in (part.pieces if isinstance(part, Block) else (part,))]
    return all(isinstance(piece.link, Dense) for piece in pieces)


class _Graph:
    """A network as far as it has been built."""

    def __init__(self, name: str, inputs: Shape) -> None:
        self.name = name
        self.groups: list[Shape] = [inputs]
        self.edges: list[Edge] = []
        self.pools: tuple[Pool, ...] = ()
        """What stands between the last group and the next piece."""

    @property
    def shape(self) -> Shape:
        """The shape of what the next piece sees."""
        shape = self.groups[-1]
        for pool in self.pools:
            shape = pool.post_shape(shape, shape[-1])
        return shape

    def add(self, piece: Piece) -> None:
        """A group, or a pooling before the next."""
        seen, spatial = self.shape, isinstance(piece.link, Conv | Pool)
        require(
            not spatial or len(seen) == 3,
            _wrong(
                self.name,
                piece.text,
                f"takes images (height, width, features), but neurons {seen} are before it",
            ),
        )
        try:
            post = piece.link.post_shape(seen, piece.features)
        except BluraxError as error:
            why = f"does not fit: {str(error).rstrip('.')}"
            raise BluraxError(_wrong(self.name, piece.text, why)) from error
        if isinstance(piece.link, Pool):
            self.pools = (*self.pools, piece.link)
            return
        self.groups.append(post)
        self._join(len(self.groups) - 2, self.pools, piece.link)
        self.pools = ()
        if piece.recurrent:
            last = len(self.groups) - 1
            self.edges.append(Edge(last, last, delay=1, down=False, bias=False))

    def add_block(self, block: Block) -> None:
        """The groups of a block, and the edge around them."""
        start, pools, seen = len(self.groups) - 1, self.pools, self.shape
        for piece in block.pieces:
            self.add(piece)
        around = _around(seen, self.groups[-1])
        if around is None:
            why = f"leads from neurons {seen} to {self.groups[-1]}, where no edge around it leads"
            raise BluraxError(_wrong(self.name, block.text, why))
        require(
            len(pools) < 2 or around != Identity(),
            _wrong(self.name, block.text, "follows two poolings; one before a block is enough"),
        )
        self._join(start, pools, around, bias=False)

    def add_branches(self, every: int) -> None:
        """Outputs of their own after every so many hidden layers; the last layer has some already.

        Of maps they see the average of each feature.
        """
        last = len(self.groups) - 1
        points = range(every, last - 1, every)
        why = f"is a branch after every {every} hidden layers but the last; there are {last - 1}"
        require(len(points) > 0, _wrong(self.name, f"+b{every}", why))
        for pre in points:
            link = Dense() if len(self.groups[pre]) == 1 else After(Pool(None), Dense())
            self.groups.append(self.groups[last])
            self.edges.append(Edge(pre, len(self.groups) - 1, link))

    def _join(self, pre: int, pools: tuple[Pool, ...], link: Link, bias: bool = True) -> None:
        """An edge to the last group."""
        for pool in reversed(pools):
            link = pool if isinstance(link, Identity) else After(pool, link)
        self.edges.append(Edge(pre, len(self.groups) - 1, link, bias=bias))


def _around(pre: Shape, post: Shape) -> Link | None:
    """What leads around a block: neurons as they are where they fit, else a projection."""
    if pre == post:
        return Identity()
    if len(pre) == 1 or len(post) == 1:
        return Dense()
    strides = (Conv(1, stride) for stride in range(1, max(pre[:2]) + 1))
    return next((conv for conv in strides if conv.post_shape(pre, post[2]) == post), None)


def _split(text: str) -> list[str]:
    """The parts between the `-` that stand in no brackets."""
    parts, depth = [""], 0
    for sign in text:
        depth += (sign == "(") - (sign == ")")
        if sign == "-" and depth == 0:
            parts.append("")
        else:
            parts[-1] += sign
    return parts


def _depths(text: str) -> Iterator[int]:
    """How many brackets are open after each sign."""
    return itertools.accumulate((sign == "(") - (sign == ")") for sign in text)


def _block(name: str, text: str) -> Block | None:
    """A block, if a text looks like one."""
    found = _BLOCK.fullmatch(text)
    if found is None or min(_depths(found[1]), default=0) < 0:
        return None
    inside, times = found[1], int(found[2] or 1)
    require(times <= TIMES, _wrong(name, text, f"stands {times} times, and may {TIMES} times"))
    parts = _split(inside)
    check_groups(len(parts))
    pieces = tuple(_piece(name, part) for part in parts)
    require(
        not isinstance(pieces[-1].link, Pool),
        _wrong(name, text, f"ends in the pooling {pieces[-1].text}; it may follow the block"),
    )
    return Block(text, pieces, times)


def _piece(name: str, text: str) -> Piece:
    """A piece that is no block."""
    over = [number for number in re.findall("[0-9]+", text) if int(number) > MOST]
    if over:
        why = f"holds {', '.join(over)}, and it takes a whole number <= {MOST}"
        raise BluraxError(_wrong(name, text, why))
    if found := _DENSE.fullmatch(text):
        return Piece(text, Dense(), int(found[2]), recurrent=bool(found[1]))
    if found := _CONV.fullmatch(text):
        features, kernel, stride = (int(number or 0) for number in found.groups()[:3])
        link = Conv(kernel or 3, stride or 1, "valid" if found[4] else "same")
        return Piece(text, link, features)
    if found := _POOL.fullmatch(text):
        return Piece(text, Pool(int(found[1]) if found[1] else None))
    raise BluraxError(
        _wrong(
            name,
            text,
            "is no layer; it takes 128, r32, c8k5s2, p2, g or res(64-64)x3, joined by -, or alone "
            f"0 for no hidden layer, or {', '.join(NAMED)}",
        )
    )


def _wrong(name: str, piece: str, why: str) -> str:
    return f"The network {shown(name)}: {shown(piece)} {why}."
