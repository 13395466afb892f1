"""A predictive-coding network: neurons settle between prediction and target, then synapses learn.

Sources: Rao and Ballard, "Predictive coding in the visual cortex", Nature Neuroscience 1999;
Whittington and Bogacz, "An Approximation of the Error Backpropagation Algorithm in a Predictive
Coding Network with Local Hebbian Synaptic Plasticity", Neural Computation 2017.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from blurax.activations import phi
from blurax.baselines.local import Layers, LocalRule, usual_layers
from blurax.baselines.ranges import check_positive
from blurax.bounds import check_whole
from blurax.errors import require
from blurax.learner import Batch
from blurax.spec import Activation
from blurax.targets import Classes, Regression, mean

Neurons = tuple[Float[Array, "b _"], ...]
"""The value of each neuron above the input, `[b, n]` for each group."""


class PredictiveCoding(LocalRule):
    """Descends F = Σ_l |x_l - f(x_{l-1} W_l + b_l)|² / (2 v_l), first by neurons, then by synapses.

    In a step the input is clamped to the example and the output to the target, classes to +1 and
    -1. The hidden neurons start at their predictions, where F is the squared error alone. In each
    of `steps` steps of inference they descend F at the rate `inference`; then the synapses get its
    gradient, which is local: the error of the neuron above times the activity of the one below. The
    output is linear. v is 1 but for the output's v_L, `variance`: where it grows, equilibrium
    comes close to what a forward sweep says, and the gradient's direction to that of
    back-propagation (Whittington and Bogacz 2017).

    Raises:
        BluraxError: as `LocalRule`, for a target that is neither classes nor numbers, fewer than 1
            step, or a rate or variance that is not above 0.
    """

    activation: Activation = eqx.field(static=True, kw_only=True)
    """f of the hidden groups."""
    steps: int = eqx.field(static=True, kw_only=True, default=20)
    """Of inference, for each batch."""
    inference: Float[Array, ""] = eqx.field(kw_only=True)
    """The rate of each of these steps."""
    variance: Float[Array, ""] = eqx.field(kw_only=True)
    """v_L."""

    def __check_init__(self) -> None:
        require(
            isinstance(self.target, Classes | Regression),
            f"The task asks for {self.target}; PredictiveCoding takes classes or numbers, to which "
            "it can clamp its outputs.",
        )
        check_whole("PredictiveCoding.steps", self.steps)
        for name in ("inference", "variance"):
            check_positive(f"PredictiveCoding.{name}", getattr(self, name))

    def drawn(self, key: PRNGKeyArray) -> Layers:
        """The optimisers' own."""
        return usual_layers(key, self.network, self.activation)

    def forward(self, layers: Layers, x: Float[Array, "b inputs"]) -> Neurons:
        """Each group as those below predict it."""
        found = [x]
        for l in range(len(layers)):
            found.append(self._predicted(layers, l, found[-1]))
        return tuple(found[1:])

    def energies(
        self, layers: Layers, x: Float[Array, "b inputs"], neurons: Neurons
    ) -> Float[Array, " b"]:
        """F of each example.

        Args:
            neurons: the output among them, clamped or not.
        """
        found = jnp.zeros(len(x))
        for l, (below, here) in enumerate(zip((x, *neurons), neurons, strict=False)):
            square = jnp.sum((here - self._predicted(layers, l, below)) ** 2, axis=-1) / 2
            found += square / self.variance if l == len(layers) - 1 else square
        return found

    def inferred(
        self, layers: Layers, x: Float[Array, "b inputs"], y: Float[Array, "b outputs"]
    ) -> tuple[Neurons, Float[Array, "steps b"]]:
        """The neurons after inference, the output clamped to y, and F before each step of it."""

        def energy(hidden: Neurons) -> tuple[Float[Array, ""], Float[Array, " b"]]:
            each = self.energies(layers, x, (*hidden, y))
            return jnp.sum(each), each

        def one(hidden: Neurons, _: None) -> tuple[Neurons, Float[Array, " b"]]:
            slopes, each = jax.grad(energy, has_aux=True)(hidden)
            return jax.tree.map(lambda a, g: a - self.inference * g, hidden, slopes), each

        hidden = self.forward(layers, x)[:-1]
        hidden, energies = jax.lax.scan(one, hidden, None, length=self.steps)
        return (*hidden, y), energies

    def changes(self, layers: Layers, batch: Batch, key: PRNGKeyArray) -> Layers:
        """The gradient of the mean F by the synapses, after inference."""
        x = self.rows(batch.x)
        neurons, _ = self.inferred(layers, x, batch.y)
        return jax.grad(lambda layers: mean(self.energies(layers, x, neurons), batch.mask))(layers)

    def predict(
        self, state: tuple[Layers, Any], x: Float[Array, "q inputs"]
    ) -> Float[Array, "q outputs"]:
        """The output of a forward sweep, where F is least if nothing is clamped but the input."""
        return self.forward(state[0], self.rows(x))[-1]

    def activations(
        self, state: tuple[Layers, Any], x: Float[Array, "q inputs"], batch: Any
    ) -> list[Float[Array, "q ..."]]:
        """Those of a forward sweep."""
        rows = self.rows(x)
        return [rows, *self.forward(state[0], rows)]

    def _predicted(self, layers: Layers, l: int, below: Float[Array, "b i"]) -> Float[Array, "b j"]:
        w, b = layers[l]
        z = below @ w + b
        return z if l == len(layers) - 1 else phi(z, self.activation)
