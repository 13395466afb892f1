"""What is added to gradient descent so that it generalises: each a class, all in one table.

A regulariser changes what is learned from, what hidden neurons say, or the loss. Its strengths are
data, so that one compiled program serves all of them; what it draws comes from the step's key.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from blurax import specialisation as special
from blurax.baselines.ranges import check_below_one, check_positive, check_strength
from blurax.bounds import check_whole
from blurax.links import Indexed

Part = tuple[Float[Array, ""] | float, Any, Bool[Array, " b"] | None]
"""How much some targets count, the targets, and the mask of their examples."""


@dataclasses.dataclass(frozen=True)
class Lesson:
    """What a step learns from."""

    x: Any
    """The inputs `[b, ...]`."""
    parts: tuple[Part, ...]
    """The targets; the loss is the sum of those of all parts, by their weights."""


@dataclasses.dataclass(frozen=True)
class Seen:
    """What a penalty may go by."""

    weights: list[Float[Array, "_ _"]]
    """Of all edges, without biases."""
    last: Float[Array, "b ..."]
    """What the neurons of the last hidden group say."""
    neurons: Callable[[Any], Float[Array, "_ n"]]
    """The same for any rows of inputs, each by itself."""
    x: Any
    """The inputs."""
    index: Int[Array, ""]
    """The number of the step."""


class Regulariser(eqx.Module):
    """Something added to gradient descent; a subclass overrides what it is about.

    Its fields are its strengths, finite numbers >= 0. The tuner chooses them from `space`.

    Raises:
        BluraxError: for a strength out of range.
    """

    name: ClassVar[str]
    about: ClassVar[str]
    space: ClassVar[dict[str, tuple[float, ...]]]
    """The choices for each field, by its name."""
    takes_masks: ClassVar[bool] = True
    """Whether it looks at no example beside others."""
    of_hidden: ClassVar[bool] = False
    """Whether it is about hidden neurons, and takes a network that has some."""

    def __check_init__(self) -> None:
        for name in self.space:
            check_strength(f"{type(self).__name__}.{name}", getattr(self, name))

    def begun(self, epoch: int) -> "Regulariser":
        """As its paper begins it, where an epoch has so many steps: at once, unless it says."""
        return self

    def lesson(self, lesson: Lesson, key: PRNGKeyArray) -> Lesson:
        """What is learned from."""
        return lesson

    def said(self, a: Float[Array, "b ..."], key: PRNGKeyArray) -> Float[Array, "b ..."]:
        """What the neurons of a hidden group say; each group has a key of its own."""
        return a

    def penalty(self, seen: Seen, key: PRNGKeyArray) -> Float[Array, ""] | float:
        """What is added to the loss."""
        return 0.0


class L1(Regulariser):
    """λ Σ |w|, over all weights but biases."""

    name = "l1"
    about = "the sum of the sizes of weights"
    space: ClassVar = {"l1": (1e-5, 1e-4, 1e-3)}

    l1: Array

    def penalty(self, seen: Seen, key: PRNGKeyArray) -> Float[Array, ""]:
        """By the sizes."""
        return self.l1 * sum(jnp.sum(jnp.abs(w)) for w in seen.weights)


class L2(Regulariser):
    """λ Σ w² / 2, over all weights but biases; AdamW's decay stands outside the gradient."""

    name = "l2"
    about = "the sum of squared weights"
    space: ClassVar = {"l2": (1e-4, 1e-3, 1e-2)}

    l2: Array

    def penalty(self, seen: Seen, key: PRNGKeyArray) -> Float[Array, ""]:
        """By the squares."""
        return self.l2 / 2 * sum(jnp.sum(w**2) for w in seen.weights)


class Dropout(Regulariser):
    """Each hidden neuron is silent with probability p, and others say 1 / (1 - p) times as much.

    Source: Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting",
    JMLR 2014.
    """

    name = "dropout"
    about = "hidden neurons are silent at random"
    space: ClassVar = {"drop": (0.1, 0.25, 0.5)}
    of_hidden = True

    drop: Array
    """p, from 0 to below 1."""

    def __check_init__(self) -> None:
        check_below_one("Dropout.drop", self.drop)

    def said(self, a: Float[Array, "b ..."], key: PRNGKeyArray) -> Float[Array, "b ..."]:
        """What is left."""
        kept = jax.random.bernoulli(key, 1 - self.drop, a.shape)
        return jnp.where(kept, a / (1 - self.drop), 0.0)


class Noise(Regulariser):
    """Inputs plus normal noise.

    Source: Bishop, "Training with noise is equivalent to Tikhonov regularization", Neural
    Computation 1995.
    """

    name = "noise"
    about = "noise on the inputs"
    space: ClassVar = {"noise": (0.01, 0.1, 0.3)}

    noise: Array

    def lesson(self, lesson: Lesson, key: PRNGKeyArray) -> Lesson:
        """With noise."""

        def noisy(x: Array) -> Array:
            return x + self.noise * jax.random.normal(key, x.shape, x.dtype)

        x = lesson.x
        noised = Indexed(noisy(x.x), x.index) if isinstance(x, Indexed) else noisy(x)
        return dataclasses.replace(lesson, x=noised)


