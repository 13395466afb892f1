"""The configuration of a meta-training run: all that is needed to repeat it."""

import dataclasses
import enum
import math
from typing import Any

from blurax import graphs
from blurax.bounds import check_count, check_counts, check_seed
from blurax.engine import LOCAL, Evaluator, Local
from blurax.errors import BluraxError, require, shown
from blurax.fit import network_for
from blurax.frozen import added, check_types, from_json
from blurax.learned import check_name, learned
from blurax.learner import Learner
from blurax.outer.curriculum import Curriculum
from blurax.outer.methods import METHODS, AnyMethod, Gradient, Method, named, upgraded
from blurax.outer.numbers import name_of
from blurax.outer.objective import Objective
from blurax.outer.optimiser import Optimiser
from blurax.outer.problem import Problem
from blurax.outer.protocol import MetaTrainer
from blurax.outer.space import GenomeSpace, LearnerSpace, Space
from blurax.outer.start import NOISE, AnyStart, Given, Origin, Start, started
from blurax.outer.vary import Vary
from blurax.spec import Rule
from blurax.tasks import EpisodeSpec, Task, get, weight
from blurax.widen import widen

_RENAMED = {"lessons": "episodes", "share": "job_size", "start_share": "start_coupling"}
"""What fields were called in older files."""


def _usual() -> Any:
    return Gradient()


class Pairing(enum.StrEnum):
    """Which networks learn which tasks."""

    ALL = "all"
    """Every network learns every task."""
    IN_ORDER = "in-order"
    """The first network learns the first task, the second the second, and so on: each pair is a
    program to compile, and not all of them are wanted."""


