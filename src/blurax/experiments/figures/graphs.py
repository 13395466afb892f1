"""RuleGNN (Seiffarth et al., 2024) on made graphs: taught by Adam and by genomes, beside GIN."""

import dataclasses
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from blurax import zoo
from blurax.baselines import Arrangement, baseline
from blurax.baselines.gin import Gin
from blurax.curves import Schedule, learning_curve
from blurax.experiments.figures.common import Outer, percent
from blurax.experiments.figures.figure import Budget, Figure
from blurax.experiments.figures.work import Work, cell_name, keyed
from blurax.experiments.tables_folds import TEST, folds_of
from blurax.findings import Claim, Findings, Table, numbers
from blurax.fit import network_for
from blurax.learner import Blur, Learner
from blurax.outer.config import MetaTrain
from blurax.outer.start import Start
from blurax.outer.variants import SWIFT, with_tanh
from blurax.spec import Activation, Stabilise
from blurax.tasks import ArrayTask, GraphTask, Split, get
from blurax.tasks.graph_sets import SETS
from blurax.tasks.rule_network import RULES

BY = "RuleGNN by genome "
TRAINING = "on-graphs"
OWN = "learned on two sets"
"""The genome of the figure's own training, whose numbers begin as back-propagation."""
OUTER = Outer(1, 500, query=64, clip=1.0)
LEARNED_ON = ("even-odd-counts", "csl")
BARE = dataclasses.replace(
    with_tanh(SWIFT),
    stabilise=Stabilise(),
    update=dataclasses.replace(SWIFT.update, metaplastic=True),
)
"""Its rule: nothing is normalised, for nodes are padded and one θ serves many synapses."""
CHANCE = "chance"
ADAM, GIVEN, SAME = "RuleGNN by Adam", "GIN, labels as given", "GIN, labels of RuleGNN"
ACCURACY, TAUGHT = "Test accuracy over the folds", "Taught by learned rules"


@dataclasses.dataclass(frozen=True)
class Each:
    """A set of graphs, and how it is learned."""

    set: str
    options: str = ""
    """Of the set, as in the name of a task."""
    steps: int = 300
    batch: int = 128
    rate: float = 0.1
    """Of Adam in a RuleGNN, as the paper has it."""
    folds: int = 5

    @property
    def task(self) -> str:
        """The name of the task."""
        return ",".join(filter(None, (f"graphs:{self.set}", self.options)))

    @property
    def given(self) -> str:
        """That of the same graphs with no labels but those that they have."""
        return f"{self.task},labels=given" if _by_cycles(self.set) else self.task


@dataclasses.dataclass(frozen=True)
class Setting:
    """The sets, and who learns them."""

    sets: tuple[Each, ...]
    genomes: tuple[str, ...] = ("default",)
    seeds: int = 1
    """Initial networks in each fold."""
    layers: int = 5
    """Of GIN."""
    width: int = 32
    rate: float = 0.01
    """Of Adam in GIN, as Xu et al. have it."""
    outer: Outer = OUTER
    """How a genome is learned on graphs, from back-propagation."""
    learned_on: tuple[str, ...] = tuple(f"graphs:{each}" for each in LEARNED_ON)
    inner: int = 40
    """Inner steps of that, with batches of 32."""


_CPU = (
    # Four quarters of twelve edges: five rounds of messages do not meet in the middle of one.
    Each("long-rings", "count=600,nodes=48", 200),
    Each("even-odd-rings", "", 200),
    Each("even-odd-counts", "", 80),
    Each("csl", "", 80, 16, 0.05),
    Each("snowflakes", "count=400,nodes=6", 100, 64),
)
_PAPER = (
    Each("long-rings", "", 1800, folds=10),
    Each("even-odd-rings", "", 1800, folds=10),
    Each("even-odd-counts", "", 1800, folds=10),
    Each("csl", "", 350, 16, 0.05),
    Each("snowflakes", "", 1500, folds=10),
)


