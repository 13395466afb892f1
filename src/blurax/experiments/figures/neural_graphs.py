"""Figure neural-graphs: which networks are accurate, foretold from their synapses alone."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import numpy as np

from blurax import zoo
from blurax.baselines import Arrangement, baseline
from blurax.curves import learning_curve
from blurax.experiments.figures.figure import Budget, Figure
from blurax.experiments.figures.from_synapses import Synapses, Training, by_messages, by_trees
from blurax.experiments.figures.work import Arrays, Work, cell_name, keyed
from blurax.findings import Chart, Claim, Findings, Group, Scatter, Table, curve, numbers
from blurax.fit import blur_for, network_for
from blurax.learner import Blur, Learner
from blurax.outer.config import MetaTrain
from blurax.tasks import Split, get

MESSAGES, TREES = "messages on the graph", "quantiles, boosted trees"
WAYS = MESSAGES, TREES
RANKS, UNSEEN, FORETOLD = "Ranks of held-out networks", "Rules left out", "Held-out networks"
TAU, RHO, WITHIN = "Kendall's τ", "Spearman's ρ", "τ within a rule and length"
RULES = "default", "steady", "backprop", "adam", "sgd"
RATES = {"sgd": 0.1, "adam": 0.01}
"""Constant learning rates: networks are to differ, not to be the best."""


@dataclasses.dataclass(frozen=True)
class Setting:
    """Which networks, and how their accuracy is foretold."""

    networks: int
    """Of each rule and length, an even share of which is held out."""
    training: Training
    rules: tuple[str, ...] = RULES
    """Genomes of the zoo, and optimisers."""
    left_out: tuple[str, ...] = ("default",)
    """Rules whose networks are ranked by what was learned from all the others."""
    lengths: tuple[int, ...] = (5, 10, 20, 50, 100)
    """Steps of 128 examples."""
    task: str = "digits"
    hidden: str = "32"
    held_out: float = 0.4


class NeuralGraphs(Figure):
    """Networks of several rules and lengths; two predictors of their accuracy."""

    name = "neural-graphs"
    title = "The accuracy of networks from their synapses"
    settings: ClassVar[dict[Budget, Any]] = {
        Budget.SMOKE: Setting(5, Training(2, 4), ("default", "sgd"), lengths=(2, 4)),
        Budget.CPU: Setting(20, Training(40)),
        Budget.PAPER: Setting(400, Training(200, 32, 4), left_out=RULES),
    }

    def trainings(self, setting: Setting) -> dict[str, MetaTrain]:
        """None: genomes of the zoo."""
        return {}

    def measure(self, setting: Setting, work: Work) -> Findings:
        """Teach all networks; learn from some of them, and rank the others."""
        pairs = [(rule, length) for rule in setting.rules for length in setting.lengths]
        taught = {
            pair: work.cell(cell_name("taught", *pair), lambda pair=pair: _taught(setting, *pair))
            for pair in pairs
        }
        first = setting.networks - round(setting.held_out * setting.networks)
        known = _joined([_rows(each, slice(first)) for each in taught.values()])
        asked = _joined([_rows(each, slice(first, None)) for each in taught.values()])
        said = work.cell("foretold", lambda: _foretold(setting, known, asked))
        places = np.repeat(np.arange(len(pairs)), setting.networks - first)
        left_out = {}
        for rule in setting.left_out:
            others = _joined([each for (by, _), each in taught.items() if by != rule])
            own = _joined([each for (by, _), each in taught.items() if by == rule])
            foretold = work.cell(
                cell_name("without", rule), lambda o=others, w=own: _foretold(setting, o, w)
            )
            left_out[rule] = [_tau(foretold[way], own["accuracy"]) for way in WAYS]
        many = len(pairs) * setting.networks
        return self.found(
            work,
            f"{many} networks with {setting.hidden} hidden neurons on {setting.task}, "
            f"{setting.networks} for each of the rules {', '.join(setting.rules)} (genomes of the "
            "zoo; Adam and SGD with ReLU at constant rates of "
            f"{RATES['adam']} and {RATES['sgd']}) and each length of "
            f"{', '.join(map(str, setting.lengths))} steps. Of each, {first} teach the predictors "
            "and the others are ranked. Only synapses and biases are seen (of genomes with several "
            "channels the first).",
            charts=(_lengths_chart(setting, taught),),
            scatters=(_scatter(setting, pairs, places, said, asked),),
            tables=(
                _ranks(said, asked["accuracy"], places),
                Table(
                    UNSEEN,
                    "predictor",
                    "rule left out: τ",
                    WAYS,
                    setting.left_out,
                    tuple(
                        numbers(np.asarray([row[n] for row in left_out.values()]))
                        for n in range(len(WAYS))
                    ),
                    percent=False,
                ),
            ),
        )

    def claims(self, found: Findings) -> tuple[Claim, ...]:
        """Four sentences on ranks."""
        ranks, unseen = found.table(RANKS), found.table(UNSEEN)
        tau = {way: ranks.at(way, TAU) for way in WAYS}
        within = {way: ranks.at(way, WITHIN) for way in WAYS}
        words = ", ".join(f"{way} {value:.3f}" for way, value in tau.items())
        return (
            Claim(
                "Synapses tell which networks are accurate: τ is above 0.5 for both predictors.",
                min(tau.values()) > 0.5,
                words,
            ),
            Claim(
                "Messages on the graph rank held-out networks better than quantiles do.",
                tau[MESSAGES] > tau[TREES],
                words,
            ),
            Claim(
                "They rank networks of one rule and length too, where neither tells the accuracy: "
                "τ is above 0.2 (ours).",
                within[MESSAGES] > 0.2,
                ", ".join(f"{way} {value:.3f}" for way, value in within.items()),
            ),
            Claim(
                "They rank networks of rules that they never saw: τ is above 0.3 for each (ours).",
                all(unseen.at(MESSAGES, rule) > 0.3 for rule in unseen.columns),
                ", ".join(f"{rule} {unseen.at(MESSAGES, rule):.2f}" for rule in unseen.columns),
            ),
        )


def _taught(setting: Setting, rule: str, length: int) -> Arrays:
    """The synapses of networks after some steps, and their test accuracy `[n]`."""
    learner = _learner(setting, rule)
    keys = jax.random.split(keyed(setting.task, rule, str(length)), setting.networks)
    state, seen = learning_curve(
        learner, get(setting.task), keys, (length,), Split.TEST, rate=RATES.get(rule, 0.0)
    )
    if isinstance(learner, Blur):
        layers = [(each.forward[:, 0], each.bias[:, 0, 0]) for each in state.synapses]
    else:
        layers = list(zip(state[0].w, state[0].b, strict=True))
    found = {"accuracy": np.asarray(seen.accuracy[:, 0], float)}
    for l, (w, b) in enumerate(layers):
        found |= {f"w{l}": np.asarray(w, np.float32), f"b{l}": np.asarray(b, np.float32)}
    return found


def _learner(setting: Setting, rule: str) -> Learner:
    """A genome of the zoo in the network, or an optimiser."""
    data = get(setting.task)
    network = network_for(data, setting.hidden)
    if rule in zoo.names():
        return blur_for(zoo.genome(rule)[0], network, data)
    return baseline(rule).make(Arrangement(), network, data)


def _foretold(setting: Setting, known: Arrays, asked: Arrays) -> Arrays:
    """The accuracies that each predictor says."""
    seen, others = _synapses(known), _synapses(asked)
    accuracy, key = known["accuracy"], keyed("foretold")
    return {
        MESSAGES: by_messages(seen, accuracy, others, setting.training, key),
        TREES: by_trees(seen, accuracy, others),
    }


def _synapses(each: Arrays) -> Synapses:
    return {name: values for name, values in each.items() if name != "accuracy"}


def _rows(each: Arrays, rows: slice) -> Arrays:
    return {name: values[rows] for name, values in each.items()}


def _joined(parts: list[Arrays]) -> Arrays:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _tau(said: np.ndarray, accuracy: np.ndarray) -> float:
    """Kendall's τ-b; 0 where one of the two is the same for all."""
    from scipy.stats import kendalltau

    found: Any = kendalltau(said, accuracy)
    return float(np.nan_to_num(found.statistic))