@dataclasses.dataclass(frozen=True)
class MetaTrain:
    """Find a genome that teaches networks well.

    Raises:
        BluraxError: for a value out of range, values that do not go together, or an unknown task.
    """

    tasks: tuple[str, ...] = ("digits",)
    """The tasks to learn from, by name; mnist:size=10 has an option, mnist@3 a weight, and
    xor@2+and is a mixture, of which each episode draws one."""
    hidden: tuple[str, ...] = ("32",)
    """The networks that learn, by their hidden layers: 32 or 256-128, 0 for none, c8k5s2-16,
    res(64-64)x2, lenet (docs/how-to/networks.md).
    Networks of several depths make a rule that works at other depths (paper, Fig. 10)."""
    pairing: Pairing = added(Pairing.ALL)
    """Whether every task meets every network, or the first the first, the second the second."""
    batches: tuple[int, ...] = added(())
    """Where the pairing is in-order, the batch size of each pair; that of `episode` if empty."""
    rule: Rule = dataclasses.field(default_factory=Rule)
    """The variant of the rule; where it is the usual one and a genome is given to start from, that
    of the genome."""
    learner: str = added("")
    """A rule of one's own, whose numbers are learned in the place of a genome: the name of its
    class; on the command line my_rules.py:MyRule. Or the name of one of the library's own, such as
    PerParameter, which need not be given."""
    method: AnyMethod = dataclasses.field(default_factory=_usual)
    """How genomes are found, such as `Pes(pairs=4)`; a name stands for a method as it is."""
    start: AnyStart = Start.RANDOM
    """Where from: random genomes, back-propagation, or what is given: a name of the zoo, the path
    of a file, a `Genome`; for a learner a file of its numbers, or the learner itself."""
    start_rate: float = 0.1
    """The learning rate of the back-propagation genome, where that is the start."""
    start_coupling: float = added(0.5)
    """s, from 0 to 1: how strongly examples of a batch inhibit each other at the start, where the
    rule has it (`Update.decorrelate`)."""
    start_noise: float = added(NOISE)
    """The standard deviation of the noise that is added to each number of the back-propagation
    genome, where that is the start: what a method does not search then stays a little beside it. A
    gradient needs some to tell states apart; evolution needs none."""
    start_active: bool = added(False)
    """Where the genome to start from lacks terms of the rule: whether these begin at once, as from
    back-propagation, and not where they change nothing."""
    episode: EpisodeSpec = dataclasses.field(default_factory=EpisodeSpec)
    """The inner loop: steps, batch and query size."""
    curriculum: Curriculum = dataclasses.field(default_factory=Curriculum)
    """How episodes grow longer during the run."""
    objective: Objective = dataclasses.field(default_factory=Objective)
    """The meta-objective."""
    vary: Vary = dataclasses.field(default_factory=Vary)
    """What differs from one meta-step to the next."""
    optimiser: Optimiser = dataclasses.field(default_factory=Optimiser)
    """How genomes follow their gradients, real or estimated."""
    population: int = 8
    """Independent runs side by side, the best of which is kept; for cma-es and random-search the
    candidates of a generation."""
    episodes: int = added(1)
    """Episodes of each genome in a meta-step, over which its gradient or its loss is averaged."""
    job_size: int = added(0)
    """Episodes in a job of the engine; 0: a meta-step is not cut into jobs, which the engine ray
    needs (it takes 1 by default). Results differ in rounding between sizes, and never
    between engines or numbers of workers."""
    meta_steps: int = 2000
    """Meta-steps of each run, or generations."""
    validate_on: tuple[str, ...] = ()
    """The tasks whose validation examples choose the genome; those of `tasks` if empty."""
    validate_every: int = 100
    """Meta-steps between validations; a checkpoint is written with each."""
    validation_episodes: int = 4
    """Seeds to average over in a validation, for each task and network."""
    validation_steps: int | None = None
    """Inner steps of a validation; those of the curriculum's last stage if None."""
    patience: int | None = None
    """Stop after so many validations without a better score."""
    keep_last: bool = added(False)
    """Keep the genome of the last validation that scores more than 0, not the best ever seen: for
    evolution, whose mean settles, where validation is noisier than what the last generations
    gain."""
    seed: int = 0
    """Random seed."""

    def __post_init__(self) -> None:
        self._read_names()
        check_types(self)
        _check_method(self.method)
        check_counts(self, "population", "episodes", "meta_steps", "validate_every")
        check_counts(self, "validation_episodes", "validation_steps", "patience")
        check_counts(self, "job_size", least=0)
        require(
            not (self.keep_last and self.patience),
            f"MetaTrain.keep_last is True and MetaTrain.patience {self.patience}: patience waits "
            "for a better score than the best, which keep_last does not keep; leave out one.",
        )
        check_seed("MetaTrain.seed", self.seed)
        require(
            0 < self.start_coupling < 1,
            f"MetaTrain.start_coupling is {self.start_coupling}; it takes one between 0 and 1.",
        )
        require(
            0 <= self.start_noise < math.inf,
            f"MetaTrain.start_noise is {self.start_noise}; it takes a number >= 0.",
        )
        require(
            self.start_noise == NOISE or self.start is Start.BACKPROP,
            f"MetaTrain.start_noise is {self.start_noise}, but MetaTrain.start is {self.start}; it "
            "counts only where that is backprop.",
        )
        require(
            not self.start_active or isinstance(self.start, Given),
            f"MetaTrain.start_active is True, but MetaTrain.start is {self.start}; it counts only "
            "with a genome to start from.",
        )
        require(len(self.tasks) > 0, "MetaTrain.tasks is empty; name at least one task.")
        require(len(self.hidden) > 0, "MetaTrain.hidden is empty; name at least one network.")
        for hidden in self.hidden:
            graphs.parse(hidden)
        tasks, networks = len(self.tasks), len(self.hidden)
        require(
            self.pairing is Pairing.ALL or tasks == networks,
            f"MetaTrain.pairing is {self.pairing}, which takes a network for each task, but "
            f"MetaTrain.tasks has {tasks} and MetaTrain.hidden {networks}.",
        )
        self._check_batches()
        every = self.curriculum.every
        require(
            every % self.validate_every == 0,
            f"Curriculum.every is {every} and MetaTrain.validate_every {self.validate_every}; a "
            "stage begins with a validation, so the first is to be a multiple of the second.",
        )
        self.objective.check(self.episode.steps)
        self.method.check(self)

    def _check_batches(self) -> None:
        given = f"MetaTrain.batches is {self.batches}"
        for batch in self.batches:
            check_count(f"{given}; a size", batch)
        require(
            not self.batches or self.pairing is Pairing.IN_ORDER,
            f"{given} and MetaTrain.pairing {self.pairing}; sizes are those of pairs, which takes "
            f"the pairing {Pairing.IN_ORDER}.",
        )
        require(
            len(self.batches) in (0, len(self.tasks)),
            f"{given}; it takes a size for each of the {len(self.tasks)} in MetaTrain.tasks.",
        )
        require(
            not (self.batches and self.vary.batches),
            f"{given} and Vary.batches {self.vary.batches}: each pair has one size with the first, "
            "several with the second; leave out one.",
        )

    @staticmethod
    def upgraded(values: dict[str, Any]) -> dict[str, Any]:
        """What `from_json` takes, of what a file holds, in an older version too."""
        values = upgraded({_RENAMED.get(name, name): value for name, value in values.items()})
        start = values.get("start")
        if isinstance(start, dict):
            return {**values, "start": from_json(Given, start, "MetaTrain.start")}
        if "start" not in values:
            return values  # refused where it is built
        if start not in list(Start):  # no name in a file is ever followed
            raise BluraxError(
                f"MetaTrain.start is {shown(start)}; it takes one of {', '.join(Start)}, or the "
                "SHA-256 of a file."
            )
        return {**values, "start": Start(start)}

    def _read_names(self) -> None:
        """Names of methods and starts become what they name; a genome given brings its rule."""
        method: Any = self.method
        if isinstance(method, str):
            object.__setattr__(self, "method", named(method)())
        object.__setattr__(self, "start", started(self.start))
        if isinstance(self.start, Given) and self.rule == Rule():
            object.__setattr__(self, "rule", self.start.rule() or self.rule)

    def taught(self, learner: Learner | None = None) -> Learner | None:
        """Whose numbers are learned: the learner given, or the library's own that `learner` names.

        Raises:
            BluraxError: if the one given is the user's own and has the name of the library's.
        """
        if learner is None:
            return learned(self.learner)
        check_name(learner)
        return learner

    def space(self, learner: Learner | None = None) -> Space:
        """What is searched: the genomes of the rule, or the numbers of a learner.

        Raises:
            BluraxError: if it is not the learner that the configuration names.
        """
        learner = self.taught(learner)
        given = "" if learner is None else name_of(learner)
        other = f"given is {given!r}; a run takes the one that it was started with."
        missing = f"is missing: --learner FILE.py:{self.learner}, or in Python learner=."
        require(
            self.learner == given,
            f"MetaTrain.learner is {self.learner!r}, but the learner {other if given else missing}",
        )
        if not isinstance(self.start, Given):
            origin = Origin(
                Start(self.start), self.start_rate, self.start_coupling, self.start_noise
            )
            return GenomeSpace(self.rule, origin) if learner is None else LearnerSpace(learner)
        if learner is None:
            given = widen(self.start.genome(), self.rule, self.start_active)
            return GenomeSpace(self.rule, given=given)
        space = LearnerSpace(learner)
        numbers = space.fitted(*self.start.learner(), self.start.source)
        return LearnerSpace(space.learner(numbers, learner.network), perturbed=True)

    def check_learner(self) -> None:
        """Refuse what is about genomes, which a run of a learner would ignore.

        Raises:
            BluraxError: naming it.
        """
        usual, given = Rule(), isinstance(self.start, Given) and self.start.rule() is not None
        fields = (field.name for field in dataclasses.fields(Rule))
        own = [name for name in fields if getattr(self.rule, name) != getattr(usual, name)]
        require(
            given or not own,
            f"MetaTrain.rule.{own[0] if own else ''} is about genomes (--rule.*), but the run "
            f"learns the numbers of {self.learner}, which has a rule of its own; leave one out.",
        )
        require(
            self.start is not Start.BACKPROP,
            f"MetaTrain.start is backprop, which is about genomes, but {self.learner} starts with "
            "the numbers that it has; leave it out, or give a file of its numbers.",
        )

    @property
    def last_stage(self) -> int:
        """The stage of the last meta-step."""
        return self.curriculum.stage(self.meta_steps - 1)

    def problem(self, stage: int = 0, learner: Learner | None = None) -> Problem:
        """What meta-training solves in a stage of the curriculum, with its tasks' data."""
        steps = self.curriculum.steps(self.episode.steps, stage)
        return self._problem(
            self.pairs(), steps, self.vary, self.space(learner), self.batches_of_pairs()
        )

    def validation(self, learner: Learner | None = None) -> Problem:
        """What meta-parameters are validated on."""
        longest = self.curriculum.steps(self.episode.steps, self.last_stage)
        steps = self.validation_steps or longest
        pairs, batches = self.validated_pairs(), self.batches_validated()
        return self._problem(pairs, steps, Vary(), self.space(learner), batches)

    def pairs(self) -> list[tuple[str, tuple[str, ...]]]:
        """Each task to learn from, and the networks that learn it."""
        if self.pairing is Pairing.ALL:
            return [(name, self.hidden) for name in self.tasks]
        return [(name, (hidden,)) for name, hidden in zip(self.tasks, self.hidden, strict=True)]

    def validated_pairs(self) -> list[tuple[str, tuple[str, ...]]]:
        """Each task whose validation examples choose the genome, and the networks that learn it.

        Those of `pairs`; tasks that are named for it alone meet every network.
        """
        if not self.validate_on:
            return self.pairs()
        several = self.pairing is Pairing.ALL
        networks = self.hidden if several else tuple(dict.fromkeys(self.hidden))
        return [(name, networks) for name in self.validate_on]

    def batches_of_pairs(self) -> tuple[int, ...]:
        """The batch size of each of `pairs`."""
        return self.batches or (self.episode.batch,) * len(self.tasks)

    def batches_validated(self) -> tuple[int, ...]:
        """The batch size of each of `validated_pairs`: tasks of their own have the episode's."""
        if self.validate_on:
            return (self.episode.batch,) * len(self.validate_on)
        return self.batches_of_pairs()

    def _problem(
        self,
        pairs: list[tuple[str, tuple[str, ...]]],
        steps: int,
        vary: Vary,
        space: Space,
        batches: tuple[int, ...],
    ) -> Problem:
        tasks: tuple[Task, ...] = tuple(get(name) for name, _ in pairs)
        each = zip(tasks, pairs, strict=True)
        return Problem(
            tasks,
            tuple(tuple(network_for(task, h) for h in hidden) for task, (_, hidden) in each),
            space,
            dataclasses.replace(self.episode, steps=steps),
            self.objective,
            vary,
            tuple(weight(name) for name, _ in pairs),
            batches,
        )

    def trainer(
        self, stage: int = 0, evaluator: Evaluator = LOCAL, learner: Learner | None = None
    ) -> MetaTrainer:
        """The trainer of a stage of the curriculum, with its tasks' data loaded.

        Args:
            evaluator: the engine that estimates and evaluates for it.
            learner: whose numbers are learned; genomes of the rule if None.
        """
        require(
            self.job_size > 0 or isinstance(evaluator, Local),
            "MetaTrain.job_size is 0, so there are no jobs to give to workers; it takes 1 or more; "
            "a run that was started without goes on with the engine local.",
        )
        return self.method.trainer(self, self.problem(stage, learner), evaluator)


def _check_method(method: Method) -> None:
    """Raise `BluraxError` if a method of the user's own has the name of one of the library's."""
    kind, name = type(method), getattr(method, "name", None)
    require(
        dataclasses.is_dataclass(method) and isinstance(name, str) and name != "",
        f"MetaTrain.method is a {kind.__name__}; it takes a frozen dataclass with a name.",
    )
    require(
        METHODS.get(str(name), kind) is kind,
        f"MetaTrain.method is a {kind.__name__} with the name {name}, which is one of the "
        "library's own; it takes another name.",
    )
