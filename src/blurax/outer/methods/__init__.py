"""The ways to find meta-parameters: a class each, chosen as `MetaTrain(method=Pes(pairs=4))`.

A class says what may be set and makes the trainer. A new one is a file here and a line in `table`;
one of the user's own is passed to `MetaTrain` as it is.
"""

from blurax.outer.methods.base import Config, Method
from blurax.outer.methods.cma_es import Cma
from blurax.outer.methods.es import Es, Nres, Pes
from blurax.outer.methods.gradient import Forward, Gradient, Truncated
from blurax.outer.methods.random_search import RandomSearch
from blurax.outer.methods.table import METHODS, Absent, named, upgraded

__all__ = [
    "METHODS",
    "Absent",
    "Cma",
    "Config",
    "Es",
    "Forward",
    "Gradient",
    "Method",
    "Nres",
    "Pes",
    "RandomSearch",
    "Truncated",
    "named",
    "upgraded",
]
