"""What methods reached on several tasks, their ranks, and whether these differ by chance."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from blurax.errors import require
from blurax.frozen import Checked, added

WORST = 1e12
"""What stands for a loss that is larger or no number: it ranks last."""


@dataclasses.dataclass(frozen=True)
class Reached(Checked):
    """What one method reached on one task, in each fold and from each initial network."""

    method: str
    task: str
    score_name: str
    loss: tuple[float, ...]
    """`[folds * seeds]` on test examples: cross-entropy, or squared error in units of the target's
    variance in training."""
    score: tuple[float, ...]
    """Of that length: accuracy, or variance explained."""
    epochs: tuple[int, ...] = ()
    """After how many epochs the network was taken; empty where the method decides itself."""
    chosen: tuple[str, ...] = ()
    """The settings that validation chose; empty where there are none."""
    validation: tuple[float, ...] = added(())
    """The loss on validation examples, `[folds * seeds]`; empty of methods that are not judged by
    it, and in older files."""
    temperature: tuple[float, ...] = added(())
    """By which outputs were divided, of that length; empty where `validation` is."""


@dataclasses.dataclass(frozen=True)
class Ranking:
    """Methods in the order of their mean ranks over tasks; 1 is the best."""

    methods: tuple[str, ...]
    tasks: tuple[str, ...]
    ranks: Float[np.ndarray, "methods tasks"]
    """By the mean loss over folds and seeds; equal ones share theirs."""
    against: str
    """The method that all others are tested against."""
    p: Float[np.ndarray, " methods"]
    """Of Wilcoxon's signed-rank test over the tasks, on the ratios of the mean losses, corrected
    for the number of tests (Holm 1979); NaN for the method itself, and for fewer than 6 tasks, of
    which no test could tell anything at 5 %."""

    @property
    def mean(self) -> Float[np.ndarray, " methods"]:
        """The mean rank of each."""
        return self.ranks.mean(axis=1)

    @property
    def spread(self) -> Float[np.ndarray, " methods"]:
        """The standard deviation of each one's ranks over the tasks; 0 for a single task."""
        several = len(self.tasks) > 1
        return self.ranks.std(axis=1, ddof=1) if several else np.zeros(len(self.methods))

    def critical_difference(self, level: float = 0.05) -> float:
        """By how much two mean ranks must differ that chance explains it less often than `level`.

        Nemenyi's test after Friedman's, as Demšar (JMLR 2006, sec. 3.2.2) recommends it.
        """
        from scipy import stats  # imported when used: it takes a while

        k, n = len(self.methods), len(self.tasks)
        q = float(stats.studentized_range.ppf(1 - level, k, np.inf)) if k > 1 else 0.0
        return q / 2**0.5 * (k * (k + 1) / (6 * n)) ** 0.5


FEWEST = 6
"""Tasks from which on a two-sided signed-rank test can reach 5 %."""


def ranking(reached: Sequence[Reached], against: str) -> Ranking:
    """The ranks of several methods, each on the same tasks.

    Args:
        against: the method that all others are tested against.

    Raises:
        BluraxError: if a method lacks a task, or there is no such method.
    """
    from scipy import stats  # imported when used: it takes a while

    methods = tuple(dict.fromkeys(each.method for each in reached))
    tasks = tuple(dict.fromkeys(each.task for each in reached))
    found = {(each.method, each.task): mean_loss(each) for each in reached}
    missing = [f"{m} on {t}" for m in methods for t in tasks if (m, t) not in found]
    require(not missing, f"There are no numbers of {', '.join(missing[:3])}; it takes all.")
    require(against in methods, f"against is {against!r}; it takes one of {', '.join(methods)}.")
    losses = np.array([[found[m, t] for t in tasks] for m in methods])
    ranks = stats.rankdata(losses, axis=0)
    order = sorted(range(len(methods)), key=lambda m: ranks[m].mean())
    own = losses[methods.index(against)]
    p = np.full(len(methods), np.nan)
    for m, name in enumerate(methods):
        if name != against and len(tasks) >= FEWEST:
            ratios = np.log(losses[m] + 1e-12) - np.log(own + 1e-12)
            tested: Any = stats.wilcoxon(ratios) if np.any(ratios) else None
            p[m] = 1.0 if tested is None else tested.pvalue
    return Ranking(tuple(methods[m] for m in order), tasks, ranks[order], against, holm(p)[order])


def any_of(name: str, several: Sequence[Reached]) -> Reached:
    """A method that takes, in each fold and from each seed, the one of several that validates best.

    Args:
        name: what it is called.
        several: on one task.

    Raises:
        BluraxError: if one of them has no validation losses, as those of older versions.
    """
    for each in several:
        require(
            len(each.validation) == len(each.loss),
            f"{each.method} on {each.task} was measured without validation losses, which {name} "
            "takes; remove its cell, and it is measured again.",
        )
    losses = np.array([each.validation for each in several])
    best = np.argmin(np.where(np.isnan(losses), np.inf, losses), axis=0)

    def taken(field: str) -> tuple[Any, ...]:
        return tuple(getattr(several[b], field)[n] for n, b in enumerate(best))

    return dataclasses.replace(
        several[0],
        method=name,
        chosen=tuple(several[b].method for b in best),
        **{field: taken(field) for field in ("loss", "score", "epochs", *_OF_VALIDATION)},
    )


_OF_VALIDATION = "validation", "temperature"


def mean_loss(reached: Reached) -> float:
    """Over folds and seeds; one that is no number counts as the worst."""
    losses = np.asarray(reached.loss)
    return float(np.mean(np.where(np.isfinite(losses), np.minimum(losses, WORST), WORST)))


def holm(p: Float[np.ndarray, " tests"]) -> Float[np.ndarray, " tests"]:
    """P-values corrected for their number (Holm 1979); NaN is no test and stays."""
    tests = np.flatnonzero(~np.isnan(p))
    order = tests[np.argsort(p[tests], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    found = p.copy()
    found[order] = np.minimum(1.0, np.maximum.accumulate(factors * p[order]))
    return found
