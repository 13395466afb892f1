"""Lessons that go on from one meta-step to the next: what windowed estimators look at."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray, UInt32

from blurax.errors import require
from blurax.outer.objective import When, window_loss
from blurax.outer.problem import Problem
from blurax.outer.vary import Draw
from blurax.tasks import Split


class Ongoing(eqx.Module):
    """A lesson in each setting of a problem, all at the same step."""

    states: tuple[Any, ...]
    step: Int[Array, ""]
    """Steps behind them."""
    seed: UInt32[Array, "..."]
    """Of the episode: the data of a key."""


def check_windows(problem: Problem, window: int) -> None:
    """Raise `BluraxError` if a problem's lessons cannot be cut into windows of so many steps."""
    steps = problem.episode.steps
    require(
        1 <= window <= steps and steps % window == 0,
        f"The window is {window} steps; it takes a divisor of the lesson's {steps}.",
    )
    require(
        problem.objective.when is When.MEAN,
        f"Objective.when is {problem.objective.when.value}; lessons cut into windows are asked "
        "after every step: it takes mean (--objective.when mean).",
    )
    require(
        problem.vary.draw is Draw.ALL,
        "Vary.draw is one; lessons cut into windows go on in all settings: it takes all.",
    )
    require(
        not problem.space.learns_init,
        "Init.learned is on; a window of a lesson does not see how it began: learn from whole "
        "lessons, or switch it off.",
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
    problem: Problem, numbers: Any, lesson: Ongoing, window: int
) -> tuple[Float[Array, ""], Ongoing]:
    """The mean loss over the next window of steps, and the lesson after it.

    At its end a lesson begins anew, with initial states and another episode.
    """
    key = jax.random.wrap_key_data(lesson.seed)
    loss, states = jnp.zeros((), float), []
    for s, (task, network, spec) in enumerate(problem.settings()):
        learner = problem.space.learner(numbers, network).for_target(task.target)
        own = jax.random.fold_in(key, s)
        drawn, steps = jax.random.fold_in(own, 1), jax.random.fold_in(own, 2)
        part = dataclasses.replace(spec, steps=window)
        episode = task.sample(drawn, part, Split.TRAIN, lesson.step)
        before, objective = lesson.states[s], problem.objective
        one, state = window_loss(
            learner, before, episode, objective, task.target, steps, lesson.step
        )
        loss += problem.shares()[s] * one
        states.append(state)
    moved = Ongoing(tuple(states), lesson.step + window, lesson.seed)
    over = moved.step >= problem.episode.steps
    fresh = begin(problem, jax.random.fold_in(key, 2**31 - 1))
    return loss, jax.tree.map(lambda new, old: jnp.where(over, new, old), fresh, moved)


def is_new(lesson: Ongoing) -> Array:
    """Whether a lesson is at its start."""
    return lesson.step == 0
