"""What a task is: episodes, each an endless stream of batches and a query never seen in them."""

import abc
import dataclasses
import enum
import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, PRNGKeyArray

from blurax.batch import Batch
from blurax.bounds import MOST, check_counts
from blurax.errors import BluraxError, described, require, shown
from blurax.frozen import check_types
from blurax.network import Network
from blurax.stages import Stages
from blurax.targets import Target


class Split(enum.StrEnum):
    """Which examples an episode may use; no example of one split's query is in another's.

    Few-shot tasks hold whole classes apart instead: there both support and query of a split are
    drawings of that split's classes.
    """

    TRAIN = "train"
    """Support and query from the training examples: for meta-training."""
    VALIDATE = "validate"
    """Support from the training examples, query from the validation ones: for every choice."""
    TEST = "test"
    """Support from training and validation examples, query from the test ones: for reports."""


@dataclasses.dataclass(frozen=True)
class EpisodeSpec:
    """The size of an episode.

    Raises:
        BluraxError: for a size below 1, or more examples in an episode than 32 bits can number.
    """

    steps: int = 10
    """Inner steps."""
    batch: int = 128
    """Examples in each step's batch."""
    query: int = 128
    """Examples of the query batch in meta-training."""
    held_out: int = 2000
    """Examples of the query in validation and test: all there are, but at most this many, drawn at
    random."""
    fixed_batch: bool = False
    """Show the same batch in every step (release)."""

    def __post_init__(self) -> None:
        check_types(self)
        check_counts(self, "steps", "batch", "query", "held_out")
        require(
            self.fixed_batch or self.steps * self.batch <= MOST,
            f"EpisodeSpec.steps is {self.steps} and EpisodeSpec.batch {self.batch}: an episode of "
            f"{self.steps * self.batch} examples; it takes up to {MOST}.",
        )


def sizes_of(batch: int | None, sizes: EpisodeSpec | None) -> EpisodeSpec:
    """The sizes of an episode, given whole or by its batch alone.

    Raises:
        BluraxError: if both are given, for one would be ignored.
    """
    require(
        batch is None or sizes is None,
        f"batch is {batch} and sizes too is given; sizes has a batch of its own, so leave out one.",
    )
    if sizes is not None:
        return sizes
    return EpisodeSpec() if batch is None else EpisodeSpec(batch=batch)


DEFAULT = "query"
"""The name of the query that is meant where none is named."""


class Episode(eqx.Module):
    """What one network learns from, and what it is evaluated on.

    Inputs and targets are arrays or pytrees of them whose leaves lead with the axes named.

    Where a task has a time axis, it stands before the examples: x is `[steps, time, b, ...]`. There
    may be targets for the last time steps only: y is `[steps, late, b, ...]` and the mask
    `[steps, late, b]`, of the last `late` of them, most often 1 or all. Queries likewise, without
    the steps. Outputs at the other time steps are not compared with anything.
    """

    x: Any
    """Inputs, `[steps, b, ...]`."""
    y: Any
    """Targets of that shape: +1 for the right class and -1 for the others, or the numbers to
    predict, or what a target of one's own takes."""
    query_x: Any
    """`[q, ...]`."""
    query_y: Any
    mask: Bool[Array, "steps *late b"] | None = None
    """Which examples count; None: all."""
    query_mask: Bool[Array, "*late q"] | None = None
    others: dict[str, Batch] = eqx.field(default_factory=dict)
    """Further queries by their names."""
    stages: Stages | None = eqx.field(static=True, default=None)
    """Where the episode has stages: the query is of as many equal parts, that of the first stage
    first. Each is evaluated by itself, and the mean over them counts."""

    @property
    def support(self) -> Batch:
        """What is learned from."""
        return Batch(self.x, self.y, self.mask)

    @property
    def query(self) -> Batch:
        """What is meant where no query is named."""
        return Batch(self.query_x, self.query_y, self.query_mask)

    @property
    def queries(self) -> dict[str, Batch]:
        """All of them by their names."""
        return {**self.others, DEFAULT: self.query}


