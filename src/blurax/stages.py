"""Stages of an episode: what is learned one after the other, and asked for together."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from blurax.bounds import MOST, check_counts
from blurax.errors import require
from blurax.frozen import check_types


@dataclasses.dataclass(frozen=True)
class Stages:
    """How an episode is divided: so many stages of as many steps each.

    What comes after the last stage belongs to it, for an episode has no end.

    Raises:
        BluraxError: for a number below 1, or more steps than 32 bits can number.
    """

    count: int
    steps: int
    """Inner steps of each."""

    def __post_init__(self) -> None:
        check_types(self)
        check_counts(self, "count", "steps")
        require(
            self.total <= MOST,
            f"A sequence of {self.count} stages of {self.steps} steps has {self.total} steps; it "
            f"takes up to {MOST}.",
        )

    def __str__(self) -> str:
        return f"{self.count} stages of {self.steps} steps"

    @property
    def total(self) -> int:
        """Inner steps of all of them."""
        return self.count * self.steps

    @property
    def ends(self) -> tuple[int, ...]:
        """The numbers of the steps, from 1, after which a stage is over."""
        return tuple(range(self.steps, self.total + 1, self.steps))

    def at(self, index: Int[Array, ""] | int) -> Int[Array, ""]:
        """The stage, from 0, of step `index`, from 0."""
        return jnp.minimum(jnp.asarray(index) // self.steps, self.count - 1)

    def ends_with(self, index: Int[Array, ""] | int) -> Bool[Array, ""]:
        """Whether step `index`, from 0, is the last of its stage."""
        index = jnp.asarray(index)
        return ((index + 1) % self.steps == 0) & (index < self.total)


def steps_of(
    stages: Stages | None, steps: int | None, usual: int, task: str, name: str = "steps"
) -> int:
    """How many inner steps an episode takes: of a sequence all of its stages, no other number.

    Args:
        steps: as they were asked for; None: as many as are usual.
        usual: for a task without stages.
        task: its name, for the message.
        name: of the argument.

    Raises:
        BluraxError: for another number than a sequence takes.
    """
    if stages is None:
        return usual if steps is None else steps
    require(
        steps in (None, stages.total),
        f"{name} is {steps}, but task {task} has {stages}; leave it out, or take {stages.total}.",
    )
    return stages.total


def each_stage(stages: Stages, query: Any, evaluate: Callable[[Array, Any], Any]) -> Any:
    """What is said of each stage's part of a query, stacked `[stages, ...]`.

    Args:
        query: a pytree whose leaves lead with `stages` equal parts, one after the other.
        evaluate: called with the number of a stage, and its part.
    """
    count = stages.count
    parts = jax.tree.map(lambda leaf: leaf.reshape(count, -1, *leaf.shape[1:]), query)
    # Not a vmap: a stage is asked at a time, so that many take no more memory than one.
    return jax.lax.map(lambda one: evaluate(*one), (jnp.arange(count), parts))
