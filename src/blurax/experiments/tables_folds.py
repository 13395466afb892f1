"""All folds of a table side by side, and networks that learn as long as validation improves."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, PRNGKeyArray

from blurax.baselines import Arrangement, Tuning, baseline
from blurax.baselines.reached import WORST, Reached
from blurax.baselines.regularised import RegularisedDescent
from blurax.baselines.search import PER_DECADE, Score, rate_of, settle
from blurax.baselines.tuner import COARSE
from blurax.curves import Curve, learning_curve
from blurax.errors import require
from blurax.experiments.tables_plan import NORMALISED, Plan
from blurax.experiments.tables_temperature import TEMPERATURES, coolest, tempered
from blurax.fit import network_for
from blurax.learner import Learner
from blurax.network import Network
from blurax.spec import Activation
from blurax.targets import Target
from blurax.tasks import ArrayTask, Episode, EpisodeSpec, GraphTask, Split, Task, get

TEST = "test"
"""The name of the second query of an episode."""
_LIKE = {
    ArrayTask: "no table with folds; it takes one, such as uci:sonar or wine",
    GraphTask: "no set of graphs with folds; it takes one, such as graphs:csl",
}
AT_ONCE = 10
"""Epochs between two looks at whether there is anything to gain."""


Log = Callable[[str], None]
"""Called with what is being done."""


class Folds(Task):
    """A table, or a set of graphs; each episode has another fold, drawn by its key, held apart.

    Support and query are the fold's training and validation rows, whatever the split; a second
    query is of its test rows.
    """

    parts: ArrayTask | GraphTask
    """The task of each fold, its arrays `[folds, ...]`."""
    name: str = eqx.field(static=True)
    count: int = eqx.field(static=True)
    input_shape: tuple[int, ...] = eqx.field(static=True)
    target: Target = eqx.field(static=True)

    def fold(self, key: PRNGKeyArray) -> Int[Array, ""]:
        """The fold of the episode that a key names, from 0."""
        return jax.random.randint(jax.random.fold_in(key, 3), (), 0, self.count)

    def one(self, fold: int | Int[Array, ""]) -> ArrayTask | GraphTask:
        """The task of a fold."""
        return jax.tree.map(lambda leaf: leaf[fold], self.parts)

    def sample(
        self, key: PRNGKeyArray, spec: EpisodeSpec, split: Split, first: int | Int[Array, ""] = 0
    ) -> Episode:
        """Draw an episode."""
        own = self.one(self.fold(key))
        found = own.sample(key, spec, Split.VALIDATE, first)
        return dataclasses.replace(found, others={TEST: own.sample(key, spec, Split.TEST).query})

    def keys(self, key: PRNGKeyArray, seeds: int) -> Key[Array, " n"]:
        """Keys of `learning_curve` whose episodes go through the folds, `seeds` times each.

        Among many candidates the first that are of each fold.
        """
        many = jax.random.split(key, 32 * self.count * seeds)
        of = np.asarray(jax.vmap(lambda k: self.fold(jax.random.fold_in(k, 1)))(many))
        chosen = [np.flatnonzero(of == fold)[:seeds] for fold in range(self.count)]
        return many[np.concatenate(chosen)]


def folds_of(name: str, count: int, kind: type[ArrayTask | GraphTask] = ArrayTask) -> Folds:
    """All folds of a table, or of a set of graphs.

    Args:
        kind: which of the two.

    Raises:
        BluraxError: for an unknown task, or one that has no folds.
    """
    parts = []
    for number in range(1, count + 1):
        task: Any = get(name, fold=(number, count))
        require(
            isinstance(task, kind) and task.time is None,
            f"Task {name} is {_LIKE[kind]}.",
        )
        parts.append(task.called(name))
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *parts)
    return Folds(
        parts=stacked,
        name=name,
        count=count,
        input_shape=parts[0].input_shape,
        target=parts[0].target,
    )


def protocol_network(task: Task) -> Network:
    """D-(d+1)-(d+1), as TANGOS' tables are learned with."""
    return network_for(task, (task.features + 1,) * 2)


@dataclasses.dataclass(frozen=True)
class Course:
    """Where networks stood when their validation loss was lowest, each array `[keys]`."""

    validation: Float[np.ndarray, " keys"]
    loss: Float[np.ndarray, " keys"]
    score: Float[np.ndarray, " keys"]
    epoch: Int[np.ndarray, " keys"]
    """From 1."""
    temperature: Float[np.ndarray, " keys"]
    """By which outputs were divided; 1 where nothing was."""


def best_epochs(
    validation: Float[np.ndarray, "keys epochs"], patience: int
) -> tuple[Int[np.ndarray, " keys"], bool]:
    """The epoch, from 0, with the lowest loss before patience ends, and whether it has for all.

    Patience ends when so many epochs have passed without a lower loss than the lowest so far.
    """
    losses = np.where(np.isfinite(validation), validation, np.inf)
    best, ended = np.zeros(len(losses), np.int64), []
    for k, row in enumerate(losses):
        over = False
        for epoch, loss in enumerate(row):
            if loss < row[best[k]]:
                best[k] = epoch
            over = epoch - int(best[k]) >= patience
            if over:
                break
        ended.append(over)
    return best, all(ended)


