"""One task made into many: every episode augments its inputs and labels in another way."""

import dataclasses
import math
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax.errors import BluraxError, require
from blurax.frozen import check_types
from blurax.network import Network
from blurax.stages import Stages
from blurax.targets import Target
from blurax.tasks.base import Episode, EpisodeSpec, Split, Task

MOST = 100_000
"""Inputs or outputs that a task can be given."""

OF_LABELS = ("permute_labels", "outputs")
"""What changes the labels alone, of any inputs."""


@dataclasses.dataclass(frozen=True)
class Augment:
    """What is drawn with each episode, for its support and its query alike, in this order.

    Raises:
        BluraxError: for a value out of range.
    """

    project: int | None = None
    """Multiply the inputs by a random normal matrix, to this many; they vary as much as before."""
    permute_inputs: bool = False
    """Put the inputs (pixels) in a random order."""
    permute_labels: bool = False
    """Put the outputs in a random order: another class gets output 1."""
    outputs: int | None = None
    """The number of outputs: more than classes, some of which then are always wrong (with
    permute-labels, others each time), or 1 for a task of two classes, whose sign is the class."""
    scale: float = 1.0
    """Multiply all inputs by a factor between 1/scale and scale, log-uniform."""
    noise: float = 0.0
    """Add normal noise of this deviation to every input of every example."""
    pattern: float = 0.0
    """Add a random pattern of this deviation to all examples, stronger in some and weaker in
    others: times 1 + a normal number for each. Inputs then share a mean and vary most in a way that
    tells nothing, as photographs do."""

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("project", "outputs"):
            value = getattr(self, name)
            require(
                value is None or 1 <= value <= MOST,
                f"The task option {name} is {value}; it takes a whole number from 1 to {MOST:,}.",
            )
        require(
            1 <= self.scale < math.inf,
            f"The task option scale is {self.scale}; it takes a number >= 1.",
        )
        for name in ("noise", "pattern"):
            value = getattr(self, name)
            require(
                0 <= value < math.inf,
                f"The task option {name} is {value}; it takes a number >= 0.",
            )

    @property
    def of_inputs(self) -> tuple[str, ...]:
        """Which of the options that change inputs are in force."""
        fields = [f for f in dataclasses.fields(self) if f.name not in OF_LABELS]
        return tuple(f.name for f in fields if getattr(self, f.name) != f.default)


def no_option(task: str, option: str) -> BluraxError:
    """What to say of an option that changes inputs, for a task whose inputs are no array."""
    known = " and ".join(name.replace("_", "-") for name in OF_LABELS)
    return BluraxError(
        f"Task {task} takes no option {option.replace('_', '-')}: its inputs are no array of "
        f"numbers; of the options that change episodes it takes {known}."
    )


