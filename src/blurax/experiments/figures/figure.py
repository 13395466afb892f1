"""What a figure is: settings for each budget, genomes, a measurement, claims."""

import abc
import enum
from typing import Any, ClassVar

from blurax.experiments.figures.work import Work
from blurax.findings import Claim, Findings
from blurax.outer.config import MetaTrain
from blurax.version import __version__


class Budget(enum.StrEnum):
    """How much is computed."""

    SMOKE = "smoke"
    """Seconds, on data that is always at hand: it shows that everything runs, and no more."""
    CPU = "cpu"
    """At most half an hour on two cores: smaller images, fewer meta-steps and runs."""
    NIGHT = "night"
    """At most eight hours on two cores: about ten times the meta-training of `cpu`, for figures of
    which a claim fails there. Whether it fails again says if the budget is to blame."""
    PAPER = "paper"
    """The full setting, for an accelerator."""


class Figure(abc.ABC):
    """One figure of the paper, or two that share all they need; or one of a related paper."""

    name: ClassVar[str]
    """Its number, such as 8; a name if it is not of the paper."""
    title: ClassVar[str]
    settings: ClassVar[dict[Budget, Any]]
    """A frozen dataclass for each budget, see `setting`."""

    def setting(self, budget: Budget) -> Any:
        """What is run; a figure whose claims hold at `cpu` has nothing more to do in a night."""
        if budget is Budget.NIGHT and budget not in self.settings:
            return self.settings[Budget.CPU]
        return self.settings[budget]

    @abc.abstractmethod
    def trainings(self, setting: Any) -> dict[str, MetaTrain]:
        """The meta-training runs it needs, by name; figures that name the same one share it."""

    @abc.abstractmethod
    def measure(self, setting: Any, work: Work) -> Findings:
        """Train what is not trained yet, and measure."""

    @abc.abstractmethod
    def claims(self, found: Findings) -> tuple[Claim, ...]:
        """What is said of it, judged by findings alone."""

    def found(self, work: Work, setting: str, **parts: Any) -> Findings:
        """Findings under the figure's name.

        Args:
            setting: what was run, in a sentence.
            parts: charts, tables and so on.
        """
        return Findings(self.name, self.title, work.budget, __version__, setting, **parts)
