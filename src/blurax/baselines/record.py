"""What one learner reached on one task with one network, measured on the test examples."""

import dataclasses
from collections.abc import Sequence

import jax
import numpy as np
from jaxtyping import Array, Key, PRNGKeyArray

from blurax.baselines.catalogue import baseline
from blurax.baselines.trials import Log
from blurax.baselines.tuner import USUAL, Choice, Tuning, check_budgets, tune
from blurax.curves import Curve, Schedule, learning_curve
from blurax.errors import require
from blurax.frozen import added, check_types
from blurax.learner import Learner
from blurax.network import Network
from blurax.tasks import EpisodeSpec, Split, Task


@dataclasses.dataclass(frozen=True)
class Record:
    """The test accuracy of one learner for each budget and seed, and how it was set."""

    learner: str
    budgets: tuple[int, ...]
    accuracy: tuple[tuple[float, ...], ...]
    """`[budgets][seeds]`, on the test examples."""
    choices: tuple[Choice, ...] = ()
    """What the tuner chose for each budget; empty for what is measured as it is, such as a
    genome."""
    curve_steps: tuple[int, ...] = ()
    """Steps of the one episode of what is not tuned, among them the budgets; for a baseline each
    budget is an episode of its own, and the curve is empty."""
    curve: tuple[tuple[float, ...], ...] = ()
    """`[seeds][curve_steps]`, the test accuracy in the course of the episode."""
    stages: tuple[tuple[tuple[float, ...], ...], ...] = added(())
    """Of a task in stages, `[seeds][stages][stages]`: the accuracy on stage j after stage i, in the
    episode of the last budget; else empty."""

    def __post_init__(self) -> None:
        check_types(self)
        require(
            len(self.accuracy) == len(self.budgets)
            and len({len(row) for row in self.accuracy}) == 1
            and len(self.choices) in (0, len(self.budgets))
            and all(len(row) == len(self.curve_steps) for row in self.curve),
            "Record: accuracy is [budgets][seeds], choices are one for each budget, and the curve "
            "is [seeds][curve_steps].",
        )

    def mean(self, budget: int) -> float:
        """The mean over the seeds at a budget."""
        return float(np.mean(self.accuracy[self.budgets.index(budget)]))

    def std(self, budget: int) -> float:
        """The standard deviation over the seeds at a budget; 0 for a single seed."""
        seeds = self.accuracy[self.budgets.index(budget)]
        return float(np.std(seeds, ddof=1)) if len(seeds) > 1 else 0.0


def strongest(records: Sequence[Record], budget: int) -> Record:
    """Of several tuned baselines the one with the best validation at a budget.

    It is picked as its own settings were, without a look at the test examples; the first of equals.
    """
    place = records[0].budgets.index(budget)
    return max(records, key=lambda record: record.choices[place].validation)


def record_baseline(
    name: str,
    network: Network,
    task: Task,
    key: PRNGKeyArray,
    budgets: tuple[int, ...],
    *,
    seeds: int = 5,
    batch: int | None = None,
    sizes: EpisodeSpec | None = None,
    tuning: Tuning = USUAL,
    log: Log = lambda text: None,
) -> Record:
    """Tune a baseline on validation examples, then train anew and report it on test examples.

    Args:
        name: of a baseline.
        key: the same key gives every learner the same test episodes; the validation seeds are
            others.
        budgets: numbers of steps, growing.
        batch: examples in each step; 128 if None.
        sizes: those of an episode, in the place of `batch`; its steps do not count.
        log: called with what is being done.

    Raises:
        BluraxError: for an unknown baseline, budgets that do not grow, a network that does not fit
            the task, or both a batch and sizes.
    """
    choices = tune(
        name,
        network,
        task,
        jax.random.fold_in(key, 1),
        budgets,
        batch=batch,
        sizes=sizes,
        tuning=tuning,
        log=log,
    )
    log("measuring on test examples")
    keys = _test_keys(key, seeds)
    accuracy: dict[int, tuple[float, ...]] = {}
    matrix: tuple = ()
    for choice, served in _runs(choices, budgets):
        ends = _stage_ends(task, budgets) if budgets[-1] in served else ()
        stops = tuple(sorted({*served, *ends}))
        _, curve = learning_curve(
            baseline(name).make(choice.arrangement, network, task),
            task,
            keys,
            stops,
            Split.TEST,
            rate=choice.rate or 0.0,
            schedule=choice.schedule,
            batch=batch,
            sizes=sizes,
        )
        for budget in served:
            accuracy[budget] = tuple(np.asarray(curve.accuracy)[:, stops.index(budget)].tolist())
        matrix = _matrix(curve, stops, ends) or matrix
    found = tuple(accuracy[budget] for budget in budgets)
    return Record(name, budgets, found, choices, stages=matrix)


