"""Figure 10: a rule learned at one depth, in networks of other depths."""

import dataclasses
from typing import Any, ClassVar

import numpy as np

from blurax.experiments.figures.common import (
    PAPER,
    PLAIN,
    SMALL_MNIST,
    SMOKE,
    START_WORDS,
    Outer,
    accuracy_chart,
    percent,
    taught,
)
from blurax.experiments.figures.figure import Budget, Figure
from blurax.experiments.figures.work import Work
from blurax.findings import Chart, Claim, Findings, table
from blurax.outer.config import MetaTrain
from blurax.outer.start import Start
from blurax.outer.variants import SWIFT

RULES = {Start.RANDOM: PLAIN, Start.BACKPROP: SWIFT}
"""The rule for each start."""


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
    """Of an episode in meta-training."""
    long: int = 100
    """Of an episode in evaluation."""
    seeds: int = 5
    starts: tuple[Start, ...] = (Start.RANDOM,)
    """Where genomes start; the claims are judged by the last."""


class Depth(Figure):
    """Genomes of one, two and four hidden layers, each in one to ten."""

    name = "10"
    title = "Rules learned at one depth, in networks of other depths"
    settings: ClassVar[dict[Budget, Any]] = {
        Budget.SMOKE: Setting(SMOKE, "digits", 8, (2,), (1, 2), 3, 5, 2),
        # From random numbers a rule for four hidden layers takes more than 250 meta-steps.
        Budget.CPU: Setting(
            Outer(4, 250),
            SMALL_MNIST,
            64,
            (1, 2, 4),
            (1, 2, 4, 5, 10),
            10,
            starts=(Start.RANDOM, Start.BACKPROP),
        ),
        Budget.NIGHT: Setting(
            Outer(8, 1250, 5e-3, clip=1.0),
            SMALL_MNIST,
            64,
            (1, 2, 4),
            (1, 2, 4, 5, 10),
            10,
            starts=(Start.RANDOM, Start.BACKPROP),
        ),
        Budget.PAPER: Setting(PAPER, SMALL_MNIST, 128, (1, 2, 4), (1, 2, 4, 5, 10), 50),
    }

    def trainings(self, setting: Setting) -> dict[str, MetaTrain]:
        """A genome for each start and depth."""
        return {
            _name(start, depth): setting.outer.config(
                setting.task, _hidden(setting, depth), RULES[start], setting.steps, start
            )
            for start in setting.starts
            for depth in setting.trained
        }

    def measure(self, setting: Setting, work: Work) -> Findings:
        """Every genome at every depth, to 100 steps."""
        charts: tuple[Chart, ...] = ()
        tables = []
        for start in setting.starts:
            scores = {depth: _scores(setting, work, start, depth) for depth in setting.trained}
            charts = tuple(
                accuracy_chart(
                    f"Learned with {_layers(depth)}",
                    dict(zip(map(_layers, setting.evaluated), found, strict=True)),
                    setting.long,
                    (_layers(depth),),
                )
                for depth, found in scores.items()
            )
            tables.append(
                table(
                    f"Best within the episode, from {START_WORDS[start]}",
                    ("learned with", "hidden layers of the network that learns"),
                    [_layers(depth) for depth in setting.trained],
                    [str(depth) for depth in setting.evaluated],
                    np.asarray([[s.max(axis=1) for s in row] for row in scores.values()]),
                )
            )
        return self.found(
            work,
            f"{setting.task}, layers of {setting.width}; learned in episodes of {setting.steps} "
            f"steps, {setting.outer.words}, {setting.seeds} seeds. The curves are of genomes that "
            f"were learned from {START_WORDS[setting.starts[-1]]}, and the claims are judged by "
            "them.",
            charts=charts,
            tables=tuple(tables),
        )

    def claims(self, found: Findings) -> tuple[Claim, ...]:
        """Deep to shallow works, shallow to deep does not."""
        best = found.tables[-1]
        shallow, deep = best.rows[0], best.rows[-1]
        down = best.at(deep, best.columns[0]) / best.at(shallow, best.columns[0])
        up = best.at(shallow, best.columns[-1]) / best.at(deep, best.columns[-1])
        home = best.at(deep, deep.split()[0])
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
                f"{percent(best.at(shallow, best.columns[-1]))} with {best.columns[-1]} layers, "
                f"where the rule learned with {deep} has "
                f"{percent(best.at(deep, best.columns[-1]))}",
            ),
            Claim(
                "A rule learned on the deepest works in deeper ones.",
                beyond > 0.9 * home,
                f"{percent(beyond)} with {best.columns[-2]} layers, {percent(home)} with {deep}",
            ),
        )


def _hidden(setting: Setting, depth: int) -> str:
    return "-".join([str(setting.width)] * depth)


def _layers(depth: int) -> str:
    return f"{depth} hidden layer{'s' if depth > 1 else ''}"


def _scores(setting: Setting, work: Work, start: Start, depth: int) -> list[np.ndarray]:
    """Of a genome at each depth, `[seeds, stops]`."""
    where = [_hidden(setting, other) for other in setting.evaluated]
    size = setting.long, setting.seeds
    return [taught(work, _name(start, depth), setting.task, hidden, *size) for hidden in where]


def _name(start: Start, depth: int) -> str:
    return f"depth-{depth}{'' if start is Start.RANDOM else '-backprop'}"
