"""Figure length: normalised synapses, and how much is learned by turning and by length."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from blurax import zoo
from blurax.baselines.descent import GradientDescent
from blurax.curves import learning_curve
from blurax.experiments.figures.common import SMALL_MNIST, round_stops, tuned_learner
from blurax.experiments.figures.figure import Budget, Figure
from blurax.experiments.figures.kernels_shallow import frozen_decay, split_kernels
from blurax.experiments.figures.memorise import RandomLabels, shallow
from blurax.experiments.figures.turning import Observer, OfDescent, OfGenome
from blurax.experiments.figures.weight_norm import WeightNorm, falls, shown
from blurax.experiments.figures.work import Arrays, Work, cell_name, keyed
from blurax.findings import Chart, Claim, Findings, curve
from blurax.fit import blur_for, network_for
from blurax.learner import Blur, Learner
from blurax.outer.config import MetaTrain
from blurax.tasks import Split, get

STRIDE = 0.1
"""The learning rate times the largest eigenvalue of the initial kernel: far from where gradient
descent begins to overshoot, so that it follows the gradient's flow."""


@dataclasses.dataclass(frozen=True)
class Setting:
    """Figure length."""

    examples: int
    features: int
    width: int
    alphas: tuple[float, ...]
    """Deviations of the initial v."""
    steps: int
    task: str
    hidden: str
    rules: tuple[str, ...]
    """Genomes of the zoo, and optimisers, that are taken apart."""
    rule_steps: int
    seeds: int = 3


ALPHAS = (0.1, 0.3, 1.0, 3.0, 10.0)
RULES = ("default", "regressor", "backprop", "sgd", "adam")


class Length(Figure):
    """The kernels of weight normalisation over α, and the same split under learned rules."""

    name = "length"
    title = "Normalised synapses: learning by turning and by length"
    settings: ClassVar[dict[Budget, Any]] = {
        Budget.SMOKE: Setting(6, 3, 20, (1.0,), 5, "digits", "8", ("default", "sgd"), 3, 2),
        Budget.CPU: Setting(20, 10, 1000, ALPHAS, 300, SMALL_MNIST, "64-32", RULES, 100),
        Budget.PAPER: Setting(100, 20, 10_000, ALPHAS, 1000, "mnist", "256-128", RULES, 100, 5),
    }

    def trainings(self, setting: Setting) -> dict[str, MetaTrain]:
        """None: genomes of the zoo."""
        return {}

    def measure(self, setting: Setting, work: Work) -> Findings:
        """Two-layer networks over α, then rules on images."""
        found = {
            alpha: work.cell(
                cell_name("alpha", alpha), lambda alpha=alpha: _over_alpha(setting, alpha)
            )
            for alpha in setting.alphas
        }
        rules = {
            name: work.cell(cell_name("rule", name), lambda n=name: _taken_apart(setting, work, n))
            for name in setting.rules
        }
        return self.found(
            work,
            f"Over α: {setting.examples} random labels of {setting.features} Gaussian inputs, "
            f"{setting.width} neurons with weight normalisation; {setting.steps} steps of gradient "
            f"descent at a rate of {STRIDE} over the largest eigenvalue of the initial kernel. "
            f"Rules: genomes of the zoo, and optimisers with ReLU and a tuned constant rate, on "
            f"{setting.task}, hidden layers {setting.hidden}. {setting.seeds} seeds.",
            charts=(*_alpha_charts(found), *_rule_charts(rules)),
        )

    def claims(self, found: Findings) -> tuple[Claim, ...]:
        """Three sentences on the kernels, three on rules."""
        rates, shares = found.chart(RATES).curves, found.chart(SHARES).curves
        alphas, turned = shares[0].x, shares[0].mean
        off = [100 * abs(m / p - 1) for m, p in zip(*(c.mean for c in rates), strict=True)]
        points = max(abs(m - p) for m, p in zip(*(c.mean for c in shares), strict=True))
        lengths = {c.label: c.mean[-1] for c in found.chart(BY_LENGTH).curves}
        grown = {c.label: c.mean[-1] for c in found.chart(GROWN).curves}
        free = {name: value for name, value in lengths.items() if name != "default"}
        return (
            Claim(
                "The initial kernel V / α² + G foretells how fast the residual falls: to 10 %.",
                max(off) < 10,
                ", ".join(f"α = {a:g}: {o:.1f} % off" for a, o in zip(alphas, off, strict=True)),
            ),
            Claim(
                "With a small α the network learns by turning, with a large one by length: above "
                "90 % each at the ends.",
                turned[0] > 90 and turned[-1] < 10,
                ", ".join(
                    f"α = {a:g}: {t:.1f} % by turning" for a, t in zip(alphas, turned, strict=True)
                ),
            ),
            Claim(
                "The initial kernel foretells the share of turning too: to 5 points.",
                points < 5,
                f"at most {points:.1f} points off",
            ),
            Claim(
                "Under default, which normalises synapses, length teaches nothing: below 0.1 %.",
                abs(lengths["default"]) < 0.1,
                f"{lengths['default']:.2g} % of all that it gains",
            ),
            Claim(
                "Without normalised synapses too, most is learned by turning.",
                all(value < 50 for value in free.values()),
                ", ".join(f"{name} {value:.1f} % by length" for name, value in free.items()),
            ),
            Claim(
                "Under default synapse vectors grow, so that the same change turns them less.",
                grown["default"] > 1,
                ", ".join(f"{name} {value:.3g} times" for name, value in grown.items()),
            ),
        )


