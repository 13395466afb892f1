"""Tasks over time: a bit to remember, two numbers to add, the next character of a text."""

import dataclasses
import functools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax.bounds import check_count
from blurax.errors import require
from blurax.frozen import check_types
from blurax.targets import Classes, Regression, Target
from blurax.tasks.arrays import ArrayTask, divide
from blurax.tasks.endless import Draw, FunctionTask
from blurax.tasks.in_time import SequenceTask

NOISE = 0.2
"""The deviation of the inputs between a bit and its answer."""
_FEWEST = 10
"""Sequences that a text is cut into, as with any task of stored examples."""


@dataclasses.dataclass(frozen=True)
class DelayedBit:
    """A bit that every input shows at the first time step, +1 or -1, and is the class at the last.

    In between there is normal noise of deviation 0.2, so the outputs at the last time step know the
    bit only by memory: the latching problem of Bengio, Simard and Frasconi, "Learning long-term
    dependencies with gradient descent is difficult", IEEE Transactions on Neural Networks 5, 1994.

    Raises:
        BluraxError: for a count below 1.
    """

    delay: int = 10
    """Time steps from the bit to the answer."""
    size: int = 1
    """Inputs at each time step."""

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("delay", "size"):
            check_count(f"The task option {name}", getattr(self, name))

    def task(self, name: str) -> SequenceTask:
        """Endless sequences of `delay + 1` time steps."""
        return _drawn(self, name, (self.delay + 1, self.size), Classes(2))

    def __call__(
        self, key: PRNGKeyArray, n: int
    ) -> tuple[Float[Array, "n time size"], Int[Array, " n"]]:
        """Draw n sequences and their bits."""
        toss, chance = jax.random.split(key)
        bit = jax.random.randint(toss, (n,), 0, 2)
        x = NOISE * jax.random.normal(chance, (n, self.delay + 1, self.size), float)
        return x.at[:, 0].set(2.0 * bit[:, None] - 1), bit


@dataclasses.dataclass(frozen=True)
class Adding:
    """Two numbers of a sequence are marked; their sum is to be predicted at the last time step.

    Input 1 is a number from -1 to 1, input 2 is 1 where it is marked and 0 elsewhere; the last
    number is never marked. After the adding problem of Hochreiter and Schmidhuber, "Long short-term
    memory", Neural Computation 9, 1997, whose sequences vary in length and whose first mark comes
    early; the sum is not rescaled here.

    Raises:
        BluraxError: for fewer than 3 time steps.
    """

    time: int = 10
    """Time steps of a sequence."""

    def __post_init__(self) -> None:
        check_types(self)
        check_count("The task option time", self.time, least=3)

    def task(self, name: str) -> SequenceTask:
        """Endless sequences."""
        return _drawn(self, name, (self.time, 2), Regression(1))

    def __call__(
        self, key: PRNGKeyArray, n: int
    ) -> tuple[Float[Array, "n time 2"], Float[Array, "n 1"]]:
        """Draw n sequences and their sums."""
        chance, place, distance = jax.random.split(key, 3)
        numbers = jax.random.uniform(chance, (n, self.time), float, -1, 1)
        first = jax.random.randint(place, (n, 1), 0, self.time - 1)
        second = (first + jax.random.randint(distance, (n, 1), 1, self.time - 1)) % (self.time - 1)
        times = jnp.arange(self.time)
        marks = ((times == first) | (times == second)).astype(float)
        return jnp.stack([numbers, marks], axis=-1), jnp.sum(numbers * marks, 1, keepdims=True)


@dataclasses.dataclass(frozen=True)
class Text:
    """The next character of a text, at every time step (Elman, "Finding structure in time", 1990).

    The text is eleven thousand characters of plain English in small letters, written for this
    library. It is cut into sequences that share no character; the first 60 % are for training, the
    next 20 % for validation, the last 20 % for testing. Inputs and classes are the characters, and
    each input is 1 for the character that stands there and 0 for the others.

    Raises:
        BluraxError: for a time below 1, or one that leaves fewer than 10 sequences.
    """

    time: int = 20
    """Characters of a sequence."""

    def __post_init__(self) -> None:
        check_types(self)
        check_count("The task option time", self.time)
        most = len(text()) // _FEWEST - 1
        require(
            self.time <= most,
            f"The task option time is {self.time}; the text is cut into {_FEWEST} sequences or "
            f"more, so it takes up to {most}.",
        )

    def task(self, name: str) -> SequenceTask:
        """All sequences; each character is asked for but the very first of a sequence."""
        characters = sorted(set(text()))
        codes = np.searchsorted(characters, list(text()))
        n = len(codes) // (self.time + 1)
        cut = codes[: n * (self.time + 1)].reshape(n, self.time + 1)
        shown = np.eye(len(characters), dtype=np.uint8)[cut[:, :-1]]
        whole = ArrayTask(
            x=jnp.asarray(shown.reshape(n, -1)),
            labels=jnp.asarray(cut[:, 1:], jnp.int32),
            shift=jnp.zeros((), float),
            scale=jnp.ones((), float),
            name=name,
            target=Classes(len(characters)),
            bounds=divide(n),
            class_names=tuple(characters),
            input_shape=shown.shape[1:],
        )
        return SequenceTask(whole)


def _drawn(draw: Draw, name: str, shape: tuple[int, int], target: Target) -> SequenceTask:
    """A task of endless sequences `[time, features]`."""
    return SequenceTask(FunctionTask(draw=draw, name=name, input_shape=shape, target=target))


@functools.cache
def text() -> str:
    """The text, on one line."""
    return " ".join(Path(__file__).with_name("text.txt").read_text("utf-8").split())
