"""What a link is: how one group of neurons drives another, a map B(w, a) linear in each of the two.

(5) transmits by a link, (6) by its transpose in a, and (7) is its transpose in w. All three follow
from one function: `Link.unfold` says what each event, a place where the same synapses act, sees of
the pre-synaptic neurons. A fully connected link has one event for each example, a convolution one
for each example and position.

Activations are `[k, b, *shape]`. Synapses are matrices `[channels, i, j]`, whatever the shape of
the groups: j counts the post-synaptic features, i what leads into one of them.
"""

import abc
import dataclasses
import math
from collections.abc import Mapping
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from blurax.errors import BluraxError, require
from blurax.products import product, summed

Shape = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Link(abc.ABC):
    """How one group of neurons drives another.

    A subclass says `post_shape`, `count` and `unfold`; it overrides others where it knows a faster
    way, and `unfold_back` where terms of a rule look at single events on the way back.
    """

    has_synapses: ClassVar[bool] = True
    """Whether there is anything to learn; if not, w is None wherever it is asked for."""

    @property
    def travels(self) -> bool:
        """Whether where synapses are travels with each example, and is not known without one."""
        return False

    @property
    def birth(self) -> float | None:
        """What all weights of an optimiser begin with; normal numbers if None.

        A number is for synapses that each have a meaning of their own, so that there is no symmetry
        to break. Genomes say what theirs begin with (`Rule.init`).
        """
        return None

    @abc.abstractmethod
    def post_shape(self, pre: Shape, features: int) -> Shape:
        """The shape of a group with so many features that the link can drive from `pre`.

        Raises:
            BluraxError: if there is none.
        """

    @abc.abstractmethod
    def count(self, pre: Shape, post: Shape) -> int:
        """How many synapses lead into one feature of `post`: i of `[channels, i, j]`."""

    @abc.abstractmethod
    def unfold(self, a: Float[Array, "c b *pre"], post: Shape) -> Float[Array, "c events i"]:
        """What each event sees of the pre-synaptic neurons."""

    def check(self, pre: Shape, post: Shape) -> None:
        """Raise `BluraxError` if the link cannot drive `post` from `pre`."""
        fits = self.post_shape(pre, post[-1])
        require(fits == post, f"{self} from neurons {pre} leads to {fits}, not to {post}.")

    def features(self, post: Shape) -> int:
        """How many synapse vectors lead into `post`: j of `[channels, i, j]`."""
        return post[-1]

    def fan_in(self, pre: Shape, post: Shape) -> float:
        """How many neurons of `pre` lead into one of `post`, on average over these."""
        return float(self.count(pre, post))

    def events(self, a: Float[Array, "c b *post"]) -> Float[Array, "c events j"]:
        """The post-synaptic neurons by event."""
        return a.reshape(len(a), -1, self.features(a.shape[2:]))

    def transmit(
        self, w: Float[Array, "channels i j"], a: Float[Array, "k b *pre"], post: Shape
    ) -> Float[Array, "_ b *post"]:
        """B(w, a) by channel; one channel serves all states, and one state all channels."""
        sent = product(self.unfold(a, post), w)
        return sent.reshape(-1, a.shape[1], *post)

    def hebbian(
        self, a_i: Float[Array, "d b *pre"], a_j: Float[Array, "c b *post"]
    ) -> Float[Array, "c i j"]:
        """The transpose of B in w: what events see, times what they cause, summed over events."""
        seen = self.unfold(a_i, a_j.shape[2:])
        return summed(seen, self.events(a_j))

    def bound(self, index: Mapping[str, Array]) -> "Link":
        """The link for the examples of a batch, by the indices that came with them.

        Raises:
            BluraxError: if it takes another index.
        """
        return self

    # The bias unit, which is 1 in every state.

    def bias(self, b: Float[Array, "c 1 j"], post: Shape) -> Float[Array, "c 1 *_"]:
        """What the bias unit transmits to `post`."""
        return self.at(b, post)

    def hebbian_bias(self, a_j: Float[Array, "c b *post"]) -> Float[Array, "c 1 j"]:
        """The transpose of `bias`."""
        return jnp.sum(self.events(a_j), axis=1, keepdims=True)

    def at(self, v: Float[Array, "c 1 j"], post: Shape) -> Float[Array, "c 1 *_"]:
        """What belongs to synapse vectors, at the neurons that they lead into."""
        return _placed(v, post)

    def held(self, w: Float[Array, "c i j"], pre: Shape, post: Shape) -> Float[Array, "c i j"]:
        """The synapses with 0 where there are none."""
        return w

    # The way back, for (6): lower neurons as those that synapses lead into.

    @property
    def back(self) -> "Link":
        """The link from the upper group to the lower."""
        return Back(self)

    def pre_features(self, pre: Shape) -> int:
        """How many synapse vectors lead back into `pre`."""
        return pre[-1]

    def pre_events(self, a: Float[Array, "c b *pre"]) -> Float[Array, "c events i"]:
        """The pre-synaptic neurons by event of the way back."""
        return a.reshape(len(a), -1, self.pre_features(a.shape[2:]))

    def unfold_back(self, a: Float[Array, "c b *post"], pre: Shape) -> Float[Array, "c events _"]:
        """What each event of the way back sees of the post-synaptic neurons.

        Raises:
            BluraxError: if the link does not say.
        """
        raise BluraxError(
            f"{self} does not say which neurons act together on the way back, which the rule's "
            "terms ask for: take symmetric synapses, or no decorrelation."
        )

    def at_pre(self, v: Float[Array, "c 1 i"], pre: Shape) -> Float[Array, "c 1 *_"]:
        """What belongs to synapse vectors of the way back, at the neurons that they lead into."""
        return _placed(v, pre)

    def turned(self, w: Float[Array, "c i j"], pre: Shape, post: Shape) -> Float[Array, "c _ _"]:
        """The synapses of `back` that are these: the same numbers between the same neurons.

        Here they are `[channels, patch x features of pre, features of post]`, there
        `[channels, patch x features of post, features of pre]`.
        """
        return _exchanged(w, self.pre_features(pre), self.features(post))