def _stage_ends(task: Task, budgets: tuple[int, ...]) -> tuple[int, ...]:
    """After which steps stages of a task end, if the last budget is all of them."""
    stages = task.stages
    return stages.ends if stages and stages.total == budgets[-1] else ()


def _matrix(curve: Curve, stops: tuple[int, ...], ends: tuple[int, ...]) -> tuple:
    """`Record.stages` of a curve."""
    if not ends:
        return ()
    found = np.asarray(curve.stages)[:, [stops.index(end) for end in ends]]
    return tuple(tuple(tuple(row) for row in seed) for seed in found.tolist())


def _runs(
    choices: tuple[Choice, ...], budgets: tuple[int, ...]
) -> tuple[tuple[Choice, tuple[int, ...]], ...]:
    """The runs, and which budgets each serves: those of the same constant rate share one."""
    runs: dict[tuple, tuple[Choice, tuple[int, ...]]] = {}
    for choice, budget in zip(choices, budgets, strict=True):
        alone = budget if choice.schedule is Schedule.COSINE else 0
        same = (choice.rate, choice.arrangement, alone)
        first, served = runs.get(same, (choice, ()))
        runs[same] = (first, (*served, budget))
    return tuple(runs.values())  # equal falling rates are runs of their own


def record_learner(
    name: str,
    learner: Learner,
    task: Task,
    key: PRNGKeyArray,
    budgets: tuple[int, ...],
    *,
    seeds: int = 5,
    batch: int | None = None,
    sizes: EpisodeSpec | None = None,
) -> Record:
    """Report a learner on the test examples as it is, a genome on a network say; nothing is tuned.

    Args:
        name: what the record calls it.
        batch: examples in each step; 128 if None.
        sizes: those of an episode, in the place of `batch`; its steps do not count.

    Raises:
        BluraxError: for budgets that do not grow, both a batch and sizes, or a learner that does
            not fit the task.
    """
    check_budgets(budgets)
    ends, keys = _stage_ends(task, budgets), _test_keys(key, seeds)
    steps = tuple(sorted({*curve_steps(budgets), *ends}))
    _, curve = learning_curve(learner, task, keys, steps, Split.TEST, batch=batch, sizes=sizes)
    found = np.asarray(curve.accuracy)
    return Record(
        name,
        budgets,
        tuple(tuple(found[:, steps.index(budget)].tolist()) for budget in budgets),
        curve_steps=steps,
        curve=tuple(tuple(row) for row in found.tolist()),
        stages=_matrix(curve, steps, ends),
    )


def curve_steps(budgets: tuple[int, ...]) -> tuple[int, ...]:
    """The budgets, and 1, 2, 5, 10, 20, 50, ... up to the last of them."""
    last = budgets[-1]
    round_ones = {n * 10**d for d in range(len(str(last))) for n in (1, 2, 5)}
    return tuple(sorted({*budgets, *(step for step in round_ones if step <= last)}))


def _test_keys(key: PRNGKeyArray, seeds: int) -> Key[Array, " seeds"]:
    return jax.random.split(jax.random.fold_in(key, 0), seeds)
