"""Figures 3 and 4: several genomes learned on 2-d toys, validated on others and on MNIST."""

import dataclasses
from typing import Any, ClassVar

import jax
import numpy as np

from blurax.experiments.figures.common import PAPER, PLAIN, SMOKE, Outer, accuracies, accuracy_chart
from blurax.experiments.figures.figure import Budget, Figure
from blurax.experiments.figures.work import Work, cell_name
from blurax.findings import Claim, Findings, Group, Scatter, numbers
from blurax.outer import run
from blurax.outer.config import MetaTrain

TRAINING = "toys"


@dataclasses.dataclass(frozen=True)
class Setting:
    """Figures 3 and 4."""

    outer: Outer
    learned: tuple[str, ...]
    unseen: tuple[str, ...]
    images: str
    """Another kind of task altogether."""
    hidden: str = "20"
    steps: int = 50
    seeds: int = 5


LEARNED = ("xor", "and", "two-moon", "centre-circle")
UNSEEN = ("small-circle", "pie-slice", "blobs", "cross", "triangle")


class Toys(Figure):
    """Every member of a population, on tasks it learned from and on others."""

    name = "3"
    title = "Rules learned on 2-d toys, on toys and images they never met"
    settings: ClassVar[dict[Budget, Any]] = {
        Budget.SMOKE: Setting(SMOKE, ("xor",), ("and",), "digits", "8", 4, 2),
        Budget.CPU: Setting(Outer(8, 600, clip=1.0), LEARNED, UNSEEN, "mnist:size=14"),
        Budget.NIGHT: Setting(Outer(16, 3000, 5e-3, clip=1.0), LEARNED, UNSEEN, "mnist:size=14"),
        Budget.PAPER: Setting(PAPER, LEARNED, UNSEEN, "mnist"),
    }

    def trainings(self, setting: Setting) -> dict[str, MetaTrain]:
        """One run, every member of which is looked at."""
        rule = dataclasses.replace(PLAIN, states=2)
        config = setting.outer.config(setting.learned, setting.hidden, rule, setting.steps)
        return {TRAINING: config}

    def measure(self, setting: Setting, work: Work) -> Findings:
        """Curves of the best member, and all members as points."""
        directory = work.trained(TRAINING)
        best = work.genome(TRAINING)
        everywhere = (*setting.learned, *setting.unseen, setting.images)
        size = setting.hidden, setting.steps, setting.seeds
        curves = {
            task: work.score(
                cell_name("best", task), lambda task=task: accuracies(best, task, *size)
            )
            for task in everywhere
        }
        charts = tuple(
            accuracy_chart(title, {task: curves[task] for task in tasks}, setting.steps)
            for title, tasks in (
                ("Toys it learned from", setting.learned),
                ("What it never met", (*setting.unseen, setting.images)),
            )
        )

        def of_members(task: str) -> np.ndarray:
            members = run.members(directory)
            count = jax.tree.leaves(members)[0].shape[0]
            each = [jax.tree.map(lambda leaf, n=n: leaf[n], members) for n in range(count)]
            return np.asarray([accuracies(one, task, *size)[:, -1].mean() for one in each])

        ends = {
            task: work.score(cell_name("members", task), lambda task=task: of_members(task))
            for task in everywhere
        }
        known = np.mean([ends[task] for task in setting.learned], axis=0)
        unseen = np.mean([ends[task] for task in setting.unseen], axis=0)
        points = Scatter(
            "Each member of the population",
            "accuracy on the toys it learned from (%)",
            "accuracy on others (%)",
            (
                Group("unseen toys", numbers(100 * known), numbers(100 * unseen)),
                Group(setting.images, numbers(100 * known), numbers(100 * ends[setting.images])),
            ),
        )
        return self.found(
            work,
            f"One hidden layer of {setting.hidden}, 2 states, {setting.steps} steps; "
            f"{setting.outer.members} random genomes after {setting.outer.meta_steps} meta-steps, "
            f"{setting.seeds} seeds.",
            charts=charts,
            scatters=(points,),
        )

    def claims(self, found: Findings) -> tuple[Claim, ...]:
        """Near 1 where it learned, lower elsewhere, and the two go together."""
        learned = [c.mean[-1] for c in found.chart("Toys it learned from").curves]
        *toys, images = [c.mean[-1] for c in found.chart("What it never met").curves]
        group = found.scatters[0].groups[0]
        known, unseen = np.asarray(group.x), np.asarray(group.y)
        together = float(np.corrcoef(known, unseen)[0, 1])
        return (
            Claim(
                "On each toy of meta-training the best genome comes near 100 %: above 90 %.",
                min(learned) > 90,
                ", ".join(f"{value:.1f} %" for value in learned) + " at the last step",
            ),
            Claim(
                "It teaches toys that it never met, somewhat less well: above 80 % in the mean.",
                80 < float(np.mean(toys)) < float(np.mean(learned)),
                f"{float(np.mean(toys)):.1f} % in the mean, {float(np.mean(learned)):.1f} % on the "
                "others",
            ),
            Claim(
                "It teaches images a little: above 30 %.",
                images > 30,
                f"{images:.1f} % at the last step",
            ),
            Claim(
                "Members that do better on the toys of meta-training do better on the others.",
                together > 0.3,
                f"correlation {together:.2f} over {len(known)} members",
            ),
        )
