"""A rule of a user's own, whose runs are killed like others: back-propagation that fades."""

import equinox as eqx
import jax
import jax.numpy as jnp

import blurax


class Fading(blurax.Learner):
    """w <- keep * w + rate * what back-propagation says."""

    network: blurax.Network = eqx.field(static=True)
    rate: jax.Array = eqx.field(converter=jnp.asarray, default=0.1)
    keep: jax.Array = eqx.field(converter=jnp.asarray, default=1.0)

    def init(self, key, batch):
        """Normal synapses, scaled by the inputs of a neuron."""
        sizes = self.network.sizes
        pairs = zip(jax.random.split(key, len(sizes) - 1), sizes, sizes[1:], strict=False)
        return [jax.random.normal(key, (i, j)) / i**0.5 for key, i, j in pairs]

    def step(self, state, batch, *, rate, key, index):
        """From the last layer down."""
        x, y = batch
        *below, answer = self._sweep(state, x)
        error, new = (y > 0) - jax.nn.softmax(answer), []
        for w, a in zip(reversed(state), reversed(below), strict=True):
            new.append(self.keep * w + self.rate * a.T @ error / len(x))
            error = error @ w.T * (1 - a**2)
        return new[::-1], None

    def predict(self, state, x):
        """The last layer."""
        return self._sweep(state, x)[-1]

    def _sweep(self, state, x):
        layers = [x]
        for w in state[:-1]:
            layers.append(jnp.tanh(layers[-1] @ w))
        return [*layers, layers[-1] @ state[-1]]
