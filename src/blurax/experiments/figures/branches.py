"""Side branches in deep networks: told the label, or that and what the others predict.

After Li and Chen, "Dynamic hierarchical mimicking towards consistent optimization objectives", CVPR
2020, arXiv 2003.10739, on small images and fully connected layers.
"""

import dataclasses
from typing import Any, ClassVar

import jax
import numpy as np
from jaxtyping import Float

from blurax import zoo
from blurax.baselines import baseline
from blurax.baselines.tuner import Tuning, tune
from blurax.curves import Schedule
from blurax.experiments.figures.common import accuracy_chart, measured, percent, round_stops
from blurax.experiments.figures.figure import Budget, Figure
from blurax.experiments.figures.work import Arrays, Work, cell_name, keyed
from blurax.findings import Chart, Claim, Findings, Table, table
from blurax.fit import network_for
from blurax.learner import Blur
from blurax.mimicry import MimickingBlur
from blurax.outer.config import MetaTrain
from blurax.spec import Activation
from blurax.tasks import get

NONE, SUPERVISED, MIMICKING = "no branches", "supervised", "mimicking"
KINDS = (NONE, SUPERVISED, MIMICKING)
SHALLOW = "cma-accuracy"
"""The zoo's rule that was learned with two hidden layers alone."""
ADAM, GENOMES = "Adam", "Genomes"
TUNING = Tuning(
    *((Activation.RELU,), (False,), (Schedule.CONSTANT,)), seeds=3, long_seeds=3, finalists=1
)


@dataclasses.dataclass(frozen=True)
class Setting:
    """The figure of branches."""

    tasks: tuple[str, ...]
    width: int
    depths: tuple[int, ...]
    """Hidden layers of the networks that Adam trains."""
    evaluated: tuple[int, ...]
    """Those of the networks that genomes teach."""
    genomes: tuple[str, ...]
    """Of the zoo."""
    kinds: tuple[str, ...] = (NONE, SUPERVISED)
    """Of branches, for genomes."""
    steps: int = 300
    """Of Adam."""
    short: int = 100
    """Of genomes."""
    seeds: int = 5

    def hidden(self, depth: int, kind: str) -> str:
        """The name of a network: a branch after every second hidden layer, or after one of two."""
        name = "-".join([str(self.width)] * depth)
        return name if kind == NONE else f"{name}+b{min(2, depth - 1)}"


_PART = "size=14,train=4000,test=2000"
"""Few examples, which 300 batches go through ten times: the paper's claim is of test errors after
long training, not of the first steps."""


class Branches(Figure):
    """Adam and genomes in networks with branches and without."""

    name = "branches"
    title = "Side branches in deep networks, supervised or mimicking each other"
    settings: ClassVar[dict[Budget, Any]] = {
        Budget.SMOKE: Setting(("digits",), 8, (3,), (3,), ("default",), KINDS, 4, 3, 2),
        Budget.CPU: Setting(
            (f"mnist:{_PART}", f"fashion-mnist:{_PART}"),
            *(64, (4, 8, 10), (2, 4, 10), ("default", "images", SHALLOW)),
        ),
        Budget.PAPER: Setting(
            ("mnist:size=14", "fashion-mnist:size=14"),
            *(128, (4, 8, 10), (2, 4, 8, 10)),
            *(("default", "images", "general", SHALLOW), KINDS, 5000),
        ),
    }

    def trainings(self, setting: Setting) -> dict[str, MetaTrain]:
        """None: the genomes are those of the zoo."""
        return {}

    def measure(self, setting: Setting, work: Work) -> Findings:
        """Everything after its last step; curves of the deepest networks, of genomes on one set."""
        adam, genomes = (
            [part(setting, work, task) for task in setting.tasks]
            for part in (_by_adam, _by_genomes)
        )
        return self.found(
            work,
            f"{' and '.join(setting.tasks)}; layers of {setting.width}, a branch after every "
            "second hidden layer but the last, or after the first of two. Adam: "
            f"{setting.steps} steps of 128, ReLU, a constant rate, the best on validation examples "
            "for each network. Genomes of the zoo: "
            f"{setting.short} steps; {SHALLOW} was learned with two hidden layers alone, the "
            f"others up to four or six. {setting.seeds} seeds, the same examples for all.",
            charts=(*(chart for chart, _ in adam), genomes[0][0]),
            tables=tuple(rows for _, rows in (*adam, *genomes)),
        )

    def claims(self, found: Findings) -> tuple[Claim, ...]:
        """What the paper says of its networks, asked of these; and what figure 10 asks."""
        adam = [each for each in found.tables if each.title.startswith(ADAM)]
        genomes = [each for each in found.tables if each.title.startswith(GENOMES)]
        told, mimicked = _gains(adam, NONE, SUPERVISED), _gains(adam, SUPERVISED, MIMICKING)
        names = [row.removesuffix(f", {NONE}") for row in genomes[0].rows if row.endswith(NONE)]
        deep = {
            name: [gain[-1] for gain in _gains(genomes, _words(name, NONE), _words(name))]
            for name in names
        }
        lost, kept = _lost(genomes, NONE), _lost(genomes, SUPERVISED)
        ends = "; ".join(
            f"{_set(t)} {percent(t.at(_words(SHALLOW, NONE), t.columns[-1]))} without, "
            f"{percent(t.at(_words(SHALLOW), t.columns[-1]))} with branches"
            for t in genomes
        )
        return (
            Claim(
                "Supervised branches are better than none, by Adam at every depth.",
                all(min(gain) > 0 for gain in told),
                _points(adam, told),
            ),
            Claim(
                "Mimicking is better than supervision, by Adam at every depth.",
                all(min(gain) > 0 for gain in mimicked),
                _points(adam, mimicked),
            ),
            Claim(
                "Supervised branches gain more in the deepest network than in the shallowest "
                "(ours).",
                all(gain[-1] > gain[0] for gain in told),
                _points(adam, told),
            ),
            Claim(
                "Taught by a genome too, the deepest network is better with branches (ours).",
                all(min(gain) > 0 for gain in deep.values()),
                "; ".join(f"{name} {_signed(gain)}" for name, gain in deep.items())
                + f" points on {' and '.join(map(_set, genomes))}",
            ),
            Claim(
                "A rule learned with two hidden layers works in ten with branches, at most 10 "
                "points below two, and does not without (ours).",
                max(kept) <= 0.1 < min(lost),
                ends,
            ),
        )