class Mixup(Regulariser):
    """Examples by two: λ x_a + (1 - λ) x_b, and the losses of both targets mixed alike.

    λ is drawn for each step from Beta(α, α). For cross-entropy and squared errors the gradient is
    that of mixed targets.

    Source: Zhang et al., "mixup: beyond empirical risk minimization", ICLR 2018.
    """

    name = "mixup"
    about = "learning from mixtures of two examples"
    space: ClassVar = {"alpha": (0.1, 0.3, 1.0)}
    takes_masks = False

    alpha: Array
    """Above 0."""

    def __check_init__(self) -> None:
        check_positive("Mixup.alpha", self.alpha)

    def lesson(self, lesson: Lesson, key: PRNGKeyArray) -> Lesson:
        """Mixed."""
        first, second = jax.random.split(key)
        share = jax.random.beta(first, self.alpha, self.alpha)
        order = jax.random.permutation(second, len(jax.tree.leaves(lesson.x)[0]))
        x = jax.tree.map(lambda leaf: share * leaf + (1 - share) * leaf[order], lesson.x)
        others = [
            ((1 - share) * weight, jax.tree.map(lambda leaf: leaf[order], y), mask)
            for weight, y, mask in lesson.parts
        ]
        own = [(share * weight, y, mask) for weight, y, mask in lesson.parts]
        return Lesson(x, (*own, *others))


class Tangos(Regulariser):
    """λ1 L_spec + λ2 L_orth of the last hidden group: few inputs for each neuron, others for each.

    L_orth is over pairs drawn in each step, `specialisation.PAIRS` of them.

    Source: Jeffares et al., ICLR 2023; strengths as there.
    """

    name = "tangos"
    about = "hidden neurons attribute to few inputs, and each to others"
    space: ClassVar = {"attribution": (1.0, 10.0, 100.0), "overlap": (0.1, 1.0)}
    takes_masks = False
    of_hidden = True

    attribution: Array
    overlap: Array
    first: int = eqx.field(static=True, default=0)
    """The step from which on it counts, from 0."""

    def __check_init__(self) -> None:
        check_whole("Tangos.first", self.first, least=0)

    def begun(self, epoch: int) -> "Tangos":
        """From the third epoch on."""
        return dataclasses.replace(self, first=2 * epoch)

    def penalty(self, seen: Seen, key: PRNGKeyArray) -> Float[Array, ""]:
        """By gradients of what neurons say with respect to the inputs."""
        a = special.attributions(seen.neurons, seen.x)
        pairs = special.drawn_pairs(key, a.shape[1])
        found = self.attribution * special.sparsity(a) + self.overlap * special.overlap(a, pairs)
        return jnp.where(seen.index >= self.first, found, 0.0)


class _Diversity(Regulariser):
    """λ times a measure of how alike the neurons of the last hidden group are, and their size.

    Source: Laakom et al., AAAI 2023.
    """

    takes_masks = False
    of_hidden = True

    diversity: Array
    """λ."""
    small: float = eqx.field(static=True, default=0.01)
    """What the mean square of what neurons say weighs: it keeps them from seeming diverse by
    growing."""

    def __check_init__(self) -> None:
        check_strength(f"{type(self).__name__}.small", self.small)

    def penalty(self, seen: Seen, key: PRNGKeyArray) -> Float[Array, ""]:
        """By the similarities S."""
        phi = special.by_feature(seen.last)
        s = special.similarities(phi)
        return self.diversity * self.alike(s) + self.small * special.size(phi)

    def alike(self, s: Float[Array, "n n"]) -> Float[Array, ""]:
        """What is to be small."""
        raise NotImplementedError


class Direct(_Diversity):
    """Σ s_nm over all n and m that differ."""

    name = "wld-direct"
    about = "hidden neurons differ: the sum of their similarities"
    space: ClassVar = {"diversity": (1e-5, 1e-4, 1e-3)}

    def alike(self, s: Float[Array, "n n"]) -> Float[Array, ""]:
        """The sum."""
        return special.direct(s)


class Det(_Diversity):
    """-det S."""

    name = "wld-det"
    about = "hidden neurons differ: the determinant of their similarities"
    space: ClassVar = {"diversity": (0.01, 0.1, 1.0)}

    def alike(self, s: Float[Array, "n n"]) -> Float[Array, ""]:
        """Less the determinant."""
        return -jnp.exp(special.log_determinant(s))


class LogDet(_Diversity):
    """-log det S."""

    name = "wld-logdet"
    about = "hidden neurons differ: the logarithm of that determinant"
    space: ClassVar = {"diversity": (1e-4, 1e-3, 1e-2)}

    def alike(self, s: Float[Array, "n n"]) -> Float[Array, ""]:
        """Less its logarithm."""
        return -special.log_determinant(s)


REGULARISERS: dict[str, type[Regulariser]] = {
    each.name: each for each in (L1, L2, Dropout, Noise, Mixup, Tangos, Direct, Det, LogDet)
}
"""The regularisers by name."""
