"""Meta-learning of any learner: its arrays are its genome, whatever its rule is."""

from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax.bounds import check_count, check_seed
from blurax.errors import require
from blurax.fit import check_fit
from blurax.learner import Learner
from blurax.tasks import EpisodeSpec, Split, Task
from blurax.tasks.scores import query_loss

CLIP = 1.0
"""The global norm to which a gradient is clipped."""

AnyLearner = TypeVar("AnyLearner", bound=Learner)


def improve(
    learner: AnyLearner,
    task: Task,
    *,
    meta_steps: int = 100,
    rate: float = 0.01,
    spec: EpisodeSpec | None = None,
    key: int = 0,
) -> tuple[AnyLearner, Float[np.ndarray, " meta_steps"]]:
    """Let the numbers of a learner follow the gradient through its own lessons (sec. 3.3).

    What is learned are all arrays of real numbers that the learner holds, by Adam, from the loss of
    a newborn network on the query after the last step, on training examples alone. A meta-step
    whose loss or gradient is not finite changes nothing. This is the short way for a rule of one's
    own; `blurax.meta_train` has the other methods, curricula and runs that can be resumed, for
    genomes.

    Args:
        rate: the learning rate of Adam.
        spec: the lesson; 10 steps of 128 examples if None.
        key: a seed.

    Returns:
        The learner with other numbers, and the loss before each meta-step.

    Raises:
        BluraxError: if the learner's network does not fit the task, or the learner holds no
            numbers.
    """
    check_count("meta_steps", meta_steps)
    check_fit(learner.network, task)
    numbers, _ = eqx.partition(learner, eqx.is_inexact_array)
    require(
        bool(jax.tree.leaves(numbers)),
        f"{type(learner).__name__} holds no arrays of real numbers; there is nothing to learn.",
    )
    check_seed("key", key)
    optimiser = optax.chain(optax.clip_by_global_norm(CLIP), optax.adam(rate))
    kept, losses, keys = optimiser.init(numbers), [], jax.random.key(key)
    for number in range(meta_steps):
        learner, kept, loss = _meta_step(
            learner, kept, task, spec or EpisodeSpec(), jax.random.fold_in(keys, number), optimiser
        )
        losses.append(loss)
    return learner, np.asarray(jnp.stack(losses))


@eqx.filter_jit
def _meta_step(
    learner: AnyLearner,
    kept: optax.OptState,
    task: Task,
    spec: EpisodeSpec,
    key: PRNGKeyArray,
    optimiser: optax.GradientTransformation,
) -> tuple[AnyLearner, optax.OptState, Float[Array, ""]]:
    loss, gradient = eqx.filter_value_and_grad(_lesson_loss)(learner, task, spec, key)
    finite = jnp.isfinite(loss) & jnp.isfinite(optax.tree.norm(gradient))
    updates, moved = optimiser.update(gradient, kept)
    better = eqx.apply_updates(learner, updates)
    chosen = jax.tree.map(
        lambda new, old: jnp.where(finite, new, old) if eqx.is_array(new) else new,
        (better, moved),
        (learner, kept),
    )
    return *chosen, loss


def _lesson_loss(
    learner: Learner, task: Task, spec: EpisodeSpec, key: PRNGKeyArray
) -> Float[Array, ""]:
    """The query's loss after a fresh training episode."""
    first, drawn = jax.random.split(key)
    steps = jax.random.fold_in(key, 2)
    episode = task.sample(drawn, spec, Split.TRAIN)

    @jax.checkpoint
    def body(state: Any, batch: tuple[Int[Array, ""], Array, Array]) -> tuple:
        index, x, y = batch
        rate, drawn = jnp.zeros((), float), jax.random.fold_in(steps, index)
        return learner.step(state, (x, y), rate=rate, key=drawn, index=index)[0], None

    batches = jnp.arange(spec.steps), episode.x, episode.y
    state, _ = jax.lax.scan(body, learner.init(first, spec.batch), batches)
    return query_loss(learner.predict(state, episode.query_x), episode.query_y, task.kind)
