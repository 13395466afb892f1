"""Tasks in sequence: an episode of stages, learned one after the other and all asked for."""

import dataclasses
import enum
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Key, PRNGKeyArray

from blurax.batch import Batch, at
from blurax.bounds import check_count, check_whole
from blurax.errors import require, shown
from blurax.frozen import check_types
from blurax.stages import Stages
from blurax.targets import Target
from blurax.tasks.arrays import ArrayTask
from blurax.tasks.base import Episode, EpisodeSpec, Split, Task, check_kind, check_name, examples
from blurax.tasks.views import As, Permuted, Rotated, View


class StagesBy(enum.StrEnum):
    """What differs from stage to stage."""

    TASKS = "tasks"
    """Every stage is a task of its own, as listed."""
    PERMUTE = "permute"
    """The order of the inputs: another random one in each stage (Goodfellow et al., "An empirical
    investigation of catastrophic forgetting", 2013)."""
    ROTATE = "rotate"
    """The angle of the images, random in each stage (Lopez-Paz and Ranzato, "Gradient episodic
    memory for continual learning", NeurIPS 2017)."""
    CLASSES = "classes"
    """The classes: as many in each stage, in their order, on outputs that the stages share (Zenke
    et al., "Continual learning through synaptic intelligence", ICML 2017, with an output layer
    for each)."""


@dataclasses.dataclass(frozen=True)
class SequenceOptions:
    """How a task becomes a sequence.

    Raises:
        BluraxError: for a number below 1.
    """

    by: StagesBy | None = None
    """What differs from stage to stage; without it the tasks themselves do."""
    stages: int | None = None
    """How many stages: 5, or one for each task listed."""
    steps: int = 100
    """Inner steps of each stage."""
    repeat: bool = False
    """Whether a stage may be longer than its data, whose examples then are shown again."""

    def __post_init__(self) -> None:
        check_types(self)
        check_count("The task option steps", self.steps)
        if self.stages is not None:
            check_count("The task option stages", self.stages)