class Augmented(Task):
    """A task whose every episode is augmented in another way, which the key decides."""

    task: Task
    augment: Augment = eqx.field(static=True)
    name: str = eqx.field(static=True)

    input_shape: tuple[int, ...] = eqx.field(static=True, init=False)
    target: Target = eqx.field(static=True, init=False)

    def __post_init__(self) -> None:
        task, augment = self.task, self.augment
        self.input_shape = (augment.project,) if augment.project else task.input_shape
        try:
            self.target = task.target.with_outputs(augment.outputs or task.outputs)
        except BluraxError as error:
            raise BluraxError(f"Task {task.name}: {error}") from error

    @property
    def time(self) -> int | None:
        """That of the task."""
        return self.task.time

    @property
    def stages(self) -> Stages | None:
        """Those of the task."""
        return self.task.stages

    def pool(self, spec: EpisodeSpec, split: Split) -> int | None:
        """That of the task."""
        return self.task.pool(spec, split)

    @property
    def augmentable(self) -> bool:
        """As the task."""
        return self.task.augmentable

    def networks_with(self, outputs: int) -> dict[str, Network]:
        """Those of the task, with these outputs."""
        task = self.task
        return task.networks if outputs == task.outputs else task.networks_with(outputs)

    def __check_init__(self) -> None:
        changed = self.augment.of_inputs
        if changed and not self.task.augmentable:
            raise no_option(self.task.name, changed[0])
        require(
            self.outputs > 1 or not self.augment.permute_labels,
            f"Task {self.task.name} with 1 output has no labels to permute.",
        )

    def sample(
        self, key: PRNGKeyArray, spec: EpisodeSpec, split: Split, first: int | Int[Array, ""] = 0
    ) -> Episode:
        """Draw an episode of the task, and augment it."""
        plain, looks, shuffle, noise = jax.random.split(key, 4)
        changed = self.augment.of_inputs
        episode = self.task.sample(plain, spec, split, first)
        require(
            not episode.others,
            f"Task {self.task.name} has further queries ({', '.join(episode.others)}); it takes no "
            "options that change examples.",
        )
        outputs = _order(shuffle, self.outputs) if self.augment.permute_labels else None
        y, query_y = (self._relabel(labels, outputs) for labels in (episode.y, episode.query_y))
        found = dataclasses.replace(episode, y=y, query_y=query_y)
        if not changed:
            return found
        if not all(eqx.is_array_like(x) for x in (episode.x, episode.query_x)):
            raise no_option(self.task.name, changed[0])
        x, query_x = self._inputs(episode, spec, first, looks, noise)
        return dataclasses.replace(found, x=x, query_x=query_x)

    def _inputs(
        self,
        episode: Episode,
        spec: EpisodeSpec,
        first: int | Int[Array, ""],
        looks: PRNGKeyArray,
        noise: PRNGKeyArray,
    ) -> tuple[Array, Array]:
        """The inputs of an episode and of its query, augmented."""
        see = self._look(looks)
        x, query_x = (see(self._rows(x)) for x in (episode.x, episode.query_x))
        if self.augment.pattern > 0:
            own = jax.random.fold_in(looks, 1)
            pattern = self.augment.pattern * jax.random.normal(own, (self.features,), x.dtype)
            x += (1 + self._numbers(own, x[..., :1], spec, first)) * pattern
            own = jax.random.fold_in(own, 0)
            strength = jax.random.normal(own, query_x[..., :1].shape, x.dtype)
            query_x += (1 + strength) * pattern
        if self.augment.noise > 0:
            x += self.augment.noise * self._numbers(noise, x, spec, first)
            query_x += self.augment.noise * jax.random.normal(noise, query_x.shape, x.dtype)
        x, query_x = (x.reshape(*x.shape[:-1], *self.input_shape) for x in (x, query_x))
        return x, query_x

    def _rows(self, x: Float[Array, "..."]) -> Float[Array, "... n"]:
        """The inputs of each example of the task in a row."""
        return x.reshape(*x.shape[: x.ndim - len(self.task.input_shape)], -1)

    def _look(self, key: PRNGKeyArray) -> Callable[[Array], Array]:
        """What an episode does to the inputs of any example."""
        augment, n = self.augment, self.task.features
        project, shuffle, size = jax.random.split(key, 3)
        reach = math.log(augment.scale)
        factor = jnp.exp(jax.random.uniform(size, (), float, -reach, reach)) if reach else 1.0
        matrix = None
        if augment.project is not None:
            # Each entry of variance 1 / n: a new input varies as much as the old ones in the mean.
            matrix = jax.random.normal(project, (n, augment.project), float)
            matrix *= factor / n**0.5
        seen = _order(shuffle, self.features) if augment.permute_inputs else None

        def see(x: Float[Array, "... n"]) -> Float[Array, "... features"]:
            x = x * factor if matrix is None else x @ matrix
            return x if seen is None else x[..., seen]

        return see

    def _numbers(
        self, key: PRNGKeyArray, x: Array, spec: EpisodeSpec, first: int | Int[Array, ""]
    ) -> Array:
        """Normal numbers of the shape of `x`, for each batch from the number of its step.

        So an episode may be drawn in parts.
        """
        numbers = jnp.zeros(spec.steps, int) if spec.fixed_batch else first + jnp.arange(spec.steps)

        def batch(number: Array) -> Array:
            return jax.random.normal(jax.random.fold_in(key, number + 1), x.shape[1:], x.dtype)

        return jax.vmap(batch)(numbers)

    def _relabel(
        self, y: Float[Array, "... classes"], order: Int[Array, " outputs"] | None
    ) -> Float[Array, "... outputs"]:
        if self.outputs == 1 and y.shape[-1] == 2:
            y = y[..., 1:]
        missing = self.outputs - y.shape[-1]
        y = jnp.pad(y, [(0, 0)] * (y.ndim - 1) + [(0, missing)], constant_values=-1.0)
        return y if order is None else y[..., order]


def _order(key: PRNGKeyArray, n: int) -> Int[Array, " n"]:
    """A random order of n things: the ranks of random bits, quick to compile."""
    return jnp.argsort(jax.random.bits(key, (n,)))
