"""As what the stages of a sequence show the inputs of one task."""

import abc
import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.scipy.ndimage import map_coordinates
from jaxtyping import Array, Float, Int, PRNGKeyArray


class View(eqx.Module):
    """What is drawn for each stage of an episode, and what it makes of inputs."""

    @abc.abstractmethod
    def draw(self, key: PRNGKeyArray, stages: int) -> Array:
        """How each stage looks at inputs, `[stages, ...]`."""

    @abc.abstractmethod
    def see(self, look: Array, x: Array) -> Array:
        """Inputs `[..., *input_shape]` of one stage as it looks at them."""


class As(View):
    """As they are."""

    def draw(self, key: PRNGKeyArray, stages: int) -> Int[Array, " stages"]:
        """Nothing differs."""
        return jnp.zeros(stages, jnp.int32)

    def see(self, look: Int[Array, ""], x: Array) -> Array:
        """The same; a pytree too."""
        return x


class Permuted(View):
    """The inputs in another order in each stage; in the first as they are."""

    features: int = eqx.field(static=True)
    input_shape: tuple[int, ...] = eqx.field(static=True)

    def draw(self, key: PRNGKeyArray, stages: int) -> Int[Array, "stages features"]:
        """A random order for each stage: the ranks of random bits, quick to compile."""
        orders = jnp.argsort(jax.random.bits(key, (stages, self.features)), axis=1)
        return orders.at[0].set(jnp.arange(self.features))

    def see(self, look: Int[Array, " features"], x: Float[Array, "..."]) -> Float[Array, "..."]:
        """Input i is what was input look[i]."""
        rows = x.reshape(*x.shape[: x.ndim - len(self.input_shape)], self.features)
        return rows[..., look].reshape(x.shape)


class Rotated(View):
    """Images turned about their middle, by an angle in each stage; in the first as they are.

    Pixels are interpolated linearly between the four around them; beyond the edge the image goes
    on as it is at the edge.
    """

    input_shape: tuple[int, ...] = eqx.field(static=True)
    most: float = eqx.field(static=True, default=math.pi)
    """Angles lie between 0 and this."""

    def draw(self, key: PRNGKeyArray, stages: int) -> Float[Array, " stages"]:
        """Angles in radians, uniform."""
        return jax.random.uniform(key, (stages,), float, 0.0, self.most).at[0].set(0.0)

    def see(
        self, look: Float[Array, ""], x: Float[Array, "... h w colours"]
    ) -> Float[Array, "... h w colours"]:
        """The image turned anticlockwise."""
        height, width, colours = self.input_shape
        rows, columns = jnp.meshgrid(
            jnp.arange(height) - (height - 1) / 2,
            jnp.arange(width) - (width - 1) / 2,
            indexing="ij",
        )
        cos, sin = jnp.cos(look), jnp.sin(look)
        place = [
            cos * rows + sin * columns + (height - 1) / 2,
            cos * columns - sin * rows + (width - 1) / 2,
        ]
        planes = jnp.moveaxis(x.reshape(-1, height, width, colours), 3, 1)
        planes = planes.reshape(-1, height, width)

        def turned(plane: Float[Array, "h w"]) -> Float[Array, "h w"]:
            return map_coordinates(plane, place, order=1, mode="nearest")

        found = jax.vmap(turned)(planes).reshape(-1, colours, height, width)
        return jnp.moveaxis(found, 1, 3).reshape(x.shape)
