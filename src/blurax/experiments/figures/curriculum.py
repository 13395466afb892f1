"""Figures 5, 6 and 14: one genome learned through a curriculum, and what it can teach."""

import dataclasses
import itertools
from typing import Any, ClassVar

import numpy as np

from blurax import zoo
from blurax.baselines import baseline
from blurax.baselines.descent import Arrangement
from blurax.experiments.figures.common import (
    MNIST,
    PAPER,
    SMALL_MNIST,
    SMOKE,
    START_WORDS,
    Outer,
    accuracies,
    accuracy_chart,
    measured,
    round_stops,
    taught,
    tuned,
)
from blurax.experiments.figures.figure import Budget, Figure
from blurax.experiments.figures.work import Work, cell_name
from blurax.findings import Chart, Claim, Curve, Findings, numbers
from blurax.fit import network_for
from blurax.outer.config import MetaTrain
from blurax.outer.curriculum import Curriculum
from blurax.outer.metrics import read_metrics
from blurax.outer.start import Start
from blurax.outer.variants import STABLE, SWIFT
from blurax.outer.vary import Draw, Vary
from blurax.spec import Activation
from blurax.tasks import get

TRAINING = "curriculum"


@dataclasses.dataclass(frozen=True)
class School:
    """The meta-training that the three figures share."""

    outer: Outer
    tasks: tuple[str, ...]
    hidden: str
    steps: int
    """Of the first episodes."""
    curriculum: Curriculum
    start: Start = Start.RANDOM

    def config(self) -> MetaTrain:
        """One task a meta-step, as many as are named in turn."""
        plain = self.outer.config(
            self.tasks, self.hidden, RULES[self.start], self.steps, self.start
        )
        vary = Vary(draw=Draw.ONE) if len(self.tasks) > 1 else Vary()
        every = self.curriculum.every // 5 or 1
        return dataclasses.replace(
            plain, curriculum=self.curriculum, vary=vary, validate_every=every
        )


RULES = {Start.RANDOM: STABLE, Start.BACKPROP: SWIFT}
"""The rule for each start."""
THREE = (SMALL_MNIST, f"{SMALL_MNIST},classes=0-4", f"{SMALL_MNIST},classes=5-9")
MIXED = "+".join((THREE[0], *(f"{half},outputs=10" for half in THREE[1:])))
"""The three as one task: each episode is of one of them, and one program serves all."""
SCHOOLS = {
    Budget.SMOKE: School(SMOKE, ("digits",), "8-8", 2, Curriculum(1, 1, 3)),
    Budget.CPU: School(
        Outer(2, 250, 1e-2, clip=1.0),
        (MIXED,),
        "128-64",
        10,
        Curriculum(10, 50, 50),
        Start.BACKPROP,
    ),
    Budget.NIGHT: School(
        Outer(4, 1500, 5e-3, clip=1.0),
        (MIXED,),
        "256-128",
        10,
        Curriculum(10, 300, 50),
        Start.BACKPROP,
    ),
    Budget.PAPER: School(
        dataclasses.replace(PAPER, meta_steps=90_000),
        THREE,
        "256-128",
        10,
        Curriculum(5, 10_000, 50),
    ),
}


@dataclasses.dataclass(frozen=True)
class Setting:
    """Figures 5, 6 and 14."""

    school: School
    places: tuple[tuple[str, str], ...] = ()
    """Tasks and hidden layers."""
    rates: tuple[float, ...] = ()
    """Learning rates of gradient descent."""
    steps: int = 100
    seeds: int = 5


UNSEEN = (
    MNIST,
    "emnist-letters:train=0,test=14800,classes=10-19",
    "fashion-mnist",
    "emnist-byclass:train=0",
)
NETS = ("256", "256-128", "512-256")
PLACES = (
    *((task, "256-128") for task in UNSEEN),
    ("fashion-mnist", "256"),
    ("fashion-mnist", "512-256"),
    ("kmnist:train=0", "256-128"),
    ("xor", "20"),
)
"""Where a genome is looked at on two cores."""
RATES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)


class _Shared(Figure):
    """A figure that needs the genome of the curriculum."""

    def trainings(self, setting: Setting) -> dict[str, MetaTrain]:
        """The one genome."""
        return {TRAINING: setting.school.config()}


