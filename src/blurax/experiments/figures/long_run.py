"""A long episode, observed: accuracy and the sizes of synapses and activations, step by step."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax.curves import learning_curve
from blurax.experiments.figures.work import Arrays, keyed
from blurax.findings import OFF_SCALE
from blurax.fit import blur_for, network_for
from blurax.genome import Genome
from blurax.inner import StepInfo
from blurax.learner import Batch
from blurax.network import NetworkState
from blurax.tasks import Episode, EpisodeSpec, Split, Target, Task


class Scrambled(Task):
    """A task of classes whose labels are drawn at random after some steps; its query stays."""

    task: Task
    after: Int[Array, ""]
    """The number of steps with true labels."""

    name: str = eqx.field(static=True, init=False)
    input_shape: tuple[int, ...] = eqx.field(static=True, init=False)
    target: Target = eqx.field(static=True, init=False)

    def __post_init__(self) -> None:
        task = self.task
        self.name, self.input_shape, self.target = task.name, task.input_shape, task.target

    def sample(
        self, key: PRNGKeyArray, spec: EpisodeSpec, split: Split, first: int | Int[Array, ""] = 0
    ) -> Episode:
        """The task's episode with other labels."""
        episode = self.task.sample(key, spec, split, first)
        steps = first + jnp.arange(spec.steps)

        def labels(step: Int[Array, ""]) -> Float[Array, "batch classes"]:
            drawn = jax.random.fold_in(jax.random.fold_in(key, 2), step)
            wrong = jax.random.randint(drawn, (spec.batch,), 0, self.outputs)
            return self.target.encode(wrong)

        late = (steps >= self.after)[:, None, None]
        y = jnp.where(late, jax.vmap(labels)(steps), episode.y)
        return dataclasses.replace(episode, y=y)


def bounded(sizes: np.ndarray) -> np.ndarray:
    """Sizes up to `OFF_SCALE`, which also stands for what is no number."""
    sizes = np.nan_to_num(sizes.astype(float), nan=OFF_SCALE, posinf=OFF_SCALE)
    return np.minimum(sizes, OFF_SCALE)


def watch(
    genome: Genome, task: Task, hidden: str, steps: int, seeds: int, random_after: int | None
) -> Arrays:
    """Accuracy and standard deviations `[seeds, steps]` in the course of long episodes.

    Args:
        random_after: the number of steps after which labels are drawn at random.
    """
    keys = jax.random.split(keyed(task.name, hidden), seeds)
    shown = Scrambled(task=task, after=jnp.asarray(steps if random_after is None else random_after))
    learner = blur_for(genome, network_for(task, hidden), task)
    stops = range(1, steps + 1)
    _, curve = learning_curve(learner, shown, keys, stops, Split.TEST, observe=_sizes)
    synapses, activations = curve.seen
    return {
        "accuracy": np.asarray(curve.accuracy),
        "synapses": bounded(np.asarray(synapses)),
        "activations": bounded(np.asarray(activations)),
    }


def _sizes(
    before: NetworkState, after: NetworkState, info: StepInfo, batch: Batch
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The mean standard deviations of the forward synapses and of the hidden activations."""
    return (
        jnp.mean(jnp.stack([jnp.std(w_ij) for w_ij, *_ in after.forward_parts])),
        jnp.mean(jnp.stack([jnp.std(a) for a in info.neurons[1:-1]])),
    )
