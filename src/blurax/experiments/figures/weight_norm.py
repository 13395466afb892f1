"""Gradient descent on a two-layer ReLU network with weight normalisation, and what each step does.

Source: Dukler, Gu and Montúfar, "Optimization theory for ReLU neural networks trained with
normalization layers", ICML 2020, arXiv 2006.06878.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax.batch import Batch
from blurax.learner import Learner
from blurax.network import Network


class Normalised(eqx.Module):
    """What f(x) = m^-½ Σ_k c_k g_k σ(v_k·x / |v_k|) is made of."""

    v: Float[Array, "d m"]
    g: Float[Array, " m"]
    c: Float[Array, " m"]
    """+1 or -1; never learned."""

    def __call__(self, x: Float[Array, "n d"]) -> Float[Array, " n"]:
        """The outputs."""
        size = jnp.linalg.norm(self.v, axis=0)
        return jax.nn.relu(x @ self.v / size) @ (self.c * self.g) / len(self.g) ** 0.5


class WeightNorm(Learner):
    """Full-batch gradient descent on ½ |f - y|², the sum over the examples, in v and g.

    At the start v ~ N(0, α² I) and g_k = |v_k| / α: the same function whatever α is.
    """

    network: Network = eqx.field(static=True)
    """Only its sizes count: d inputs, m neurons, one output."""
    alpha: Float[Array, ""]

    def init(self, key: PRNGKeyArray, batch: int) -> Normalised:
        """Another direction for each neuron, and a sign."""
        of_v, of_c = jax.random.split(key)
        d, m, _ = self.network.sizes
        v = jax.random.normal(of_v, (d, m), float)
        signs = jax.random.rademacher(of_c, (m,), float)
        return Normalised(self.alpha * v, jnp.linalg.norm(v, axis=0), signs)

    def step(
        self,
        state: Normalised,
        batch: Batch,
        *,
        rate: Float[Array, ""],
        key: PRNGKeyArray,
        index: Int[Array, ""],
    ) -> tuple[Normalised, None]:
        """One step down the gradient."""

        def loss(learned: tuple[Array, Array]) -> Float[Array, ""]:
            return jnp.sum((Normalised(*learned, state.c)(batch.x) - batch.y[:, 0]) ** 2) / 2

        v, g = jax.grad(loss)((state.v, state.g))
        return Normalised(state.v - rate * v, state.g - rate * g, state.c), None

    def predict(self, state: Normalised, x: Float[Array, "q d"]) -> Float[Array, "q 1"]:
        """The outputs."""
        return state(x)[:, None]


def falls(
    before: Normalised, after: Normalised, info: Any, batch: Batch
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """How fast ½ |f - y|² falls by turning, rᵀ (V / α²) r, and by length, rᵀ G r.

    These are the squared gradients in v and in g, for Jᵀ r is the gradient.
    """

    def loss(learned: tuple[Array, Array]) -> Float[Array, ""]:
        return jnp.sum((Normalised(*learned, before.c)(batch.x) - batch.y[:, 0]) ** 2) / 2

    v, g = jax.grad(loss)((before.v, before.g))
    return jnp.sum(v**2), jnp.sum(g**2)


def shown(
    before: Normalised, after: Normalised, info: Any, batch: Batch
) -> tuple[Normalised, Batch]:
    """What a step began with."""
    return before, batch
