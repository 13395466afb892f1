"""Sparse random connectivity: a link of which only some synapses are there."""

import dataclasses
from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from blurax.bounds import check_seed
from blurax.errors import require
from blurax.frozen import check_types
from blurax.links.dense import Dense
from blurax.links.protocol import Link, Shape


@dataclasses.dataclass(frozen=True)
class Masked(Link):
    """A link with a share of its synapses, drawn once; the others are 0 and stay so.

    Raises:
        BluraxError: for a density that is not above 0 and at most 1, or a link without synapses.
    """

    density: float = 0.1
    """The chance of each synapse to be there."""
    seed: int = 0
    """Of the draw."""
    link: Link = Dense()

    def __post_init__(self) -> None:
        check_types(self)
        check_seed("Masked.seed", self.seed)
        require(
            0 < self.density <= 1,
            f"Masked.density is {self.density}; it takes a number above 0 and at most 1.",
        )
        require(
            self.link.has_synapses,
            f"Masked.link is {self.link}; it takes a link with synapses, such as Dense().",
        )

    @property
    def travels(self) -> bool:
        """As of the link."""
        return self.link.travels

    @property
    def birth(self) -> float | None:
        """The link's."""
        return self.link.birth

    def bound(self, index: Mapping[str, Array]) -> Link:
        """With the link bound."""
        link = self.link.bound(index)
        return self if link is self.link else dataclasses.replace(self, link=link)

    def mask(self, pre: Shape, post: Shape) -> Bool[Array, "i j"]:
        """Where there is a synapse."""
        shape = self.count(pre, post), self.features(post)
        # Bits, so that the draw is the same whatever type numbers are of.
        drawn = jax.random.bits(jax.random.key(self.seed), shape, jnp.uint32)
        return drawn <= jnp.uint32(max(int(self.density * 2**32) - 1, 0))

    def post_shape(self, pre: Shape, features: int) -> Shape:
        """The link's."""
        return self.link.post_shape(pre, features)

    def check(self, pre: Shape, post: Shape) -> None:
        """As the link."""
        self.link.check(pre, post)

    def count(self, pre: Shape, post: Shape) -> int:
        """The link's, those that are 0 among them."""
        return self.link.count(pre, post)

    def features(self, post: Shape) -> int:
        """The link's."""
        return self.link.features(post)

    def fan_in(self, pre: Shape, post: Shape) -> float:
        """Those that are there, on average."""
        return self.density * self.link.fan_in(pre, post)

    def unfold(self, a: Float[Array, "c b *pre"], post: Shape) -> Float[Array, "c events i"]:
        """As the link: each event sees all, though not for each feature."""
        return self.link.unfold(a, post)

    def events(self, a: Float[Array, "c b *post"]) -> Float[Array, "c events j"]:
        """The link's."""
        return self.link.events(a)

    def transmit(
        self, w: Float[Array, "channels i j"], a: Float[Array, "k b *pre"], post: Shape
    ) -> Float[Array, "_ b *post"]:
        """As the link: synapses that are not there are 0."""
        return self.link.transmit(w, a, post)

    def hebbian(
        self, a_i: Float[Array, "d b *pre"], a_j: Float[Array, "c b *post"]
    ) -> Float[Array, "c i j"]:
        """As the link; `held` leaves those that are there."""
        return self.link.hebbian(a_i, a_j)

    def held(self, w: Float[Array, "c i j"], pre: Shape, post: Shape) -> Float[Array, "c i j"]:
        """Those that are there."""
        return self.link.held(w * self.mask(pre, post).astype(w.dtype), pre, post)

    def pre_features(self, pre: Shape) -> int:
        """The link's."""
        return self.link.pre_features(pre)

    def pre_events(self, a: Float[Array, "c b *pre"]) -> Float[Array, "c events i"]:
        """The link's."""
        return self.link.pre_events(a)

    def unfold_back(self, a: Float[Array, "c b *post"], pre: Shape) -> Float[Array, "c events _"]:
        """The link's."""
        return self.link.unfold_back(a, pre)

    def at_pre(self, v: Float[Array, "c 1 i"], pre: Shape) -> Float[Array, "c 1 *_"]:
        """The link's."""
        return self.link.at_pre(v, pre)

    def turned(self, w: Float[Array, "c i j"], pre: Shape, post: Shape) -> Float[Array, "c _ _"]:
        """The link's."""
        return self.link.turned(w, pre, post)
