"""Tangent kernels of networks before the first step and after the last one."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float, Key, PRNGKeyArray

from blurax import findings
from blurax.findings import Chart, Table, curve
from blurax.learner import Learner
from blurax.spectra import effective_rank, eigenvalues, tangent_kernel
from blurax.tasks import EpisodeSpec, Split, Task

TANGENT = "Neural tangent kernel"
WHEN = ("at first", "at the end")
MEASURES = ("largest", "mean", "effective rank")
FLOOR = 1e-8
"""Smaller eigenvalues, as a share of the largest, are roundings and drawn there."""

Ends = tuple[Float[Array, "few examples"], Float[Array, "few examples"]]
"""Eigenvalues of initial networks, and of the same after the last step, the largest first."""


def at_ends(
    learner: Learner,
    task: Task,
    keys: Key[Array, " few"],
    states: Any,
    sizes: EpisodeSpec,
    split: Split,
    examples: int,
) -> Ends:
    """The eigenvalues of the tangent kernel of some examples of the query.

    Args:
        keys: as `learning_curve` was given them.
        states: after the last step, each leaf `[few, ...]`.
        sizes: of the episode.
        examples: how many; all of the query where it has fewer.
    """
    spec = dataclasses.replace(sizes, steps=1)

    def one(given: tuple[PRNGKeyArray, Any]) -> tuple[Array, Array]:
        key, state = given
        query = task.sample(jax.random.fold_in(key, 1), spec, split).query
        x = jax.tree.map(lambda leaf: leaf[:examples], learner.inputs(query.x))
        begun = learner.init(jax.random.fold_in(key, 0), spec.batch)
        first, end = (eigenvalues(tangent_kernel(learner, s, x)) for s in (begun, state))
        return first, end

    return eqx.filter_jit(lambda given: jax.lax.map(one, given))((keys, states))


def kernel_table(ends: Ends) -> Table:
    """What the eigenvalues come to."""
    each = [
        np.stack([v[:, 0], v.mean(axis=1), jax.vmap(effective_rank)(v)]) for v in ends
    ]  # [measures, seeds]
    made = findings.table(TANGENT, ("", "eigenvalues"), WHEN, MEASURES, np.stack(each))
    return dataclasses.replace(made, mark_best=False, percent=False)


def kernel_chart(ends: Ends) -> Chart:
    """The eigenvalues by their number."""
    largest = max(float(v.max()) for v in ends)
    curves = tuple(
        curve(when, range(1, v.shape[1] + 1), np.maximum(v, FLOOR * largest))
        for when, v in zip(WHEN, ends, strict=True)
    )
    title = "Eigenvalues of the tangent kernel"
    return Chart(title, "number", "eigenvalue", curves, log_x=True, log_y=True)