class Unseen(_Shared):
    """Data sets and networks that the genome never met."""

    name = "5"
    title = "A rule learned on small MNIST teaches what it never met"
    settings: ClassVar[dict[Budget, Any]] = {
        Budget.SMOKE: Setting(SCHOOLS[Budget.SMOKE], (("wine", "8"),), (), 5, 2),
        Budget.CPU: Setting(SCHOOLS[Budget.CPU], PLACES),
        Budget.NIGHT: Setting(SCHOOLS[Budget.NIGHT], PLACES),
        Budget.PAPER: Setting(
            SCHOOLS[Budget.PAPER],
            (*((task, net) for task in (*UNSEEN, "kmnist") for net in NETS), ("xor", "20")),
        ),
    }

    def measure(self, setting: Setting, work: Work) -> Findings:
        """The genome and tuned gradient descent in every place."""
        charts = []
        for task, hidden in setting.places:
            where = (task, hidden, setting.steps, setting.seeds)
            curves = {
                "BLUR": taught(work, TRAINING, *where),
                "SGD, tuned": tuned(work, "sgd", *where),
            }
            title = f"{task.split(':')[0]}, {hidden}"
            charts.append(accuracy_chart(title, curves, setting.steps, ("BLUR",)))
        return self.found(
            work,
            f"{_school(setting)} SGD: ReLU, a constant rate, the best after {setting.steps} steps "
            f"on validation examples. {setting.seeds} seeds.",
            charts=tuple(charts),
        )

    def claims(self, found: Findings) -> tuple[Claim, ...]:
        """It learns everything, and early faster than SGD."""
        pairs = {c.title: (c.curve("BLUR"), c.curve("SGD, tuned")) for c in found.charts}
        ten = {title: ours.at(10.0) - sgd.at(10.0) for title, (ours, sgd) in pairs.items()}
        last = {title: ours.mean[-1] - sgd.mean[-1] for title, (ours, sgd) in pairs.items()}
        learns = {title: ours.mean[-1] - ours.mean[0] for title, (ours, _) in pairs.items()}
        ahead = [title for title, gap in ten.items() if gap > 0]
        behind = [title for title, gap in last.items() if gap < 0]
        weakest = min(learns, key=lambda title: learns[title])
        mean = sum(ten.values()) / len(ten)
        return (
            Claim(
                "It learns every set that it never met.",
                learns[weakest] > 5,
                f"least on {weakest}: {learns[weakest]:+.1f} points from the first step to the "
                "last",
            ),
            Claim(
                "After 10 steps it is ahead of SGD.",
                len(ahead) == len(ten),
                f"in {len(ahead)} of {len(ten)} places, in the mean {mean:+.1f} points",
            ),
            Claim(
                "SGD has caught up after 100 steps.",
                2 * len(behind) > len(last),
                f"SGD is ahead in {len(behind)} of {len(last)} places",
            ),
        )


