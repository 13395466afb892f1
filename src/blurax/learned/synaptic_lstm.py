"""One small LSTM in the place of every synapse of a layer; all share their numbers.

The LSTM is that of Hochreiter and Schmidhuber (Neural Computation 1997) with forget gates (Gers et
al., Neural Computation 2000), on the messages that the neurons at the two ends of a synapse hear.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

KEEP, WRITE = 5.0, -3.0
"""Biases of the forget and the input gate at the start: a synapse keeps what it holds, and changes
a little at a time."""
LOUD = 4.0
"""How large the maps from states to messages are at the start: the mean over many synapses of what
they say is small."""


class Synapses(eqx.Module):
    """What the synapses of a layer hold."""

    hidden: Float[Array, "width i j"]
    """What an LSTM says, from -1 to 1."""
    cell: Float[Array, "width i j"]


class SynapticLstm(eqx.Module):
    """The numbers that all synapses share: an LSTM, and the maps from its output to messages."""

    recurrent: Float[Array, "4*width width"]
    from_below: Float[Array, "4*width messages"]
    from_above: Float[Array, "4*width messages"]
    bias: Float[Array, " 4*width"]
    """Of the input gate, the candidate, the forget gate and the output gate, in this order."""
    up: Float[Array, "messages width"]
    up_bias: Float[Array, " messages"]
    down: Float[Array, "messages width"]
    down_bias: Float[Array, " messages"]

    def __init__(self, key: PRNGKeyArray, width: int, messages: int) -> None:
        """Normal numbers; biases that make the LSTM keep what it holds."""
        keys, inputs = iter(jax.random.split(key, 5)), width + 2 * messages

        def drawn(rows: int, columns: int, size: float) -> Float[Array, "{rows} {columns}"]:
            return size * jax.random.normal(next(keys), (rows, columns), float)

        self.recurrent = drawn(4 * width, width, inputs**-0.5)
        self.from_below = drawn(4 * width, messages, inputs**-0.5)
        self.from_above = drawn(4 * width, messages, inputs**-0.5)
        self.bias = jnp.repeat(jnp.array([WRITE, 0.0, KEEP, 0.0]), width)
        self.up = drawn(messages, width, LOUD * width**-0.5)
        self.down = drawn(messages, width, LOUD * width**-0.5)
        self.up_bias, self.down_bias = jnp.zeros(messages, float), jnp.zeros(messages, float)

    def tick(
        self,
        synapses: Synapses,
        below: Float[Array, "messages i"],
        above: Float[Array, "messages j"],
    ) -> Synapses:
        """One step of every LSTM of a layer.

        Args:
            below: what the neurons below hear from below.
            above: what the neurons above hear from above.
        """
        # What a neuron hears is multiplied once, not again for each of its synapses.
        heard = (self.from_below @ below)[:, :, None] + (self.from_above @ above)[:, None]
        gates = jnp.tensordot(self.recurrent, synapses.hidden, 1) + heard
        write, new, keep, say = jnp.split(gates + self.bias[:, None, None], 4)
        cell = jax.nn.sigmoid(keep) * synapses.cell + jax.nn.sigmoid(write) * jnp.tanh(new)
        return Synapses(jax.nn.sigmoid(say) * jnp.tanh(cell), cell)

    def said(
        self, synapses: Synapses
    ) -> tuple[Float[Array, "messages j"], Float[Array, "messages i"]]:
        """What the neurons above hear from a layer, and those below: the means over its synapses.

        The maps are linear, so that they come after the means.
        """
        up = self.up @ jnp.mean(synapses.hidden, axis=1) + self.up_bias[:, None]
        down = self.down @ jnp.mean(synapses.hidden, axis=2) + self.down_bias[:, None]
        return up, down