class Task(eqx.Module):
    """Anything that draws episodes; `sample` is pure and runs inside jit and vmap."""

    name: eqx.AbstractVar[str]
    """What the task is called in logs and files."""
    input_shape: eqx.AbstractVar[tuple[int, ...]]
    """Of the inputs of one example, at one time step where it has several: `(features,)`, or
    `(height, width, colours)` for images."""
    target: eqx.AbstractVar[Target]
    """What is asked for: the loss, the score, the feedback for a rule."""

    @property
    def time(self) -> int | None:
        """Time steps of an example; None: it has no time axis. See `Episode`."""
        return None

    @property
    def stages(self) -> Stages | None:
        """The stages of its episodes; None: they have none. See `Episode.stages`."""
        return None

    def pool(self, spec: EpisodeSpec, split: Split) -> int | None:
        """How many examples there are to learn from; None: as many as are asked for."""
        return None

    @property
    def augmentable(self) -> bool:
        """Whether inputs are an array of numbers, which `Augment` may change."""
        return True

    @property
    def networks(self) -> dict[str, Network]:
        """Networks that only this task has, by their names; see `fit.network_for`."""
        return self.networks_with(self.outputs)

    def networks_with(self, outputs: int) -> dict[str, Network]:
        """The same with another number of outputs, as an augmented task may have."""
        return {}

    @property
    def features(self) -> int:
        """The number of inputs, at one time step."""
        return math.prod(self.input_shape)

    @property
    def outputs(self) -> int:
        """The number of outputs: one for each class, or for each number to predict."""
        return self.target.outputs

    @abc.abstractmethod
    def sample(
        self, key: PRNGKeyArray, spec: EpisodeSpec, split: Split, first: int | Int[Array, ""] = 0
    ) -> Episode:
        """Draw batches `first` to `first + spec.steps` of the episode that `key` names.

        An episode has no end: the same key gives the same query and the same batches, however
        many are asked for at a time.
        """


def check_kind(task: Any) -> None:
    """Raise `BluraxError` if something is no task."""
    require(
        isinstance(task, Task),
        f"task is {described(task)}; it takes a Task: what blurax.task(...) gives, or "
        "a subclass of blurax.Task with name, input_shape, target and sample.",
    )


def check_name(name: str, value: Any) -> None:
    """Raise `BluraxError` if something cannot be what a task is called."""
    require(
        isinstance(value, str) and value != "",
        f"{name} is {shown(value)}; it takes a text: what to call the task.",
    )


def check_task(task: Task, spec: EpisodeSpec, split: Split) -> None:
    """Raise `BluraxError` if a task, a user's own say, does not draw what the protocol says."""
    check_kind(task)

    def draw(key: PRNGKeyArray, first: Int[Array, ""]) -> tuple[Batch, dict[str, Batch]]:
        found: Any = task.sample(key, spec, split, first)
        require(
            isinstance(found, Episode),
            f"Task {task.name}: its sample gives a {type(found).__name__}; it takes an Episode.",
        )
        require(
            found.stages == task.stages,
            f"Task {task.name}: its episodes have the stages {found.stages}, the task itself "
            f"{task.stages}; they are to be the same.",
        )
        return found.support, found.queries

    try:
        support, queries = jax.eval_shape(draw, jax.random.key(0), jnp.zeros((), jnp.int32))
    except (TypeError, AttributeError) as error:
        raise BluraxError(
            f"Task {task.name}: its sample(key, spec, split, first): {error}"
        ) from error
    _check_batch(task, "", support, (spec.steps,), spec.batch)
    count = task.stages.count if task.stages else 1
    asked = examples(task, queries[DEFAULT])
    require(
        asked % count == 0,
        f"Task {task.name}: its query has {asked} examples, which is no multiple of its {count} "
        "stages.",
    )
    for name, query in queries.items():
        prefix = "query_" if name == DEFAULT else f"query {name}_"
        _check_batch(task, prefix, query, (), examples(task, query))


def examples(task: Task, query: Batch) -> int:
    """How many examples a query of a task has."""
    return jax.tree.leaves(query.x)[0].shape[0 if task.time is None else 1]


def _check_batch(task: Task, prefix: str, batch: Batch, steps: tuple[int, ...], many: int) -> None:
    """Raise `BluraxError` if batches, `[*steps, many, ...]`, are not of the task's shapes."""
    time, late = (), ()
    if task.time is not None:
        time, late = (task.time,), jax.tree.leaves(batch.y)[0].shape[len(steps) : len(steps) + 1]
        require(
            0 < sum(late) <= task.time,
            f"Task {task.name}: its episodes' {prefix}y has targets of {sum(late)} time steps; it "
            f"takes those of the last 1 to {task.time}.",
        )
    _check_leaves(task, f"{prefix}x", batch.x, (*steps, *time, many), task.input_shape)
    _check_leaves(task, f"{prefix}y", batch.y, (*steps, *late, many), task.target.y_shape)
    _check_leaves(task, f"{prefix}mask", batch.mask, (*steps, *late, many), ())


def _check_leaves(
    task: Task, what: str, tree: Any, lead: tuple[int, ...], one: tuple[int, ...] | None
) -> None:
    """Raise `BluraxError` if an array has not the shape that it should, or a leaf its first axes.

    Args:
        one: the shape of one example, if it is known; that of a pytree of several is not.
    """
    plain = isinstance(tree, jax.ShapeDtypeStruct) and one is not None
    for leaf in jax.tree.leaves(tree):
        right = (*lead, *(one if plain and one is not None else leaf.shape[len(lead) :]))
        require(
            leaf.shape == right,
            f"Task {task.name}: its episodes' {what} has shape {leaf.shape}, not {right}.",
        )


def check_split(split: Split) -> None:
    """Raise `BluraxError` if `split` is none."""
    require(isinstance(split, Split), f"split is {split!r}; it takes one of {list(Split)}.")
