"""A learner's numbers learned in a few lines, without a run directory."""

from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from blurax.bounds import check_count, check_seed
from blurax.learner import Learner
from blurax.outer.descent import Descent
from blurax.outer.methods.gradient import FullGradient
from blurax.outer.objective import Objective
from blurax.outer.optimiser import Optimiser
from blurax.outer.problem import Problem
from blurax.outer.space import LearnerSpace
from blurax.tasks import EpisodeSpec, Task

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
    """Let the numbers of a learner follow the gradient through its own episodes (sec. 3.3).

    All arrays of real numbers that the learner holds are learned, by Adam, from the loss on the
    query after the last step, on training examples alone. A meta-step whose loss or gradient is not
    finite changes nothing. This is the short way; `blurax.meta_train` has all methods, several
    tasks and networks, validation, and runs that can be resumed.

    Args:
        rate: the learning rate of Adam.
        spec: the episode; 10 steps of 128 examples if None.
        key: a seed.

    Returns:
        The learner with other numbers, and the loss before each meta-step.

    Raises:
        BluraxError: if the learner's network does not fit the task, or the learner holds no
            numbers.
    """
    check_count("meta_steps", meta_steps)
    space, keys = LearnerSpace(learner), jax.random.key(check_seed("key", key))
    network = ((learner.network,),)
    problem = Problem((task,), network, space, spec or EpisodeSpec(), Objective())
    optimiser = Optimiser(learning_rate=rate, clip=CLIP)
    trainer = Descent(problem, FullGradient(problem), 1, meta_steps, optimiser)
    state, losses = trainer.init(keys), []
    for number in range(meta_steps):
        state, info = trainer.step(state, jax.random.fold_in(keys, number))
        losses.append(info.loss[0])
    numbers = jax.tree.map(lambda leaf: leaf[0], trainer.genomes(state))
    better: Any = space.learner(numbers, learner.network)
    return better, np.asarray(jnp.stack(losses))
