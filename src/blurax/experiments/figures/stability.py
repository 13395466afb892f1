"""Figures 15 and 16: long episodes with and without the Oja-like term and normalised synapses."""

import dataclasses
from typing import Any, ClassVar

import numpy as np

from blurax.experiments.figures.common import PAPER, PLAIN, SMALL_MNIST, SMOKE, START_WORDS, Outer
from blurax.experiments.figures.figure import Budget, Figure
from blurax.experiments.figures.long_run import bounded, watch
from blurax.experiments.figures.variants import rule
from blurax.experiments.figures.work import Arrays, Work, cell_name
from blurax.findings import OFF_SCALE, Chart, Claim, Findings, curve
from blurax.outer.config import MetaTrain
from blurax.outer.start import Start
from blurax.spec import Backward, Channels, Oja, Rule, Symmetry
from blurax.tasks import get


@dataclasses.dataclass(frozen=True)
class Setting:
    """Figures 15 and 16."""

    outer: Outer
    task: str
    hidden: str
    steps: int
    """Of an episode in meta-training."""
    long: int
    """Of the episode that is looked at."""
    random_after: int | None = None
    """The step from which on labels are random."""
    seeds: int = 5
    start: Start = Start.RANDOM
    chosen_after: int | None = None
    """The step of an episode whose validation accuracy chooses the genome; the last of
    meta-training if None."""


def _from_backprop() -> Rule:
    """The variant that is looked at from back-propagation: the one that contains it.

    The last layer is normalised like the others. So no output depends on the length of a synapse
    vector, and nothing bounds it but what is looked at.
    """
    chosen = rule(
        Backward.MULTIPLICATIVE_STATE_2, Symmetry.SYMMETRIC, Channels.SINGLE, Start.BACKPROP
    )
    stabilise = dataclasses.replace(chosen.stabilise, normalise_last=True)
    return dataclasses.replace(chosen, states=4, stabilise=stabilise)


RULES = {Start.RANDOM: PLAIN, Start.BACKPROP: _from_backprop()}
"""The rule for each start."""
CALM = Outer(2, 100, 5e-3, clip=1.0)
"""Nothing bounds the synapses here but what is looked at: at a rate of 0.015 and without the clip
meta-training diverges where there is the Oja-like term."""
LONGER = dataclasses.replace(CALM, members=4, meta_steps=500)


class Oja15(Figure):
    """Two genomes, with and without the Oja-like term."""

    name = "15"
    title = "The Oja-like term and the growth of synapses"
    settings: ClassVar[dict[Budget, Any]] = {
        Budget.SMOKE: Setting(SMOKE, "digits", "8", 3, 6, seeds=2),
        Budget.CPU: Setting(
            CALM, SMALL_MNIST, "64-32", 20, 100, start=Start.BACKPROP, chosen_after=100
        ),
        Budget.NIGHT: Setting(
            LONGER, SMALL_MNIST, "128-64", 20, 100, start=Start.BACKPROP, chosen_after=100
        ),
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
                "The episode ends better with the Oja-like term.",
                accuracy[1] > accuracy[0],
                f"{accuracy[1]:.1f} % with, {accuracy[0]:.1f} % without, after {last:.0f} steps",
            ),
        )


class Long16(Figure):
    """Four genomes: the Oja-like term, normalised synapses, both, neither."""

    name = "16"
    title = "Long episodes whose labels become random"
    settings: ClassVar[dict[Budget, Any]] = {
        Budget.SMOKE: Setting(SMOKE, "digits", "8", 3, 8, 5, 2),
        Budget.CPU: Setting(
            CALM, SMALL_MNIST, "64-32", 20, 800, 500, start=Start.BACKPROP, chosen_after=100
        ),
        Budget.NIGHT: Setting(
            LONGER, SMALL_MNIST, "128-64", 20, 800, 500, start=Start.BACKPROP, chosen_after=100
        ),
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
        soon = max(x for x in accuracy.curves[0].x if x <= change + 50)
        frozen = accuracy.curve("neither").at(soon)
        return (
            Claim(
                "With both the network un-learns when labels become random: it still learns.",
                fall["both"] > 20,
                f"{before['both']:.1f} % before, {before['both'] - fall['both']:.1f} % at the end",
            ),
            Claim(
                "With neither it is frozen: 50 steps of random labels change it by less than 2 "
                "points.",
                abs(before["neither"] - frozen) < 2,
                f"{before['neither']:.1f} % before, {frozen:.1f} % at step {soon:.0f}; with both "
                f"{accuracy.curve('both').at(soon):.1f} %",
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
    plain = RULES[setting.start]
    how = {"oja": Oja.MULTIPLIER if oja else Oja.NONE, "normalise_synapses": normalised}
    rule = dataclasses.replace(plain, stabilise=dataclasses.replace(plain.stabilise, **how))
    size = setting.hidden, rule, setting.steps, setting.start
    config = setting.outer.config(setting.task, *size)
    return dataclasses.replace(config, validation_steps=setting.chosen_after)


def _name(oja: bool, normalised: bool) -> str:
    return f"long-{'oja' if oja else 'bare'}{'-normalised' if normalised else ''}"


def _about(setting: Setting) -> str:
    return (
        f"{setting.task}, hidden layers {setting.hidden}; learned from "
        f"{START_WORDS[setting.start]} in episodes of {setting.steps} steps, "
        f"{setting.outer.words}, judged by the validation accuracy after "
        f"{setting.chosen_after or setting.steps} steps; {setting.seeds} seeds."
    )


def _charts(found: dict[str, Arrays], setting: Setting, ours: str) -> tuple[Chart, ...]:
    steps = range(1, setting.long + 1)
    marks = () if setting.random_after is None else (float(setting.random_after),)
    spaced = max(1, setting.long // 50)
    shown = [n for n in steps if n <= 20 or n % spaced == 0 or n in marks]
    axes = (
        ("Accuracy", "accuracy", "test accuracy (%)", 100.0, False),
        ("Synapses", "synapses", "std of synapses", 1.0, True),
        ("Activations", "activations", "std of hidden activations", 1.0, True),
    )
    return tuple(
        Chart(
            title,
            "steps",
            label,
            tuple(
                curve(words, shown, scale * _together(arrays[key][:, [n - 1 for n in shown]]))
                for words, arrays in found.items()
            ),
            (ours,),
            log_y=log,
            marks=marks,
        )
        for title, key, label, scale, log in axes
    )


def _together(sizes: np.ndarray) -> np.ndarray:
    """Sizes `[seeds, steps]`; where one seed is off the scale no mean makes sense, so all are."""
    sizes = bounded(sizes)
    return np.where((sizes >= OFF_SCALE).any(axis=0), OFF_SCALE, sizes)


def _watched(work: Work, setting: Setting, oja: bool, normalised: bool) -> Arrays:
    name = _name(oja, normalised)

    def compute() -> Arrays:
        size = setting.hidden, setting.long, setting.seeds, setting.random_after
        return watch(work.genome(name), get(setting.task), *size)

    return work.cell(cell_name(name, setting.task, setting.long), compute)
