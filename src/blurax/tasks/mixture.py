"""A mixture: every episode is one of several tasks, drawn by weight."""

import itertools
import math
from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, PRNGKeyArray

from blurax.errors import require
from blurax.tasks.base import Episode, EpisodeSpec, Kind, Split, Task


def choice(key: PRNGKeyArray, weights: Sequence[float]) -> Int[Array, ""]:
    """A random number below the number of weights, by weight; the same on every machine."""
    ends = itertools.accumulate(weights[:-1])
    starts = [min(2**32 - 1, int(2**32 * end / sum(weights))) for end in ends]
    word = jax.random.bits(key, (), jnp.uint32)
    return jnp.sum(word >= jnp.asarray(starts, jnp.uint32)).astype(jnp.int32)


class Mixture(eqx.Module):
    """Tasks of one shape, of which each episode draws one.

    Raises:
        BluraxError: for no task, tasks of different shapes, or weights that are not positive.
    """

    tasks: tuple[Task, ...]
    weights: tuple[float, ...] = eqx.field(static=True)
    """How often each is drawn, relative to the others."""
    name: str = eqx.field(static=True)

    def __check_init__(self) -> None:
        require(len(self.tasks) > 0, "A mixture of tasks takes at least one task.")
        good = [0 < weight < math.inf for weight in self.weights]
        require(
            len(good) == len(self.tasks) and all(good),
            f"The weights of a mixture are {self.weights}; it takes a number above 0 for each of "
            f"its {len(self.tasks)} tasks.",
        )
        first, *others = self.tasks
        for task in others:
            require(
                task.kind is first.kind,
                f"A mixture takes tasks of one kind; {first.name} asks for {first.kind.value}, "
                f"{task.name} for {task.kind.value}.",
            )
            require(
                _shape(task) == _shape(first),
                f"A mixture takes tasks of one shape; {first.name} has {first.features} inputs and "
                f"{first.outputs} outputs, {task.name} has {task.features} and {task.outputs}; "
                "project=N and outputs=N can make them equal.",
            )

    @property
    def features(self) -> int:
        """The number of inputs of all of them."""
        return self.tasks[0].features

    @property
    def outputs(self) -> int:
        """The number of outputs of all of them."""
        return self.tasks[0].outputs

    @property
    def kind(self) -> Kind:
        """What all of them ask for."""
        return self.tasks[0].kind

    def sample(
        self, key: PRNGKeyArray, spec: EpisodeSpec, split: Split, first: int | Int[Array, ""] = 0
    ) -> Episode:
        """Draw a task, and an episode of it."""
        which, drawn = jax.random.split(key)
        chosen = choice(which, self.weights)
        smallest = min(self._queries(drawn, spec, split))

        def draw(task: Task) -> Callable[[PRNGKeyArray], Episode]:
            def one(key: PRNGKeyArray) -> Episode:
                found = task.sample(key, spec, split, first)
                query_x, query_y = found.query_x[:smallest], found.query_y[:smallest]
                return Episode(found.x, found.y, query_x, query_y)

            return one

        return jax.lax.switch(chosen, [draw(task) for task in self.tasks], drawn)

    def _queries(self, key: PRNGKeyArray, spec: EpisodeSpec, split: Split) -> list[int]:
        """How many query examples each task would give: the branches must agree."""
        shapes = [
            jax.eval_shape(lambda key, task=task: task.sample(key, spec, split), key)
            for task in self.tasks
        ]
        return [shape.query_x.shape[0] for shape in shapes]


def _shape(task: Task) -> tuple[int, int]:
    return task.features, task.outputs
