"""The engine of one process: each job in its turn."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from blurax.engine.protocol import Evaluate, Job, Work


@dataclasses.dataclass(frozen=True)
class Local:
    """Jobs one after the other in this process; side by side within a job, as the work says."""

    def prepare(self, work: Work) -> Evaluate:
        """Nothing to prepare."""

        def evaluate(jobs: Sequence[Job]) -> list[Any]:
            return [work(*job.arguments) for job in jobs]

        return evaluate

    def close(self) -> None:
        """Nothing to let go."""


LOCAL = Local()