class TaskSequence(Task):
    """Stages one after the other, each an episode of a task; the query is of all of them.

    Step t belongs to stage t // steps, from 0. Stage s has batches of its own and an equal part of
    the query, of which EpisodeSpec.query (or held_out) examples are for each stage.

    Raises:
        BluraxError: for a single stage, or tasks that do not fit each other.
    """

    tasks: tuple[Task, ...]
    """Of each stage, or a single one."""
    view: View
    """As what a stage shows the inputs of its task."""
    division: Stages = eqx.field(static=True)
    """How an episode is divided."""
    name: str = eqx.field(static=True)
    repeat: bool = eqx.field(static=True, default=False)
    """Whether a stage may be longer than its data."""
    input_shape: tuple[int, ...] = eqx.field(static=True, init=False)
    target: Target = eqx.field(static=True, init=False)

    def __post_init__(self) -> None:
        require(len(self.tasks) > 0, f"Task {self.name} has no task; it takes one or more.")
        self.input_shape, self.target = self.tasks[0].input_shape, self.tasks[0].target

    def __check_init__(self) -> None:
        count, first = self.stages.count, self.tasks[0]
        require(
            count >= 2,
            f"Task {self.name} has a single stage; a sequence takes two or more, such as "
            "sequence:digits:by=permute,stages=5.",
        )
        require(
            len(self.tasks) in (1, count),
            f"Task {self.name} has {count} stages and {len(self.tasks)} tasks; it takes a task for "
            "each stage, or a single one.",
        )
        for task in self.tasks:
            require(
                (task.input_shape, task.target) == (first.input_shape, first.target),
                f"The stages of a sequence take tasks of one shape; {first.name} has inputs "
                f"{first.input_shape} and asks for {first.target}, {task.name} has inputs "
                f"{task.input_shape} and asks for {task.target}.",
            )
            require(
                task.time is None and task.stages is None,
                f"The stages of a sequence take tasks without a time axis and without stages; "
                f"{task.name} has {task.stages or f'{task.time} time steps'}.",
            )

    @property
    def stages(self) -> Stages:
        """How an episode is divided."""
        return self.division

    def pool(self, spec: EpisodeSpec, split: Split) -> int | None:
        """That of the smallest stage."""
        known = [found for t in self.tasks if (found := t.pool(spec, split)) is not None]
        return min(known, default=None)

    @property
    def augmentable(self) -> bool:
        """Whether all tasks are."""
        return all(task.augmentable for task in self.tasks)

    def sample(
        self, key: PRNGKeyArray, spec: EpisodeSpec, split: Split, first: int | Int[Array, ""] = 0
    ) -> Episode:
        """Draw what differs between the stages, and an episode of each.

        Raises:
            BluraxError: if a stage is longer than its data and may not repeat it.
        """
        self._check_length(spec, split)
        look, drawn = jax.random.split(key)
        looks = self.view.draw(look, self.stages.count)
        keys = jax.random.split(drawn, self.stages.count)
        one = dataclasses.replace(spec, steps=1)

        def support(index: Int[Array, ""]) -> Batch:
            stage = self.stages.at(index)
            offset = index - stage * self.stages.steps
            draws = [_drawer(task, one, split) for task in self.tasks]
            which = stage if len(draws) > 1 else jnp.zeros((), jnp.int32)
            batch = jax.lax.switch(which, draws, keys[stage], offset)
            return self._seen(at(batch, 0), looks[stage])

        index = first + jnp.arange(spec.steps)
        # Side by side a switch would draw from every task.
        way = jax.vmap if len(self.tasks) == 1 else lambda draw: lambda n: jax.lax.map(draw, n)
        learned = way(support)(index)
        query = self._query(keys, looks, one, split)
        return Episode(
            *(learned.x, learned.y, query.x, query.y, learned.mask, query.mask),
            stages=self.stages,
        )

    def _query(
        self, keys: Key[Array, " stages"], looks: Array, one: EpisodeSpec, split: Split
    ) -> Batch:
        """The queries of all stages, one after the other; equally many of each."""

        def asked(task: Task, key: PRNGKeyArray, look: Array) -> Batch:
            return self._seen(task.sample(key, one, split).query, look)

        if len(self.tasks) == 1:
            found = jax.vmap(lambda key, look: asked(self.tasks[0], key, look))(keys, looks)
            return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), found)
        each = [asked(t, keys[n], looks[n]) for n, t in enumerate(self.tasks)]
        few = min(examples(*pair) for pair in zip(self.tasks, each, strict=True))
        parts = [at(query, slice(few)) for query in each]
        return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *parts)

    def _seen(self, batch: Batch, look: Array) -> Batch:
        return Batch(self.view.see(look, batch.x), batch.y, batch.mask)

    def _check_length(self, spec: EpisodeSpec, split: Split) -> None:
        needed, pool = self.stages.steps * spec.batch, self.pool(spec, split)
        if pool is None or self.repeat or spec.fixed_batch:
            return
        if pool < 1:
            return  # what is missing is a query, as the stage's own task will say
        require(
            needed <= pool,
            f"Task {self.name}: a stage of {self.stages.steps} steps with batches of {spec.batch} "
            f"takes {needed:,} examples, but there are {pool:,} to learn from in a stage; take "
            "fewer steps or smaller batches, or the option repeat to show them again.",
        )


def _drawer(task: Task, one: EpisodeSpec, split: Split) -> Callable[[Array, Array], Batch]:
    return lambda key, offset: task.sample(key, one, split, offset).support


