"""Networks of PyTorch that learn by a genome: `pip install 'blurax[torch]'`.

    import blurax.torch

    net = blurax.torch.Blur("default", (784, 128, 10), seed=0)
    for x, y in batches:  # [b, 784], and class numbers [b]
        net.learn(x, y)
    net(x).argmax(1)

The equations are those of `blurax.export.torch_blur`, which needs neither blurax nor JAX.
"""

# pyright: reportMissingImports=false, reportOptionalMemberAccess=false
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from blurax import genome as genomes
from blurax import zoo
from blurax.errors import require
from blurax.export import check, graph_of
from blurax.frozen import to_json
from blurax.genome import Genome
from blurax.network import Network, NetworkState

try:
    import torch
except ImportError as error:
    raise ImportError(
        "blurax.torch needs PyTorch, which is not installed: pip install 'blurax[torch]'."
    ) from error

from blurax.export import torch_blur

_PARTS = ("forward", "bias", "backward")
_KEPT = {"traces": "trace", "sums": "metaplasticity"}
"""What lies beside synapses, by the name of its term."""


class Blur(torch.nn.Module):
    """A network that learns by a genome, not by a gradient.

    The genome and all that is learned are in buffers: `state_dict`, `load_state_dict`, `to` and
    `deepcopy` take them along, and a module that is loaded goes on to the same bits. It has no
    parameters, so an optimiser leaves it alone; a gradient with respect to x goes through it.

    Args:
        genome: by its name in the zoo, a file, or a genome.
        network: the sizes of fully connected layers, or a network with convolutions and pooling,
            such as `blurax.fit.network_for(task, "c8k5s2-16")`.
        seed: of the initial synapses.
        dtype: of all that is learned.
        device: where it is.

    Raises:
        BluraxError: for an unknown genome, one whose rule keeps neurons between steps or has a term
            that the port does not know, or a network that does not fit it.
    """

    def __init__(
        self,
        genome: Genome | str | Path,
        network: Network | Sequence[int],
        *,
        seed: int = 0,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__()
        learned = genome if isinstance(genome, Genome) else zoo.genome(genome)[0]
        self.network = network if isinstance(network, Network) else Network(tuple(network))
        check(learned.rule)
        self.network.check(learned.rule)
        require(
            not learned.rule.keep_neurons,
            "The genome's rule keeps neurons between steps; blurax.torch takes a rule without.",
        )
        require(
            len(self.network.outputs) == 1,
            f"network has {len(self.network.outputs)} outputs; blurax.torch takes one.",
        )
        require(
            dtype.is_floating_point, f"dtype is {dtype}; it takes torch.float32 or torch.float64."
        )
        self._rule = to_json(learned.rule)
        self._graph = graph_of(self.network)
        self._names = list(genomes.leaves(learned))
        for name, leaf in genomes.leaves(learned).items():
            self._buffer(f"gene_{name}", torch.as_tensor(np.array(leaf)).to(device, dtype))
        generator = torch.Generator().manual_seed(seed)
        made = (self._rule, self._graph, generator, dtype, device, self._genes())
        self._take(torch_blur.init(*made))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """What the outputs say of each example, whatever the others are: `[b, outputs]`.

        Where the rule normalises neurons it goes by the examples last learned from, or those of
        `observe`.

        Args:
            x: `[b, *shape of the inputs]`, floats.

        Raises:
            BluraxError: for x of another shape or type.
        """
        self._check(x)
        seen = self.observed if len(self.observed) else self.latest
        if not len(seen):  # a network that has learned nothing goes by what it is asked about
            return self._said(x, self._by(x))
        if self._moments is None:
            # A tensor made in inference mode could not be part of a gradient later.
            with torch.inference_mode(False), torch.no_grad():
                self._moments = self._by(seen)
        return self._said(x, self._moments)

    @torch.inference_mode(False)
    @torch.no_grad()
    def learn(self, x: torch.Tensor, y: torch.Tensor) -> None:
        """One inner step on a batch: equations (5), (6) and (7).

        Args:
            x: `[b, *shape of the inputs]`, floats.
            y: class numbers `[b]`, of an integer type; or floats `[b, outputs]`: the numbers to
                predict, or +1 for the right class and -1 for all others.

        Raises:
            BluraxError: for x or y of another shape or type, or a class that there is not.
        """
        self._check(x)
        told = self._told(x, y)
        state = self._state() | {"batch": self.latest if len(self.latest) else None}
        new = torch_blur.step(self._rule, self._genes(), state, x, told)
        self._take(new)
        self.observed = self.observed[:0]

    @torch.inference_mode(False)
    @torch.no_grad()
    def observe(self, x: torch.Tensor) -> None:
        """Predict by the means and variances of these examples from now on, until the next step.

        Args:
            x: `[b, *shape of the inputs]`, floats, of two examples or more.

        Raises:
            BluraxError: for x of another shape or type, or a single example.
        """
        self._check(x)
        require(len(x) > 1, "x is one example; it takes two or more, for their variance.")
        self.observed, self._moments = self._like(x), None

    @torch.no_grad()
    def start_at(self, state: NetworkState) -> "Blur":
        """Take over what a network of blurax has learned, its state `[k, from, to]` by edge.

        Raises:
            BluraxError: if it is of another network.
        """
        require(
            state.network == self.network,
            f"state is of {state.network}; the module has {self.network}.",
        )

        def parts(layer: Any) -> tuple[torch.Tensor | None, ...]:
            found = (getattr(layer, part) for part in _PARTS)
            return tuple(None if w is None else self._like(np.array(w)) for w in found)

        taken: dict[str, Any] = {"synapses": [parts(layer) for layer in state.synapses]}
        for name, term in _KEPT.items():
            if term in state.synapses[0].kept:
                taken[name] = [parts(layer.kept[term]) for layer in state.synapses]
        self._take(taken | {"steps": 0})
        return self

    def get_extra_state(self) -> str:
        """Whose state it is: the rule and the network, as JSON in `state_dict`."""
        return json.dumps({"rule": self._rule, "graph": self._graph}, sort_keys=True)

    def set_extra_state(self, state: Any) -> None:
        """Refuse the state of another rule or network.

        Raises:
            BluraxError: if it is one.
        """
        require(
            state == self.get_extra_state(),
            "The state_dict is of another rule or network; load it into a module made from the "
            "same genome and network.",
        )

    def extra_repr(self) -> str:
        """Its layers."""
        return " -> ".join("x".join(map(str, group)) for group in self.network.groups)

    def _buffer(self, name: str, value: torch.Tensor) -> None:
        self.register_buffer(name.replace(".", "_"), value)

    def _genes(self) -> dict[str, torch.Tensor]:
        return {name: getattr(self, f"gene_{name}".replace(".", "_")) for name in self._names}

    def _take(self, state: dict[str, Any]) -> None:
        """Keep a network of the port in buffers."""
        for group in ("synapses", *_KEPT):
            for n, edge in enumerate(state.get(group) or ()):
                for part, value in zip(_PARTS, edge, strict=True):
                    if value is not None:
                        self._buffer(f"{group}_{n}_{part}", value)
        where = self._any()
        self._buffer("steps", torch.tensor(state["steps"], device=where.device))
        empty = where.new_zeros((0, *self.network.groups[0]))
        batch = state.get("batch")
        self._buffer("latest", empty if batch is None else batch.to(where.dtype))
        if not hasattr(self, "observed"):
            self._buffer("observed", empty)
        self._moments: Any = None

    def _state(self) -> dict[str, Any]:
        """The buffers as a network of the port."""
        count = len(self.network.edges)

        def edges(group: str) -> list[tuple[Any, ...]]:
            name = f"{group}_{{}}_{{}}"
            return [
                tuple(getattr(self, name.format(n, part), None) for part in _PARTS)
                for n in range(count)
            ]

        found = {group: edges(group) for group in _KEPT}
        beside = {g: e for g, e in found.items() if any(w is not None for p in e for w in p)}
        fixed = {"neurons": None, "graph": self._graph, "steps": int(self.steps)}
        return {"synapses": edges("synapses"), **beside, **fixed}

    def _by(self, x: torch.Tensor) -> Any:
        """The means and variances of these examples."""
        return torch_blur.observe(self._rule, self._genes(), self._state(), x)["moments"]

    def _said(self, x: torch.Tensor, moments: Any) -> torch.Tensor:
        state = self._state() | {"moments": moments}
        return torch_blur.predict(self._rule, self._genes(), state, x)

    def _any(self) -> torch.Tensor:
        return self._genes()[self._names[0]]

    def _like(self, value: Any) -> torch.Tensor:
        """A copy, of the dtype and on the device of what is learned."""
        return torch.as_tensor(value).to(self._any()).detach().clone()

    def _check(self, x: torch.Tensor) -> None:
        inputs = self.network.groups[0]
        good = isinstance(x, torch.Tensor) and x.is_floating_point()
        require(good, f"x is {_described(x)}; it takes a tensor of floats.")
        shape = ", ".join(map(str, inputs))
        require(
            x.shape[1:] == inputs and len(x) > 0,
            f"x has shape {tuple(x.shape)}; the network takes [batch, {shape}].",
        )

    def _told(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """What the outputs are to say, `[b, outputs]`."""
        (outputs,) = (self.network.groups[n] for n in self.network.outputs)
        classes = int(np.prod(outputs))
        require(isinstance(y, torch.Tensor), f"y is {_described(y)}; it takes a tensor.")
        if y.is_floating_point():
            require(
                tuple(y.shape) == (len(x), *outputs),
                f"y has shape {tuple(y.shape)}; it takes [{len(x)}, {classes}], or class numbers "
                f"[{len(x)}] of an integer type.",
            )
            return y.to(x)
        require(
            y.dtype != torch.bool and tuple(y.shape) == (len(x),),
            f"y is {_described(y)}; it takes class numbers [{len(x)}] of an integer type, or "
            f"floats [{len(x)}, {classes}].",
        )
        low, high = int(y.min()), int(y.max())
        require(
            low >= 0 and high < classes,
            f"y has classes from {low} to {high}; the network takes 0 to {classes - 1}.",
        )
        return 2 * torch.nn.functional.one_hot(y.long(), classes).to(x) - 1

    def _apply(self, fn: Any, recurse: bool = True) -> "Blur":
        self._moments = None  # they are computed anew, of the new dtype and where it is now
        return super()._apply(fn, recurse)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        own = state_dict.get(f"{prefix}_extra_state")
        if own is not None:
            self.set_extra_state(own)  # before anything is changed
        for name in ("latest", "observed"):  # as many examples as there were
            value = state_dict.get(prefix + name)
            if isinstance(value, torch.Tensor) and value.shape[1:] == self.network.groups[0]:
                setattr(self, name, self._any().new_zeros(value.shape))
        self._moments = None
        super()._load_from_state_dict(state_dict, prefix, *args)


def _described(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return f"a tensor of {value.dtype} and shape {tuple(value.shape)}"
    return f"of type {type(value).__name__}"
