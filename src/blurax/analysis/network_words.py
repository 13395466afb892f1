"""A network in words: its groups and edges as a table for the terminal."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from blurax.links import After, Conv, Dense, Identity, Link, Masked, Placed, Pool, Shape, Travelling
from blurax.network import Edge, Network


def network_table(network: Network) -> RenderableType:
    """The groups of a network, what leads into each, and how many synapses there are."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("group", justify="right")
    table.add_column("shape", no_wrap=True)
    table.add_column("neurons", justify="right")
    table.add_column("from", justify="right")
    table.add_column("link")
    table.add_column("synapses", justify="right")
    for group, (shape, size) in enumerate(zip(network.groups, network.sizes, strict=True)):
        into = [edge for edge in network.edges if edge.post == group]
        rows = [(str(edge.pre), link_words(edge), _count(network, edge)) for edge in into]
        first, *others = rows or [("", "", "")]
        named = Text.assemble((shape_words(shape), "bold"), f"  {role(network, group)}")
        table.add_row(str(group), named, f"{size:,}", *first)
        for row in others:
            table.add_row("", "", "", *row)
    own = sum(synapses(network, edge) for edge in network.edges if not edge.up)
    back = f", and {own:,} that lead down only" if own else ""
    return Group(table, Text(f"\n{network.synapse_count:,} synapses, biases included{back}"))


def role(network: Network, group: int) -> str:
    """What a group is to a task: `input`, `output`, or nothing."""
    if group == 0:
        return "input"
    if group not in network.outputs:
        return ""
    return "output" if len(network.outputs) == 1 else f"output {network.outputs.index(group) + 1}"


def shape_words(shape: Shape) -> str:
    """`28 x 28 x 1`."""
    return " x ".join(map(str, shape))


def link_words(edge: Edge) -> str:
    """What an edge is: its link, and how it differs from others."""
    flags = {
        "up only": not edge.down,
        "down only": not edge.up,
        "fixed": not edge.plastic,
        "delayed": edge.delay > 0,
        "no bias": edge.link.has_synapses and edge.up and not edge.bias,
    }
    return ", ".join((link_name(edge.link), *(name for name, holds in flags.items() if holds)))


def link_name(link: Link) -> str:
    """A link in a word or two: `conv 5/2` is a convolution of kernel 5 and stride 2."""
    match link:
        case Dense():
            return "dense"
        case Identity():
            return "skip"
        case Conv(kernel, stride, padding):
            name = f"conv {kernel}" + (f"/{stride}" if stride > 1 else "")
            return name if padding == "same" else f"{name} {padding}"
        case Pool(size):
            return "pool all" if size is None else f"pool {size}"
        case After(Identity(), then):
            return link_name(then)
        case After(first, then):
            return f"{link_name(first)}, {link_name(then)}"
        case Masked(density, _, inner):
            return f"{100 * density:g} % of {link_name(inner)}"
        case Placed() | Travelling():
            return "placed"
    return type(link).__name__.lower()


def synapses(network: Network, edge: Edge) -> int:
    """How many synapses an edge has: forward ones with the biases, or those that lead down only."""
    pre, post = network.groups[edge.pre], network.groups[edge.post]
    if not edge.link.has_synapses:
        return 0
    if not edge.up:
        return edge.link.back.count(post, pre) * edge.link.back.features(pre)
    return (edge.link.count(pre, post) + edge.bias) * edge.link.features(post)


def _count(network: Network, edge: Edge) -> str:
    return f"{synapses(network, edge):,}" if edge.link.has_synapses else ""
