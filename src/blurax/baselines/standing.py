"""How learners stand over a whole suite: ranks over tasks and networks, by steps and by time."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from blurax.baselines.by_time import marks, timed
from blurax.baselines.reached import Ranking, Reached, ranking
from blurax.baselines.record import Record
from blurax.baselines.step_time import StepTime
from blurax.errors import require


@dataclasses.dataclass(frozen=True)
class Place:
    """A task with a network, and what every learner reached there."""

    part: str
    """The part of the suite that it belongs to."""
    task: str
    net: str
    score: str
    """What the score is called: accuracy, say."""
    records: tuple[Record, ...]
    times: tuple[StepTime, ...] = ()
    """What the steps of each took; empty where they were not timed."""

    @property
    def name(self) -> str:
        """It, in words."""
        return f"{self.task} {self.net}"


Reader = Callable[[Place, Record], tuple[float, ...]]
"""What a learner reached in a place: a score for each seed."""


@dataclasses.dataclass(frozen=True)
class Standing:
    """What all learners reached in all places, and their ranks."""

    suite: str
    about: str
    against: str
    """The learner that all others are tested against."""
    places: tuple[Place, ...]
    own: tuple[str, ...] = ()
    """Learners that are to be seen in every picture, whatever their rank."""

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of the suite."""
        return tuple(dict.fromkeys(place.part for place in self.places))

    @property
    def budgets(self) -> tuple[int, ...]:
        """The numbers of steps after which learners are compared in two places or more."""
        found = [budget for place in self.places for budget in place.records[0].budgets]
        return tuple(sorted({budget for budget in found if found.count(budget) > 1}))

    @property
    def timed(self) -> bool:
        """Whether the steps of all learners were timed."""
        return all(place.times for place in self.places)

    def overall(self) -> Ranking:
        """By the mean score over all numbers of steps."""
        return self._ranking(self.places, _mean)

    def at(self, budget: int) -> Ranking:
        """By the score after so many steps, in the places that have this number."""
        here = [place for place in self.places if budget in place.records[0].budgets]
        return self._ranking(here, lambda place, record: _scores(record, budget))

    def of(self, part: str) -> Ranking:
        """By the mean score over all numbers of steps, in one part of the suite."""
        return self._ranking([place for place in self.places if place.part == part], _mean)

    def by_time(self) -> Ranking:
        """By the mean score at the times that the best baseline takes for each number of steps.

        Raises:
            BluraxError: if no steps were timed.
        """
        require(self.timed, "No steps were timed; run the bench with --by time.")
        return self._ranking(self.places, _mean_by_time)

    def reached(self) -> tuple[Reached, ...]:
        """The mean score over all numbers of steps, of each learner in each place."""
        return _reached(self.places, _mean)

    def _ranking(self, places: Sequence[Place], read: Reader) -> Ranking:
        return ranking(_reached(places, read), self.against)


def _reached(places: Sequence[Place], read: Reader) -> tuple[Reached, ...]:
    """What each learner reached in each place; the loss is what is lacking to a score of 1."""
    found = []
    for place in places:
        for record in place.records:
            scores = read(place, record)
            loss = tuple(1 - score for score in scores)
            found.append(Reached(record.learner, place.name, place.score, loss, scores))
    return tuple(found)


def _scores(record: Record, budget: int) -> tuple[float, ...]:
    return record.accuracy[record.budgets.index(budget)]


def _mean(place: Place, record: Record) -> tuple[float, ...]:
    return tuple(np.mean(record.accuracy, axis=0).tolist())


def _mean_by_time(place: Place, record: Record) -> tuple[float, ...]:
    """Over the marks; before its first step a learner has learned nothing, and scores 0."""
    own, nothing = timed(record, place.times), np.zeros(len(record.accuracy[0]))
    found = [own.at(mark.seconds) for mark in marks(place.records, place.times)]
    return tuple(np.mean([nothing if f is None else f for f in found], axis=0).tolist())
