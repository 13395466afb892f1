"""Runs of the authors' own code, in blurax's terms: the one place where conventions are converted.

What is in the file and where it comes from stands in `data/README.md`; how the conventions differ
in docs/explanation/conventions.md.
"""

import dataclasses
import json
from functools import cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from blurax.genome import Genome, NeuronGenes, SynapseGenes
from blurax.network import NetworkState, Synapses
from blurax.spec import (
    Activation,
    Backward,
    Channels,
    Feedback,
    Oja,
    Rule,
    Saturation,
    Sigma,
    Signal,
    Source,
    Stabilise,
    Symmetry,
    Update,
)

EPSILON = 0.01
"""What the release adds to |s| of the exponential saturation, in these runs."""
BACKWARD = {
    "additive": Backward.ADDITIVE,
    "multiplicative": Backward.MULTIPLICATIVE,
    "multiplicative_second_state": Backward.MULTIPLICATIVE_STATE_2,
}
SATURATION = {None: Saturation.NONE, "tanh": Saturation.TANH, "exp": Saturation.EXPONENTIAL}
SIGNAL = {None: Signal.LABEL, "squared": Signal.SQUARED_ERROR, "cross": Signal.CROSS_ENTROPY}


@cache
def _file() -> dict[str, np.ndarray]:
    with np.load(Path(__file__).parent / "data" / "parity.npz") as file:
        return dict(file)


@cache
def _meta() -> list[dict[str, Any]]:
    return json.loads(str(_file()["meta"]))


NAMES = [f"{number:02d}-{meta['name']}" for number, meta in enumerate(_meta())]


@dataclasses.dataclass(frozen=True)
class Run:
    """One run, its arrays by their name in the file."""

    number: int

    @property
    def meta(self) -> dict[str, Any]:
        """The settings of the run, in the release's terms."""
        return _meta()[self.number]

    def __getitem__(self, name: str) -> np.ndarray:
        return _file()[f"{self.number:02d}_{name}"]

    @property
    def rule(self) -> Rule:
        """The settings in blurax's terms."""
        meta = self.meta
        forward, backward, last = (Activation(phi.replace("_", "-")) for phi in meta["sigma"])
        return Rule(
            states=meta["k"],
            backward=BACKWARD[meta["backward"]],
            symmetry=Symmetry.SYMMETRIC if meta["symmetric"] else Symmetry.ASYMMETRIC,
            channels=Channels.SINGLE if meta["single"] else Channels.MULTI,
            layers=len(meta["sizes"]) - 1 if meta["per_layer"] else None,
            keep_neurons=meta["keep_neurons"],
            sigma=Sigma(forward, backward, last, derivative=meta["backprop"] is not None),
            stabilise=Stabilise(
                oja={None: Oja.NONE, "weights": Oja.MULTIPLIER}[meta["oja"]],
                normalise_synapses=meta["norm_syn"],
                saturation=SATURATION[meta["saturation"]],
            ),
            update=Update(
                source={"backward": Source.BACKWARD_SWEEP, "forward": Source.FORWARD_SWEEP}[
                    meta["source"]
                ],
                after_forward=meta["after_forward"],
            ),
            feedback=Feedback(SIGNAL[meta["backprop"]], meta["every"]),
        )

    @property
    def genome(self) -> Genome:
        """The genome, its numbers in blurax's conventions."""
        neuron = NeuronGenes(*(jnp.asarray(self[name]) for name in ("nu", "mu", "f", "eta")))
        after = self._synapse_genes("forward_") if self.meta["after_forward"] else None
        return Genome(neuron, self._synapse_genes(""), after, self.rule)

    def _synapse_genes(self, which: str) -> SynapseGenes:
        stable, eta_tilde = self.rule.stabilise, self[f"{which}eta_tilde"]
        channels = self.rule.synapse_channels
        genes = {
            "nu_tilde": self[f"{which}nu_tilde"][..., :channels],
            "mu_tilde": self[f"{which}mu_tilde"][..., :channels, :],
            "f_tilde": self[f"{which}f_tilde"],
            "eta_tilde": eta_tilde,
        }
        terms = {}
        if stable.oja is Oja.MULTIPLIER:  # the release gates its term like the rest of (7)
            terms["oja"] = np.abs(eta_tilde) * np.abs(self[f"{which}oja"])
        if stable.saturation is Saturation.TANH:
            terms["saturation"] = self[f"{which}saturation"]
        if stable.saturation is Saturation.EXPONENTIAL:
            terms["saturation"] = EPSILON + np.abs(self[f"{which}saturation"])
        own, added = ({name: jnp.asarray(v) for name, v in g.items()} for g in (genes, terms))
        return SynapseGenes(**own, terms=added)

    @property
    def state(self) -> NetworkState:
        """The network at the start; kept neurons start at 0."""
        synapses = tuple(
            Synapses(*(None if w is None else jnp.asarray(w) for w in layer))
            for layer in self.initial
        )
        if not self.meta["keep_neurons"]:
            return NetworkState(synapses, None)
        k, batch = self.meta["k"], self.meta["batch"]
        below, *above = self.meta["sizes"]
        zeros = [jnp.zeros((1, batch, below)), *(jnp.zeros((k, batch, n)) for n in above)]
        return NetworkState(synapses, tuple(zeros))

    @property
    def batches(self) -> tuple[jax.Array, jax.Array]:
        """The inputs and labels of each step."""
        return jnp.asarray(self["x"][:-1]), jnp.asarray(self["y"][:-1])

    @property
    def query(self) -> jax.Array:
        """The inputs asked about afterwards."""
        return jnp.asarray(self["x"][-1])

    @property
    def initial(self) -> list[tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
        """The synapses before the first step: forward, bias, backward."""
        return self._synapses("w0")

    @property
    def learned(self) -> list[tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
        """The synapses after the last step: forward, bias, backward."""
        return self._synapses("w")

    @property
    def answer(self) -> np.ndarray | None:
        """What the network says of the query; the release asks kept neurons, blurax resting ones:
        no answer is stored for those."""
        return None if self.meta["keep_neurons"] else self["query"]

    def _synapses(self, which: str) -> list:
        channels, layers = self.rule.synapse_channels, len(self.meta["sizes"]) - 1
        found = []
        for l in range(layers):
            up, bias, down = (
                self[f"{which}_{l}_{part}"][:channels] for part in ("up", "bias", "down")
            )
            # None leads back to the input layer, which hears nothing.
            own = self.rule.symmetry is Symmetry.ASYMMETRIC and l > 0
            found.append((up, bias, down if own else None))
        return found
