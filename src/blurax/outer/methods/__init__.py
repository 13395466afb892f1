"""The ways to find meta-parameters: a class each, chosen as `MetaTrain(method=Pes(pairs=4))`.

A class says what may be set and makes the trainer. A new one is a file here and a line in `table`;
one of the user's own is passed to `MetaTrain` as it is.
"""

from blurax.outer.methods.base import Config, Following, Method
from blurax.outer.methods.cma_es import Cma
from blurax.outer.methods.es import AntitheticES, Es, Nres, PersistentES, Pes
from blurax.outer.methods.gradient import (
    Forward,
    ForwardGradient,
    FullGradient,
    Gradient,
    Truncated,
    TruncatedGradient,
)
from blurax.outer.methods.random_search import RandomSearch
from blurax.outer.methods.table import METHODS, Absent, AnyMethod, MethodName, named, upgraded

__all__ = [
    "METHODS",
    "Absent",
    "AntitheticES",
    "AnyMethod",
    "Cma",
    "Config",
    "Es",
    "Following",
    "Forward",
    "ForwardGradient",
    "FullGradient",
    "Gradient",
    "Method",
    "MethodName",
    "Nres",
    "PersistentES",
    "Pes",
    "RandomSearch",
    "Truncated",
    "TruncatedGradient",
    "named",
    "upgraded",
]