class Graphs(Figure):
    """Five sets, each learned in all folds."""

    name = "graphs"
    title = "Graphs that messages between neighbours do not tell apart"
    settings: ClassVar[dict[Budget, Any]] = {
        Budget.SMOKE: Setting(
            (Each("even-odd-counts", "count=60,nodes=8", 4, 8, folds=3),),
            layers=2,
            width=4,
            inner=4,
            outer=Outer(2, 2, query=4),
            learned_on=("graphs:even-odd-counts,count=60,nodes=8", "graphs:csl,count=50,cycles=3"),
        ),
        Budget.CPU: Setting(_CPU),
        Budget.NIGHT: Setting(_CPU, outer=dataclasses.replace(OUTER, meta_steps=4000)),
        Budget.PAPER: Setting(
            *(_PAPER, ("default", "images", "general")),
            seeds=3,
            outer=Outer(4, 3000, 0.015, query=256, clip=1.0),
            inner=200,
        ),
    }

    def trainings(self, setting: Setting) -> dict[str, MetaTrain]:
        """A genome of two sets; the others are those of the zoo."""
        size = setting.inner, Start.BACKPROP, 32
        return {TRAINING: setting.outer.config(setting.learned_on, RULES, BARE, *size)}

    def measure(self, setting: Setting, work: Work) -> Findings:
        """The accuracy after the last step, on every fold's test graphs."""
        tables = (
            _table(ACCURACY, (ADAM, GIVEN, SAME), setting, work),
            _table(TAUGHT, tuple(map(_by, (*setting.genomes, OWN))), setting, work),
        )
        sets = "; ".join(
            f"{each.task}: {each.steps} steps of {each.batch}, {each.folds} folds"
            for each in setting.sets
        )
        return self.found(
            work,
            f"{sets}. A fold has {setting.seeds} initial network(s) a learner. Adam in a RuleGNN "
            "of tanh begins at the paper's rate, 0.1 (csl: 0.05), and falls as a cosine; GIN has "
            f"{setting.layers} layers of {setting.width} features and begins at {setting.rate}. "
            "Nothing was tuned. The last genome was learned from back-propagation, "
            f"nothing normalised, on {' and '.join(setting.learned_on)}, in "
            f"{setting.outer.meta_steps} meta-steps of {setting.inner} steps.",
            tables=tables,
        )

    def claims(self, found: Findings) -> tuple[Claim, ...]:
        """Rules tell nearly all graphs apart, messages hardly any."""
        table = found.table(ACCURACY)
        chance = {each: table.at(CHANCE, each) for each in table.columns}

        def said(row: str) -> str:
            return ", ".join(f"{each} {percent(table.at(row, each))}" for each in chance)

        by = found.table(TAUGHT)
        first = by.rows[0]
        return (
            Claim(
                "A RuleGNN by Adam reaches 95 % or more on each set.",
                all(table.at(ADAM, each) >= 0.95 for each in chance),
                said(ADAM),
            ),
            Claim(
                "A message-passing network on the same graphs stays nearer to chance than to "
                "100 %.",
                all(table.at(GIVEN, each) < (1 + of) / 2 for each, of in chance.items()),
                said(GIVEN),
            ),
            Claim(
                "The labels are half of it: where RuleGNN's come of cycles, GIN learns from them.",
                all(table.at(SAME, e) >= 0.8 for e in chance if _by_cycles(e)),
                said(SAME),
            ),
            Claim(
                "A rule of the zoo, learned on other networks and tasks, teaches a RuleGNN: it is "
                "10 points above chance on each set (ours).",
                all(by.at(first, each) > chance[each] + 0.1 for each in by.columns),
                ", ".join(f"{each} {percent(by.at(first, each))}" for each in by.columns),
            ),
            Claim(
                "A rule learned on two sets teaches the other three better than the zoo's (ours).",
                all(
                    by.at(_by(OWN), each) > by.at(first, each)
                    for each in by.columns
                    if each not in LEARNED_ON
                ),
                ", ".join(f"{each} {percent(by.at(_by(OWN), each))}" for each in by.columns),
            ),
        )


def _table(title: str, names: tuple[str, ...], setting: Setting, work: Work) -> Table:
    """What some learners reach on the sets: means and deviations over the folds."""
    sets = setting.sets
    scores = [[_reached(each, name, setting, work) for each in sets] for name in names]
    rows = [*scores, [np.asarray(_chance(each)) for each in sets]]
    return Table(
        title,
        "learner",
        "set",
        (*names, CHANCE),
        tuple(each.set for each in sets),
        tuple(numbers(np.asarray([cell.mean() for cell in row])) for row in rows),
        tuple(numbers(np.asarray([cell.std() for cell in row])) for row in rows),
    )


def _by(genome: str) -> str:
    return f"{BY}{genome}"


def _by_cycles(name: str) -> bool:
    return any(made == name and source.cycles for made, source in SETS.items())


def _chance(each: Each) -> float:
    """The share of the most frequent class: all have as many graphs."""
    return 1 / get(each.task).outputs


def _reached(each: Each, name: str, setting: Setting, work: Work) -> Float[np.ndarray, " runs"]:
    """The test accuracy of each fold and initial network; kept."""
    task = each.given if name == GIVEN else each.task
    kind = "gin" if name in (GIVEN, SAME) else name.removeprefix(BY)
    rates = {ADAM: each.rate, "gin": setting.rate}

    def compute() -> np.ndarray:
        folds = folds_of(task, each.folds, GraphTask)
        keys = folds.keys(keyed(task), setting.seeds)
        curve = learning_curve(
            _learner(kind, folds.one(0), setting, work),
            folds,
            keys,
            (each.steps,),
            Split.VALIDATE,
            rate=rates.get(kind, 0.0),
            schedule=Schedule.COSINE,
            batch=each.batch,
        )[1]
        return np.asarray(curve.others[TEST].accuracy[:, 0])

    return work.score(cell_name(task, kind), compute)


def _learner(kind: str, task: ArrayTask | GraphTask, setting: Setting, work: Work) -> Learner:
    """What learns: GIN, Adam in a RuleGNN, or a genome in one, of the zoo or the figure's own."""
    if kind == "gin":
        assert isinstance(task, GraphTask)
        return Gin(task, setting.layers, setting.width)
    network = network_for(task, RULES)
    if kind == ADAM:
        return baseline("adam").make(Arrangement(Activation.TANH), network, task)
    return Blur(work.genome(TRAINING) if kind == OWN else zoo.genome(kind)[0], network)
