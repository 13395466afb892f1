"""Figure 8: is normalisation needed to work at other sizes and depths?"""

import dataclasses
from typing import Any, ClassVar

import numpy as np

from blurax.experiments.figures.common import MNIST, PAPER, PLAIN, SMALL_MNIST, SMOKE, Outer, taught
from blurax.experiments.figures.figure import Budget, Figure
from blurax.experiments.figures.work import Work
from blurax.findings import Claim, Findings, table
from blurax.outer.config import MetaTrain
from blurax.spec import Normalise, Stabilise


@dataclasses.dataclass(frozen=True)
class Setting:
    """Figure 8."""

    outer: Outer
    trained_on: str
    sizes: tuple[str, ...]
    """The tasks it is evaluated on, the one it was trained on first."""
    hidden: tuple[str, ...]
    steps: int = 10
    seeds: int = 5
    choices: tuple[Normalise, ...] = (
        Normalise.NONE,
        Normalise.BACKWARD,
        Normalise.FORWARD,
        Normalise.BOTH,
    )


class Normalisation(Figure):
    """Four choices of normalisation, one to three hidden layers, two image sizes."""

    name = "8"
    title = "Normalisation, and what it does for other sizes and depths"
    settings: ClassVar[dict[Budget, Any]] = {
        Budget.SMOKE: Setting(SMOKE, "digits", ("digits",), ("8",), 3, 2, (Normalise.BOTH,)),
        Budget.CPU: Setting(
            Outer(4, 150), SMALL_MNIST, (SMALL_MNIST, MNIST), ("64", "64-64", "64-64-64")
        ),
        Budget.PAPER: Setting(
            PAPER, SMALL_MNIST, (SMALL_MNIST, MNIST), ("256", "256-128", "256-128-64")
        ),
    }

    def trainings(self, setting: Setting) -> dict[str, MetaTrain]:
        """A genome for each normalisation and depth."""
        return {
            _name(how, hidden): setting.outer.config(
                setting.trained_on,
                hidden,
                dataclasses.replace(PLAIN, stabilise=Stabilise(normalise=how)),
                setting.steps,
            )
            for how in setting.choices
            for hidden in setting.hidden
        }

    def measure(self, setting: Setting, work: Work) -> Findings:
        """The last step of an episode, for every size and depth."""
        tables = []
        for task in setting.sizes:
            scores = [
                [
                    taught(work, _name(how, hidden), task, hidden, setting.steps, setting.seeds)
                    for hidden in setting.hidden
                ]
                for how in setting.choices
            ]
            tables.append(
                table(
                    f"Test accuracy on {task}",
                    ("normalised", "hidden layers"),
                    [how.value for how in setting.choices],
                    setting.hidden,
                    np.asarray(scores)[..., -1],
                )
            )
        return self.found(
            work,
            f"Trained on {setting.trained_on} with the network it is evaluated with; "
            f"{setting.steps} steps, {setting.outer.words}, {setting.seeds} seeds.",
            tables=tuple(tables),
        )

    def claims(self, found: Findings) -> tuple[Claim, ...]:
        """Both beats the others, at the other size and in the deepest network."""
        other = found.tables[-1]
        means = {row: sum(other.mean[n]) / len(other.columns) for n, row in enumerate(other.rows)}
        both, rest = means["both"], {k: v for k, v in means.items() if k != "both"}
        deepest = {row: other.at(row, other.columns[-1]) for row in other.rows}
        second = max((v, k) for k, v in deepest.items() if k != "both")
        best = max((v, k) for k, v in rest.items())
        return (
            Claim(
                "With both sweeps normalised a rule works best at a size it was not trained at.",
                both > best[0],
                f"mean over the depths: both {100 * both:.1f} %, {best[1]} {100 * best[0]:.1f} %",
            ),
            Claim(
                "It does so in the deepest network too.",
                deepest["both"] > second[0],
                f"both {100 * deepest['both']:.1f} %, {second[1]} {100 * second[0]:.1f} %",
            ),
        )


def _name(how: Normalise, hidden: str) -> str:
    return f"normalise-{how.value}-{hidden}"
