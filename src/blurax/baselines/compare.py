"""The honest tuner: a learning rate chosen for each step budget, on data and seeds held apart."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key, PRNGKeyArray

from blurax.baselines.optimisers import OPTIMISERS, descend
from blurax.errors import require
from blurax.frozen import check_types
from blurax.genome import Genome
from blurax.network import Network
from blurax.tasks import EpisodeSpec, Split, Task
from blurax.teach import teach

BUDGETS = (2, 5, 10, 20, 50, 100)
"""Inner steps after which learners are compared."""

RATES = tuple(float(rate) for rate in np.logspace(-4, 1, 16))
"""The grid of learning rates: five decades, three to a decade."""

TUNING_SEEDS = 5


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The test accuracy of one learner on one task, for each budget and seed."""

    learner: str
    budgets: tuple[int, ...]
    accuracy: tuple[tuple[float, ...], ...]
    """`[budgets][seeds]`, on the test examples."""
    rates: tuple[float, ...] = ()
    """The learning rate chosen for each budget; empty for a genome, which has none to choose."""
    at_edge: tuple[bool, ...] = ()
    """Whether that rate is the smallest or largest of the grid: then a wider grid is needed."""

    def __post_init__(self) -> None:
        check_types(self)

    def mean(self, budget: int) -> float:
        """The mean over the seeds at a budget."""
        return float(np.mean(self.accuracy[self.budgets.index(budget)]))

    def std(self, budget: int) -> float:
        """The standard deviation over the seeds at a budget."""
        return float(np.std(self.accuracy[self.budgets.index(budget)], ddof=1))


def compare_optimiser(
    optimiser: str,
    network: Network,
    task: Task,
    key: PRNGKeyArray,
    *,
    seeds: int = 5,
    batch: int = 128,
    budgets: tuple[int, ...] = BUDGETS,
    rates: tuple[float, ...] = RATES,
) -> Comparison:
    """Tune an optimiser on the validation examples and report it on the test examples.

    The learning rate is chosen for each budget by the mean validation accuracy at that budget over
    seeds that are not used again; the report trains anew, on other seeds.

    Args:
        optimiser: a name in `OPTIMISERS`.
        key: the same key gives a genome in `measure_genome` the same test episodes.

    Raises:
        BluraxError: for an unknown optimiser.
    """
    require(
        optimiser in OPTIMISERS,
        f"There is no optimiser {optimiser!r}; there are {', '.join(OPTIMISERS)}.",
    )
    spec = EpisodeSpec(steps=max(budgets), batch=batch)
    grid = jnp.asarray(rates, float)
    tuning = jax.random.split(jax.random.fold_in(key, 1), TUNING_SEEDS)
    tuned = descend(optimiser, grid, network, task, tuning, spec, Split.VALIDATE).accuracy
    chosen = [int(jnp.argmax(tuned[:, :, budget - 1].mean(axis=1))) for budget in budgets]
    reported = descend(
        optimiser,
        grid[jnp.asarray(chosen)],
        network,
        task,
        _test_keys(key, seeds),
        spec,
        Split.TEST,
    ).accuracy
    return Comparison(
        optimiser,
        budgets,
        tuple(
            tuple(np.asarray(reported[b, :, budget - 1]).tolist())
            for b, budget in enumerate(budgets)
        ),
        tuple(rates[c] for c in chosen),
        tuple(c in (0, len(rates) - 1) for c in chosen),
    )


def measure_genome(
    genome: Genome,
    network: Network,
    task: Task,
    key: PRNGKeyArray,
    *,
    seeds: int = 5,
    batch: int = 128,
    budgets: tuple[int, ...] = BUDGETS,
    learner: str = "blur",
) -> Comparison:
    """The test accuracy of networks that a genome teaches; there is nothing to tune."""
    spec = EpisodeSpec(steps=max(budgets), batch=batch)
    _, curve = teach(genome, network, task, _test_keys(key, seeds), spec, Split.TEST)
    at = np.asarray(curve.accuracy)
    return Comparison(
        learner, budgets, tuple(tuple(at[:, budget - 1].tolist()) for budget in budgets)
    )


def _test_keys(key: PRNGKeyArray, seeds: int) -> Key[Array, " seeds"]:
    return jax.random.split(jax.random.fold_in(key, 0), seeds)