RATES, SHARES = "Predicted and measured decay", "The share that is learned by turning"
BY_LENGTH, GROWN = "Learned by length, under rules", "Length of synapse vectors"


def _over_alpha(setting: Setting, alpha: float) -> Arrays:
    """Measured and predicted losses `[seeds, steps]`, and how much of their fall is by turning."""
    task, network = RandomLabels(setting.features), shallow(setting.features, setting.width)
    learner = WeightNorm(network, jnp.asarray(alpha, float))
    keys = jax.random.split(keyed("length"), setting.seeds)  # the same for each α
    size: Any = {"batch": setting.examples}
    # A step at a rate of 0 shows what the network begins with.
    _, start = learning_curve(learner, task, keys, (1,), Split.TEST, observe=shown, **size)
    first, batch = jax.tree.map(lambda leaf: np.asarray(leaf[:, 0], float), start.seen)
    each = zip(batch.x, first.v, first.g, first.c, strict=True)
    kernels = [split_kernels(*parts) for parts in each]
    rate = STRIDE / max(np.linalg.eigvalsh(sum(pair))[-1] for pair in kernels)
    stops = range(1, setting.steps + 1)
    _, seen = learning_curve(
        learner, task, keys, stops, Split.TEST, rate=rate, observe=falls, **size
    )
    turning, length = (np.asarray(part, float).sum(axis=1) for part in seen.seen)
    foretold = [
        frozen_decay(v + g, said - y, rate, setting.steps)
        for (v, g), said, y in zip(kernels, _said(first, batch.x), batch.y[..., 0], strict=True)
    ]
    parts = [
        [np.einsum("ti,ij,tj->", r[:-1], kernel, r[:-1]) for kernel in pair]
        for r, pair in zip(foretold, kernels, strict=True)
    ]
    begun = np.asarray([np.mean(r[0] ** 2) for r in foretold])
    return {
        "measured": np.column_stack([begun, np.asarray(seen.loss, float)]),
        "predicted": np.asarray([np.mean(r**2, axis=1) for r in foretold]),
        "turned": turning / (turning + length),
        "turned_predicted": np.asarray([v / (v + g) for v, g in parts]),
        "rate": np.asarray(rate),
    }


def _said(state: Any, x: Float[np.ndarray, "seeds n d"]) -> list[np.ndarray]:
    """The outputs of networks, in double precision."""
    found = []
    for rows, v, g, c in zip(x, state.v, state.g, state.c, strict=True):
        size = np.linalg.norm(v, axis=0)
        found.append(np.maximum(rows @ v / size, 0) @ (c * g) / len(g) ** 0.5)
    return found


