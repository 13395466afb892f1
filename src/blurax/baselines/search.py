"""The search for a learning rate: a grid that grows until the best rate stands inside it."""

from collections.abc import Callable, Iterable

PER_DECADE = 4
"""Learning rates are 10^(place / 4): neighbours differ by a factor of 1.8."""

LOWEST, HIGHEST = -6 * PER_DECADE, 3 * PER_DECADE
"""The places of the smallest and largest rate that is ever tried, 1e-6 and 1e3."""

Score = tuple[float, float]
"""Accuracy, then minus the loss, which decides between equal accuracies."""


def settle(
    score: Callable[[int], Score], start: Iterable[int], stride: int
) -> tuple[int, frozenset[int]]:
    """The best place of a grid, once it has been evaluated `stride` to both sides of it.

    Args:
        score: of a place; called again and again, so it had better remember.
        start: places to begin with, at least one.
        stride: the distance of the neighbours that have to be worse.

    Returns:
        The best place, and all that were evaluated. Only at `LOWEST` or `HIGHEST`, beyond which
        nothing is evaluated, may the best stand at the edge.
    """
    places = frozenset(start)
    while True:
        best = max(sorted(places), key=score)
        neighbours = {p for p in (best - stride, best + stride) if LOWEST <= p <= HIGHEST}
        if neighbours <= places:
            return best, places
        places |= neighbours


def rate_of(place: int) -> float:
    """The learning rate at a place of the grid."""
    return 10.0 ** (place / PER_DECADE)


def at_edge(place: int) -> bool:
    """Whether nothing beyond this place could be evaluated."""
    return place in (LOWEST, HIGHEST)
