"""Figures 9 and 17: 24 variants of the rule, learned on MNIST or Omniglot, evaluated on both."""

import dataclasses
import itertools
from typing import Any, ClassVar

import numpy as np

from blurax.experiments.figures.common import PAPER, PLAIN, SMOKE, Outer, percent, taught, tuned
from blurax.experiments.figures.figure import Budget, Figure
from blurax.experiments.figures.work import Work
from blurax.findings import Claim, Fact, Findings, table
from blurax.outer.config import MetaTrain
from blurax.outer.start import Start
from blurax.spec import Backward, Channels, Feedback, Rule, Sigma, Signal, Symmetry

BACKWARD = {
    Backward.ADDITIVE: "add",
    Backward.MULTIPLICATIVE: "mult",
    Backward.MULTIPLICATIVE_STATE_2: "mult2",
}
SYNAPSES = {Symmetry.SYMMETRIC: "sym", Symmetry.ASYMMETRIC: "asym"}
CHANNELS = {Channels.SINGLE: "single", Channels.MULTI: "multi"}
STARTS = {Start.RANDOM: "random", Start.BACKPROP: "backprop"}

ALL = tuple(itertools.product(BACKWARD, SYNAPSES, CHANNELS, STARTS))


@dataclasses.dataclass(frozen=True)
class Setting:
    """Figures 9 and 17."""

    outer: Outer
    tasks: tuple[str, ...]
    """Trained on each, evaluated on all."""
    hidden: str
    batch: int = 128
    steps: int = 10
    seeds: int = 5
    variants: int = len(ALL)
    """How many of the 24 are tried."""


def rule(backward: Backward, symmetry: Symmetry, channels: Channels, start: Start) -> Rule:
    """A variant. From back-propagation it gets the error and has φ' in state 2."""
    chosen = dataclasses.replace(
        PLAIN, states=2, backward=backward, symmetry=symmetry, channels=channels
    )
    if start is Start.RANDOM:
        return chosen
    stabilise = dataclasses.replace(PLAIN.stabilise, normalise_last=False)
    return dataclasses.replace(
        chosen,
        sigma=Sigma(PLAIN.sigma.forward, PLAIN.sigma.backward, PLAIN.sigma.last, derivative=True),
        feedback=Feedback(Signal.CROSS_ENTROPY),
        stabilise=stabilise,
    )


class Variants(Figure):
    """Three backward updates, two symmetries, two kinds of channels, two starts."""

    name = "9"
    title = "Which variants of the rule can be learned, and do they carry over?"
    settings: ClassVar[dict[Budget, Any]] = {
        Budget.SMOKE: Setting(SMOKE, ("digits",), "8", 64, 2, 2, variants=1),
        Budget.CPU: Setting(
            Outer(3, 80, query=50), ("mnist:crop=20,size=10", "omniglot:split=random,size=10"), "64"
        ),
        Budget.NIGHT: Setting(
            Outer(6, 400, query=50),
            ("mnist:crop=20,size=10", "omniglot:split=random,size=10"),
            "64",
        ),
        Budget.PAPER: Setting(
            dataclasses.replace(PAPER, query=50),
            ("mnist", "omniglot:split=random,size=28"),
            "256-128",
        ),
    }

    def trainings(self, setting: Setting) -> dict[str, MetaTrain]:
        """A genome for each variant and each task."""
        return {
            _name(variant, n): setting.outer.config(
                task, setting.hidden, rule(*variant), setting.steps, variant[3], setting.batch
            )
            for n, task in enumerate(setting.tasks)
            for variant in ALL[: setting.variants]
        }

    def measure(self, setting: Setting, work: Work) -> Findings:
        """Each genome on each task, and SGD at 0.001 and tuned."""
        tables, facts = [], []
        size = setting.hidden, setting.steps, setting.seeds, setting.batch
        for n, trained_on in enumerate(setting.tasks):
            scores = [
                [taught(work, _name(variant, n), task, *size)[:, -1] for task in setting.tasks]
                for variant in ALL[: setting.variants]
            ]
            rows = [words(variant) for variant in ALL[: setting.variants]]
            labels = ("variant", "evaluated on")
            title = f"Learned on {_short(trained_on)}"
            columns = [_short(task) for task in setting.tasks]
            tables.append(table(title, labels, rows, columns, np.asarray(scores)))
        for task in setting.tasks:
            best = tuned(work, "sgd", task, *size)
            facts.append(Fact(f"tuned SGD on {_short(task)}", float(best[:, -1].mean())))
        return self.found(
            work,
            f"{setting.steps} steps, hidden layers {setting.hidden}, k = 2, {setting.outer.words}, "
            f"{setting.seeds} seeds.",
            tables=tuple(tables),
            facts=tuple(facts),
        )

    def claims(self, found: Findings) -> tuple[Claim, ...]:
        """Most work; the best ones."""
        first = found.tables[0]
        scores = {row: first.mean[n][0] for n, row in enumerate(first.rows)}
        ceiling = max(scores.values())
        working = [row for row, score in scores.items() if score > 0.5 * ceiling]
        ranks = sorted(scores, key=lambda row: -scores[row])
        named = [row for row in scores if _among_the_best(row)]
        others = [row for row in scores if row not in named]
        mean_of = {
            "named": float(np.mean([scores[row] for row in named])) if named else 0.0,
            "others": float(np.mean([scores[row] for row in others])) if others else 0.0,
        }
        return (
            Claim(
                "Most variants can be learned.",
                2 * len(working) > len(scores),
                f"{len(working)} of {len(scores)} reach half of the best, {percent(ceiling)}",
            ),
            Claim(
                "Symmetric single-channel from back-propagation and all multi-channel ones are the "
                "better half.",
                mean_of["named"] > mean_of["others"],
                f"in the mean {percent(mean_of['named'])} against {percent(mean_of['others'])}; "
                f"the best three: {'; '.join(ranks[:3])}",
            ),
        )


def words(variant: tuple[Backward, Symmetry, Channels, Start]) -> str:
    """A variant in four words."""
    backward, symmetry, channels, start = variant
    return f"{BACKWARD[backward]} {SYNAPSES[symmetry]} {CHANNELS[channels]} {STARTS[start]}"


def _among_the_best(row: str) -> bool:
    return " multi " in row or row.endswith(" sym single backprop")


def _name(variant: tuple[Backward, Symmetry, Channels, Start], task: int) -> str:
    return f"variant-{words(variant).replace(' ', '-')}-{task}"


def _short(task: str) -> str:
    return task.split(":")[0]
