"""What a method is."""

import abc
from typing import TYPE_CHECKING, TypeAlias

from blurax.engine import Evaluator
from blurax.errors import require
from blurax.footprint import Footprint
from blurax.frozen import Tagged
from blurax.outer.descent import Descent
from blurax.outer.jobs import EstimateJobs, Estimates
from blurax.outer.objective import Loss
from blurax.outer.problem import Problem
from blurax.outer.protocol import Estimator, MetaTrainer
from blurax.tasks import EpisodeSpec

if TYPE_CHECKING:
    import blurax.outer.config

Config: TypeAlias = "blurax.outer.config.MetaTrain"
"""What a method reads; by its name, for `MetaTrain` itself imports the methods."""


class Method(Tagged, abc.ABC):
    """A way to find meta-parameters: a frozen dataclass of what may be set, with a `name`.

    Only `trainer` is needed. The other functions estimate memory, in bytes, before a run starts;
    as they stand they count one plain episode for each member.
    """

    name: str
    """In files and on the command line."""
    needs_gradient = False
    """Whether the loss must have a gradient, of which 0 means that nothing will ever move."""
    has_windows = False
    """Whether it cuts episodes into windows, each of which is a meta-step."""

    @abc.abstractmethod
    def trainer(self, config: Config, problem: Problem, evaluator: Evaluator) -> MetaTrainer:
        """The trainer of a problem.

        Args:
            evaluator: the engine, for trainers that give work to it.
        """

    def check(self, config: Config) -> None:
        """Refuse what does not go with the method.

        Raises:
            BluraxError: naming both.
        """
        objective, here = config.objective, f"MetaTrain.method is {self.name}, which"
        require(
            objective.loss is not Loss.ACCURACY or not self.needs_gradient,
            f"Objective.loss is accuracy, which has no gradient; {here} needs one.",
        )
        require(
            objective.early == 0 or not self.has_windows,
            f"Objective.early is {objective.early}, which counts from the first step; "
            f"{here} sees windows of it.",
        )

    def at_once(self, config: Config) -> int:
        """Episodes that are computed side by side."""
        count = config.population * config.episodes
        return min(config.job_size or count, count)

    def validated(self, config: Config) -> int:
        """Members that are validated."""
        return config.population

    def kept(self, config: Config, numbers: int) -> int:
        """Bytes kept for the whole run, beside the meta-parameters of the members.

        Args:
            numbers: how many meta-parameters there are.
        """
        return 0

    def carried(self, config: Config, one: Footprint) -> int:
        """Bytes kept from one meta-step to the next in each setting."""
        return 0

    def episode(
        self, config: Config, one: Footprint, spec: EpisodeSpec, query: int, numbers: int
    ) -> int:
        """Bytes of one estimate of a gradient, or of one loss."""
        return one.episode(spec.steps, spec.batch, query)


class Following(Method):
    """A method that estimates the gradient, which each member follows on its own."""

    @abc.abstractmethod
    def estimator(self, problem: Problem) -> Estimator:
        """What estimates the gradient."""

    def trainer(self, config: Config, problem: Problem, evaluator: Evaluator) -> Descent:
        """Independent descents."""
        estimator = self.estimator(problem)
        evaluate = evaluator.prepare(EstimateJobs(Estimates(estimator), problem.space))
        shape = (config.population, config.meta_steps, config.optimiser)
        return Descent(problem, estimator, *shape, config.episodes, config.job_size, evaluate)