def _ranks(said: Arrays, accuracy: np.ndarray, places: np.ndarray) -> Table:
    """Rank correlations over all held-out networks, and the mean within each rule and length."""
    from scipy.stats import spearmanr

    rows = []
    for way in WAYS:
        each = [_tau(said[way][places == n], accuracy[places == n]) for n in np.unique(places)]
        found: Any = spearmanr(said[way], accuracy)
        rho = np.nan_to_num(found.statistic)
        rows.append(numbers(np.asarray([_tau(said[way], accuracy), rho, np.mean(each)])))
    return Table(
        RANKS, "predictor", "rank correlation", WAYS, (TAU, RHO, WITHIN), tuple(rows), percent=False
    )


def _lengths_chart(setting: Setting, taught: Mapping[tuple[str, int], Arrays]) -> Chart:
    return Chart(
        "The networks",
        "steps",
        "test accuracy (%)",
        tuple(
            curve(
                rule,
                setting.lengths,
                100 * np.stack([taught[rule, n]["accuracy"] for n in setting.lengths], axis=1),
            )
            for rule in setting.rules
        ),
        log_x=True,
    )


def _scatter(
    setting: Setting,
    pairs: list[tuple[str, int]],
    places: np.ndarray,
    said: Arrays,
    asked: Arrays,
) -> Scatter:
    by = np.asarray([pairs[n][0] for n in places])
    return Scatter(
        FORETOLD,
        "test accuracy (%)",
        "foretold by messages (%)",
        tuple(
            Group(
                rule,
                numbers(100 * asked["accuracy"][by == rule]),
                numbers(100 * said[MESSAGES][by == rule]),
            )
            for rule in setting.rules
        ),
    )
