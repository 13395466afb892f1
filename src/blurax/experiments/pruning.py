"""How few numbers carry a genome: what is least missed is taken away, again and again."""

import dataclasses
import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Key

from blurax import findings
from blurax.bounds import check_counts, check_seed
from blurax.capacity import check_episodes
from blurax.errors import require
from blurax.experiments.ablation import AT_ONCE, positions, scores
from blurax.findings import Chart, Curve, Fact, Findings
from blurax.fit import network_for
from blurax.frozen import Checked, check_types
from blurax.genome import Genome, flatten, unflatten
from blurax.network import Network
from blurax.neutral import neutral
from blurax.tasks import EpisodeSpec, Split, Task, get
from blurax.version import __version__

CHART = "What is left of the score"
LEFT, WHOLE, PRUNED = "numbers left", "score of the whole, test", "score of the pruned, test"
CHOSEN_BY = "score of the whole, validation"
CHANCE = "score of outputs that know nothing"
NEAR_CHANCE = 0.05
"""A score that is not so much above chance says nothing of what is missed."""
_SHARE = 0.25
"""How many of the numbers that are left a round takes away at most."""
_END = 0.3
"""The search ends where so much of the score is lost."""

Log = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Pruning(Checked):
    """What a genome has to go on doing.

    Raises:
        BluraxError: for a value of the wrong type or out of range, or lists that differ in length.
    """

    tasks: tuple[str, ...] = ("digits",)
    """What it teaches."""
    hidden: tuple[str, ...] = ("64",)
    """For each task the hidden layers of the network that learns it."""
    steps: tuple[int, ...] = (20, 100)
    """Numbers of steps; the score is the mean of those after each."""
    batch: int = 128
    """Examples in each step."""
    seeds: int = 3
    """Initial networks for each score."""
    tolerance: float = 0.5
    """The points (%) of the score that may be lost."""
    seed: int = 0
    """Random seed."""

    def __post_init__(self) -> None:
        check_types(self)
        check_counts(self, "batch", "seeds")
        check_seed("Pruning.seed", self.seed)
        require(bool(self.tasks), "Pruning.tasks is empty; it takes one or more.")
        require(
            len(self.tasks) == len(self.hidden),
            f"Pruning.hidden is {self.hidden}; it takes one for each of {len(self.tasks)} tasks.",
        )
        require(
            bool(self.steps) and min(self.steps) >= 1,
            f"Pruning.steps is {self.steps}; it takes numbers of steps >= 1.",
        )
        require(
            0 <= self.tolerance < math.inf,
            f"Pruning.tolerance is {self.tolerance}; it takes a number >= 0, in points.",
        )


@dataclasses.dataclass(frozen=True)
class Course:
    """What was left after each round, from the whole genome on."""

    vectors: Float[np.ndarray, "rounds size"]
    working: Bool[np.ndarray, "rounds size"]
    """Which numbers are not at rest."""
    score: Float[np.ndarray, " rounds"]

    @property
    def left(self) -> np.ndarray:
        """How many are not at rest, `[rounds]`."""
        return self.working.sum(1)

    def smallest(self, tolerance: float) -> int:
        """The last round that lost no more than so many points."""
        return int(np.flatnonzero(self.score >= self.score[0] - tolerance / 100).max())


def prune(genome: Genome, pruning: Pruning, log: Log = print) -> tuple[Genome, Findings]:
    """Put the numbers of a genome to rest that are least missed.

    In each round every number that is left is put to rest by itself; the quarter of them that is
    missed least goes together, or half of that and so on, until no more is lost than may be. A
    genome is searched on validation examples, and its score in the findings is on test examples.

    Args:
        log: gets a line for each round.

    Returns:
        The smallest genome that is found, and the curve of scores.

    Raises:
        BluraxError: if genome, networks and tasks do not fit, or there is too little memory.
    """
    pairs = _pairs(genome, pruning)
    course = _course(genome, _scorer(genome, pairs, pruning, Split.VALIDATE), pruning, log)
    chosen = course.smallest(pruning.tolerance)
    test = _scorer(genome, pairs, pruning, Split.TEST)(course.vectors[[0, chosen]])
    chance = float(np.mean([task.target.chance for _, task in pairs]))
    found = _findings(course, chosen, test, chance, pruning)
    return unflatten(jnp.asarray(course.vectors[chosen], float), genome.rule), found


def warnings(found: Findings, pruning: Pruning) -> tuple[str, ...]:
    """What is to be known of a result before it is used, in sentences; none where all is well."""
    said = []
    whole, chance = found.fact(CHOSEN_BY), found.fact(CHANCE)
    if whole - chance < NEAR_CHANCE:
        said.append(
            f"The whole genome reaches {100 * whole:.1f} % on validation examples, where outputs "
            f"that know nothing reach {100 * chance:.1f} %: what is missed cannot be told; try "
            "other --tasks, --hidden or --steps."
        )
    lost = 100 * (found.fact(WHOLE) - found.fact(PRUNED))
    if lost > pruning.tolerance:
        said.append(
            f"On test examples {lost:.1f} points are lost, more than the --tolerance of "
            f"{pruning.tolerance:g} that holds on validation examples; try more --seeds or --tasks."
        )
    return tuple(said)


