"""Sequences: examples of which a network is shown one time step after the other."""

import dataclasses
import enum

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Int, PRNGKeyArray

from blurax.batch import Batch
from blurax.errors import require
from blurax.targets import Target
from blurax.tasks.arrays import ArrayTask
from blurax.tasks.base import DEFAULT, Episode, EpisodeSpec, Split, Task


class By(enum.StrEnum):
    """How an image is shown."""

    WHOLE = "whole"
    """At once."""
    ROWS = "rows"
    """A row of pixels at each time step, from the top; the class is asked for at the last (Le,
    Jaitly and Hinton, "A simple way to initialize recurrent networks of rectified linear units",
    2015, by pixels)."""


class SequenceTask(Task):
    """A task whose examples have time as their first axis, with that axis before the examples.

    Examples `[time, ...]` and their targets become x `[steps, time, b, ...]` and y
    `[steps, 1, b, ...]`, asked for at the last time step. A task that gives each example a target
    for every time step, `[time, outputs]`, becomes y `[steps, time, b, outputs]`.

    Raises:
        BluraxError: if the examples have no axis for time, or their time axis is in front already.
    """

    task: Task
    name: str = eqx.field(static=True, init=False)
    input_shape: tuple[int, ...] = eqx.field(static=True, init=False)
    """Of the inputs at one time step."""
    target: Target = eqx.field(static=True, init=False)

    def __post_init__(self) -> None:
        self.name, self.target = self.task.name, self.task.target
        self.input_shape = self.task.input_shape[1:]

    def __check_init__(self) -> None:
        require(
            len(self.task.input_shape) > 1 and self.task.time is None,
            f"Task {self.task.name} has inputs of shape {self.task.input_shape}; a sequence takes "
            "[time, features].",
        )

    @property
    def time(self) -> int:
        """Time steps of an example."""
        return self.task.input_shape[0]

    def sample(
        self, key: PRNGKeyArray, spec: EpisodeSpec, split: Split, first: int | Int[Array, ""] = 0
    ) -> Episode:
        """Draw an episode of the task, and move its time axis."""
        found = self.task.sample(key, spec, split, first)
        support = self._in_time(found.support, 1)
        queries = {name: self._in_time(query, 0) for name, query in found.queries.items()}
        query = queries.pop(DEFAULT)
        return Episode(
            support.x, support.y, query.x, query.y, support.mask, query.mask, others=queries
        )

    def _in_time(self, batch: Batch, place: int) -> Batch:
        """Batches with the time axis before that of the examples, which is `place`."""
        one = self.target.y_shape
        every = one is not None and batch.y.ndim - place - 1 > len(one)
        x = jnp.moveaxis(batch.x, place + 1, place)
        y = jnp.moveaxis(batch.y, place + 1, place) if every else jnp.expand_dims(batch.y, place)
        mask = batch.mask
        if mask is not None:
            mask = jnp.broadcast_to(jnp.expand_dims(mask, place), y.shape[: place + 2])
        return Batch(x, y, mask)


def show(task: ArrayTask, by: By) -> Task:
    """A task of images `[height, width, colours]`, shown as `by` says."""
    if by is By.WHOLE:
        return task
    height = task.input_shape[0]
    rows = height, task.features // height
    return SequenceTask(dataclasses.replace(task, input_shape=rows))
