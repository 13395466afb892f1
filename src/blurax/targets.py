"""What a task asks for: the loss and the score of outputs, and the feedback for a rule."""

import abc
import dataclasses
import enum
from collections.abc import Callable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from blurax.bounds import check_count
from blurax.choices import Signal
from blurax.errors import BluraxError, require, returned

Outputs = Float[Array, "b outputs"]
Mask = Bool[Array, " b"] | None
"""Which examples count; None: all."""
InTime = Float[Array, "*time b outputs"]
"""Outputs with or without a time axis."""
MaskInTime = Bool[Array, "*late b"] | None


@dataclasses.dataclass(frozen=True)
class Target(abc.ABC):
    """What a task asks for. A target of one's own subclasses it with `losses` and `score`.

    Raises:
        BluraxError: if `outputs` is not a whole number >= 1.
    """

    outputs: int
    """The number of outputs that a network needs for it."""

    score_name: ClassVar[str] = "score"
    """What the score is called in tables and pictures, which show it in per cent; such a name as
    PSNR / 100 dB says that they show PSNR in dB, see `shown_as`."""
    classes: ClassVar[int] = 0
    """The number of classes to choose one of; 0 where it is not about that."""

    def __post_init__(self) -> None:
        name, value = f"{type(self).__name__}.outputs", self.outputs
        whole = isinstance(value, int) and not isinstance(value, bool)
        require(whole, f"{name} is {value!r}; it takes a whole number >= 1.")
        check_count(name, value)

    @property
    def chance(self) -> float:
        """The score of outputs that know nothing of the inputs."""
        return 1 / self.classes if self.classes else 0.0

    @abc.abstractmethod
    def losses(self, outputs: Outputs, y: Array) -> Float[Array, "b ..."]:
        """What each example costs; where there are more axes, their mean counts."""

    @abc.abstractmethod
    def score(self, outputs: Outputs, y: Array, mask: Mask = None) -> Float[Array, ""]:
        """How good outputs are, from 0 to 1; `targets.mean` takes the mask into account."""

    def loss(self, outputs: InTime, y: Any, mask: MaskInTime = None) -> Float[Array, ""]:
        """The mean loss over the examples that count, and their time steps that have a target."""
        outputs, y, mask = late_rows(outputs, y, mask)
        return mean(self._each(outputs, y), mask)

    def _each(self, outputs: Outputs, y: Any) -> Float[Array, "b ..."]:
        """What `losses` returned, which may be anybody's."""
        losses, many = self.losses(outputs, y), len(outputs)
        require(
            getattr(losses, "shape", ())[:1] == (many,),
            f"{type(self).__name__}.losses returned {returned(losses)}; it is to return a loss for "
            f"each example, an array whose first axis has length {many}.",
        )
        return losses

    def finite_score(self, outputs: InTime, y: Any, mask: MaskInTime = None) -> Float[Array, ""]:
        """The score, and 0 if any output that counts is not finite."""
        outputs, y, mask = late_rows(outputs, y, mask)
        return jnp.where(self.is_finite(outputs, mask), self.score(outputs, y, mask), 0.0)

    def is_finite(self, outputs: Outputs, mask: Mask = None) -> Bool[Array, ""]:
        """Whether all outputs that count are finite."""
        finite = jnp.isfinite(outputs)
        return jnp.all(finite if mask is None else finite | ~_over(mask, outputs))

    @property
    def y_shape(self) -> tuple[int, ...] | None:
        """The shape of y for one example; None: it may be any."""
        return None

    def encode(self, labels: Array) -> Float[Array, "..."]:
        """Y of labels as a user gives them."""
        return labels.astype(float)

    def check_labels(self, labels: jax.ShapeDtypeStruct, where: str) -> None:
        """Raise `BluraxError` if labels are of a shape or type that `encode` does not take."""
        _check_shape(labels, self.y_shape, where)

    def feedback(self, signal: Signal, outputs: Outputs, y: Array) -> Outputs:
        """What a rule writes into state 2 of the last layer.

        Either y itself, or the gradient of each example's loss with respect to the outputs. A
        target of one's own has one gradient, that of its loss, whichever the rule names.
        """
        if signal is Signal.LABEL:
            return y

        def total(outputs: Outputs) -> Float[Array, ""]:
            losses = self._each(outputs, y)
            return jnp.sum(losses) * len(losses) / losses.size

        return jax.grad(total)(outputs)

    def with_outputs(self, outputs: int) -> "Target":
        """The same with another number of outputs, some of which may mean nothing.

        Raises:
            BluraxError: for a target whose outputs all have a meaning.
        """
        require(
            outputs == self.outputs,
            f"The option outputs is for classes; the target is {self}.",
        )
        return self


