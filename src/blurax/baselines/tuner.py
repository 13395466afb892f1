"""The tuner: for each step budget a learning rate, its schedule and the kind of network.

All it sees are validation examples, on seeds that are not used again. From coarse to fine, for one
learner on one task:

1. For every arrangement (non-linearity, normalisation) constant rates half a decade apart.
   One run serves all budgets up to `SHORT`, for a constant rate does not know how long it has.
2. Where more is asked for, the best arrangement of each budget also gets other constants.
3. For each budget the best arrangement also gets cosine schedules, each a run of that length.
4. The better of the two schedules gets the rates between, a factor of 1.8 apart.

A baseline without a learning rate has no grid: each of its arrangements is run once.

Each time the grid grows until the best rate stands inside it. Longer budgets are dear: they start
from what was best at the longest budget up to `SHORT`, with fewer arrangements and seeds. Of a task
in stages every budget is tuned with all arrangements, the long ones with fewer seeds.
"""

import dataclasses
import itertools
import math
from collections.abc import Iterable

import jax
from jaxtyping import PRNGKeyArray

from blurax.baselines.catalogue import BASELINES, baseline
from blurax.baselines.descent import Arrangement
from blurax.baselines.makers import Baseline
from blurax.baselines.search import PER_DECADE, Score, at_edge, rate_of, settle
from blurax.baselines.trials import Log, Trials
from blurax.bounds import check_counts
from blurax.curves import Schedule
from blurax.errors import require
from blurax.frozen import Checked, added, check_types
from blurax.network import Network
from blurax.spec import Activation, Over
from blurax.specialisation import hidden_groups
from blurax.tasks import EpisodeSpec, Task
from blurax.tasks.base import sizes_of

SHORT = 100
"""Budgets up to this many steps are tuned with all arrangements and seeds."""

COARSE, FINE = PER_DECADE // 2, 1
"""Strides of the search."""


@dataclasses.dataclass(frozen=True)
class Tuning:
    """What the tuner may choose from, and how much it tries.

    Raises:
        BluraxError: for a value of the wrong type, an empty choice, or a number below 1.
    """

    activations: tuple[Activation, ...] = (Activation.RELU, Activation.TANH)
    """Non-linearities of the hidden layers."""
    normalise: tuple[bool, ...] = (False, True)
    """Without and with normalisation."""
    schedules: tuple[Schedule, ...] = (Schedule.CONSTANT, Schedule.COSINE)
    """How the learning rate may change."""
    seeds: int = 5
    """Validation seeds."""
    long_seeds: int = 2
    """Validation seeds for budgets of more than 100 steps."""
    finalists: int = 2
    """Arrangements that are tried for budgets of more than 100 steps: the best at 100."""
    more: bool = added(False)
    """Whether the constants of the updates are chosen too: momentum, rates of decay."""
    over: tuple[Over, ...] = added((Over.BATCH,))
    """Over what hidden layers may be normalised, where they are."""

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("activations", "normalise", "schedules", "over"):
            chosen = getattr(self, name)
            require(
                0 < len(chosen) == len(set(chosen)),
                f"Tuning.{name} is {chosen}; it takes one or more choices, each once.",
            )
        check_counts(self, "seeds", "long_seeds", "finalists")

    def arrangements(self, found: Baseline, network: Network) -> tuple[Arrangement, ...]:
        """What a baseline's network may be made of, with every setting that it may have.

        Without a hidden group there is no choice of a network.

        Raises:
            BluraxError: if all are to be normalised, and the baseline takes no normalisation.
        """
        require(
            found.can_normalise or False in self.normalise,
            f"Tuning.normalise is {self.normalise}, but {_called(found)} takes no normalisation; "
            "add False, or leave the baseline out.",
        )
        usual = tuple(each[:1] for each in found.more) if self.more else ()
        settings = tuple(itertools.product(*found.settings, *usual))
        hidden = bool(hidden_groups(network))
        if found.fixed is not None:
            one = dataclasses.replace(found.fixed, normalise=found.fixed.normalise and hidden)
            return tuple(dataclasses.replace(one, settings=chosen) for chosen in settings)
        if found.own_network:
            return tuple(Arrangement(settings=chosen, own=True) for chosen in settings)
        activations, normalise = self.activations, self.normalise
        if not hidden:
            activations = activations[:1]
        if not (hidden and found.can_normalise):
            normalise = (False,)
        norms = [(n, over) for n in normalise for over in (self.over if n else (Over.BATCH,))]
        return tuple(
            Arrangement(a, n, chosen, over=over)
            for n, over in norms
            for a in activations
            for chosen in settings
        )


