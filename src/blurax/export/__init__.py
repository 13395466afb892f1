"""Genomes outside blurax: single files that a user can copy, and that need no other library."""

import enum
from pathlib import Path
from typing import Any

from blurax.errors import BluraxError, require
from blurax.export.as_graph import NeuralGraph, neural_graph
from blurax.links import After, Conv, Dense, Identity, Link, Pool
from blurax.network import Network
from blurax.spec import Rule

_KNOWN = frozenset(
    (
        *("normalisation", "normalise-synapses", "normalise-stored", "rescale", "decorrelation"),
        *(
            "decorrelation-width-free",
            "fan-in",
            "input-size",
            "error-size",
            "batch-size",
            "layer-size",
            "trace",
            "rate-decay",
        ),
        *("lateral-inhibition", "metaplasticity", "length-power", "pass-through"),
        *("oja-multiplier", "oja-activation", "oja-full"),
        *("saturation-tanh", "saturation-exponential", "saturation-length", "saturation-slowing"),
    )
)
"""The terms that the exported files compute."""


class Library(enum.StrEnum):
    """What a genome can be run on without blurax."""

    NUMPY = "numpy"
    TORCH = "torch"

    @property
    def file(self) -> Path:
        """The one file that reads a genome and applies it there."""
        return Path(__file__).parent / f"{self.value}_blur.py"


def check(rule: Rule) -> None:
    """Raise `BluraxError` for a rule with a term that the exported files do not know."""
    for term in rule.terms:
        require(
            term.name in _KNOWN,
            f"The rule has the term {term.name!r}, which exported files do not know: it can be run "
            "with blurax alone.",
        )


def graph_of(network: Network) -> dict[str, Any]:
    """A network as plain data, which the exported files' `init` takes and JSON can hold.

    Returns:
        `groups`, the shape of each; `edges`, whose `link` is a list of poolings and the link after
        them; `outputs`. The docstrings of the files say more.

    Raises:
        BluraxError: for links and delays that the files do not know.
    """
    edges = []
    for edge in network.edges:
        name = f"Edge({edge.pre}, {edge.post})"
        require(
            edge.delay == 0,
            f"{name} has a delay, which exported files do not know: it can be run with blurax "
            "alone.",
        )
        flags = {name: getattr(edge, name) for name in ("up", "down", "plastic", "bias")}
        edges.append({"pre": edge.pre, "post": edge.post, "link": _parts(edge.link), **flags})
    groups = [list(group) for group in network.groups]
    return {"groups": groups, "edges": edges, "outputs": list(network.outputs)}


def _parts(link: Link) -> list[list[Any]]:
    """A link as a list of poolings and the link after them."""
    match link:
        case After(first, then):
            return [part for part in _parts(first) if part != ["identity"]] + _parts(then)
        case Dense():
            return [["dense"]]
        case Conv(kernel, stride, padding):
            return [["conv", kernel, stride, padding]]
        case Pool(size):
            return [["pool", size]]
        case Identity():
            return [["identity"]]
    raise BluraxError(
        f"The link {link} is one that exported files do not know: it can be run with blurax alone."
    )


__all__ = ["Library", "NeuralGraph", "check", "graph_of", "neural_graph"]
