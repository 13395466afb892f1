"""The demo's result in words: nothing is said that the numbers do not say."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from blurax.analysis.comparison_view import is_learned, percent, shared_budgets
from blurax.baselines import Record
from blurax.errors import require


@runtime_checkable
class Setting(Protocol):
    """A task and a network in which learners were compared."""

    @property
    def title(self) -> str:
        """What it is, in a few words."""
        ...

    @property
    def hidden(self) -> str:
        """The sizes of the network's hidden layers, such as 128-64."""
        ...


@runtime_checkable
class SettingResult(Protocol):
    """What all learners reached in one setting."""

    @property
    def setting(self) -> Setting:
        """Where."""
        ...

    @property
    def records(self) -> tuple[Record, ...]:
        """One for each learner, all at the same budgets."""
        ...


@runtime_checkable
class DemoResult(Protocol):
    """What the demo measured."""

    @property
    def validation(self) -> float:
        """The accuracy by which the genome was chosen."""
        ...

    @property
    def settings(self) -> Sequence[SettingResult]:
        """What was measured in each."""
        ...

    @property
    def long_setting(self) -> Setting:
        """Where the long episode was given."""
        ...

    @property
    def long_run(self) -> tuple[tuple[float, ...], ...]:
        """`[seeds][steps]`, the accuracy after each step of the long episode."""
        ...


def verdict(result: DemoResult) -> str:
    """How often the learned rule is ahead of the best tuned optimiser, behind, or neither.

    The best optimiser of a cell is the one with the best mean on the test examples, which favours
    the optimisers. Two means are apart if they differ by more than the larger of their standard
    deviations over the seeds.

    Raises:
        BluraxError: if a setting lacks a learned rule or an optimiser.
    """
    ahead = behind = cells = 0
    for setting in result.settings:
        for budget in shared_budgets(setting.records):
            learned, tuned = baselines(setting.records, budget)
            difference = learned.mean(budget) - tuned.mean(budget)
            apart = abs(difference) > max(learned.std(budget), tuned.std(budget))
            cells += 1
            ahead += apart and difference > 0
            behind += apart and difference < 0
    return (
        f"Of {cells} cells (setting × step budget), the learned rule is ahead of the best tuned "
        f"optimiser in {ahead}, behind in {behind} and within one standard deviation in "
        f"{cells - ahead - behind}."
    )


def headline(result: DemoResult) -> str:
    """What the pictures of the demo show, in one sentence.

    Raises:
        BluraxError: if a setting lacks a learned rule or an optimiser.
    """
    require(len(result.settings) > 0, "The demo measured nothing: it has no setting.")
    budgets = shared_budgets(result.settings[0].records)
    first, last = (_means(result, budget) for budget in (budgets[0], budgets[-1]))
    many = len(result.settings)
    where = "in the one setting" if many == 1 else f"means over {many} settings"
    return (
        f"After {budgets[0]:,} steps the learned rule reaches {percent(first[0])} % and the best "
        f"tuned optimiser {percent(first[1])} %, after {budgets[-1]:,} steps {percent(last[0])} % "
        f"and {percent(last[1])} % ({where})"
    )


def long_title(result: DemoResult) -> str:
    """What became of the learned rule in the long episode."""
    mean = np.asarray(result.long_run, float).mean(axis=0)
    return (
        f"{len(mean):,} steps of {name(result.long_setting)}: "
        f"{percent(mean.max())} % at best, {percent(mean[-1])} % at the end"
    )


def name(setting: Setting) -> str:
    """A setting with its network, such as wine (64-32)."""
    return f"{setting.title} ({setting.hidden})"


def baselines(records: Sequence[Record], budget: int) -> tuple[Record, Record]:
    """The learned rule and the best tuned optimiser at a budget.

    Raises:
        BluraxError: if one of them is lacking.
    """
    learned = [c for c in records if is_learned(c)]
    tuned = [c for c in records if not is_learned(c)]
    require(
        len(learned) > 0 and len(tuned) > 0,
        "A verdict needs a learned rule and a tuned optimiser in every setting.",
    )
    return learned[0], max(tuned, key=lambda c: c.mean(budget))


def _means(result: DemoResult, budget: int) -> tuple[float, float]:
    """The learned rule and the best tuned optimiser of each setting, averaged over the settings."""
    pairs = [baselines(setting.records, budget) for setting in result.settings]
    means = np.mean([[c.mean(budget) for c in pair] for pair in pairs], axis=0)
    return float(means[0]), float(means[1])
