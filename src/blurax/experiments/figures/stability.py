"""Figures 15 and 16: long lessons with and without the Oja-like term and normalised synapses."""

import dataclasses
from typing import Any, ClassVar

from blurax.experiments.figures.common import PAPER, PLAIN, SMALL_MNIST, SMOKE, Outer
from blurax.experiments.figures.figure import Budget, Figure
from blurax.experiments.figures.long_lesson import bounded, watch
from blurax.experiments.figures.work import Arrays, Work, cell_name
from blurax.findings import Chart, Claim, Findings, curve
from blurax.outer.config import MetaTrain
from blurax.spec import Oja
from blurax.tasks import get


@dataclasses.dataclass(frozen=True)
class Setting:
    """Figures 15 and 16."""

    outer: Outer
    task: str
    hidden: str
    steps: int
    """Of a lesson in meta-training."""
    long: int
    """Of the lesson that is looked at."""
    random_after: int | None = None
    """The step from which on labels are random."""
    seeds: int = 5


GENTLE = Outer(3, 200, 5e-3)
"""Nothing bounds the synapses here but what is looked at: at 0.015 all members diverge that have
the Oja-like term."""


class Oja15(Figure):
    """Two genomes, with and without the Oja-like term."""

    name = "15"
    title = "The Oja-like term and the growth of synapses"
    paper = "Without the Oja-like term synapses grow exponentially; with it they stay bounded."
    remark = (
        "w - m w |w|² overshoots where m |w|² is above 2: the genome that was kept has m = 0.09, "
        "learned little in 200 meta-steps, and its synapses overflow at step 17: a lesson of 10 "
        "steps in meta-training does not show it."
    )
    settings: ClassVar[dict[Budget, Any]] = {
        Budget.SMOKE: Setting(SMOKE, "digits", "8", 3, 6, seeds=2),
        Budget.CPU: Setting(GENTLE, SMALL_MNIST, "64-32", 10, 100),
        Budget.PAPER: Setting(PAPER, SMALL_MNIST, "256-128", 20, 100),
    }

    def trainings(self, setting: Setting) -> dict[str, MetaTrain]:
        """With and without."""
        return {_name(oja, False): _config(setting, oja, False) for oja in (False, True)}

    def measure(self, setting: Setting, work: Work) -> Findings:
        """Accuracy and the sizes of synapses and activations."""
        found = {
            "without Oja": _watched(work, setting, False, False),
            "with Oja": _watched(work, setting, True, False),
        }
        return self.found(work, _about(setting), charts=_charts(found, setting, "with Oja"))

    def claims(self, found: Findings) -> tuple[Claim, ...]:
        """Growth without, none with."""
        sizes, last = found.chart("Synapses").curves, found.chart("Synapses").curves[0].x[-1]
        without, with_it = (c.at(last) / c.at(1.0) for c in sizes)
        accuracy = [c.at(last) for c in found.chart("Accuracy").curves]
        return (
            Claim(
                "Without the Oja-like term synapses grow more than tenfold, with it they do not.",
                without > 10 > with_it,
                f"over {last:.0f} steps {without:.3g} times without, {with_it:.3g} times with it",
            ),
            Claim(
                "The lesson ends better with the Oja-like term.",
                accuracy[1] > accuracy[0],
                f"{accuracy[1]:.1f} % with, {accuracy[0]:.1f} % without, after {last:.0f} steps",
            ),
        )


