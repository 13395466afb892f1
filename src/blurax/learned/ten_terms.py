"""Ten local terms with learned coefficients, for errors that come down random synapses.

After Shervani-Tabar and Rosenbaum, "Meta-learning biologically plausible plasticity rules with
random feedback pathways", Nature Communications 14, 1805 (2023): a pool of ten terms, of which an
L1 penalty in meta-training (`Objective.sparse`, their equation 6) is to keep few.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from blurax.choices import Signal
from blurax.errors import require
from blurax.learned.chains import check_chain
from blurax.learned.retargeted import retargeted
from blurax.learner import Batch, Learner
from blurax.network import Network
from blurax.targets import Classes, Target

TERMS = (
    "pseudo-gradient",
    "Hebb, error before",
    "Hebb, errors",
    "decay",
    "error before",
    "pseudo-gradient times activity",
    "activity squared, error before squared",
    "error times activity, error before times activity before",
    "activity times error, activity before times error before",
    "Oja",
)
"""What each coefficient weighs, in order."""
SHARPNESS = 10.0
"""β of the softplus log(1 + exp(β z)) / β (equation 13)."""

Matrices = tuple[Float[Array, "_ _"], ...]
"""One `[i, j]` for each layer, from the input up."""


class State(eqx.Module):
    """A network on its way."""

    weights: Matrices
    feedback: Matrices
    """Through which errors come down, `[i, j]` too; drawn once and never changed."""


class TenTerms(Learner):
    """Every synapse changes by the same sum of ten local terms.

    With W the synapses of a layer, y and e what its neurons say and their errors, y' and e' those
    of the layer before it, and 1 a vector of ones, an example changes W by

        - θ0 e y'ᵀ - θ1 y e'ᵀ - θ2 e e'ᵀ - θ3 W - θ4 1 e'ᵀ - θ5 e (1ᵀ y) y'ᵀ
        - θ6 y (yᵀ W e') e'ᵀ - θ7 e (yᵀ W e') y'ᵀ - θ8 y (y'ᵀ Wᵀ e) e'ᵀ + θ9 (y y'ᵀ - y yᵀ W)

    and a batch by the mean over its examples. The error of the outputs is the derivative of the
    loss, for classes softmax(z) - onehot, and their y is the softmax; below, e' = (Bᵀ e) σ'(z')
    with a fixed random B. Hidden neurons are σ, a softplus, and there are no biases. An input has
    the error of a neuron that says as much; where it is negative, no neuron does, and that is 0.

    θ0 = rate with all others 0 is feedback alignment, with `symmetric` too gradient descent: the
    rule has its own rate and ignores the one given. Networks are fully connected chains. Hidden
    neurons in another order, with their feedback, learn the same in that order.

    Source: Shervani-Tabar and Rosenbaum 2023: the terms are their equations (14) to (23), the sum
    (5), the non-linearity (13), the error of an input (24); θ0 = 1e-3 at the start and Glorot's
    uniform synapses as in their Methods.

    Raises:
        BluraxError: for a network that is no fully connected chain, or a rate that is no number
            above 0.
    """

    network: Network = eqx.field(static=True)
    target: Target = eqx.field(static=True)
    symmetric: bool = eqx.field(static=True)
    """Whether errors come down through the forward synapses themselves, as in back-propagation."""
    coefficients: Float[Array, " 10"]
    """θ0 to θ9, see `TERMS`."""

    def __init__(self, network: Network, rate: float = 1e-3, symmetric: bool = False) -> None:
        """The pseudo-gradient alone.

        Args:
            rate: θ0, above 0.
            symmetric: without random feedback, for comparison.
        """
        require(0 < rate < float("inf"), f"rate is {rate}; it takes a number above 0.")
        self.network, self.target = network, Classes(network.sizes[-1])
        self.symmetric = symmetric
        self.coefficients = jnp.zeros(len(TERMS), float).at[0].set(rate)

    def __check_init__(self) -> None:
        check_chain(self)

    def for_target(self, target: Target) -> "TenTerms":
        """The same, whose errors are the target's."""
        return retargeted(self, target)

    def init(self, key: PRNGKeyArray, batch: int) -> State:
        """Forward and feedback synapses, drawn alike: uniform up to sqrt(6 / (inputs + outputs)).

        Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
        networks", AISTATS 2010, equation (16).
        """
        up, down = (_drawn(each, self.network.sizes) for each in jax.random.split(key))
        return State(up, down)

    def step(
        self,
        state: State,
        batch: Batch,
        *,
        rate: Float[Array, ""],
        key: PRNGKeyArray,
        index: Any,
    ) -> tuple[State, None]:
        """A sweep up, one down, and the change of every layer."""
        says = self._sweep(state.weights, batch.x)
        errors = self._errors(state, says, batch.y)
        said = [*says[:-1], self._meant(says[-1])]
        weights = tuple(
            w + self._change(w, said[l], said[l + 1], errors[l], errors[l + 1], batch.mask)
            for l, w in enumerate(state.weights)
        )
        return State(weights, state.feedback), None

    def _sweep(self, weights: Matrices, x: Float[Array, "b inputs"]) -> list[Float[Array, "b _"]]:
        """The input, what hidden neurons say, and the outputs, which are linear."""
        says = [x]
        for w in weights[:-1]:
            says.append(jax.nn.softplus(SHARPNESS * (says[-1] @ w)) / SHARPNESS)
        return [*says, says[-1] @ weights[-1]]

    def _errors(
        self, state: State, says: list[Float[Array, "b _"]], y: Any
    ) -> list[Float[Array, "b _"]]:
        """The error of every neuron, the inputs first."""
        down = state.weights if self.symmetric else state.feedback
        errors = [self.target.feedback(Signal.CROSS_ENTROPY, says[-1], y)]
        for b, a in zip(reversed(down), reversed(says[:-1]), strict=True):
            # σ'(z) = 1 - exp(-β σ(z)), of which an input has only σ(z).
            slope = -jnp.expm1(-SHARPNESS * jax.nn.relu(a))
            errors.append((errors[-1] @ b.T) * slope)
        return errors[::-1]

    def _meant(self, outputs: Float[Array, "b outputs"]) -> Float[Array, "b outputs"]:
        """The probabilities of classes, or the outputs themselves."""
        if not isinstance(self.target, Classes):
            return outputs
        return jax.nn.sigmoid(outputs) if outputs.shape[1] == 1 else jax.nn.softmax(outputs)

    def _change(
        self,
        w: Float[Array, "i j"],
        before: Float[Array, "b i"],
        after: Float[Array, "b j"],
        error_before: Float[Array, "b i"],
        error: Float[Array, "b j"],
        mask: Any,
    ) -> Float[Array, "i j"]:
        """The sum of the ten terms: all but decay are outer products with e, y or 1."""
        t = self.coefficients
        total = jnp.sum(after, axis=1, keepdims=True)
        mixed = jnp.sum((error_before @ w) * after, axis=1, keepdims=True)  # yᵀ W e'
        crossed = jnp.sum((before @ w) * error, axis=1, keepdims=True)  # y'ᵀ Wᵀ e
        by_error = -(t[0] + t[5] * total + t[7] * mixed) * before - t[2] * error_before
        by_says = -(t[1] + t[6] * mixed + t[8] * crossed) * error_before
        by_says += t[9] * (before - after @ w.T)
        share = jnp.ones(len(after)) if mask is None else mask.astype(float)
        share = (share / jnp.maximum(jnp.sum(share), 1))[:, None]
        change = (share * by_error).T @ error + (share * by_says).T @ after
        return change - t[4] * jnp.sum(share * error_before, axis=0)[:, None] - t[3] * w

    def predict(self, state: State, x: Float[Array, "q ..."]) -> Float[Array, "q outputs"]:
        """The last layer."""
        return self._sweep(state.weights, x)[-1]

    def activations(
        self, state: State, x: Float[Array, "q ..."], batch: Float[Array, "b ..."]
    ) -> list[Float[Array, "q ..."]]:
        """What each group says."""
        return self._sweep(state.weights, x)


def _drawn(key: PRNGKeyArray, sizes: tuple[int, ...]) -> Matrices:
    keys = jax.random.split(key, len(sizes) - 1)
    return tuple(
        jax.random.uniform(k, (i, j), float, -1, 1) * (6 / (i + j)) ** 0.5
        for k, i, j in zip(keys, sizes, sizes[1:], strict=False)
    )
