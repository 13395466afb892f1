"""A mixture: every episode is one of several tasks, drawn by weight."""

import dataclasses
import itertools
import math
from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, PRNGKeyArray

from blurax.batch import at
from blurax.errors import require
from blurax.targets import Target
from blurax.tasks.base import Episode, EpisodeSpec, Split, Task, examples


def choice(key: PRNGKeyArray, weights: Sequence[float]) -> Int[Array, ""]:
    """A random number below the number of weights, by weight; the same on every machine."""
    ends = itertools.accumulate(weights[:-1])
    starts = [min(2**32 - 1, int(2**32 * end / sum(weights))) for end in ends]
    word = jax.random.bits(key, (), jnp.uint32)
    return jnp.sum(word >= jnp.asarray(starts, jnp.uint32)).astype(jnp.int32)


class Mixture(Task):
    """Tasks of one shape, of which each episode draws one.

    Raises:
        BluraxError: for no task, tasks of different shapes, or weights that are not positive.
    """

    tasks: tuple[Task, ...]
    weights: tuple[float, ...] = eqx.field(static=True)
    """How often each is drawn, relative to the others."""
    name: str = eqx.field(static=True)
    input_shape: tuple[int, ...] = eqx.field(static=True, init=False)
    target: Target = eqx.field(static=True, init=False)

    def __post_init__(self) -> None:
        require(len(self.tasks) > 0, "A mixture of tasks takes at least one task.")
        self.input_shape, self.target = self.tasks[0].input_shape, self.tasks[0].target

    def __check_init__(self) -> None:
        good = [0 < weight < math.inf for weight in self.weights]
        require(
            len(good) == len(self.tasks) and all(good),
            f"The weights of a mixture are {self.weights}; it takes a number above 0 for each of "
            f"its {len(self.tasks)} tasks.",
        )
        first, *others = self.tasks
        for task in self.tasks:
            require(
                task.stages is None,
                f"Task {task.name} has {task.stages}; a mixture takes tasks without.",
            )
        for task in others:
            require(
                type(task.target) is type(first.target),
                f"A mixture takes tasks of one target; {first.name} asks for {first.target}, "
                f"{task.name} for {task.target}.",
            )
            require(
                (task.input_shape, task.target) == (first.input_shape, first.target),
                f"A mixture takes tasks of one shape; {first.name} has {first.features} inputs and "
                f"{first.outputs} outputs, {task.name} has {task.features} and {task.outputs}; "
                "project=N and outputs=N can make them equal.",
            )
            require(
                task.time == first.time,
                f"A mixture takes tasks of one length; {first.name} has {first.time} time steps, "
                f"{task.name} has {task.time}.",
            )

    @property
    def time(self) -> int | None:
        """That of each task."""
        return self.tasks[0].time

    @property
    def augmentable(self) -> bool:
        """Whether all tasks are."""
        return all(task.augmentable for task in self.tasks)

    def sample(
        self, key: PRNGKeyArray, spec: EpisodeSpec, split: Split, first: int | Int[Array, ""] = 0
    ) -> Episode:
        """Draw a task, and an episode of it."""
        which, drawn = jax.random.split(key)
        chosen = choice(which, self.weights)
        few = slice(min(self._queries(drawn, spec, split)))

        def draw(task: Task) -> Callable[[PRNGKeyArray], Episode]:
            def one(key: PRNGKeyArray) -> Episode:
                found = task.sample(key, spec, split, first)
                query = at(found.query, (*[slice(None)] * (task.time is not None), few))
                parts = {"query_x": query.x, "query_y": query.y, "query_mask": query.mask}
                return dataclasses.replace(found, **parts)

            return one

        return jax.lax.switch(chosen, [draw(task) for task in self.tasks], drawn)

    def _queries(self, key: PRNGKeyArray, spec: EpisodeSpec, split: Split) -> list[int]:
        """How many query examples each task would give: the branches must agree."""
        queries = [
            jax.eval_shape(lambda key, task=task: task.sample(key, spec, split).query, key)
            for task in self.tasks
        ]
        return [examples(*pair) for pair in zip(self.tasks, queries, strict=True)]
