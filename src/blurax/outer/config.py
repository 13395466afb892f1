"""The configuration of a meta-training run: all that is needed to repeat it."""

import dataclasses

from blurax.errors import require
from blurax.frozen import check_types
from blurax.outer.gradient import Adam, Gradient, Start
from blurax.outer.objective import Objective
from blurax.outer.problem import Problem
from blurax.outer.vary import Vary
from blurax.spec import Rule
from blurax.tasks import EpisodeSpec, Task, get, weight
from blurax.teach import network_for, parse_hidden


@dataclasses.dataclass(frozen=True)
class MetaTrain:
    """Meta-train a genome by gradient through the unrolled inner loop.

    Raises:
        BluraxError: for a value out of range, or an unknown task.
    """

    tasks: tuple[str, ...] = ("digits",)
    """The tasks to learn from, by name; mnist:size=10 has an option, mnist@3 a weight, and
    xor@2+and is a mixture, of which each episode draws one."""
    hidden: tuple[str, ...] = ("32",)
    """The hidden layers of the networks that learn, such as 32 or 256-128; every task meets each.
    Networks of several depths make a rule that works at other depths (paper, Fig. 10)."""
    rule: Rule = dataclasses.field(default_factory=Rule)
    """The variant of the rule."""
    start: Start = Start.RANDOM
    """Random genomes, or back-propagation as the starting point."""
    start_rate: float = 0.1
    """The learning rate of the back-propagation genome, where that is the start."""
    episode: EpisodeSpec = dataclasses.field(default_factory=EpisodeSpec)
    """The inner loop: steps, batch and query size."""
    objective: Objective = dataclasses.field(default_factory=Objective)
    """The meta-objective."""
    vary: Vary = dataclasses.field(default_factory=Vary)
    """What differs from one meta-step to the next."""
    adam: Adam = dataclasses.field(default_factory=Adam)
    """The optimiser of the genome."""
    population: int = 8
    """Independent runs side by side; the best one on the validation examples is kept."""
    meta_steps: int = 2000
    """Meta-steps of each run."""
    validate_every: int = 100
    """Meta-steps between validations; a checkpoint is written with each."""
    validation_episodes: int = 4
    """Newborn networks to average over in a validation, for each task."""
    seed: int = 0
    """Of everything random."""

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("population", "meta_steps", "validate_every", "validation_episodes"):
            value = getattr(self, name)
            require(value >= 1, f"MetaTrain.{name} is {value}; it takes a whole number >= 1.")
        require(self.seed >= 0, f"MetaTrain.seed is {self.seed}; it takes a whole number >= 0.")
        require(len(self.tasks) > 0, "MetaTrain.tasks is empty; name at least one task.")
        require(len(self.hidden) > 0, "MetaTrain.hidden is empty; name at least one network.")
        for hidden in self.hidden:
            parse_hidden(hidden)

    def trainer(self) -> Gradient:
        """The trainer this configuration describes, with its tasks' data loaded."""
        tasks: tuple[Task, ...] = tuple(get(name) for name in self.tasks)
        problem = Problem(
            tasks,
            tuple(
                tuple(network_for(task, parse_hidden(hidden)) for hidden in self.hidden)
                for task in tasks
            ),
            self.rule,
            self.episode,
            self.objective,
            self.vary,
            tuple(weight(name) for name in self.tasks),
        )
        return Gradient(
            problem,
            population=self.population,
            meta_steps=self.meta_steps,
            episodes=self.validation_episodes,
            adam=self.adam,
            start=self.start,
            start_rate=self.start_rate,
        )