def _called(found: Baseline) -> str:
    """The name of a baseline, or what it is about where regularisers make it another one."""
    names = (f"the baseline {name}" for name, each in BASELINES.items() if each is found)
    return next(names, f"a baseline ({found.about})")


USUAL = Tuning()
"""How baselines are tuned by default."""


@dataclasses.dataclass(frozen=True)
class Choice(Checked):
    """What the tuner chose for one budget."""

    rate: float | None
    """None: the baseline has none."""
    schedule: Schedule
    arrangement: Arrangement
    at_edge: bool
    """Whether the rate is the smallest or largest that is ever tried."""
    validation: float
    """The mean validation accuracy by which it was chosen."""

    def __str__(self) -> str:
        return f"{self.arrangement}, {self.schedule.value}"


@dataclasses.dataclass(frozen=True)
class _Found:
    """The best rate of one arrangement and schedule at one budget."""

    score: Score
    arrangement: Arrangement
    schedule: Schedule
    place: int
    places: frozenset[int]
    """All that were tried."""


def tune(
    name: str,
    network: Network,
    task: Task,
    key: PRNGKeyArray,
    budgets: tuple[int, ...],
    *,
    batch: int | None = None,
    sizes: EpisodeSpec | None = None,
    tuning: Tuning = USUAL,
    log: Log = lambda text: None,
) -> tuple[Choice, ...]:
    """Choose a baseline's settings for each budget, on validation examples only.

    Args:
        name: of a baseline.
        key: gives the validation seeds.
        budgets: numbers of steps, growing.
        batch: examples in each step; 128 if None.
        sizes: those of an episode, in the place of `batch`; its steps do not count.
        log: called with what is being tried.

    Raises:
        BluraxError: for an unknown baseline, budgets that do not grow, a network that does not fit
            the task, or both a batch and sizes.
    """
    found = baseline(name)
    check_budgets(budgets)
    spec = sizes_of(batch, sizes)

    def trials(seeds: int) -> Trials:
        return Trials(name, network, task, jax.random.split(key, seeds), spec, log)

    # A sequence has to be seen whole: what guards against forgetting does nothing in a first stage.
    whole = task.stages is not None
    short = tuple(budget for budget in budgets if whole or budget <= SHORT)
    long = budgets[len(short) :]
    scouted = short or (SHORT,)
    if found.scale is None:
        options = tuning.arrangements(found, network)
        parts = ((short, tuning.seeds), (long, tuning.long_seeds))
        each = (_without_rate(trials(seeds), options, part) for part, seeds in parts if part)
        return tuple(itertools.chain.from_iterable(each))
    place = round(math.log10(found.scale) * PER_DECADE)
    around = (place - COARSE, place, place + COARSE)
    start = dict.fromkeys(tuning.arrangements(found, network), around)
    scorer = trials(tuning.seeds if budgets[-1] <= SHORT or not whole else tuning.long_seeds)
    ranked = _constant(scorer, scouted, start)
    if tuning.more and found.more:
        ranked = {b: _with_more(scorer, scouted, b, ranked[b], found) for b in scouted}
    chosen = [_choose(scorer, scouted, b, ranked[b], tuning) for b in short]
    if long:
        finalists = ranked[scouted[-1]][: tuning.finalists]
        # The longer an episode, the smaller its best rate: the search sets out downwards.
        start = {each.arrangement: (each.place - COARSE, each.place) for each in finalists}
        scorer = trials(tuning.long_seeds)
        ranked = _constant(scorer, long, start)
        chosen += [_choose(scorer, long, b, ranked[b], tuning) for b in long]
    return tuple(chosen)


