"""Learning by gradient descent whose errors travel down through other weights than W^T.

Feedback alignment (Lillicrap et al., "Random synaptic feedback weights support error
backpropagation for deep learning", Nature Communications 2016), sign-symmetric feedback (Liao,
Leibo and Poggio, "How important is weight symmetry in backpropagation?", AAAI 2016) and direct
feedback alignment (Nøkland, "Direct feedback alignment provides learning in deep neural networks",
NeurIPS 2016).
"""

import dataclasses
import enum

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax import genome as genomes
from blurax import inner
from blurax.activations import phi, phi_prime
from blurax.baselines.descent import Layer, gain, initial_layers
from blurax.genome import Genome
from blurax.inner import StepInfo
from blurax.learner import Batch, Learner
from blurax.network import Network, NetworkState, Synapses
from blurax.spec import Activation, Init, InitScale, Rule, Signal, Symmetry
from blurax.targets import Target


class FeedbackWeights(enum.StrEnum):
    """What the backward synapses are."""

    RANDOM = "random"
    """Drawn at birth and never changed."""
    SIGN = "sign"
    """The signs of the forward ones, transposed, times the standard deviation of these at birth."""


def signal_for(target: Target) -> Signal:
    """The gradient that is sent down: the squared error's for a single output."""
    return Signal.CROSS_ENTROPY if target.outputs >= 2 else Signal.SQUARED_ERROR


class Aligned(Learner):
    """Feedback alignment or sign-symmetric feedback, in blurax's own network.

    The genome is that of back-propagation (sec. 3.1 of the paper) in a network of asymmetric
    synapses: forward sweep, feedback, backward sweep and the update of the forward synapses are
    those of equations (5) to (7). A genome would update both directions alike; after each step the
    backward synapses are put back to what `feedback` says. Biases start at 0.
    """

    network: Network = eqx.field(static=True)
    feedback: FeedbackWeights = eqx.field(static=True)
    activation: Activation = eqx.field(static=True)
    target: Target = eqx.field(static=True)

    @property
    def rule(self) -> Rule:
        """Back-propagation's, with backward synapses of their own."""
        init = Init(gain(self.activation) ** 0.5, InitScale.FAN_IN)
        signal = signal_for(self.target)
        exact = Rule.backprop(self.activation, signal=signal, init=init)
        return dataclasses.replace(exact, symmetry=Symmetry.ASYMMETRIC)

    def init(self, key: PRNGKeyArray, batch: int) -> NetworkState:
        """An initial network with zero biases."""
        state = self.network.init(key, self.rule, batch)
        zeroed = tuple(
            Synapses(s.forward, jnp.zeros_like(s.bias), s.backward) for s in state.synapses
        )
        return self._held(NetworkState(zeroed, None), state)

    def step(
        self,
        state: NetworkState,
        batch: Batch,
        *,
        rate: Float[Array, ""],
        key: PRNGKeyArray,
        index: Int[Array, ""],
    ) -> tuple[NetworkState, StepInfo]:
        """One inner step, after which the backward synapses are put back."""
        x, y, how = batch.x, batch.y, {"target": self.target, "mask": batch.mask}
        after, info = inner.step(self._genome(rate), state, x, y, index, **how)
        return self._held(after, state), info

    def predict(
        self, state: NetworkState, x: Float[Array, "q features"]
    ) -> Float[Array, "q outputs"]:
        """State 1 of the last layer after a forward sweep."""
        return inner.predict(self._genome(jnp.zeros((), float)), state, x)

    def _genome(self, rate: Float[Array, ""]) -> Genome:
        exact = genomes.backprop(self.rule, 0.0)
        return eqx.tree_at(lambda g: g.synapse.eta_tilde, exact, -rate)

    def _held(self, new: NetworkState, before: NetworkState) -> NetworkState:
        """The new forward synapses with the backward ones that belong to them."""
        if self.feedback is FeedbackWeights.RANDOM:
            pairs = zip(new.synapses, before.synapses, strict=True)
            held = tuple(Synapses(now.forward, now.bias, old.backward) for now, old in pairs)
        else:
            held = tuple(Synapses(s.forward, s.bias, self._signs(s)) for s in new.synapses)
        return NetworkState(held, None)

    def _signs(self, between: Synapses) -> Float[Array, "1 j i"] | None:
        if between.backward is None:  # towards the input layer, which gets no feedback
            return None
        inputs = between.forward.shape[1] + 1
        std = (gain(self.activation) / inputs) ** 0.5
        return std * jnp.sign(jnp.swapaxes(between.forward, 1, 2))


class DirectFeedback(Learner):
    """Direct feedback alignment: each hidden layer gets the error of the last one directly.

    The error of hidden layer l is (e B_l) φ'(z_l), where e is the gradient at the outputs and B_l
    is random and fixed. Such synapses skip layers, which blurax's network does not have; so this
    is written out.
    """

    network: Network = eqx.field(static=True)
    activation: Activation = eqx.field(static=True)
    target: Target = eqx.field(static=True)

    def init(self, key: PRNGKeyArray, batch: int) -> tuple[list[Layer], list[Float[Array, "_ _"]]]:
        """Layers as for the optimisers, and B_l, normal with variance gain / outputs."""
        size = gain(self.activation)
        layers = initial_layers(key, self.network, self.activation)
        *_, outputs = self.network.sizes
        hidden = self.network.sizes[1:-1]
        # One draw, cut into pieces: each draw takes XLA long to compile.
        drawn = jax.random.normal(jax.random.fold_in(key, 1), (outputs, sum(hidden)), float)
        ends = [sum(hidden[: n + 1]) for n in range(len(hidden))][:-1]
        pieces = jnp.split((size / outputs) ** 0.5 * drawn, ends, axis=1) if hidden else []
        return layers, pieces

    def step(
        self,
        state: tuple[list[Layer], list[Float[Array, "_ _"]]],
        batch: Batch,
        *,
        rate: Float[Array, ""],
        key: PRNGKeyArray,
        index: Int[Array, ""],
    ) -> tuple[tuple[list[Layer], list[Float[Array, "_ _"]]], None]:
        """One update with the mean over the batch."""
        (layers, feedback), mask = state, batch.mask
        inputs, arguments = self._forward(layers, batch.x)
        error = self.target.feedback(signal_for(self.target), arguments[-1], batch.y)
        if mask is not None:  # the mean over the batch below is over those that count
            error = jnp.where(mask[:, None], error * len(mask) / jnp.maximum(jnp.sum(mask), 1), 0.0)
        deltas = [
            (error @ b) * phi_prime(z, self.activation)
            for b, z in zip(feedback, arguments[:-1], strict=True)
        ]
        new = [
            Layer(
                layer.w - rate * a.T @ delta / len(error),
                layer.b - rate * jnp.mean(delta, axis=0),
                None,
            )
            for layer, a, delta in zip(layers, inputs, [*deltas, error], strict=True)
        ]
        return (new, feedback), None

    def predict(
        self,
        state: tuple[list[Layer], list[Float[Array, "_ _"]]],
        x: Float[Array, "q features"],
    ) -> Float[Array, "q outputs"]:
        """The outputs, or logits."""
        return self._forward(state[0], x)[1][-1]

    def _forward(
        self, layers: list[Layer], x: Float[Array, "b features"]
    ) -> tuple[list[Array], list[Array]]:
        """The inputs of each layer of weights, and the arguments of φ that they give."""
        inputs, arguments = [], []
        for layer in layers:
            inputs.append(x)
            arguments.append(x @ layer.w + layer.b)
            x = phi(arguments[-1], self.activation)
        return inputs, arguments
