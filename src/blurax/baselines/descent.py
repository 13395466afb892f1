"""Gradient descent as a learner: a network's outputs, `jax.grad` and an optimiser of optax."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax.activations import phi
from blurax.baselines.optimisers import OptaxFactory
from blurax.baselines.weights import OMEGA, Weights, initial_weights, with_fixed
from blurax.errors import require
from blurax.frozen import added, check_types
from blurax.learner import Batch, Learner
from blurax.links import Indexed
from blurax.network import Network
from blurax.spec import Activation, Over
from blurax.targets import Target
from blurax.terms.statistics import STATISTICS


@dataclasses.dataclass(frozen=True)
class Setting:
    """A choice for one of the settings of a baseline."""

    name: str
    value: float | int | str | bool

    def __post_init__(self) -> None:
        check_types(self)

    def __str__(self) -> str:
        value = f"{self.value:.4g}" if isinstance(self.value, float) else self.value
        return f"{self.name}={value}"


@dataclasses.dataclass(frozen=True)
class Arrangement:
    """What a network is made of, beside its sizes, and the settings of what trains it."""

    activation: Activation = Activation.RELU
    """The non-linearity of the hidden layers; the last one is linear."""
    normalise: bool = False
    """Normalisation of the hidden layers, before the non-linearity: over the batch, or `over`."""
    settings: tuple[Setting, ...] = added(())
    """One of each that the baseline declares."""
    own: bool = added(False)
    """Whether a learner of the user's own makes the network: the first two do not count then."""
    over: Over = added(Over.BATCH)
    """Over what the hidden layers are normalised, if they are."""

    def __post_init__(self) -> None:
        check_types(self)

    @property
    def chosen(self) -> dict[str, Any]:
        """The settings as keyword arguments."""
        return {setting.name: setting.value for setting in self.settings}

    def words(self, norm: str = "{} norm") -> tuple[str, ...]:
        """What was chosen, in words.

        Args:
            norm: what normalisation is called, with {} for what it goes over.
        """
        norms = (norm.format(self.over.value),) if self.normalise else ()
        network = () if self.own else (self.activation.value, *norms)
        return (*network, *map(str, self.settings)) or ("as written",)

    def __str__(self) -> str:
        return " + ".join(self.words())


def forward(
    network: Network,
    weights: Weights,
    x: Float[Array, "b ..."] | Indexed,
    activation: Activation,
    known: Sequence[Any] | None = None,
    nudges: Sequence[Array] | None = None,
    said: Callable[[int, Array], Array] | None = None,
    over: Over = Over.BATCH,
) -> tuple[list[Float[Array, "b ..."]], list[Any]]:
    """What each group gives, and what those that are normalised are normalised by.

    Batch normalisation (Ioffe and Szegedy, ICML 2015) uses the mean and variance over the examples
    at hand: running averages would still be wrong after 10 steps, and a genome's normalisation does
    the same. Where an edge does not lead down, no gradient comes back by it.

    Args:
        known: means and variances of other examples, used in place of those of `x`.
        nudges: added to what arrives at each group but the first.
        said: what a hidden group, by its number, gives in the place of its activations.
        over: over what means and variances are taken.
    """
    network, inputs = network.on(x)
    statistics = STATISTICS[over]
    groups: list[Array] = [inputs]
    measured: list[Any] = [None]
    for j in range(1, len(network.groups)):
        edges = network.into(j)
        first, *others = (_arriving(network, weights, l, groups) for l in edges)
        z, scale = sum(others, first), weights.scale[j]
        if nudges is not None:
            z = z + nudges[j - 1]
        if weights.before:
            z = _biased(network, weights.before, j, z)
        measured.append(None if scale is None else statistics.measure(z[None]))
        if scale is not None:
            z = statistics.standardised(z[None], (known or measured)[j], scale)[0]
        z = _biased(network, weights.b, j, z)
        fast = OMEGA * z if activation is Activation.SINE else z
        a = z if j in network.outputs else phi(fast, activation)
        groups.append(a if said is None or j in network.outputs else said(j, a))
    return groups, measured


def _biased(network: Network, biases: Sequence[Array | None], j: int, z: Array) -> Array:
    """What a group gets, with the biases of the edges that lead to it."""
    for l in network.into(j):
        b = biases[l]
        if b is not None:
            z = z + network.edges[l].link.bias(b[None, None], network.groups[j])[0]
    return z


def _arriving(
    network: Network, weights: Weights, l: int, groups: list[Float[Array, "b ..."]]
) -> Float[Array, "b ..."]:
    """What a group gets by an edge."""
    edge, w, a = network.edges[l], weights.w[l], groups[network.edges[l].pre]
    pre, post = network.groups[edge.pre], network.groups[edge.post]
    if not edge.down:
        a = jax.lax.stop_gradient(a)
    held: Any = None if w is None else edge.link.held(w[None], pre, post)
    return edge.link.transmit(held, a[None], post)[0]