def from_sequence(
    tasks: Task | Sequence[Task],
    *,
    by: StagesBy | str | None = None,
    stages: int | None = None,
    steps: int = 100,
    repeat: bool = False,
    name: str | None = None,
) -> Task:
    """Tasks in sequence: a list of them, or one that looks different in every stage.

    The tasks listed are to have inputs and targets of the same shapes: their stages share all
    outputs. What differs between stages is drawn anew for each episode, but for the first stage:
    this one shows the inputs as they are. Classes are divided in their order.

    Args:
        by: permute, rotate or classes, for a single task; None for a list.
        stages: how many; 5 if None, or one for each task listed.
        steps: inner steps of each stage.
        repeat: whether a stage may be longer than its data.
        name: what to call it.

    Raises:
        BluraxError: for what is no task, a value of the wrong type, a single stage, stages that do
            not fit each other, classes that cannot be divided among the stages, or rotation of
            inputs that are no images.
    """
    several = _several(tasks)
    check_whole("steps", steps)
    if stages is not None:
        check_whole("stages", stages)
    require(isinstance(repeat, bool), f"repeat is {shown(repeat)}; it takes True or False.")
    if name is not None:
        check_name("name", name)
    way = _way(several, by)
    called = name or f"sequence of {', '.join(task.name for task in several)}"
    usual = len(several) if way is StagesBy.TASKS else 5
    many = usual if stages is None else int(stages)
    require(
        way is not StagesBy.TASKS or many == len(several),
        f"Task {called} has {len(several)} tasks, but stages is {many}; each task is a stage.",
    )
    base = several[0]
    view: View = As()
    if way is StagesBy.PERMUTE:
        require(
            base.augmentable,
            f"Task {called}: the inputs of {base.name} are no array, whose order can be permuted.",
        )
        view = Permuted(base.features, base.input_shape)
    elif way is StagesBy.ROTATE:
        _check_images(base)
        view = Rotated(base.input_shape)
    elif way is StagesBy.CLASSES:
        several = _by_classes(base, many)
    return TaskSequence(
        tasks=several, view=view, division=Stages(many, int(steps)), name=called, repeat=repeat
    )


def _several(tasks: Any) -> tuple[Task, ...]:
    """The tasks of a list, or a single one; raises `BluraxError` for anything else."""
    if not isinstance(tasks, Iterable):
        check_kind(tasks)  # a single one
        return (tasks,)
    several = tuple(tasks)
    for task in several:
        check_kind(task)
    return several


def _way(tasks: tuple[Task, ...], by: StagesBy | str | None) -> StagesBy:
    """What differs between the stages."""
    require(
        by is None or by in list(StagesBy),
        f"by is {shown(by)}; it takes {', '.join(StagesBy)}.",
    )
    require(len(tasks) > 0, "A sequence takes one or more tasks; the list is empty.")
    way = StagesBy(by) if by is not None else StagesBy.TASKS
    if len(tasks) == 1:
        require(
            way is not StagesBy.TASKS,
            f"A sequence of {tasks[0].name} alone has a single stage; it takes by=permute, rotate "
            "or classes, by which stages differ, or several tasks.",
        )
    else:
        require(
            way is StagesBy.TASKS,
            f"A sequence of {len(tasks)} tasks has by={way}, which is for a single task; of "
            "several each is a stage.",
        )
    return way


def _check_images(task: Task) -> None:
    require(
        len(task.input_shape) == 3,
        f"Task {task.name} has inputs of shape {task.input_shape}; by=rotate takes images, "
        "[height, width, colours].",
    )


def _by_classes(task: Task, stages: int) -> tuple[Task, ...]:
    """A task for each stage, of as many classes each."""
    require(
        isinstance(task, ArrayTask),
        f"Task {task.name} is no task over stored examples, of which by=classes takes those of "
        "some classes.",
    )
    assert isinstance(task, ArrayTask)
    classes = task.target.outputs
    each = classes // stages
    require(
        each >= 2 and each * stages == classes,
        f"Task {task.name} has {classes} classes, which cannot be divided into {stages} stages of "
        "two or more classes each, as many in every stage.",
    )
    parts = np.arange(classes).reshape(stages, each)
    return tuple(
        task.of_classes(tuple(part.tolist()), f"{task.name}, classes {part[0]}-{part[-1]}")
        for part in parts
    )