class Rates(_Shared):
    """Gradient descent at every learning rate, with and without momentum."""

    name = "6"
    title = "A learned rule and gradient descent at rates over four orders of magnitude"
    settings: ClassVar[dict[Budget, Any]] = {
        Budget.SMOKE: Setting(SCHOOLS[Budget.SMOKE], (("digits", "8-8"),), (0.01, 0.1), 5, 2),
        Budget.CPU: Setting(SCHOOLS[Budget.CPU], ((MNIST, "256-128"),), RATES),
        Budget.NIGHT: Setting(SCHOOLS[Budget.NIGHT], ((MNIST, "256-128"),), RATES),
        Budget.PAPER: Setting(
            SCHOOLS[Budget.PAPER],
            ((MNIST, "256-128"),),
            (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0),
        ),
    }

    def measure(self, setting: Setting, work: Work) -> Findings:
        """All rates of both optimisers next to the genome, and next to the zoo's images."""
        task, hidden = setting.places[0]
        where = (task, hidden, setting.steps, setting.seeds)
        genomes = {
            "BLUR": taught(work, TRAINING, *where),
            "BLUR, zoo images": work.score(
                cell_name("zoo-images", task, hidden),
                lambda: accuracies(zoo.genome("images")[0], *where),
            ),
        }
        charts = []
        for optimiser, words in (("sgd", "SGD"), ("momentum", "SGD with momentum 0.9")):
            plain = {
                f"rate {rate:g}": _at_rate(work, optimiser, rate, setting) for rate in setting.rates
            }
            charts.append(
                accuracy_chart(words, {**genomes, **plain}, setting.steps, tuple(genomes))
            )
        return self.found(
            work,
            f"{task}, {hidden}. {_school(setting)} {setting.seeds} seeds.",
            charts=tuple(charts),
        )

    def claims(self, found: Findings) -> tuple[Claim, ...]:
        """At every early step above every rate."""
        claims = []
        for label in ("BLUR", "BLUR, zoo images"):
            ours = found.charts[0].curve(label)
            others = [
                c for chart in found.charts for c in chart.curves if c.label.startswith("rate")
            ]
            best = [max(c.mean[n] for c in others) for n in range(len(ours.x))]
            early = [n for n, step in enumerate(ours.x) if 2 <= step <= 50]
            gaps = {ours.x[n]: ours.mean[n] - best[n] for n in early}
            worst = min(gaps, key=lambda step: gaps[step])
            claims.append(
                Claim(
                    f"{label} is ahead of every rate from 2 to 50 steps.",
                    gaps[worst] > 0,
                    f"least at {worst:.0f} steps: {gaps[worst]:+.1f} points to the rate that is "
                    "best there",
                )
            )
        return tuple(claims)


class Stages(_Shared):
    """How validation accuracy moves through the curriculum."""

    name = "14"
    title = "Meta-training through a curriculum of longer and longer episodes"
    settings: ClassVar[dict[Budget, Any]] = {
        budget: Setting(school) for budget, school in SCHOOLS.items()
    }

    def measure(self, setting: Setting, work: Work) -> Findings:
        """Validation accuracy after each part of the run."""
        metrics = read_metrics(work.trained(TRAINING))
        x = tuple(float(step) for step in metrics.validated)
        scores = 100 * metrics.scores.T
        curves = tuple(Curve(f"member {n + 1}", x, numbers(row)) for n, row in enumerate(scores))
        best = Curve("best", x, numbers(scores.max(axis=0)))
        stages = setting.school.curriculum
        marks = range(stages.every, setting.school.outer.meta_steps, stages.every)
        last = work.trainings[TRAINING].validation().episode.steps
        chart = Chart(
            "Validation",
            "meta-step",
            f"accuracy after {last} steps (%)",
            (*curves, best),
            ("best",),
            marks=tuple(float(m) for m in marks),
        )
        return self.found(work, _school(setting), charts=(chart,))

    def claims(self, found: Findings) -> tuple[Claim, ...]:
        """The end of each stage above the end of the one before."""
        chart = found.charts[0]
        best = chart.curve("best")
        ends = [best.at(mark) for mark in (*chart.marks, best.x[-1])]
        rises = [late > early for early, late in itertools.pairwise(ends)]
        return (
            Claim(
                "Accuracy rises from stage to stage.",
                all(rises),
                "at the ends of the stages: " + ", ".join(f"{end:.1f} %" for end in ends),
            ),
        )


def _at_rate(work: Work, optimiser: str, rate: float, setting: Setting) -> np.ndarray:
    task, hidden = setting.places[0]

    def compute() -> np.ndarray:
        data = get(task)
        network = network_for(data, hidden)
        learner = baseline(optimiser).make(Arrangement(Activation.RELU), network, data)
        stops = round_stops(setting.steps)
        return measured(learner, task, hidden, stops, setting.seeds, 128, rate)

    return work.score(cell_name(optimiser, f"{rate:g}", task, hidden), compute)


def _school(setting: Setting) -> str:
    school = setting.school
    return (
        f"The genome was learned on {', '.join(school.tasks)} with {school.hidden}, from "
        f"{START_WORDS[school.start]}, in {school.outer.meta_steps} meta-steps: {school.steps} "
        f"steps at first, {school.curriculum.add} more every {school.curriculum.every}, up to "
        f"{school.curriculum.most}."
    )
