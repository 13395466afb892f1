"""VSML: small LSTMs with shared numbers in the place of every synapse.

After Kirsch and Schmidhuber, "Meta Learning Backpropagation And Improving It", NeurIPS 2021
(arXiv 2012.14905), section 3, and the authors' code: messages are averaged over synapses, outputs
bounded, and each example is followed by a backward pass of the same LSTMs (there an option,
`backward_pass`) that brings error and label (`feed_label`). Its layer norm is left out.
"""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax.bounds import check_count
from blurax.choices import Signal
from blurax.learned.chains import check_chain
from blurax.learned.retargeted import retargeted
from blurax.learned.synaptic_lstm import Synapses, SynapticLstm
from blurax.learner import Batch, Learner
from blurax.network import Network
from blurax.targets import Classes, Target

BOUND = 100.0
"""Outputs lie between -100 and 100, as in the authors' code."""
AT_ONCE = 64
"""Inputs that are predicted side by side: each has states of all synapses of its own."""


Memory = tuple[Synapses, ...]
"""What the synapses of each layer hold."""


class Vsml(Learner):
    """A recurrent network that learns by running: nothing in it computes a gradient of a weight.

    Synapse (i, j) is an LSTM with a state of its own and numbers that all share. In a tick it
    hears what neuron i heard from below and neuron j from above; neuron j then hears from below,
    and neuron i from above, the mean of linear functions of what their synapses say. An example
    takes a sweep up, with the input as the message from below, of which the first component of
    the last message is the output; then a sweep down, with the derivative of the loss by the
    output and the label as the message from above.

    The examples of a batch are learned one after another: a batch of n is n steps of one.
    Inputs in another order, or hidden neurons, learn the same in that order. With more synapses a
    network has larger states and no more numbers to meta-learn.

    Raises:
        BluraxError: for a network that is no fully connected chain, or sizes that are no counts.
    """

    network: Network = eqx.field(static=True)
    target: Target = eqx.field(static=True)
    ticks: int = eqx.field(static=True)
    """Steps that the LSTMs of a layer take in a sweep."""
    lstm: SynapticLstm

    def __init__(
        self, network: Network, width: int = 8, messages: int = 4, ticks: int = 1, seed: int = 0
    ) -> None:
        """Random numbers, which learn nothing before they are meta-trained.

        Args:
            width: numbers that an LSTM holds, a whole number >= 2.
            messages: numbers in a message, a whole number >= 2: for error and label.
            ticks: steps of an LSTM in each sweep, a whole number >= 1.
            seed: of the random numbers.
        """
        check_count("width", width, least=2)
        check_count("messages", messages, least=2)
        check_count("ticks", ticks)
        self.network, self.target, self.ticks = network, Classes(network.sizes[-1]), ticks
        self.lstm = SynapticLstm(jax.random.key(seed), width, messages)

    def __check_init__(self) -> None:
        check_chain(self)

    def for_target(self, target: Target) -> "Vsml":
        """The same, which hears errors of the target's loss."""
        return retargeted(self, target)

    def init(self, key: PRNGKeyArray, batch: int) -> Memory:
        """Half of each state drawn, so that no two synapses are alike, and all else 0.

        The drawn half is normal of variance 1 / inputs, as in the authors' code.
        """
        sizes, width = self.network.sizes, self.lstm.up.shape[1]
        drawn, synapses = width // 2, []
        for l, (i, j) in enumerate(itertools.pairwise(sizes)):
            own = jax.random.normal(jax.random.fold_in(key, l), (drawn, i, j), float) / i**0.5
            zeros = jnp.zeros((width, i, j), float)
            synapses.append(Synapses(zeros, zeros.at[:drawn].set(own)))
        return tuple(synapses)

    def step(
        self,
        state: Memory,
        batch: Batch,
        *,
        rate: Float[Array, ""],
        key: PRNGKeyArray,
        index: Int[Array, ""],
    ) -> tuple[Memory, None]:
        """The examples one after another; the rate is its own."""
        mask = jnp.ones(len(batch.x), bool) if batch.mask is None else batch.mask

        def one(state: Memory, example: tuple[Array, Array, Array]) -> tuple[Memory, None]:
            x, y, counts = example
            after = self._learned(state, x, y)
            return jax.tree.map(lambda new, old: jnp.where(counts, new, old), after, state), None

        return jax.lax.scan(one, state, (batch.x, batch.y, mask))

    def predict(self, state: Memory, x: Float[Array, "q inputs"]) -> Float[Array, "q outputs"]:
        """The outputs of a sweep up, each from the same state, which stays as it is."""
        return jax.lax.map(lambda row: self._up(state, row)[-1], x, batch_size=AT_ONCE)

    def activations(
        self, state: Memory, x: Float[Array, "q inputs"], batch: Float[Array, "b inputs"]
    ) -> list[Float[Array, "q _"]]:
        """The first component of what each group hears from below; the last are the outputs."""

        def said(row: Float[Array, " inputs"]) -> list[Float[Array, " _"]]:
            _, heard, outputs = self._up(state, row)
            return [*(message[0] for message in heard), outputs]

        return jax.lax.map(said, x, batch_size=AT_ONCE)

    def _learned(
        self, state: Memory, x: Float[Array, " inputs"], y: Float[Array, " outputs"]
    ) -> Memory:
        """The state after an example."""
        state, heard, outputs = self._up(state, x)
        error = self.target.feedback(Signal.CROSS_ENTROPY, outputs[None], y[None])[0]
        label = (y > 0).astype(y.dtype) if isinstance(self.target, Classes) else y
        above, after = self._message(error, label), []
        for synapses, below in zip(state[::-1], heard[::-1], strict=True):
            after.append(self._ticked(synapses, below, above))
            above = self.lstm.said(after[-1])[1]
        return tuple(after[::-1])

    def _up(
        self, state: Memory, x: Float[Array, " inputs"]
    ) -> tuple[Memory, list[Float[Array, "messages _"]], Float[Array, " outputs"]]:
        """A sweep up, in which nothing comes from above.

        Returns:
            The state after it, what each layer heard from below, and the outputs.
        """
        heard, after = [self._message(x)], []
        for synapses in state:
            silence = jnp.zeros((len(self.lstm.up), synapses.cell.shape[2]), x.dtype)
            after.append(self._ticked(synapses, heard[-1], silence))
            heard.append(self.lstm.said(after[-1])[0])
        outputs = BOUND * jnp.tanh(heard.pop()[0] / BOUND)
        return tuple(after), heard, outputs

    def _ticked(self, synapses: Synapses, below: Array, above: Array) -> Synapses:
        """The synapses of a layer after the steps that they take in a sweep."""
        for _ in range(self.ticks):
            synapses = self.lstm.tick(synapses, below, above)
        return synapses

    def _message(self, *parts: Float[Array, " n"]) -> Float[Array, "messages n"]:
        """Numbers for each neuron as messages, whose other components are 0."""
        return jnp.pad(jnp.stack(parts), ((0, len(self.lstm.up) - len(parts)), (0, 0)))
