"""Figure 10: a rule learned at one depth, in networks of other depths."""

import dataclasses
from typing import Any, ClassVar

import numpy as np

from blurax.experiments.figures.common import (
    PAPER,
    PLAIN,
    SMALL_MNIST,
    SMOKE,
    Outer,
    percent,
    round_stops,
    taught,
)
from blurax.experiments.figures.figure import Budget, Figure
from blurax.experiments.figures.work import Work
from blurax.findings import Chart, Claim, Findings, curve, table
from blurax.outer.config import MetaTrain


@dataclasses.dataclass(frozen=True)
class Setting:
    """Figure 10."""

    outer: Outer
    task: str
    width: int
    trained: tuple[int, ...]
    """Hidden layers of the networks that genomes are learned on."""
    evaluated: tuple[int, ...]
    steps: int
    """Of a lesson in meta-training."""
    long: int = 100
    """Of a lesson in evaluation."""
    seeds: int = 5


class Depth(Figure):
    """Genomes of one, two and four hidden layers, each in one to ten."""

    name = "10"
    title = "Rules learned at one depth, in networks of other depths"
    paper = "Genomes learned on deep networks work in shallower and deeper ones, not the reverse."
    settings: ClassVar[dict[Budget, Any]] = {
        Budget.SMOKE: Setting(SMOKE, "digits", 8, (2,), (1, 2), 3, 5, 2),
        Budget.CPU: Setting(Outer(4, 250), SMALL_MNIST, 64, (1, 2, 4), (1, 2, 4, 5, 10), 10),
        Budget.PAPER: Setting(PAPER, SMALL_MNIST, 128, (1, 2, 4), (1, 2, 4, 5, 10), 50),
    }

    def trainings(self, setting: Setting) -> dict[str, MetaTrain]:
        """A genome for each depth."""
        return {
            _name(depth): setting.outer.config(
                (setting.task,), (_hidden(setting, depth),), PLAIN, setting.steps
            )
            for depth in setting.trained
        }

    def measure(self, setting: Setting, work: Work) -> Findings:
        """Every genome at every depth, to 100 steps."""
        stops = round_stops(setting.long)
        charts, best = [], []
        for depth in setting.trained:
            curves = {
                other: taught(
                    work,
                    _name(depth),
                    setting.task,
                    _hidden(setting, other),
                    setting.long,
                    setting.seeds,
                )
                for other in setting.evaluated
            }
            charts.append(
                Chart(
                    f"Learned with {_layers(depth)}",
                    "steps",
                    "test accuracy (%)",
                    tuple(curve(_layers(n), stops, 100 * found) for n, found in curves.items()),
                    ours=(_layers(depth),),
                    log_x=True,
                )
            )
            best.append([found.max(axis=1) for found in curves.values()])
        overview = table(
            "Best test accuracy within the lesson",
            ("learned with", "evaluated with"),
            [_layers(depth) for depth in setting.trained],
            [_layers(depth) for depth in setting.evaluated],
            np.asarray(best),
        )
        return self.found(
            work,
            f"{setting.task}, layers of {setting.width}; learned in lessons of {setting.steps} "
            f"steps, the best of {setting.outer.members} genomes after {setting.outer.meta_steps} "
            f"meta-steps, {setting.seeds} seeds.",
            charts=tuple(charts),
            tables=(overview,),
        )

    def claims(self, found: Findings) -> tuple[Claim, ...]:
        """Deep to shallow works, shallow to deep does not."""
        best = found.tables[0]
        shallow, deep = best.rows[0], best.rows[-1]
        down = best.at(deep, best.columns[0]) / best.at(shallow, best.columns[0])
        up = best.at(shallow, best.columns[-1]) / best.at(deep, best.columns[-1])
        home = best.at(deep, deep) if deep in best.columns else best.at(deep, best.columns[-2])
        beyond = best.at(deep, best.columns[-2])
        return (
            Claim(
                "A rule learned on the deepest network works in the shallowest.",
                down > 0.9,
                f"{percent(best.at(deep, best.columns[0]))} with one hidden layer, where the rule "
                f"learned there has {percent(best.at(shallow, best.columns[0]))}",
            ),
            Claim(
                "A rule learned on the shallowest does not work in the deepest.",
                up < 0.7,
                f"{percent(best.at(shallow, best.columns[-1]))} with {best.columns[-1]}, where the "
                f"rule learned with {deep} has {percent(best.at(deep, best.columns[-1]))}",
            ),
            Claim(
                "A rule learned on the deepest works in deeper ones.",
                beyond > 0.9 * home,
                f"{percent(beyond)} with {best.columns[-2]}, {percent(home)} with {deep}",
            ),
        )


def _hidden(setting: Setting, depth: int) -> str:
    return "-".join([str(setting.width)] * depth)


def _layers(depth: int) -> str:
    return f"{depth} hidden layer{'s' if depth > 1 else ''}"


def _name(depth: int) -> str:
    return f"depth-{depth}"
