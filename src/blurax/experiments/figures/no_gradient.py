"""Figure 2 and appendix A: is a learned rule the gradient of anything?"""

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

import jax
import numpy as np

from blurax.experiments.figures.common import PAPER, PLAIN, SMOKE, Outer
from blurax.experiments.figures.figure import Budget, Figure
from blurax.experiments.figures.gradient_field import (
    Jacobian,
    Metrics,
    double_precision,
    jacobian,
    most_definite,
)
from blurax.experiments.figures.work import Arrays, Work, keyed
from blurax.findings import Chart, Claim, Curve, Fact, Findings, Image, numbers, rounded
from blurax.genome import Genome, backprop
from blurax.network import Network
from blurax.outer.config import MetaTrain
from blurax.spec import Rule, Stabilise
from blurax.tasks import EpisodeSpec, Split, get

TRAINING = "boolean"
LEARNED, BACKPROP = "learned", "back-propagation"
QUANTILES = np.linspace(0, 1, 101)
DEFINITE = 1e-6
"""The share of its largest eigenvalue from which on the smallest counts as positive."""

RULE = dataclasses.replace(PLAIN, states=2, stabilise=Stabilise())
"""Nothing normalised: the rule (5), (6), (7) alone."""


@dataclasses.dataclass(frozen=True)
class Setting:
    """Figure 2 and appendix A."""

    outer: Outer
    task: str = "xor"
    hidden: int = 20
    small: int = 5
    """The hidden layer of appendix A."""
    states: int = 100
    """Random networks of appendix A."""
    batch: int = 128


class NoGradient(Figure):
    """A learned rule, and back-propagation as the test of the test."""

    name = "2"
    title = "A learned rule is the gradient of no loss"
    settings: ClassVar[dict[Budget, Any]] = {
        Budget.SMOKE: Setting(SMOKE, hidden=3, small=2, states=4, batch=16),
        Budget.CPU: Setting(Outer(8, 200)),
        Budget.PAPER: Setting(PAPER),
    }

    def trainings(self, setting: Setting) -> dict[str, MetaTrain]:
        """One genome of two states."""
        steps, hidden = 10, str(setting.hidden)
        config = setting.outer.config(setting.task, hidden, RULE, steps, batch=setting.batch)
        return {TRAINING: config}

    def measure(self, setting: Setting, work: Work) -> Findings:
        """Asymmetries of one Jacobian, and metrics that suit many."""
        learned = work.genome(TRAINING)
        genomes = {LEARNED: learned, BACKPROP: backprop(Rule.backprop(), 0.1)}
        curves, images, facts = [], [], []
        for label, genome in genomes.items():
            seen = work.cell(f"asymmetry-{label}", _asymmetry(genome, setting))
            values = numbers(np.quantile(seen["upper"], QUANTILES))
            curves.append(Curve(label, numbers(QUANTILES), values))
            error = float(seen["error"])
            curves.append(Curve(f"{label}: numerical error", (0.0, 1.0), (rounded(error),) * 2))
            images.append(_image(label, seen["blocks"]))
            facts.append(Fact(f"{label}: median asymmetry", rounded(np.median(seen["upper"]))))
            facts.append(Fact(f"{label}: largest asymmetry", rounded(seen["upper"].max())))
            facts.append(Fact(f"{label}: numerical error", rounded(error)))
            facts.append(Fact(f"{label}: synapses", float(seen["synapses"])))
            tested = work.cell(f"metric-{label}", _metric(genome, setting))
            facts += [Fact(f"{label}: {name}", rounded(float(v))) for name, v in tested.items()]
        chart = Chart(
            "Asymmetry of the Jacobian",
            "share of the pairs of synapses",
            "|∂Δw_k/∂w_m - ∂Δw_m/∂w_k|",
            tuple(curves),
            (LEARNED,),
            log_y=True,
        )
        return self.found(
            work,
            f"{setting.task}, one hidden layer of {setting.hidden}, 2 states; appendix A: hidden "
            f"layer of {setting.small}, {setting.states} random networks. The genome: the best of "
            f"{setting.outer.members} after {setting.outer.meta_steps} meta-steps. Dark in its "
            "picture: the synapses into the last layer's state 2, which the labels overwrite.",
            charts=(chart,),
            images=tuple(images),
            facts=tuple(facts),
        )

    def claims(self, found: Findings) -> tuple[Claim, ...]:
        """No gradient, under no constant metric; back-propagation passes both."""
        learned, error = (
            found.fact(f"{LEARNED}: {what}") for what in ("median asymmetry", "numerical error")
        )
        other, bound = (
            found.fact(f"{BACKPROP}: {what}") for what in ("largest asymmetry", "numerical error")
        )
        definite = {
            label: found.fact(f"{label}: most definite metric") for label in (LEARNED, BACKPROP)
        }
        first, last = (
            found.fact(f"{LEARNED}: metrics that suit {many}") for many in ("one network", "all")
        )
        return (
            Claim(
                "No gradient: the median asymmetry is above 100 times the numerical error.",
                learned > 100 * error,
                f"{learned:.2g} against an error of {error:.2g}",
            ),
            Claim(
                "The test of the test: the asymmetry of back-propagation is rounding.",
                other < 10 * bound,
                f"at most {other:.2g}, error {bound:.2g}",
            ),
            Claim(
                "No constant, positive definite metric makes it a gradient.",
                definite[LEARNED] < DEFINITE,
                f"metrics that suit one network: a space of {first:.0f} dimensions; that suit all: "
                f"{last:.0f}; the best of these has a smallest eigenvalue of "
                f"{definite[LEARNED]:.1g} of its largest, which is 0 but for rounding: it is "
                "blind to some synapses",
            ),
            Claim(
                "The same test finds a metric for back-propagation.",
                definite[BACKPROP] > DEFINITE,
                f"its smallest eigenvalue is {definite[BACKPROP]:.2g} of the largest",
            ),
        )


