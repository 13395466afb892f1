"""Two-layer networks that fit random labels: the task, the networks, and gradient descent on them.

Setting: Razborov, "Improved convergence guarantees for shallow neural networks", arXiv 2212.02323:
depth 2, ReLU, squared loss, Gaussian inputs, Gaussian initial weights, two learning rates.
"""

import functools
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax.baselines.descent import Arrangement, GradientDescent
from blurax.baselines.optimisers import OPTIMISERS
from blurax.network import Edge, Network
from blurax.targets import Classes, Outputs, Target
from blurax.tasks import Episode, EpisodeSpec, Split, Task


class Signs(Classes):
    """One output that is to be +1 or -1: the loss is the squared error, the score its sign.

    A rule still gets the feedback that it names, as for every task of classes.
    """

    def losses(self, outputs: Outputs, y: Array) -> Float[Array, "b outputs"]:
        """The square of each difference."""
        return (outputs - y) ** 2


class RandomLabels(Task):
    """Gaussian inputs with labels +1 and -1 that have nothing to do with them.

    Every batch is the whole set, and so is the query: what counts is what is fitted.
    """

    features_of: int = eqx.field(static=True)
    name: str = eqx.field(static=True, init=False)
    input_shape: tuple[int, ...] = eqx.field(static=True, init=False)
    target: Target = eqx.field(static=True, init=False)

    def __post_init__(self) -> None:
        self.name, self.target = f"random-labels-{self.features_of}", Signs(1)
        self.input_shape = (self.features_of,)

    def sample(
        self, key: PRNGKeyArray, spec: EpisodeSpec, split: Split, first: int | Int[Array, ""] = 0
    ) -> Episode:
        """The same `spec.batch` examples in every step and every split."""
        of_x, of_y = jax.random.split(key)
        x = jax.random.normal(of_x, (spec.batch, self.features_of), float)
        y = jax.random.rademacher(of_y, (spec.batch, 1), float)

        def repeated(rows: Array) -> Array:
            return jnp.broadcast_to(rows, (spec.steps, *rows.shape))

        return Episode(repeated(x), repeated(y), x, y)


def shallow(features: int, width: int) -> Network:
    """A network of two layers, one output and no biases."""
    edges = (Edge(0, 1, bias=False), Edge(1, 2, bias=False))
    return Network((features, width, 1), edges)


def two_rates(
    optimiser: Callable[[Any], optax.GradientTransformation],
    rate: Float[Array, ""],
    ratio: Float[Array, ""] | float = 1.0,
) -> optax.GradientTransformation:
    """An optimiser with another rate for the last layer of weights.

    Args:
        rate: of all others.
        ratio: the last layer's rate over theirs; 0 trains the others alone.
    """

    def scaled(updates: Any, params: Any) -> Any:
        return eqx.tree_at(lambda weights: weights.w[-1], updates, ratio * updates.w[-1])

    return optax.chain(optimiser(rate), optax.stateless(scaled))


# Made once: an optimiser is part of a compiled program's name.
_TWO_RATES = {name: functools.partial(two_rates, OPTIMISERS[name]) for name in ("sgd", "adam")}


def descent(optimiser: str, network: Network, ratio: float) -> GradientDescent:
    """SGD or Adam on a two-layer network, its layers at two rates."""
    constants = (("ratio", jnp.asarray(ratio, float)),)
    return GradientDescent(network, _TWO_RATES[optimiser], Arrangement(), Signs(1), constants)
