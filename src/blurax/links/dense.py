"""Fully connected: every neuron leads into every neuron."""

import dataclasses
import math

import jax.numpy as jnp
from jaxtyping import Array, Float

from blurax.links.protocol import Link, Shape
from blurax.products import product, turned


@dataclasses.dataclass(frozen=True)
class Dense(Link):
    """Every neuron leads into every neuron, whatever the shape of the groups."""

    def post_shape(self, pre: Shape, features: int) -> Shape:
        """Neurons in a row; `check` accepts other shapes."""
        return (features,)

    def check(self, pre: Shape, post: Shape) -> None:
        """Whatever there is can be connected."""

    def count(self, pre: Shape, post: Shape) -> int:
        """All neurons."""
        return math.prod(pre)

    def features(self, post: Shape) -> int:
        """All neurons."""
        return math.prod(post)

    def pre_features(self, pre: Shape) -> int:
        """All neurons."""
        return math.prod(pre)

    def unfold(self, a: Float[Array, "c b *pre"], post: Shape) -> Float[Array, "c b i"]:
        """All neurons, for each example."""
        return a if a.ndim == 3 else a.reshape(*a.shape[:2], -1)

    def transmit(
        self, w: Float[Array, "channels i j"], a: Float[Array, "k b *pre"], post: Shape
    ) -> Float[Array, "_ b *post"]:
        """A matrix product; where one synapse serves all states, one over all of them."""
        seen = self.unfold(a, post)
        if len(w) == 1 and len(a) > 1:
            sent = jnp.einsum("ij,cbi->cbj", w[0], seen)
        else:
            sent = product(seen, w)
        return sent if len(post) == 1 else sent.reshape(*sent.shape[:2], *post)

    @property
    def back(self) -> Link:
        """Fully connected too."""
        return self

    def turned(self, w: Float[Array, "c i j"], pre: Shape, post: Shape) -> Float[Array, "c j i"]:
        """Transposed."""
        return turned(w)

    def unfold_back(self, a: Float[Array, "c b *post"], pre: Shape) -> Float[Array, "c b j"]:
        """All neurons, for each example."""
        return self.unfold(a, pre)