class Long16(Figure):
    """Four genomes: the Oja-like term, normalised synapses, both, neither."""

    name = "16"
    title = "Long lessons whose labels become random"
    paper = (
        "With the Oja-like term and normalised synapses a network keeps learning, and un-learns "
        "when labels become random; without them it freezes and later overflows."
    )
    remark = (
        "These genomes learned too little for the second half of the claim: see figure 15. The "
        "growth of the synapses is as the paper says, but for the Oja-like term alone."
    )
    settings: ClassVar[dict[Budget, Any]] = {
        Budget.SMOKE: Setting(SMOKE, "digits", "8", 3, 8, 5, 2),
        Budget.CPU: Setting(GENTLE, SMALL_MNIST, "64-32", 10, 800, 500, 3),
        Budget.PAPER: Setting(PAPER, SMALL_MNIST, "256-128", 20, 800, 500),
    }

    def trainings(self, setting: Setting) -> dict[str, MetaTrain]:
        """The four; those without normalised synapses are figure 15's."""
        return {_name(*case): _config(setting, *case) for case in CASES.values()}

    def measure(self, setting: Setting, work: Work) -> Findings:
        """Accuracy on true labels, and the sizes of synapses and activations."""
        found = {words: _watched(work, setting, *case) for words, case in CASES.items()}
        return self.found(work, _about(setting), charts=_charts(found, setting, "both"))

    def claims(self, found: Findings) -> tuple[Claim, ...]:
        """With both it un-learns and stays finite, with neither it overflows or freezes."""
        accuracy, sizes = found.chart("Accuracy"), found.chart("Synapses")
        change, last = accuracy.marks[0], accuracy.curves[0].x[-1]
        fall = {c.label: c.at(change) - c.at(last) for c in accuracy.curves}
        growth = {c.label: c.at(last) / c.at(1.0) for c in sizes.curves}
        before = {c.label: c.at(change) for c in accuracy.curves}
        return (
            Claim(
                "With both the network un-learns when labels become random: it still learns.",
                fall["both"] > 20,
                f"{before['both']:.1f} % before, {before['both'] - fall['both']:.1f} % at the end",
            ),
            Claim(
                "With both it has learned best before the change.",
                before["both"] >= max(before.values()),
                ", ".join(f"{label} {value:.1f} %" for label, value in before.items()),
            ),
            Claim(
                "With neither synapses grow out of all bounds, with both they do not.",
                growth["neither"] > 1e3 > growth["both"],
                ", ".join(f"{label} {value:.3g} times" for label, value in growth.items()),
            ),
        )


CASES = {
    "neither": (False, False),
    "Oja": (True, False),
    "normalised": (False, True),
    "both": (True, True),
}
"""Oja-like term, normalised synapses."""


def _config(setting: Setting, oja: bool, normalised: bool) -> MetaTrain:
    stabilise = dataclasses.replace(
        PLAIN.stabilise,
        oja=Oja.MULTIPLIER if oja else Oja.NONE,
        normalise_synapses=normalised,
    )
    return setting.outer.config(
        (setting.task,),
        (setting.hidden,),
        dataclasses.replace(PLAIN, stabilise=stabilise),
        setting.steps,
    )


def _name(oja: bool, normalised: bool) -> str:
    return f"long-{'oja' if oja else 'bare'}{'-normalised' if normalised else ''}"


def _about(setting: Setting) -> str:
    return (
        f"{setting.task}, hidden layers {setting.hidden}; learned from "
        f"random numbers in lessons of {setting.steps} steps, the best of "
        f"{setting.outer.members} genomes after {setting.outer.meta_steps} meta-steps, "
        f"{setting.seeds} seeds."
    )


def _charts(found: dict[str, Arrays], setting: Setting, ours: str) -> tuple[Chart, ...]:
    steps = range(1, setting.long + 1)
    marks = () if setting.random_after is None else (float(setting.random_after),)
    spaced = max(1, setting.long // 50)
    shown = [n for n in steps if n <= 20 or n % spaced == 0 or n in marks]
    axes = (
        ("Accuracy", "accuracy", "test accuracy (%)", 100.0, False),
        ("Synapses", "synapses", "standard deviation of synapses", 1.0, True),
        ("Activations", "activations", "standard deviation of hidden activations", 1.0, True),
    )
    return tuple(
        Chart(
            title,
            "steps",
            label,
            tuple(
                curve(words, shown, scale * bounded(arrays[key][:, [n - 1 for n in shown]]))
                for words, arrays in found.items()
            ),
            (ours,),
            log_y=log,
            marks=marks,
        )
        for title, key, label, scale, log in axes
    )


def _watched(work: Work, setting: Setting, oja: bool, normalised: bool) -> Arrays:
    name = _name(oja, normalised)

    def compute() -> Arrays:
        return watch(
            work.genome(name),
            get(setting.task),
            setting.hidden,
            setting.long,
            setting.seeds,
            setting.random_after,
        )

    return work.cell(cell_name(name, setting.task, setting.long), compute)