def _asymmetry(genome: Genome, setting: Setting) -> Callable[[], Arrays]:
    def compute() -> Arrays:
        with double_precision():
            found = _jacobian(genome, setting, setting.hidden, 0)
        upper = found.asymmetry[np.triu_indices(len(found.forward), 1)]
        return {
            "upper": upper,
            "error": np.asarray(found.error),
            "blocks": _blocks(found.asymmetry),
            "synapses": np.asarray(len(found.forward)),
        }

    return compute


def _metric(genome: Genome, setting: Setting) -> Callable[[], Arrays]:
    def compute() -> Arrays:
        with double_precision():
            first = _jacobian(genome, setting, setting.small, 0).forward
            metrics = Metrics(len(first))
            metrics.ask(first)
            one = len(metrics.left())
            for n in range(1, setting.states):
                metrics.ask(_jacobian(genome, setting, setting.small, n).forward)
        left = metrics.left()
        return {
            "metrics that suit one network": np.asarray(one),
            "metrics that suit all": np.asarray(len(left)),
            "most definite metric": np.asarray(most_definite(left)),
        }

    return compute


def _jacobian(genome: Genome, setting: Setting, hidden: int, number: int) -> Jacobian:
    """At a network and a batch of their own for each number."""
    task = get(setting.task)
    initial, drawn = jax.random.split(jax.random.fold_in(keyed(setting.task), number))
    episode = task.sample(drawn, EpisodeSpec(1, setting.batch, 1), Split.TEST)
    network = Network((task.features, hidden, task.outputs))
    x = episode.x[0].reshape(setting.batch, -1)
    return jacobian(genome, network, initial, x, episode.y[0])


def _blocks(values: np.ndarray) -> np.ndarray:
    """The largest of each block of 2 x 2, for a picture."""
    half = len(values) // 2
    return values[: 2 * half, : 2 * half].reshape(half, 2, half, 2).max(axis=(1, 3))


def _image(label: str, blocks: np.ndarray) -> Image:
    powers = np.round(np.log10(np.maximum(blocks, 1e-20)), 1)
    return Image(
        f"Each pair of synapses, {label}",
        tuple(tuple(row) for row in powers.tolist()),
        "log10 of the asymmetry (the largest of 2 x 2)",
    )
