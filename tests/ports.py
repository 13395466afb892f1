"""The files that users copy, and how numbers get into them and out."""

import dataclasses
import importlib.util
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from blurax import genome as genomes
from blurax.export import Library, graph_of
from blurax.network import NetworkState

needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None,
    reason="PyTorch is not installed (pip install 'blurax[torch]')",
)
LIBRARIES = [Library.NUMPY, pytest.param(Library.TORCH, marks=needs_torch)]


@dataclasses.dataclass(frozen=True)
class Port:
    """One of the files, and how numbers get into it."""

    file: ModuleType
    number: Callable
    """An array of that library, from one of JAX or NumPy."""
    dtype: Callable[[str], Any]
    """That library's dtype of a name."""
    source: Callable[[int], Any]
    """What it draws random numbers from, of a seed."""

    def genes(self, genome) -> dict:
        return {path: self.number(leaf) for path, leaf in genomes.leaves(genome).items()}

    def kept(self, state: NetworkState, term: str) -> list | None:
        """What a term keeps beside all synapses; None where the rule has none."""
        if term not in state.synapses[0].kept:
            return None
        return [
            tuple(None if m is None else self.number(m) for m in parts(layer.kept[term]))
            for layer in state.synapses
        ]

    def network(self, state: NetworkState) -> dict:
        kept = state.neurons
        graph = None if state.network.is_dense else graph_of(state.network)
        return {
            "graph": graph,
            "synapses": [
                tuple(None if w is None else self.number(w) for w in parts(layer))
                for layer in state.synapses
            ],
            "traces": self.kept(state, "trace"),
            "sums": self.kept(state, "metaplasticity"),
            "neurons": None if kept is None else [self.number(a) for a in kept],
            "steps": 0,
        }


def parts(layer) -> tuple:
    return layer.forward, layer.bias, layer.backward


def of(library: Library) -> Port:
    """The file for a library that is installed."""
    if library is Library.NUMPY:
        from blurax.export import numpy_blur

        return Port(numpy_blur, np.asarray, np.dtype, np.random.default_rng)
    import torch

    from blurax.export import torch_blur

    return Port(
        torch_blur,
        lambda leaf: torch.as_tensor(np.array(leaf)),
        lambda name: getattr(torch, name),
        lambda seed: torch.Generator().manual_seed(seed),
    )
