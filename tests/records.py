"""Records of learners, in short."""

from blurax.baselines import Arrangement, Choice, Record
from blurax.curves import Schedule


def record(
    learner: str,
    budgets: tuple[int, ...],
    accuracy: tuple[tuple[float, ...], ...],
    rates: tuple[float, ...] = (),
    at_edge: tuple[bool, ...] = (),
) -> Record:
    """What a genome reached, or with rates a tuned baseline."""
    edges = at_edge or (False,) * len(rates)
    choices = [
        Choice(rate, Schedule.CONSTANT, Arrangement(), edge, 0.5)
        for rate, edge in zip(rates, edges, strict=True)
    ]
    return Record(learner, budgets, accuracy, tuple(choices))