def _without_rate(
    trials: Trials, options: tuple[Arrangement, ...], budgets: tuple[int, ...]
) -> list[Choice]:
    """The best arrangement at each budget; where there is but one, how good it is."""
    found = {each: trials.scores(each, Schedule.CONSTANT, None, budgets) for each in options}
    best = {budget: max(options, key=lambda each, b=budget: found[each][b]) for budget in budgets}
    return [
        Choice(None, Schedule.CONSTANT, each, False, found[each][budget][0])
        for budget, each in best.items()
    ]


def check_budgets(budgets: tuple[int, ...]) -> None:
    """Raise `BluraxError` unless these are growing numbers of steps."""
    rising = all(early < late for early, late in itertools.pairwise((0, *budgets)))
    require(
        len(budgets) > 0 and rising,
        f"budgets is {budgets}; it takes growing numbers of steps >= 1, such as (10, 100).",
    )


def _constant(
    trials: Trials, budgets: tuple[int, ...], start: dict[Arrangement, tuple[int, ...]]
) -> dict[int, list[_Found]]:
    """The best constant rate of every arrangement at every budget, the best arrangement first."""
    ranked = {}
    for budget in budgets:
        found = [
            _settled(trials, budgets, budget, arrangement, Schedule.CONSTANT, places)
            for arrangement, places in start.items()
        ]
        ranked[budget] = sorted(found, key=lambda each: each.score, reverse=True)
    return ranked


def _with_more(
    trials: Trials, budgets: tuple[int, ...], budget: int, ranked: list[_Found], found: Baseline
) -> list[_Found]:
    """The ranking at a budget, with the best arrangement under all other constants in it."""
    best = ranked[0]
    usual = {choices[0] for choices in found.more}
    kept = tuple(each for each in best.arrangement.settings if each not in usual)
    others = [
        dataclasses.replace(best.arrangement, settings=kept + constants)
        for constants in itertools.product(*found.more)
        if not usual >= {*constants}
    ]
    tried = [
        _settled(trials, budgets, budget, each, Schedule.CONSTANT, (best.place,)) for each in others
    ]
    return sorted((*ranked, *tried), key=lambda each: each.score, reverse=True)


def _choose(
    trials: Trials, budgets: tuple[int, ...], budget: int, ranked: list[_Found], tuning: Tuning
) -> Choice:
    """The best arrangement's better schedule, with the rate between its coarse ones."""
    best = ranked[0]
    cosine = (best.place, best.place + COARSE)  # falling to 0, it can set out from higher up
    options = []
    for schedule in tuning.schedules:
        places = best.places if schedule is Schedule.CONSTANT else cosine
        options.append(_settled(trials, budgets, budget, best.arrangement, schedule, places))
    better = max(options, key=lambda each: each.score)
    fine = _settled(
        trials, budgets, budget, better.arrangement, better.schedule, better.places, FINE
    )
    return Choice(
        rate_of(fine.place), fine.schedule, fine.arrangement, at_edge(fine.place), fine.score[0]
    )


def _settled(
    trials: Trials,
    budgets: tuple[int, ...],
    budget: int,
    arrangement: Arrangement,
    schedule: Schedule,
    start: Iterable[int],
    stride: int = COARSE,
) -> _Found:
    """The best rate at a budget; a constant one is scored at all budgets in a single run."""
    stops = budgets if schedule is Schedule.CONSTANT else (budget,)

    def ask(place: int) -> Score:
        return trials.scores(arrangement, schedule, place, stops)[budget]

    place, places = settle(ask, start, stride)
    return _Found(ask(place), arrangement, schedule, place, places)
