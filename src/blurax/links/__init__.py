"""How groups of neurons drive one another: the links of a network's edges, a class each."""

from blurax.links.after import After
from blurax.links.by_rule import NodeRule, PairRule, ReadoutRule, SparsePairRule
from blurax.links.conv import Conv
from blurax.links.dense import Dense
from blurax.links.fixed import Fixed, Identity, Pool
from blurax.links.masked import Masked
from blurax.links.placed import Index, Placed
from blurax.links.protocol import Link, Shape
from blurax.links.travelling import Indexed, Travelling

__all__ = [
    "After",
    "Conv",
    "Dense",
    "Fixed",
    "Identity",
    "Index",
    "Indexed",
    "Link",
    "Masked",
    "NodeRule",
    "PairRule",
    "Placed",
    "Pool",
    "ReadoutRule",
    "Shape",
    "SparsePairRule",
    "Travelling",
]
