"""Figure convergence: two-layer networks that fit random labels, by width and by the two rates.

Setting: Razborov, "Improved convergence guarantees for shallow neural networks", arXiv 2212.02323.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from blurax.experiments.figures.figure import Budget, Figure
from blurax.experiments.figures.fitting import FITTED, descended, taught
from blurax.experiments.figures.work import Arrays, Work, cell_name
from blurax.findings import OFF_SCALE, Chart, Claim, Curve, Findings, curve
from blurax.outer.config import MetaTrain


@dataclasses.dataclass(frozen=True)
class Setting:
    """Figure convergence."""

    examples: int
    """n."""
    features: int
    """d."""
    widths: tuple[int, ...]
    """m, falling."""
    ratios: tuple[float, ...]
    """The rate of the second layer over that of the first; 1 among them."""
    steps: int
    genomes: tuple[str, ...]
    """Of the zoo."""
    seeds: int = 3

    @property
    def loads(self) -> tuple[float, ...]:
        """Labels for each synapse of the first layer, n / (m d), at each width."""
        return tuple(self.examples / (m * self.features) for m in self.widths)


GENOMES = ("default", "steady", "regressor")
OPTIMISERS = {"sgd": "gradient descent", "adam": "Adam"}
RIGHT, ALL_RIGHT = "Labels that are fitted", "Steps until every sign is right"
FIT = "Steps to fit, all rules"
SINGULAR, DRIFT = "Smallest singular value of the Jacobian", "How far the first layer goes"
START = "at the start"
KEPT = "Smallest singular value, last over first"
ROUNDING = 1e-5
"""A singular value below it is that of a Jacobian that lacks rank, in single precision."""

Cells = Mapping[str, list[Arrays]]
"""Of each curve a cell for each width."""


class Convergence(Figure):
    """Steps to a small loss, the Jacobian, and how far weights go, over width and rates."""

    name = "convergence"
    title = "Shallow networks that fit random labels"
    settings: ClassVar[dict[Budget, Any]] = {
        Budget.SMOKE: Setting(8, 4, (16, 1), (1.0,), 20, ("default",), 2),
        Budget.CPU: Setting(64, 16, (256, 64, 16, 8, 4, 2), (0.0, 0.1, 1.0, 10.0), 2000, GENOMES),
        Budget.PAPER: Setting(
            256,
            32,
            (2048, 512, 128, 64, 32, 16, 8, 4),
            (0.0, 0.01, 0.1, 1.0, 10.0, 100.0),
            20_000,
            GENOMES,
            5,
        ),
    }

    def trainings(self, setting: Setting) -> dict[str, MetaTrain]:
        """None: genomes of the zoo."""
        return {}

    def measure(self, setting: Setting, work: Work) -> Findings:
        """Every optimiser at every width and ratio, every genome at every width."""
        size = setting.examples, setting.features
        last = setting.steps, setting.seeds

        def descents(name: str, ratio: float) -> list[Arrays]:
            return [
                work.cell(
                    cell_name(name, ratio, m), lambda m=m: descended(name, *size, m, ratio, *last)
                )
                for m in setting.widths
            ]

        def genomes(name: str) -> list[Arrays]:
            return [
                work.cell(cell_name(name, m), lambda m=m: taught(name, *size, m, *last))
                for m in setting.widths
            ]

        by_ratio = {
            words: {ratio_words(ratio): descents(name, ratio) for ratio in setting.ratios}
            for name, words in OPTIMISERS.items()
        }
        both = {words: cells[ratio_words(1.0)] for words, cells in by_ratio.items()}
        rules = both | {name: genomes(name) for name in setting.genomes}
        return self.found(
            work,
            f"{setting.examples} random labels of {setting.features} Gaussian inputs; two layers, "
            f"ReLU, no biases, layers of {', '.join(map(str, setting.widths))}; the whole set in "
            f"each of {setting.steps} steps. Rates half a decade apart, chosen on other sets by "
            "the steps they take. The ratio is the rate of the second layer over that of the "
            f"first, 1 where none is named. {setting.seeds} sets; a curve ends where one of them "
            f"is not fitted, to a squared error of {FITTED} or to the right sign. Of genomes J is "
            "by all forward synapses, examples normalised by each other where the rule does so. "
            "Singular values, their ratio and the way are those where labels are fitted, or at "
            "last; a ratio ends where J lacks rank at the start.",
            charts=(
                *(_steps_chart(by_ratio[words], setting, words) for words in by_ratio),
                _rules_chart(rules, setting, FIT, "steps to an error of 0.001", "steps"),
                _rules_chart(rules, setting, ALL_RIGHT, "steps", "all_right"),
                _right_chart(rules, setting),
                _singular_chart(rules, both, setting),
                _kept_chart(rules, setting),
                _drift_chart(rules, both, setting),
            ),
        )

    def claims(self, found: Findings) -> tuple[Claim, ...]:
        """Ours, not theorems of the paper: what one would like to know of its setting."""
        adam = found.chart(steps_title("Adam")).curve(ratio_words(1.0))
        plain = found.chart(steps_title("gradient descent"))
        both, alone = plain.curve(ratio_words(1.0)), plain.curve(ratio_words(0.0))
        singular = found.chart(SINGULAR)
        start, ends = singular.curve(START), [singular.curve(w) for w in OPTIMISERS.values()]
        drift = found.chart(DRIFT).curve("Adam, way")
        right = {c.label: c for c in found.chart(RIGHT).curves}
        fits, taken = _fitted_at(adam), [y for y in both.mean if y < OFF_SCALE]
        pairs = [(b, a) for b, a in zip(both.mean, alone.mean, strict=True) if b < OFF_SCALE]
        kept = {c.label: c.mean[0] / start.mean[0] for c in ends}
        edge = max(fits, default=adam.x[0])
        missed = [
            x
            for x, a, g in zip(adam.x, right["Adam"].mean, right["default"].mean, strict=True)
            if a > 99.9 > g
        ]
        return (
            Claim(
                "Adam fits every set up to n/(m d) = 1/4, and not where there are more labels "
                "than synapses.",
                0.25 <= edge <= 1,
                f"it fits them up to {edge:g}, gradient descent up to "
                f"{max(_fitted_at(both), default=0):g}",
            ),
            Claim(
                "The fewer labels for each synapse, the fewer steps gradient descent takes.",
                taken == sorted(taken) and len(taken) > 1,
                ", ".join(f"{y:.0f} at {x:g}" for x, y in zip(both.x, taken, strict=False)),
            ),
            Claim(
                "In the widest network weights hardly move: the first layer by less than a tenth "
                "of its length, the smallest singular value by less than a fifth.",
                drift.mean[0] < 0.1 and all(abs(value - 1) < 0.2 for value in kept.values()),
                f"by {drift.mean[0]:.2g} with Adam; "
                + ", ".join(f"{name}: {value:.2f} times" for name, value in kept.items()),
            ),
            Claim(
                "Networks fit labels far from there too: where Adam just fits them, the first "
                "layer has moved by more than half its length.",
                drift.at(edge) > 0.5,
                f"by {drift.at(edge):.2g} at n/(m d) = {edge:g}",
            ),
            Claim(
                "Both layers together take at most the steps that the first takes alone.",
                all(b <= a for b, a in pairs),
                ", ".join(f"{b:.0f} and {_steps(a)}" for b, a in pairs),
            ),
            Claim(
                "default fits random labels wherever Adam does.",
                not missed,
                f"not at n/(m d) = {', '.join(f'{x:g}' for x in missed)}"
                if missed
                else "every sign right at each width at which Adam has them",
            ),
        )


def ratio_words(ratio: float) -> str:
    """The label of a curve."""
    return f"ratio {ratio:g}" if ratio else "first layer alone"


def steps_title(words: str) -> str:
    """The title of the chart of an optimiser."""
    return f"Steps to fit, {words}"


def _fitted_at(steps: Curve) -> list[float]:
    return [x for x, y in zip(steps.x, steps.mean, strict=True) if y < OFF_SCALE]


def _steps(value: float) -> str:
    return f"{value:.0f}" if value < OFF_SCALE else "never"


def _together(cells: list[Arrays], name: str) -> np.ndarray:
    """Numbers `[seeds, widths]`; where one seed is off the scale no mean makes sense: all are."""
    values = np.nan_to_num(np.column_stack([cell[name] for cell in cells]), nan=OFF_SCALE)
    return np.where((values >= OFF_SCALE).any(axis=0), OFF_SCALE, values)


def _over(
    cells: Cells, setting: Setting, title: str, label: str, name: str, scale: float = 1.0
) -> Chart:
    """A number of each cell over n / (m d)."""
    drawn = tuple(
        curve(words, setting.loads, scale * _together(each, name)) for words, each in cells.items()
    )
    return Chart(title, "n / (m d)", label, drawn, log_x=True, log_y=scale == 1.0)


def _steps_chart(cells: Cells, setting: Setting, words: str) -> Chart:
    found = _over(cells, setting, steps_title(words), "steps to an error of 0.001", "steps")
    return dataclasses.replace(found, ours=(ratio_words(1.0),))


def _rules_chart(rules: Cells, setting: Setting, title: str, label: str, name: str) -> Chart:
    found = _over(rules, setting, title, label, name)
    return dataclasses.replace(found, ours=("default",))


def _right_chart(rules: Cells, setting: Setting) -> Chart:
    label = f"right signs after {setting.steps:,} steps (%)"
    found = _over(rules, setting, RIGHT, label, "right", 100.0)
    return dataclasses.replace(found, ours=("default",))


def _singular_chart(rules: Cells, both: Cells, setting: Setting) -> Chart:
    """J of a genome's network is another one: its start is in `_kept_chart`."""
    first, *_ = both.values()
    curves = (
        *_over(rules, setting, "", "", "singular_end").curves,
        *_over({START: first}, setting, "", "", "singular_start").curves,
    )
    return Chart(SINGULAR, "n / (m d)", "smallest singular value", curves, ("default",), log_x=True)


def _kept_chart(rules: Cells, setting: Setting) -> Chart:
    cells = {words: [_with_kept(cell) for cell in each] for words, each in rules.items()}
    found = _over(cells, setting, KEPT, "ratio", "kept")
    return dataclasses.replace(found, ours=("default",))


def _with_kept(cell: Arrays) -> Arrays:
    """With the ratio of the singular values; off the scale where J lacks rank to begin with."""
    start, end = cell["singular_start"], cell["singular_end"]
    some = start > ROUNDING
    return cell | {"kept": np.where(some, end / np.where(some, start, 1), OFF_SCALE)}


def _drift_chart(rules: Cells, both: Cells, setting: Setting) -> Chart:
    ways = {f"{words}, way": each for words, each in rules.items()}
    flipped = {f"{words}, flipped": each for words, each in both.items()}
    curves = (
        *_over(ways, setting, "", "", "drift").curves,
        *_over(flipped, setting, "", "", "flipped").curves,
    )
    label, ours = "share of length, of activities", ("default, way",)
    return Chart(DRIFT, "n / (m d)", label, curves, ours, log_x=True, log_y=True)