def _decay(losses: Float[np.ndarray, "seeds steps"], rate: float) -> Float[np.ndarray, " seeds"]:
    """The mean rate at which a loss falls, in units of 1 / time."""
    return np.log(losses[:, 0] / losses[:, -1]) / (rate * (losses.shape[1] - 1))


def _alpha_charts(found: Mapping[float, Arrays]) -> tuple[Chart, ...]:
    alphas = tuple(found)
    steps = len(found[alphas[0]]["measured"][0]) - 1
    places = sorted({round(n * steps / 20) for n in range(21)})
    decays = {
        word: np.column_stack([_decay(each[word], float(each["rate"])) for each in found.values()])
        for word in ("measured", "predicted")
    }
    shares = {
        word: np.column_stack([100 * each[name] for each in found.values()])
        for word, name in (("measured", "turned"), ("predicted", "turned_predicted"))
    }
    return (
        Chart(
            "Squared error, measured / predicted",
            f"steps of {STRIDE} over the largest eigenvalue",
            "ratio",
            tuple(
                curve(f"α = {alpha:g}", places, (each["measured"] / each["predicted"])[:, places])
                for alpha, each in found.items()
            ),
        ),
        Chart(
            RATES,
            "α",
            "rate of decay of the squared error",
            tuple(curve(word, alphas, values) for word, values in decays.items()),
            ("measured",),
            log_x=True,
            dashed=("predicted",),
            log_y=True,
        ),
        Chart(
            SHARES,
            "α",
            "learned by turning (%)",
            tuple(curve(word, alphas, values) for word, values in shares.items()),
            ("measured",),
            log_x=True,
            dashed=("predicted",),
        ),
    )


def _taken_apart(setting: Setting, work: Work, name: str) -> Arrays:
    """What each step of a rule does, `[seeds, steps]`."""
    size = setting.task, setting.hidden
    data = get(setting.task)
    learner, rate = _rule(setting, work, name)
    observer: Observer
    if isinstance(learner, Blur):
        observer = OfGenome(learner)
    else:
        assert isinstance(learner, GradientDescent)
        observer = OfDescent(learner)
    keys = jax.random.split(keyed(*size), setting.seeds)
    stops = range(1, setting.rule_steps + 1)
    _, seen = learning_curve(learner, data, keys, stops, Split.TEST, rate=rate, observe=observer)
    found = seen.seen
    return {
        "accuracy": np.asarray(seen.accuracy, float),
        **{name: np.asarray(getattr(found, name), float) for name in found.__annotations__},
    }


def _rule(setting: Setting, work: Work, name: str) -> tuple[Learner, float]:
    """A genome of the zoo, or a tuned optimiser with its rate."""
    if name in zoo.names():
        data = get(setting.task)
        return blur_for(zoo.genome(name)[0], network_for(data, setting.hidden), data), 0.0
    size = setting.task, setting.hidden, setting.rule_steps, setting.seeds
    return tuned_learner(work, name, *size)


def _rule_charts(rules: Mapping[str, Arrays]) -> tuple[Chart, ...]:
    steps = next(iter(rules.values()))["turning"].shape[1]
    places = np.asarray(round_stops(steps)) - 1
    stops = tuple((places + 1).tolist())

    def by_length(each: Arrays) -> np.ndarray:
        turning, length = (np.cumsum(each[part], axis=1) for part in ("turning", "length"))
        return 100 * length / (np.abs(turning) + np.abs(length))

    def grown(each: Arrays) -> np.ndarray:
        return each["size"] / each["start"][:, :1]

    def along(each: Arrays) -> np.ndarray:
        return 100 * np.cumsum(each["along"], axis=1) / np.arange(1, steps + 1)

    parts = (
        (BY_LENGTH, "% of the fall of the loss so far", by_length, False),
        ("Change along the synapse vector", "% of the squared change so far", along, False),
        (GROWN, "times the initial length", grown, True),
    )
    return tuple(
        Chart(
            title,
            "steps",
            label,
            tuple(curve(name, stops, of(each)[:, places]) for name, each in rules.items()),
            tuple(name for name in rules if name == "default"),
            log_x=True,
            log_y=log,
        )
        for title, label, of, log in parts
    )
