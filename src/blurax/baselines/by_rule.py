"""Gradient descent by equations (5) to (7), with other feedback than its own."""

import dataclasses
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax import genome as genomes
from blurax import inner
from blurax.baselines.alignment import FeedbackWeights, twins
from blurax.baselines.ranges import check_below_one
from blurax.baselines.weights import gain
from blurax.genome import Genome
from blurax.inner import StepInfo
from blurax.learner import Batch, Learner
from blurax.links import Indexed
from blurax.network import Network, NetworkState, Synapses
from blurax.spec import Activation, Init, InitScale, Rule, Signal
from blurax.targets import Target


class RuleDescent(Learner):
    """The genome of back-propagation (sec. 3.1 of the paper), at the learning rate of each step.

    In a network of `alignment` it is feedback alignment, direct or not. Biases start at 0.

    Raises:
        BluraxError: for a decay out of its range.
    """

    network: Network = eqx.field(static=True)
    activation: Activation = eqx.field(static=True)
    target: Target = eqx.field(static=True)
    feedback: FeedbackWeights = eqx.field(static=True, default=FeedbackWeights.RANDOM)
    """What backward synapses of their own are, where the network has some."""
    decay: float = eqx.field(static=True, default=0.0)
    """The share of all synapses that each step takes away: at least 0 and below 1."""

    def __check_init__(self) -> None:
        check_below_one("RuleDescent.decay", self.decay)

    @property
    def rule(self) -> Rule:
        """Back-propagation's; it sends down the squared error's gradient for a single output."""
        init = Init(gain(self.activation) ** 0.5, InitScale.FAN_IN)
        signal = Signal.CROSS_ENTROPY if self.target.outputs >= 2 else Signal.SQUARED_ERROR
        return Rule.backprop(self.activation, signal=signal, init=init)

    def init(self, key: PRNGKeyArray, batch: int) -> NetworkState:
        """An initial network with zero biases."""
        state = self.network.init(key, self.rule, batch)
        zeroed = [
            s if s.bias is None else Synapses(s.forward, jnp.zeros_like(s.bias), s.backward)
            for s in state.synapses
        ]
        return self._held(_with(state, zeroed), state)

    def step(
        self,
        state: NetworkState,
        batch: Batch,
        *,
        rate: Float[Array, ""],
        key: PRNGKeyArray,
        index: Int[Array, ""],
    ) -> tuple[NetworkState, StepInfo]:
        """One inner step, after which backward synapses become what `feedback` says."""
        x, y, how = batch.x, batch.y, {"target": self.target, "mask": batch.mask}
        after, info = inner.step(self._genome(rate), state, x, y, index, **how)
        return self._held(after, state), info

    def predict(
        self, state: NetworkState, x: Float[Array, "q ..."] | Indexed
    ) -> Float[Array, "q outputs"]:
        """State 1 of the first output after a forward sweep."""
        return inner.predict(self._genome(jnp.zeros((), float)), state, x)

    def activations(
        self,
        state: NetworkState,
        x: Float[Array, "q ..."] | Indexed,
        batch: Float[Array, "b ..."] | Indexed,
    ) -> list[Float[Array, "q ..."]]:
        """State 1 of each group."""
        return inner.activations(self._genome(jnp.zeros((), float)), state, x)

    def _genome(self, rate: Float[Array, ""]) -> Genome:
        genome = genomes.backprop(self.rule, 0.0)
        found: dict[str, Any] = {"eta_tilde": -rate, "f_tilde": jnp.asarray(self._kept)}
        return dataclasses.replace(genome, synapse=dataclasses.replace(genome.synapse, **found))

    @property
    def _kept(self) -> float:
        return 1.0 - self.decay

    def _held(self, new: NetworkState, before: NetworkState) -> NetworkState:
        """With the backward synapses that belong to the new forward ones."""
        synapses = list(new.synapses)
        for l, up in twins(self.network).items():
            forward: Any = new.synapses[up].forward
            old: Any = before.synapses[up].forward
            backward: Any = synapses[l].backward
            edge = self.network.edges[l]
            kept = self._kept if self.network.edges[up].plastic else 1.0
            pre, post = self.network.groups[edge.pre], self.network.groups[edge.post]
            if self.feedback is FeedbackWeights.SIGN:
                fan_in = edge.link.fan_in(pre, post) + self.network.edges[up].bias
                std = (gain(self.activation) / fan_in) ** 0.5
                backward = std * jnp.sign(edge.link.turned(forward, pre, post))
            elif self.feedback is FeedbackWeights.MIRROR:
                backward = kept * backward + edge.link.turned(forward - kept * old, pre, post)
            synapses[l] = Synapses(synapses[l].forward, synapses[l].bias, backward)
        return _with(new, synapses)


def _with(state: NetworkState, synapses: list[Synapses]) -> NetworkState:
    return NetworkState(tuple(synapses), state.neurons, state.steps, state.graph)
