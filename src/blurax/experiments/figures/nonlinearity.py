"""Figures 12 and 13: the non-linearities, and the number of states."""

import dataclasses
import itertools
from typing import Any, ClassVar

import numpy as np

from blurax.experiments.figures.common import PAPER, PLAIN, SMOKE, Outer, percent, taught
from blurax.experiments.figures.figure import Budget, Figure
from blurax.experiments.figures.work import Work
from blurax.findings import Chart, Claim, Findings, curve, table
from blurax.outer.config import MetaTrain
from blurax.spec import Activation, Sigma

TANH, RELU, LINEAR = Activation.TANH, Activation.RELU, Activation.LINEAR


@dataclasses.dataclass(frozen=True)
class Setting:
    """Figures 12 and 13."""

    outer: Outer
    task: str
    hidden: str
    activations: tuple[Activation, ...]
    states: tuple[int, ...]
    steps: int = 10
    seeds: int = 5

    def config(self, **changes: Any) -> MetaTrain:
        """The meta-training run of the plain rule with some changes."""
        rule = dataclasses.replace(PLAIN, **changes)
        return self.outer.config(self.task, self.hidden, rule, self.steps)

    def reached(self, work: Work, training: str) -> np.ndarray:
        """The accuracy of each seed after the last step of an episode."""
        return taught(work, training, self.task, self.hidden, self.steps, self.seeds)[:, -1]

    @property
    def words(self) -> str:
        """What was run."""
        where = f"{self.task}, hidden layers {self.hidden}"
        return f"{where}; {self.outer.words}, {self.seeds} seeds."


class Nonlinearity(Figure):
    """Every pair of non-linearities with several numbers of states."""

    name = "12"
    title = "Non-linearities of the two sweeps, and the number of states"
    settings: ClassVar[dict[Budget, Any]] = {
        Budget.SMOKE: Setting(SMOKE, "digits", "8", (TANH,), (2,), 3, 2),
        Budget.CPU: Setting(Outer(3, 120), "mnist:size=14", "64", (TANH, RELU, LINEAR), (2, 4)),
        Budget.NIGHT: Setting(Outer(8, 500), "mnist:size=14", "64", (TANH, RELU, LINEAR), (2, 4)),
        Budget.PAPER: Setting(
            PAPER, "mnist", "256-128", (TANH, RELU, LINEAR, Activation.SIGMOID), (2, 4, 8)
        ),
    }

    def trainings(self, setting: Setting) -> dict[str, MetaTrain]:
        """A genome for each pair and number of states."""
        return {
            _name(up, down, k): setting.config(states=k, sigma=Sigma(up, down, LINEAR))
            for up, down in _pairs(setting)
            for k in setting.states
        }

    def measure(self, setting: Setting, work: Work) -> Findings:
        """The last step of an episode."""
        scores = [
            [setting.reached(work, _name(up, down, k)) for k in setting.states]
            for up, down in _pairs(setting)
        ]
        found = table(
            f"Test accuracy after {setting.steps} steps",
            ("forward / backward", "states"),
            [_words(*pair) for pair in _pairs(setting)],
            [str(k) for k in setting.states],
            np.asarray(scores),
        )
        return self.found(work, setting.words, tables=(found,))

    def claims(self, found: Findings) -> tuple[Claim, ...]:
        """Most pairs work alike; linear ones gain nothing from states."""
        best = found.tables[0]
        top = {row: max(best.mean[n]) for n, row in enumerate(best.rows)}
        near = [row for row, value in top.items() if value > max(top.values()) - 0.05]
        few, many = best.columns[0], best.columns[-1]
        claims = [
            Claim(
                "Most pairs of non-linearities come within 5 points of the best.",
                2 * len(near) > len(top),
                f"{len(near)} of {len(top)}, each with its best number of states; the best is "
                f"{max(top, key=lambda row: top[row])} with {percent(max(top.values()))}",
            )
        ]
        linear = _words(LINEAR, LINEAR)
        if linear in best.rows:
            gain = best.at(linear, many) - best.at(linear, few)
            others = [row for row in best.rows if row != linear]
            gains = [best.at(row, many) - best.at(row, few) for row in others]
            claims.append(
                Claim(
                    "All-linear rules gain nothing from more states: less than a point.",
                    gain < 0.01,
                    f"from {few} to {many} states {100 * gain:+.1f} points, the others in the "
                    f"median {100 * float(np.median(gains)):+.1f}",
                )
            )
        return tuple(claims)


class States(Figure):
    """From 2 to 16 states."""

    name = "13"
    title = "The number of states"
    settings: ClassVar[dict[Budget, Any]] = {
        Budget.SMOKE: Setting(SMOKE, "digits", "8", (TANH,), (2,), 3, 2),
        Budget.CPU: Setting(Outer(3, 200), "mnist:size=14", "64", (TANH,), (2, 4, 8, 16)),
        Budget.PAPER: Setting(PAPER, "mnist", "256-128", (TANH,), (2, 4, 8, 16)),
    }

    def trainings(self, setting: Setting) -> dict[str, MetaTrain]:
        """A genome for each number of states."""
        return {f"states-{k}": setting.config(states=k) for k in setting.states}

    def measure(self, setting: Setting, work: Work) -> Findings:
        """The last step of an episode."""
        scores = [setting.reached(work, f"states-{k}") for k in setting.states]
        chart = Chart(
            f"Test accuracy after {setting.steps} steps",
            "states",
            "test accuracy (%)",
            (curve("accuracy", setting.states, 100 * np.asarray(scores).T),),
            ("accuracy",),
            log_x=True,
        )
        return self.found(work, setting.words, charts=(chart,))

    def claims(self, found: Findings) -> tuple[Claim, ...]:
        """The most states beat the fewest."""
        reached = found.charts[0].curves[0]
        return (
            Claim(
                "More states are better.",
                reached.mean[-1] > reached.mean[0],
                ", ".join(
                    f"{k:.0f} states {mean:.1f} ± {spread:.1f} %"
                    for k, mean, spread in zip(reached.x, reached.mean, reached.spread, strict=True)
                ),
            ),
        )


def _pairs(setting: Setting) -> list[tuple[Activation, Activation]]:
    return list(itertools.product(setting.activations, setting.activations))


def _words(up: Activation, down: Activation) -> str:
    return f"{up.value} / {down.value}"


def _name(up: Activation, down: Activation, k: int) -> str:
    return f"sigma-{up.value}-{down.value}-{k}"