def resting(genome: Genome) -> Float[np.ndarray, " size"]:
    """For each number of `genome.flatten` the value that puts it to rest, NaN if none does."""
    vector = np.asarray(flatten(genome))
    found = np.full_like(vector, np.nan)
    for name, places in positions(genome).items():
        value = neutral(name, genome.rule)
        found[places] = np.nan if value is None else value
    return found


Scorer = Callable[[Float[np.ndarray, "genomes size"]], Float[np.ndarray, " genomes"]]


def _pairs(genome: Genome, pruning: Pruning) -> list[tuple[Network, Task]]:
    pairs = []
    for name, hidden in zip(pruning.tasks, pruning.hidden, strict=True):
        task = get(name)
        network = network_for(task, hidden)
        network.check(genome.rule)
        for steps in pruning.steps:
            spec = EpisodeSpec(steps=steps, batch=pruning.batch)
            many = AT_ONCE * pruning.seeds
            check_episodes(network, genome.rule, task, spec, many, Split.TEST, steps)
        pairs.append((network, task))
    return pairs


def _scorer(
    genome: Genome, pairs: Sequence[tuple[Network, Task]], pruning: Pruning, split: Split
) -> Scorer:
    """The mean score of genomes over tasks, numbers of steps and seeds, other ones for the test."""
    key = jax.random.fold_in(jax.random.key(pruning.seed), int(split is Split.TEST))
    keys: Key[Array, " seeds"] = jax.random.split(key, pruning.seeds)

    def scored(vectors: Float[np.ndarray, "genomes size"]) -> Float[np.ndarray, " genomes"]:
        # As many rows as a program takes at once, so that every round runs the same program.
        rows = -(-len(vectors) // AT_ONCE) * AT_ONCE
        padded = jnp.asarray(np.resize(vectors, (rows, vectors.shape[1])), float)
        found = [
            np.concatenate(
                [
                    np.asarray(scores(genome, part, *pair, keys, spec, split))
                    for part in padded.reshape(-1, AT_ONCE, vectors.shape[1])
                ]
            )
            for pair in pairs
            for spec in (EpisodeSpec(steps=n, batch=pruning.batch) for n in pruning.steps)
        ]
        return np.mean(found, axis=(0, 2))[: len(vectors)]

    return scored


def _course(genome: Genome, scored: Scorer, pruning: Pruning, log: Log) -> Course:
    """Rounds until nothing is left, or too little of the score."""
    vector, rest = np.asarray(flatten(genome)), resting(genome)
    whole = scored(vector[None])[0]
    rounds = [(vector, whole)]
    while True:
        able = np.flatnonzero(~np.isnan(rest) & (vector != rest))
        working = int((np.isnan(rest) | (vector != rest)).sum())
        log(f"{working} numbers: {100 * rounds[-1][1]:.1f} %")
        if not able.size or rounds[-1][1] < whole - _END:
            break
        alone = scored(np.stack([_without(vector, rest, able[[n]]) for n in range(len(able))]))
        missed = able[np.argsort(-alone, kind="stable")]
        vector, score = _together(vector, rest, missed, scored, whole - pruning.tolerance / 100)
        rounds.append((vector, score))
    vectors = np.stack([each for each, _ in rounds])
    working = np.isnan(rest) | (vectors != rest)
    return Course(vectors, working, np.array([score for _, score in rounds]))


def _together(
    vector: np.ndarray, rest: np.ndarray, missed: np.ndarray, scored: Scorer, least: float
) -> tuple[np.ndarray, float]:
    """Without as many as may go at once; without the least missed one where none may."""
    many = max(1, round(_SHARE * len(missed)))
    sizes = [*dict.fromkeys(max(1, many >> halvings) for halvings in range(many.bit_length() + 1))]
    tried = [_without(vector, rest, missed[:size]) for size in sizes]
    found = scored(np.stack(tried))
    place = next((n for n, score in enumerate(found) if score >= least), len(sizes) - 1)
    return tried[place], float(found[place])


def _without(vector: np.ndarray, rest: np.ndarray, places: np.ndarray) -> np.ndarray:
    changed = vector.copy()
    changed[places] = rest[places]
    return changed


def _findings(
    course: Course, chosen: int, test: np.ndarray, chance: float, pruning: Pruning
) -> Findings:
    curve = Curve("validation", findings.numbers(1.0 * course.left), findings.numbers(course.score))
    chart = Chart(
        CHART,
        "numbers that do something",
        "score",
        (curve,),
        marks=(float(course.left[chosen]),),
    )
    where = ", ".join(f"{t} ({h})" for t, h in zip(pruning.tasks, pruning.hidden, strict=True))
    steps = " and ".join(map(str, pruning.steps))
    facts = {LEFT: float(course.left[chosen]), WHOLE: float(test[0]), PRUNED: float(test[1])}
    facts |= {CHOSEN_BY: float(course.score[0]), CHANCE: chance}
    return Findings(
        "",
        "How few numbers carry a genome",
        "",
        __version__,
        f"{where}: the mean score after {steps} steps of {pruning.batch} examples, "
        f"{pruning.seeds} seeds.",
        charts=(chart,),
        facts=tuple(Fact(name, findings.rounded(value)) for name, value in facts.items()),
    )