def _by_adam(setting: Setting, work: Work, task: str) -> tuple[Chart, Table]:
    """Networks that Adam trains, with each kind of branches."""
    scores = {
        kind: [_adam(setting, work, task, depth, kind) for depth in setting.depths]
        for kind in KINDS
    }
    title = _title(ADAM, task)
    chart = _chart(title, scores, setting.depths, setting.steps, (MIMICKING,))
    return chart, _table(title, scores, setting.depths)


def _by_genomes(setting: Setting, work: Work, task: str) -> tuple[Chart, Table]:
    """Networks that genomes teach; the curves of the first and the last of them."""
    scores = {
        _words(genome, kind): [
            _taught(setting, work, task, depth, genome, kind) for depth in setting.evaluated
        ]
        for genome in setting.genomes
        for kind in setting.kinds
    }
    ends = setting.genomes[0], setting.genomes[-1]
    shown = {words: scores[words] for words in scores if words.split(", ")[0] in ends}
    ours = tuple(words for words in shown if not words.endswith(NONE))
    title = _title(GENOMES, task)
    chart = _chart(title, shown, setting.evaluated, setting.short, ours)
    return chart, _table(title, scores, setting.evaluated)


def _words(genome: str, kind: str = SUPERVISED) -> str:
    return f"{genome}, {kind}"


def _title(who: str, task: str) -> str:
    """Who learns, and the name of the data set."""
    return f"{who}, {task.split(':')[0]}"


def _set(found: Table) -> str:
    """The name of a table's data set."""
    return found.title.split(", ")[1]


def _gains(tables: list[Table], before: str, after: str) -> list[list[float]]:
    """What a row is ahead of another, `[tables][columns]`."""
    return [[t.at(after, each) - t.at(before, each) for each in t.columns] for t in tables]


def _lost(genomes: list[Table], kind: str) -> list[float]:
    """What the shallow rule loses from the shallowest network to the deepest, for each table."""
    row = _words(SHALLOW, kind)
    return [t.at(row, t.columns[0]) - t.at(row, t.columns[-1]) for t in genomes]


def _signed(gains: list[float]) -> str:
    return ", ".join(f"{100 * gain:+.1f}" for gain in gains)


def _points(tables: list[Table], gains: list[list[float]]) -> str:
    """Gains in points, in words."""
    parts = (f"{_set(t)} {_signed(gain)}" for t, gain in zip(tables, gains, strict=True))
    return f"{'; '.join(parts)} points with {', '.join(tables[0].columns)} hidden layers"


def _table(title: str, scores: dict[str, list[np.ndarray]], depths: tuple[int, ...]) -> Table:
    """The accuracy after the last step."""
    ends = np.asarray([[each[:, -1] for each in row] for row in scores.values()])
    return table(title, ("", "hidden layers"), [*scores], [str(depth) for depth in depths], ends)


def _chart(
    title: str,
    scores: dict[str, list[np.ndarray]],
    depths: tuple[int, ...],
    steps: int,
    ours: tuple[str, ...],
) -> Chart:
    """The curves of the deepest network."""
    deepest = {label: each[-1] for label, each in scores.items()}
    return accuracy_chart(f"{title}: {depths[-1]} hidden layers", deepest, steps, ours)


def _adam(
    setting: Setting, work: Work, task: str, depth: int, kind: str
) -> Float[np.ndarray, "seeds stops"]:
    """The accuracy by Adam, its rate tuned; kept."""
    hidden, name = setting.hidden(depth, kind), "mimic" if kind == MIMICKING else "adam"

    def compute() -> Arrays:
        data = get(task)
        network, same = network_for(data, hidden), str(setting.width)
        key = jax.random.fold_in(keyed(task, same), 1)
        found = tune(name, network, data, key, (setting.steps,), tuning=TUNING)[0]
        learner, rate = baseline(name).make(found.arrangement, network, data), found.rate or 0.0
        stops = round_stops(setting.steps)
        score = measured(learner, task, same, stops, setting.seeds, 128, rate)
        return {"score": score, "rate": np.asarray(rate)}

    return work.cell(cell_name(name, task, hidden, setting.steps), compute)["score"]


def _taught(
    setting: Setting, work: Work, task: str, depth: int, genome: str, kind: str
) -> Float[np.ndarray, "seeds stops"]:
    """The accuracy by a genome of the zoo; kept."""
    hidden = setting.hidden(depth, kind)

    def compute() -> np.ndarray:
        data = get(task)
        learner: Blur = Blur(zoo.genome(genome)[0], network_for(data, hidden))
        if kind == MIMICKING:
            learner = MimickingBlur(learner.genome, learner.network, data.target)
        stops, same = round_stops(setting.short), str(setting.width)
        return measured(learner, task, same, stops, setting.seeds, 128)

    return work.score(cell_name(genome, kind, task, hidden, setting.short), compute)