@dataclasses.dataclass(frozen=True)
class Back(Link):
    """A link the other way: its pre-synaptic neurons are the post-synaptic ones of `link`."""

    link: Link

    def post_shape(self, pre: Shape, features: int) -> Shape:
        """Not to be known: several groups may lead to the same."""
        raise NotImplementedError

    def check(self, pre: Shape, post: Shape) -> None:
        """As the link itself."""
        self.link.check(post, pre)

    def count(self, pre: Shape, post: Shape) -> int:
        """The same synapses, shared out among the lower features."""
        both = self.link.count(post, pre) * self.link.features(pre)
        return both // self.features(post)

    def fan_in(self, pre: Shape, post: Shape) -> float:
        """With as few as the link has."""
        there = self.link.fan_in(post, pre) / self.link.count(post, pre)
        return there * self.count(pre, post)

    def features(self, post: Shape) -> int:
        """Those of the lower neurons."""
        return self.link.pre_features(post)

    def events(self, a: Float[Array, "c b *post"]) -> Float[Array, "c events i"]:
        """Those of the lower neurons."""
        return self.link.pre_events(a)

    def unfold(self, a: Float[Array, "c b *pre"], post: Shape) -> Float[Array, "c events _"]:
        """What lower neurons see of the upper ones."""
        return self.link.unfold_back(a, post)

    def transmit(
        self, w: Float[Array, "channels j i"], a: Float[Array, "k b *pre"], post: Shape
    ) -> Float[Array, "k b *post"]:
        """The transpose of the link in its activations."""
        upper = a.shape[2:]
        turned = self.turned(w, upper, post)
        like = jax.ShapeDtypeStruct((*a.shape[:2], *post), a.dtype)
        return jax.linear_transpose(lambda x: self.link.transmit(turned, x, upper), like)(a)[0]

    def hebbian(
        self, a_i: Float[Array, "d b *pre"], a_j: Float[Array, "c b *post"]
    ) -> Float[Array, "c j i"]:
        """The link's own, with the roles exchanged."""
        return self.link.turned(self.link.hebbian(a_j, a_i), a_j.shape[2:], a_i.shape[2:])

    def held(self, w: Float[Array, "c j i"], pre: Shape, post: Shape) -> Float[Array, "c j i"]:
        """As the link has them."""
        return self.link.turned(self.link.held(self.turned(w, pre, post), post, pre), post, pre)

    def at(self, v: Float[Array, "c 1 i"], post: Shape) -> Float[Array, "c 1 *_"]:
        """At the lower neurons."""
        return self.link.at_pre(v, post)

    def turned(self, w: Float[Array, "c j i"], pre: Shape, post: Shape) -> Float[Array, "c _ _"]:
        """As synapses of the link."""
        return _exchanged(w, self.link.features(pre), self.features(post))

    @property
    def back(self) -> Link:
        """The link itself."""
        return self.link


def _placed(v: Float[Array, "c 1 j"], shape: Shape) -> Float[Array, "c 1 *_"]:
    """One number for each neuron, or for each feature at all positions."""
    whole = v.shape[-1] == math.prod(shape)
    return v.reshape(len(v), 1, *(shape if whole else (*[1] * (len(shape) - 1), v.shape[-1])))


def _exchanged(w: Float[Array, "c i j"], pre: int, post: int) -> Float[Array, "c _ _"]:
    """`[patch x pre, post]` as `[patch x post, pre]`."""
    split = w.reshape(len(w), -1, pre, post)
    return jnp.swapaxes(split, 2, 3).reshape(len(w), -1, pre)
