"""How good predictions are: the score and the loss of each kind of task."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from blurax.tasks.base import Kind


def score(
    prediction: Float[Array, "q outputs"], y: Float[Array, "q outputs"], kind: Kind
) -> Float[Array, ""]:
    """How good predictions are, from 0 to 1.

    For classes the accuracy: the share of examples whose largest output is the right class, or
    whose only output has the right sign. For numbers the share of their variance that is explained
    (R^2), 0 where the mean of the targets would be no worse.
    """
    if kind is Kind.NUMBERS:
        spread = jnp.sum((y - jnp.mean(y, axis=0)) ** 2)
        return jnp.maximum(0.0, 1 - jnp.sum((prediction - y) ** 2) / spread)
    if y.shape[-1] == 1:
        return jnp.mean((prediction * y > 0).astype(float))
    return jnp.mean((jnp.argmax(prediction, -1) == jnp.argmax(y, -1)).astype(float))


def finite_score(
    prediction: Float[Array, "q outputs"], y: Float[Array, "q outputs"], kind: Kind
) -> Float[Array, ""]:
    """The score, and 0 if any prediction is not finite."""
    return jnp.where(jnp.all(jnp.isfinite(prediction)), score(prediction, y, kind), 0.0)


def query_loss(
    prediction: Float[Array, "q outputs"], y: Float[Array, "q outputs"], kind: Kind
) -> Float[Array, ""]:
    """The mean loss of predictions.

    For classes softmax cross-entropy (of a single output: logistic), for numbers squared error.
    """
    if kind is Kind.NUMBERS:
        return squared_error(prediction, y)
    if y.shape[-1] == 1:
        return jnp.mean(jax.nn.softplus(-prediction * y))
    return -jnp.mean(jnp.sum(jax.nn.log_softmax(prediction) * (y > 0), axis=-1))


def squared_error(
    prediction: Float[Array, "q outputs"], y: Float[Array, "q outputs"]
) -> Float[Array, ""]:
    """The mean squared distance to the targets."""
    return jnp.mean((prediction - y) ** 2)
