"""A fixed map, then a link, with no neurons in between: pooling before a readout."""

import dataclasses
from collections.abc import Mapping

from jaxtyping import Array, Float

from blurax.errors import require
from blurax.frozen import check_types
from blurax.links.fixed import Fixed
from blurax.links.protocol import Link, Shape


@dataclasses.dataclass(frozen=True)
class After(Link):
    """B(w, P a): `link` sees what `first` makes of the neurons.

    Raises:
        BluraxError: if the first is no fixed link, or the second one has no synapses.
    """

    first: Fixed
    link: Link

    def __post_init__(self) -> None:
        check_types(self)
        require(
            self.link.has_synapses,
            f"After.link is {self.link}; it takes a link with synapses, such as Dense().",
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
        return self if link is self.link else After(self.first, link)

    def middle(self, pre: Shape) -> Shape:
        """The shape of what the link sees."""
        return self.first.post_shape(pre, pre[-1])

    def post_shape(self, pre: Shape, features: int) -> Shape:
        """The link's."""
        return self.link.post_shape(self.middle(pre), features)

    def check(self, pre: Shape, post: Shape) -> None:
        """As the link, after the map."""
        self.link.check(self.middle(pre), post)

    def count(self, pre: Shape, post: Shape) -> int:
        """The link's."""
        return self.link.count(self.middle(pre), post)

    def features(self, post: Shape) -> int:
        """The link's."""
        return self.link.features(post)

    def unfold(self, a: Float[Array, "c b *pre"], post: Shape) -> Float[Array, "c events i"]:
        """What the link's events see."""
        return self.link.unfold(self.first.apply(a), post)

    def transmit(
        self, w: Float[Array, "channels i j"], a: Float[Array, "k b *pre"], post: Shape
    ) -> Float[Array, "_ b *post"]:
        """Mapped, then transmitted."""
        return self.link.transmit(w, self.first.apply(a), post)

    def hebbian(
        self, a_i: Float[Array, "d b *pre"], a_j: Float[Array, "c b *post"]
    ) -> Float[Array, "c i j"]:
        """The link's, of what was mapped."""
        return self.link.hebbian(self.first.apply(a_i), a_j)

    def held(self, w: Float[Array, "c i j"], pre: Shape, post: Shape) -> Float[Array, "c i j"]:
        """As the link has them."""
        return self.link.held(w, self.middle(pre), post)

    def pre_features(self, pre: Shape) -> int:
        """Those of what the link sees."""
        return self.link.pre_features(self.middle(pre))

    def pre_events(self, a: Float[Array, "c b *pre"]) -> Float[Array, "c events i"]:
        """Those of what the link sees."""
        return self.link.pre_events(self.first.apply(a))

    def unfold_back(self, a: Float[Array, "c b *post"], pre: Shape) -> Float[Array, "c events _"]:
        """What the neurons that the link sees, see of the upper ones."""
        return self.link.unfold_back(a, self.middle(pre))

    def at_pre(self, v: Float[Array, "c 1 i"], pre: Shape) -> Float[Array, "c 1 *_"]:
        """The lengths of synapse vectors, at the neurons below the map."""
        return self.first.spread(self.link.at_pre(v, self.middle(pre)), pre)

    def turned(self, w: Float[Array, "c i j"], pre: Shape, post: Shape) -> Float[Array, "c _ _"]:
        """The link's."""
        return self.link.turned(w, self.middle(pre), post)
