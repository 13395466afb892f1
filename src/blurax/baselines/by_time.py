"""What learners reached by seconds: their scores by steps, and what a step of each takes."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from blurax.baselines.record import Record, strongest
from blurax.baselines.step_time import StepTime


@dataclasses.dataclass(frozen=True)
class Timed:
    """One learner's scores over the seconds that it learned.

    Its points are the steps at which it was measured. Between two of them a score is interpolated
    over the logarithm of the seconds; after the last it is the last, for who has learned can wait;
    before the first there is none.
    """

    record: Record
    seconds: Float[np.ndarray, " points"]
    """Of learning alone, growing."""
    scores: Float[np.ndarray, "seeds points"]
    validation: Float[np.ndarray, " points"] | None
    """That of the tuned runs; None for what is not tuned."""
    step: tuple[float, float]
    """The seconds of its fastest and its slowest step: baselines have a network for each budget."""

    def at(self, seconds: float) -> Float[np.ndarray, " seeds"] | None:
        """The score of each seed after so long; None before the first that was measured."""
        if not self._reaches(seconds):
            return None
        return np.array([self._between(seconds, row) for row in self.scores])

    def validated(self, seconds: float) -> float:
        """The validation after so long; -1 before the first that was measured."""
        if self.validation is None or not self._reaches(seconds):
            return -1.0
        return self._between(seconds, self.validation)

    def _reaches(self, seconds: float) -> bool:
        return bool(self.seconds[0] <= seconds * (1 + 1e-9))  # whatever rounding says

    def _between(self, seconds: float, row: Float[np.ndarray, " points"]) -> float:
        return float(np.interp(math.log(seconds), np.log(self.seconds), row))


def timed(record: Record, times: Sequence[StepTime]) -> Timed:
    """A record by seconds.

    A baseline's run for each budget is a point of its own; where one of fewer steps took longer, in
    a slower network, they stand in the order of their times.

    Args:
        times: of all learners of the cell.
    """
    steps = step_seconds(record, times)
    if not record.choices:
        seconds = steps[0] * np.array(record.curve_steps, float)
        return Timed(record, seconds, np.array(record.curve), None, (steps[0], steps[0]))
    seconds = steps * np.array(record.budgets)
    order = np.argsort(seconds, kind="stable")
    validation = np.array([choice.validation for choice in record.choices])
    scores = np.array(record.accuracy).T
    ends = float(steps.min()), float(steps.max())
    return Timed(record, seconds[order], scores[:, order], validation[order], ends)


def step_seconds(record: Record, times: Sequence[StepTime]) -> Float[np.ndarray, " budgets"]:
    """What a step took in the run for each budget."""
    known = {(each.learner, each.arrangement): each.seconds for each in times}
    chosen = [str(choice.arrangement) for choice in record.choices] or [""] * len(record.budgets)
    return np.array([known[record.learner, words] for words in chosen])


@dataclasses.dataclass(frozen=True)
class Mark:
    """A time at which learners are compared."""

    learner: str
    """Who needs it for its steps."""
    budget: int
    seconds: float


def marks(records: Sequence[Record], times: Sequence[StepTime]) -> list[Mark]:
    """The times that the baseline with the best validation at each budget needs for its steps.

    Without baselines they are those of the first learner.
    """
    tuned = [record for record in records if record.choices]
    found = []
    for place, budget in enumerate(records[0].budgets):
        record = strongest(tuned, budget) if tuned else records[0]
        seconds = budget * step_seconds(record, times)[place]
        found.append(Mark(record.learner, budget, float(seconds)))
    return found


def strongest_at(several: Sequence[Timed], seconds: float) -> Timed | None:
    """Of the baselines that have a score after so long the one with the best validation there."""
    reached = [each for each in several if each.validated(seconds) >= 0]
    return max(reached, key=lambda each: each.validated(seconds), default=None)
