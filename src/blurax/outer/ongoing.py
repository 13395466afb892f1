"""Episodes that go on from one meta-step to the next: what windowed estimators look at."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray, UInt32

from blurax.errors import require
from blurax.fit import for_task
from blurax.outer.objective import When, window_loss
from blurax.outer.problem import Problem
from blurax.outer.vary import Draw
from blurax.tasks import Split


class Ongoing(eqx.Module):
    """An episode in each setting of a problem, all at the same step."""

    states: tuple[Any, ...]
    step: Int[Array, ""]
    """Steps behind them."""
    seed: UInt32[Array, "..."]
    """Of the episode: the data of a key."""


def check_windows(problem: Problem, window: int) -> None:
    """Raise `BluraxError` if a problem's episodes cannot be cut into windows of so many steps."""
    steps = problem.episode.steps
    require(
        1 <= window <= steps and steps % window == 0,
        f"The window is {window} steps; it takes a divisor of the episode's {steps}.",
    )
    require(
        problem.objective.when is When.MEAN,
        f"Objective.when is {problem.objective.when.value}; windows are evaluated after "
        "every step: it takes mean (--objective.when mean).",
    )
    require(
        problem.vary.draw is Draw.ALL,
        "Vary.draw is one; episodes cut into windows go on in all settings: it takes all.",
    )
    require(
        not problem.space.learns_init,
        "Init.learned is on; a window of an episode does not see how it began: learn from whole "
        "episodes, or switch it off.",
    )


def begin(problem: Problem, key: PRNGKeyArray) -> Ongoing:
    """Initial states at the start of an episode."""
    states = [
        problem.vary.initial(
            problem.space.unlearned(network), episode.batch, jax.random.fold_in(key, s)
        )
        for s, (_, network, episode) in enumerate(problem.settings())
    ]
    return Ongoing(tuple(states), jnp.zeros((), jnp.int32), jax.random.key_data(key))


def advance(
    problem: Problem, numbers: Any, ongoing: Ongoing, window: int
) -> tuple[Float[Array, ""], Ongoing]:
    """The mean loss over the next window of steps, and the episode after it.

    At its end an episode begins anew, with initial states and another episode.
    """
    key = jax.random.wrap_key_data(ongoing.seed)
    loss, states = jnp.zeros((), float), []
    for s, (task, network, spec) in enumerate(problem.settings()):
        learner = for_task(problem.space.learner(numbers, network), task)
        own = jax.random.fold_in(key, s)
        drawn, steps = jax.random.fold_in(own, 1), jax.random.fold_in(own, 2)
        part = dataclasses.replace(spec, steps=window)
        episode = task.sample(drawn, part, Split.TRAIN, ongoing.step)
        before, objective = ongoing.states[s], problem.objective
        one, state = window_loss(
            learner, before, episode, objective, task.target, steps, ongoing.step
        )
        loss += problem.setting_weights()[s] * one
        states.append(state)
    moved = Ongoing(tuple(states), ongoing.step + window, ongoing.seed)
    loss += problem.penalty(numbers)
    over = moved.step >= problem.episode.steps
    fresh = begin(problem, jax.random.fold_in(key, 2**31 - 1))
    return loss, jax.tree.map(lambda new, old: jnp.where(over, new, old), fresh, moved)


def is_new(ongoing: Ongoing) -> Array:
    """Whether an episode is at its start."""
    return ongoing.step == 0
