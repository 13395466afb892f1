"""Figure 7: CMA-ES on the accuracy, and the gradient of a loss."""

import dataclasses
from typing import Any, ClassVar

import numpy as np

from blurax.experiments.figures.common import PAPER, SMOKE, Outer, accuracy_chart, taught
from blurax.experiments.figures.figure import Budget, Figure
from blurax.experiments.figures.work import Work
from blurax.findings import Chart, Claim, Curve, Findings, numbers
from blurax.outer.config import MetaTrain
from blurax.outer.methods import Cma
from blurax.outer.metrics import read_metrics
from blurax.outer.objective import Loss, Objective
from blurax.outer.variants import STABLE

EVOLVED, DESCENDED = "CMA-ES", "gradient"


@dataclasses.dataclass(frozen=True)
class Setting:
    """Figure 7."""

    outer: Outer
    """Of the gradient."""
    task: str
    hidden: str
    population: int
    """Of CMA-ES."""
    generations: int
    every: int
    """Meta-steps between validations."""
    steps: int = 15
    long: int = 100
    seeds: int = 5


class Evolution(Figure):
    """The same problem by two methods."""

    name = "7"
    title = "CMA-ES on the accuracy, and the gradient of the loss"
    settings: ClassVar[dict[Budget, Any]] = {
        Budget.SMOKE: Setting(SMOKE, "digits", "8", 6, 2, 1, 3, 5, 2),
        Budget.CPU: Setting(Outer(3, 150), "mnist:size=14", "512", 40, 100, 10),
        Budget.PAPER: Setting(
            dataclasses.replace(PAPER, meta_steps=400), "mnist:size=14", "512", 80, 400, 10
        ),
    }

    def trainings(self, setting: Setting) -> dict[str, MetaTrain]:
        """A meta-step of CMA-ES scores its candidates on 20 batches, as in the paper."""
        rule = dataclasses.replace(STABLE, states=2)
        plain = setting.outer.config(setting.task, setting.hidden, rule, setting.steps)
        small = setting.population < 10
        evolved = dataclasses.replace(
            plain,
            method=Cma(chunk=8),
            episode=dataclasses.replace(plain.episode, query=64 if small else 20 * 128),
            objective=Objective(loss=Loss.ACCURACY),
            population=setting.population,
            meta_steps=setting.generations,
            validate_every=setting.every,
        )
        return {
            EVOLVED.lower(): evolved,
            "descended": dataclasses.replace(plain, validate_every=setting.every),
        }

    def measure(self, setting: Setting, work: Work) -> Findings:
        """Validation in the course of both runs, and episodes far beyond 15 steps."""
        names = {EVOLVED: EVOLVED.lower(), DESCENDED: "descended"}
        learning, tested = [], {}
        for label, name in names.items():
            metrics = read_metrics(work.trained(name))
            scores = 100 * np.maximum.accumulate(metrics.scores.max(axis=1))
            x = tuple(float(step) for step in metrics.validated)
            learning.append(Curve(label, x, numbers(scores)))
            where = (setting.task, setting.hidden, setting.long, setting.seeds)
            tested[label] = taught(work, name, *where)
        charts = (
            Chart(
                "Meta-training",
                "meta-step",
                "best validation accuracy so far (%)",
                tuple(learning),
                (EVOLVED,),
            ),
            accuracy_chart(
                "An episode", tested, setting.long, (EVOLVED,), marks=(float(setting.steps),)
            ),
        )
        return self.found(
            work,
            f"{setting.task}, one hidden layer of {setting.hidden}, 2 states, episodes of "
            f"{setting.steps} steps. CMA-ES: {setting.generations} generations of "
            f"{setting.population}. Gradient: {setting.outer.meta_steps} meta-steps of "
            f"{setting.outer.members} members. {setting.seeds} seeds.",
            charts=charts,
        )

    def claims(self, found: Findings) -> tuple[Claim, ...]:
        """0.84, comparable, no decay."""
        ends = {c.label: c.mean[-1] for c in found.chart("Meta-training").curves}
        late = found.chart("An episode").curve(EVOLVED)
        at = min(late.x, key=lambda step: abs(step - found.chart("An episode").marks[0]))
        return (
            Claim(
                "CMA-ES on the accuracy reaches 84 %.",
                ends[EVOLVED] >= 84,
                f"{ends[EVOLVED]:.1f} % in validation",
            ),
            Claim(
                "The gradient is comparable: within 5 points.",
                abs(ends[EVOLVED] - ends[DESCENDED]) < 5,
                f"{ends[DESCENDED]:.1f} %",
            ),
            Claim(
                "There is no decay after the steps of meta-training.",
                late.mean[-1] > late.at(at) - 3,
                f"{late.at(at):.1f} % at step {at:.0f}, {late.mean[-1]:.1f} % at {late.x[-1]:.0f}",
            ),
        )