@dataclasses.dataclass(frozen=True)
class Classes(Target):
    """The right class: y is +1 for it and -1 for the others. With one output, its sign.

    The loss is softmax cross-entropy, with one output logistic.
    """

    score_name: ClassVar[str] = "accuracy"

    @property
    def classes(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """One for each output, or two for the sign of a single one."""
        return max(2, self.outputs)

    @property
    def y_shape(self) -> tuple[int, ...]:
        """One number for each output."""
        return (self.outputs,)

    def losses(self, outputs: Outputs, y: Array) -> Float[Array, "b ..."]:
        """The cross-entropy of each example."""
        if self.outputs == 1:
            return jax.nn.softplus(-outputs * y)
        return -jnp.sum(jax.nn.log_softmax(outputs) * (y > 0), axis=-1)

    def score(self, outputs: Outputs, y: Array, mask: Mask = None) -> Float[Array, ""]:
        """The share of examples whose largest output is the right class, or of the right sign."""
        if self.outputs == 1:
            return mean((outputs * y > 0).astype(float), mask)
        return mean((jnp.argmax(outputs, -1) == jnp.argmax(y, -1)).astype(float), mask)

    def encode(self, labels: Int[Array, "..."]) -> Float[Array, "... outputs"]:
        """From whole numbers 0, 1, ... to +1 and -1."""
        return signed_one_hot(labels, self.outputs)

    def check_labels(self, labels: jax.ShapeDtypeStruct, where: str) -> None:
        """Raise `BluraxError` for other than one whole number for each example."""
        _check_shape(labels, (), where)
        require(
            jnp.issubdtype(labels.dtype, jnp.integer),
            f"{where} gives labels of dtype {labels.dtype}; classes are whole numbers 0, 1, 2, ...",
        )

    def feedback(self, signal: Signal, outputs: Outputs, y: Array) -> Outputs:
        """The label, or the gradient that the rule names."""
        match signal:
            case Signal.LABEL:
                return y
            case Signal.SQUARED_ERROR:
                return outputs - y
            case Signal.CROSS_ENTROPY:
                if self.outputs == 1:
                    return -y * jax.nn.sigmoid(-outputs * y)
                return jax.nn.softmax(outputs) - (y > 0)

    def with_outputs(self, outputs: int) -> "Classes":
        """More outputs than classes, or one for two classes.

        Raises:
            BluraxError: for fewer outputs than tell the classes apart.
        """
        require(
            outputs >= self.outputs or (outputs == 1 and self.outputs == 2),
            f"outputs={outputs} cannot tell {self.outputs} classes apart.",
        )
        return Classes(outputs)


@dataclasses.dataclass(frozen=True)
class Regression(Target):
    """Numbers to predict; the loss is the squared error."""

    score_name: ClassVar[str] = "variance explained"

    @property
    def y_shape(self) -> tuple[int, ...]:
        """One number for each output."""
        return (self.outputs,)

    def losses(self, outputs: Outputs, y: Array) -> Float[Array, "b outputs"]:
        """The square of each difference."""
        return (outputs - y) ** 2

    def score(self, outputs: Outputs, y: Array, mask: Mask = None) -> Float[Array, ""]:
        """The share of the variance that is explained (R²); 0 where the mean would be no worse."""
        if mask is None:
            spread = jnp.sum((y - jnp.mean(y, axis=0)) ** 2)
            return jnp.maximum(0.0, 1 - jnp.sum((outputs - y) ** 2) / spread)
        counts = _over(mask, y)
        middle = jnp.sum(jnp.where(counts, y, 0.0), axis=0) / jnp.maximum(jnp.sum(mask), 1)
        spread = jnp.sum(jnp.where(counts, (y - middle) ** 2, 0.0))
        return jnp.maximum(0.0, 1 - jnp.sum(jnp.where(counts, (outputs - y) ** 2, 0.0)) / spread)

    def feedback(self, signal: Signal, outputs: Outputs, y: Array) -> Outputs:
        """The numbers, or the gradient of half the squared error."""
        return y if signal is Signal.LABEL else outputs - y


@dataclasses.dataclass(frozen=True)
class Signals(Regression):
    """Numbers from -1 to 1, such as colours; the score is PSNR, of 100 dB."""

    score_name: ClassVar[str] = "PSNR / 100 dB"

    def score(self, outputs: Outputs, y: Array, mask: Mask = None) -> Float[Array, ""]:
        """The peak signal-to-noise ratio over 100 dB: 0.3 are 30 dB; 0 for less than 0 dB.

        Outputs beyond -1 and 1 count as they are.
        """
        return jnp.clip(decibels(mean(self.losses(outputs, y), mask)) / 100, 0.0, 1.0)


def shown_as(score_name: str) -> tuple[str, str]:
    """What is shown of a score, 100 times it, and in what unit: accuracy and %, or PSNR and dB."""
    name, apart, unit = score_name.partition(" / 100 ")
    return (name, unit) if apart else (score_name, "%")


def labelled(score_name: str) -> str:
    """The same for an axis or a column: accuracy (%), or PSNR (dB)."""
    return "{} ({})".format(*shown_as(score_name))


def decibels(squared_error: Float[Array, "..."], span: float = 2.0) -> Float[Array, "..."]:
    """PSNR in dB, 10 log10(span² / mean squared error); infinite where there is no error.

    Args:
        span: the largest value less the smallest, 2 for numbers from -1 to 1.
    """
    return 10 * jnp.log10(span**2 / squared_error)


class Kind(enum.StrEnum):
    """The targets that have a name in options and files."""

    CLASSES = "classes"
    """`Classes`: one right class for each example."""
    NUMBERS = "regression"
    """`Regression`: numbers to predict."""


TARGETS: dict[str, type[Target]] = {Kind.CLASSES: Classes, Kind.NUMBERS: Regression}

MakeTarget = Callable[[int], Target]
"""A target class of one's own, or another function of the number of outputs."""


AnyTarget = str | MakeTarget | Target
"""How a user names a target."""


def target_of(kind: AnyTarget, name: str) -> MakeTarget | Target:
    """The target that a user names, or what makes it.

    Args:
        kind: classes, regression, a function of the number of outputs, or a target itself.
        name: of the task, for the message.

    Raises:
        BluraxError: for another name.
    """
    known = TARGETS.get(kind) if isinstance(kind, str) else kind
    if not (callable(known) or isinstance(known, Target)):
        raise BluraxError(
            f"Task {name}: kind is {kind!r}; it takes 'classes', 'regression' or a Target class."
        )
    return known


def mean(values: Float[Array, "b ..."], mask: Mask = None) -> Float[Array, ""]:
    """The mean over the examples that count, and over any other axes; 0 where none counts."""
    if mask is None:
        return jnp.mean(values)
    counts = _over(mask, values)
    return jnp.sum(jnp.where(counts, values, 0.0)) / jnp.maximum(jnp.sum(counts), 1)


def late_rows(
    outputs: InTime, y: Any, mask: MaskInTime = None
) -> tuple[Float[Array, "rows outputs"], Any, Bool[Array, " rows"] | None]:
    """What is compared: every example at every time step with a target as a row of its own.

    Args:
        outputs: `[time, b, outputs]`; as they are, with y and mask, if there is no time axis.
        y: targets of the last time steps, `[late, b, ...]`.
        mask: `[late, b]`.
    """
    if outputs.ndim == 2:
        return outputs, y, mask
    late = jax.tree.leaves(y)[0].shape[0]
    return jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), (outputs[-late:], y, mask))


def squared_error(outputs: InTime, y: Array, mask: MaskInTime = None) -> Float[Array, ""]:
    """The mean squared distance to the targets."""
    outputs, y, mask = late_rows(outputs, y, mask)
    return mean((outputs - y) ** 2, mask)


def signed_one_hot(labels: Int[Array, "..."], outputs: int) -> Float[Array, "... outputs"]:
    """+1 for the right class and -1 for the others; a single output is +1 for class 1."""
    if outputs == 1:
        return (2 * labels[..., None] - 1).astype(float)
    return 2 * jax.nn.one_hot(labels, outputs, dtype=float) - 1


def _check_shape(labels: jax.ShapeDtypeStruct, one: tuple[int, ...] | None, where: str) -> None:
    right = labels.shape if one is None else (*labels.shape[:1], *one)
    require(
        labels.shape == right, f"{where} gives labels of shape {labels.shape}; it takes {right}."
    )


def _over(mask: Bool[Array, " b"], values: Array) -> Bool[Array, "..."]:
    """The mask in the shape of some values of its examples."""
    return jnp.broadcast_to(mask.reshape(-1, *[1] * (values.ndim - 1)), values.shape)