def _steps(task: Folds, plan: Plan) -> int:
    """Of an epoch."""
    return -(-task.parts.bounds[0] // plan.batch)


def course(
    learner: Learner,
    task: Folds,
    keys: Key[Array, " keys"],
    plan: Plan,
    rate: float = 0.0,
    log: Log = lambda text: None,
) -> Course:
    """Let a learner learn every fold, as long as validation says; `log` is told of epochs."""
    steps, judge = _steps(task, plan), tempered(task.target) if plan.temperature else None
    state, parts, done = None, [], 0
    while True:
        more = min(AT_ONCE, plan.epochs - done)
        stops = tuple((done + epoch) * steps for epoch in range(1, more + 1))
        state, curve = learning_curve(
            *(learner, task, keys, stops, Split.VALIDATE),
            rate=rate,
            batch=plan.batch,
            state=state,
            first=done * steps,
            judge=judge,
        )
        test = curve.others[TEST]
        own = (_at_temperatures(curve), _at_temperatures(test), test.accuracy)
        parts.append([np.asarray(a, np.float64) for a in own])
        done += more
        log(f"{done} epochs")
        joined = (np.concatenate(each, axis=1) for each in zip(*parts, strict=True))
        validation, loss, score = joined
        best, over = best_epochs(validation[:, :, 0], plan.patience)
        if over or done == plan.epochs:
            break
    at = np.arange(len(best)), best
    chosen = *at, coolest(validation[at])
    lowest = np.where(np.isfinite(validation[chosen]), validation[chosen], np.inf)
    warmth = np.asarray(TEMPERATURES)[chosen[-1]]
    return Course(lowest, loss[chosen], score[at], np.add(best, 1), warmth)


def _at_temperatures(curve: Curve) -> Float[Array, "keys epochs temperatures"]:
    """Losses at each temperature, or at 1 alone."""
    return curve.loss[..., None] if curve.judged is None else curve.judged


def measured(
    name: str,
    learner: Learner,
    task: Folds,
    key: PRNGKeyArray,
    plan: Plan,
    log: Log = lambda text: None,
) -> Reached:
    """What a learner reaches as it is."""
    found = course(learner, task, task.keys(key, plan.seeds), plan, log=log)
    return _reached(name, task, [(found, n, "") for n in range(len(found.loss))])


def tuned(name: str, task: Folds, key: PRNGKeyArray, plan: Plan, log: Log) -> Reached:
    """What a baseline reaches with the rate and settings that each fold's validation chooses.

    Learning rates are half a decade apart; the grid grows until the best stands inside it.
    """
    found = baseline(name.removesuffix(NORMALISED))
    network = protocol_network(task)
    keys, known = task.keys(key, plan.seeds), {}

    def tried(arrangement: Arrangement, place: int) -> Course:
        if (arrangement, place) not in known:
            rate = 0.0 if found.scale is None else rate_of(place)
            what = f"{arrangement}, rate {rate:.2g}" if rate else str(arrangement)
            log(what)
            learner = found.make(arrangement, network, task)
            if isinstance(learner, RegularisedDescent):
                learner = learner.begun(_steps(task, plan))
            known[arrangement, place] = course(
                learner, task, keys, plan, rate, lambda text: log(f"{what}, {text}")
            )
        return known[arrangement, place]

    # A method of which nothing is tuned has its own arrangement, but the name says whether it is
    # normalised here.
    normalise = name.endswith(NORMALISED)
    tuning = Tuning((Activation.RELU,), (normalise,))
    options = tuple(
        dataclasses.replace(each, normalise=normalise)
        for each in tuning.arrangements(found, network)
    )
    if found.scale is None:
        return _reached(name, task, _without_rate(options, len(keys), lambda a: tried(a, 0)))
    usual = round(math.log10(found.scale) * PER_DECADE)
    start = (usual - COARSE, usual, usual + COARSE)
    return _reached(name, task, [_best(n, options, start, tried) for n in range(len(keys))])


Tried = Callable[[Arrangement, int], Course]


def _without_rate(
    options: tuple[Arrangement, ...], keys: int, tried: Callable[[Arrangement], Course]
) -> list[tuple[Course, int, str]]:
    """For each key the option that validation chooses, of a baseline without a learning rate."""
    best = [min(options, key=lambda each, n=n: tried(each).validation[n]) for n in range(keys)]
    several = len(options) > 1
    return [(tried(each), n, str(each) if several else "") for n, each in enumerate(best)]


def _best(
    n: int, options: tuple[Arrangement, ...], start: tuple[int, ...], tried: Tried
) -> tuple[Course, int, str]:
    """The course that validation chooses for a key, and what was chosen."""

    def settled(arrangement: Arrangement) -> tuple[float, Arrangement, int]:
        def score(place: int) -> Score:
            return -float(tried(arrangement, place).validation[n]), 0.0

        place, _ = settle(score, start, COARSE)
        return score(place)[0], arrangement, place

    _, arrangement, place = max(map(settled, options), key=lambda found: found[0])
    return tried(arrangement, place), n, f"{arrangement}, rate {rate_of(place):.2g}"


def _reached(name: str, task: Folds, chosen: list[tuple[Course, int, str]]) -> Reached:
    def values(field: str) -> list[Any]:
        return [getattr(found, field)[n].item() for found, n, _ in chosen]

    return Reached(
        name,
        task.name,
        task.target.score_name,
        tuple(min(v, WORST) if np.isfinite(v) else WORST for v in values("loss")),
        tuple(values("score")),
        tuple(values("epoch")),
        tuple(label for *_, label in chosen if label),
        tuple(min(v, WORST) for v in values("validation")),
        tuple(values("temperature")),
    )
