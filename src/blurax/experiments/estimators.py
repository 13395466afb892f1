"""Bias and variance of every estimator of the meta-gradient, against the exact one.

One episode is fixed (its networks, batches and query), so the meta-objective is a plain function of
the genome, with one exact gradient. What an estimator says of it differs only by its own noise.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from blurax.genome import Genome, flatten
from blurax.outer.config import MetaTrain
from blurax.outer.estimates import Measured, Result
from blurax.outer.methods.es import PersistentES
from blurax.outer.methods.gradient import TruncatedGradient
from blurax.outer.objective import Objective, When
from blurax.outer.ongoing import advance, begin
from blurax.outer.problem import Problem
from blurax.outer.protocol import Estimator
from blurax.outer.variants import STABLE
from blurax.tasks import EpisodeSpec

STEPS = 20
CONFIG = MetaTrain(
    tasks=("two-moon",),
    hidden=("8",),
    rule=dataclasses.replace(STABLE, states=2),
    episode=EpisodeSpec(STEPS, 32, 128),
    objective=Objective(when=When.MEAN),
)
"""An episode that is long for its size: 20 steps, two moons, 8 hidden neurons, 2 states."""

PAIRS = 16
WINDOWS = (1, 2, 5, 10, 20)
SIGMAS = (0.01, 0.1)


def measure(draws: int = 400, seed: int = 0) -> Result:
    """Measure every estimator.

    Args:
        draws: estimates of each; those without noise of their own are computed once.
    """
    problem = CONFIG.problem()
    genome = problem.space.start(jax.random.key(seed))
    key = jax.random.key(seed + 1)
    exact = jax.jit(jax.grad(lambda v: _whole(problem, v, key)))(genome)
    measured = [
        _measured("truncated", w, 0.0, _truncated(problem, genome, key, w), flatten(exact))
        for w in WINDOWS
    ]
    for sigma in SIGMAS:
        # At a fixed genome noise-reuse ES is ES whatever the window: one window shows it.
        for name, windows in (("es", (STEPS,)), ("pes", WINDOWS[:-1]), ("nres", (5,))):
            for window in windows:
                estimator = PersistentES(problem, PAIRS, sigma, window, name == "nres")
                found = _drawn(estimator, problem, genome, key, window, draws)
                measured.append(_measured(name, window, sigma, found, flatten(exact)))
    return Result(draws, PAIRS, STEPS, tuple(measured))


def _whole(problem: Problem, genome: Genome, key: PRNGKeyArray) -> Array:
    return advance(problem, genome, begin(problem, key), STEPS)[0]


def _windows(
    estimator: Estimator, genome: Genome, carry: Any, window: int, key: PRNGKeyArray
) -> Float[Array, " size"]:
    """The mean of an estimator's windows over the episode, the genome held fixed."""

    def one(carry: Any, number: Array) -> tuple[Any, Array]:
        drawn = jax.random.fold_in(key, number)
        _, gradient, carry = estimator.estimate(genome, carry, drawn, None)
        return carry, flatten(gradient)

    _, found = jax.lax.scan(one, carry, jnp.arange(STEPS // window))
    return jnp.mean(found, axis=0)


def _truncated(problem: Problem, genome: Genome, key: PRNGKeyArray, window: int) -> np.ndarray:
    estimator = TruncatedGradient(problem, window)
    found = jax.jit(lambda: _windows(estimator, genome, estimator.init(key), window, key))()
    return np.asarray(found)[None]


def _drawn(
    estimator: PersistentES,
    problem: Problem,
    genome: Genome,
    key: PRNGKeyArray,
    window: int,
    draws: int,
) -> np.ndarray:
    """`[draws, size]`: estimates that differ by their noise alone."""
    begun = jax.tree.map(
        lambda leaf: jnp.broadcast_to(leaf, (PAIRS, *leaf.shape)), begin(problem, key)
    )
    carry = dataclasses.replace(estimator.init(key), up=begun, down=begun)

    def one(key: PRNGKeyArray) -> Array:
        return _windows(estimator, genome, carry, window, key)

    keys = jax.random.split(jax.random.fold_in(key, 2), draws)
    return np.asarray(jax.jit(lambda keys: jax.lax.map(one, keys))(keys))


def _measured(name: str, window: int, sigma: float, found: np.ndarray, exact: Array) -> Measured:
    wanted = np.asarray(exact, float)
    length, mean = float(np.linalg.norm(wanted)), found.mean(axis=0)
    spread = float(np.sqrt(np.mean(np.sum((found - mean) ** 2, axis=1))))
    cosine = float(mean @ wanted / np.linalg.norm(mean) / length)
    bias = float(np.linalg.norm(mean - wanted)) / length
    return Measured(
        name, window, sigma, bias, spread / length / len(found) ** 0.5, spread / length, cosine
    )