class GradientDescent(Learner):
    """An optimiser that descends the mean loss of each batch: cross-entropy, or squared error.

    The loss is the mean over the network's outputs.

    Raises:
        BluraxError: for a network with delayed edges.
    """

    network: Network = eqx.field(static=True)
    optimiser: OptaxFactory = eqx.field(static=True)
    """Made from a learning rate and the settings of the arrangement."""
    arrangement: Arrangement = eqx.field(static=True)
    target: Target = eqx.field(static=True)
    """What the task asks for."""
    constants: tuple[tuple[str, Float[Array, ""]], ...] = ()
    """Further settings, as data: names and values."""

    def __check_init__(self) -> None:
        require(
            not self.network.is_delayed,
            f"The network {self.network} has edges with a delay, whose gradient goes back through "
            "all steps before; the optimisers take a network without.",
        )

    @property
    def takes_masks(self) -> bool:
        """Unless hidden layers are normalised over more than each example."""
        chosen = self.arrangement
        return not (chosen.normalise and STATISTICS[chosen.over].mixes)

    def init(self, key: PRNGKeyArray, batch: int) -> tuple[Weights, Any]:
        """Initial weights, and the optimiser's memory."""
        chosen = self.arrangement
        weights: Any = initial_weights(
            key, self.network, chosen.activation, chosen.normalise, chosen.over
        )
        return weights, self.made(jnp.zeros((), float)).init(weights)

    def step(
        self,
        state: tuple[Weights, Any],
        batch: Batch,
        *,
        rate: Float[Array, ""],
        key: PRNGKeyArray,
        index: Int[Array, ""],
    ) -> tuple[tuple[Weights, Any], None]:
        """One update; the optimiser is made anew for the rate of each step."""
        return self.moved(state, self.gradient(state[0], batch), rate), None

    def moved(
        self, state: tuple[Weights, Any], gradient: Any, rate: Float[Array, ""]
    ) -> tuple[Weights, Any]:
        """The state after an update along a gradient."""
        weights: Any  # optax's type of a pytree knows no modules
        weights, memory = state
        updates, memory = self.made(rate).update(gradient, memory, weights)
        new = jax.tree.map(jnp.add, weights, updates)
        return with_fixed(self.network, new, weights), memory

    def gradient(self, weights: Weights, batch: Batch) -> Weights:
        """What the optimiser is given."""
        return jax.grad(lambda weights: self.loss(self._forward(weights, batch.x)[0], batch))(
            weights
        )

    def loss(self, groups: Sequence[Array], batch: Batch) -> Float[Array, ""]:
        """The mean over the outputs."""
        losses = [self.target.loss(groups[j], batch.y, batch.mask) for j in self.network.outputs]
        return sum(losses[1:], losses[0]) / len(losses)

    def made(self, rate: Float[Array, ""]) -> optax.GradientTransformation:
        """The optimiser of this learning rate."""
        return self.optimiser(rate, **self.arrangement.chosen, **dict(self.constants))

    def _forward(
        self, weights: Weights, x: Array | Indexed, known: Sequence[Any] | None = None
    ) -> tuple[list[Array], list[Any]]:
        chosen = self.arrangement
        return forward(self.network, weights, x, chosen.activation, known, over=chosen.over)

    def _predicting(self, state: tuple[Weights, Any]) -> Weights:
        """The weights that predict: of a schedule-free optimiser an average of those that learn."""
        weights: Any
        weights, memory = state
        if not isinstance(memory, optax.contrib.ScheduleFreeState):
            return weights
        average: Any = optax.contrib.schedule_free_eval_params(memory, weights)
        return with_fixed(self.network, average, weights)

    def predict(
        self, state: tuple[Weights, Any], x: Float[Array, "q ..."] | Indexed
    ) -> Float[Array, "q outputs"]:
        """The first output's values, or logits."""
        return self._forward(self._predicting(state), x)[0][self.network.outputs[0]]

    def predict_few(
        self,
        state: tuple[Weights, Any],
        x: Float[Array, "q ..."] | Indexed,
        batch: Float[Array, "b ..."] | Indexed,
    ) -> Float[Array, "q outputs"]:
        """The same, normalised by the batch."""
        weights = self._predicting(state)
        measured = self._forward(weights, batch)[1]
        return self._forward(weights, x, measured)[0][self.network.outputs[0]]

    def activations(
        self,
        state: tuple[Weights, Any],
        x: Float[Array, "q ..."] | Indexed,
        batch: Float[Array, "b ..."] | Indexed,
    ) -> list[Float[Array, "q ..."]]:
        """By the weights that predict."""
        weights = self._predicting(state)
        return self._forward(weights, x, self._forward(weights, batch)[1])[0]
