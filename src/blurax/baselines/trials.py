"""What the tuner sees: runs of one baseline on validation examples, each made once."""

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Array, Key

from blurax.baselines.catalogue import baseline
from blurax.baselines.descent import Arrangement
from blurax.baselines.search import Score, rate_of
from blurax.curves import Schedule, learning_curve
from blurax.network import Network
from blurax.tasks import EpisodeSpec, Split, Task

Log = Callable[[str], None]
"""Called with what is being tried."""

Place = int | None
"""Of a learning rate on the grid; None without one."""


class Trials:
    """Remembers scores, so that budgets can share the runs of a constant rate."""

    def __init__(
        self,
        name: str,
        network: Network,
        task: Task,
        keys: Key[Array, " seeds"],
        sizes: EpisodeSpec,
        log: Log,
    ) -> None:
        self._name, self._network, self._task = name, network, task
        self._keys, self._sizes, self._log = keys, sizes, log
        self._known: dict[tuple, dict[int, Score]] = {}

    def scores(
        self,
        arrangement: Arrangement,
        schedule: Schedule,
        place: int | None,
        stops: tuple[int, ...],
    ) -> dict[int, Score]:
        """The mean scores over the seeds at each stop of a run that ends at the last one.

        Args:
            place: of the learning rate on the grid; None without one.
        """
        known = (arrangement, schedule, place, stops)
        if known not in self._known:
            self._known[known] = self._run(arrangement, schedule, place, stops)
        return self._known[known]

    def _run(
        self,
        arrangement: Arrangement,
        schedule: Schedule,
        place: int | None,
        stops: tuple[int, ...],
    ) -> dict[int, Score]:
        rate = 0.0 if place is None else rate_of(place)
        way = "" if place is None else f", {schedule.value} rate {rate:.2g}"
        self._log(f"tuning at {stops[-1]:,} steps: {arrangement}{way}")
        _, curve = learning_curve(
            baseline(self._name).make(arrangement, self._network, self._task),
            self._task,
            self._keys,
            stops,
            Split.VALIDATE,
            rate=rate,
            schedule=schedule,
            sizes=self._sizes,
        )
        accuracy = np.asarray(curve.accuracy, float).mean(axis=0).tolist()
        loss = np.asarray(curve.loss, float).mean(axis=0).tolist()
        # A loss that is no number would compare with nothing.
        return {
            stop: (right, -lost if math.isfinite(lost) else -math.inf)
            for stop, right, lost in zip(stops, accuracy, loss, strict=True)
        }
