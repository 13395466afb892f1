"""A configuration with a name, and what several of them share."""

import dataclasses
from typing import Any

from blurax.outer.config import MetaTrain
from blurax.outer.optimiser import MetaSchedule, Optimiser
from blurax.outer.start import Start
from blurax.outer.vary import Draw, Vary


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A configuration with a name."""

    about: str
    """One line for lists."""
    cost: str
    """What it took, and on what."""
    config: MetaTrain
    version: int = 1
    """Rises with every change of the configuration, so that a result can name what made it."""


FAST = Optimiser(learning_rate=1.5e-2, schedule=MetaSchedule.COSINE)
# Episodes that diverge have gradients 100 times the usual; longer ones drown the rest.
CLIPPED = dataclasses.replace(FAST, clip=1.0)
SLOWER = dataclasses.replace(CLIPPED, learning_rate=1e-2)
REJECTING = Optimiser(schedule=MetaSchedule.COSINE, clip=1.0, reject=20.0)
ONE_BY_ONE: dict[str, Any] = {"vary": Vary(draw=Draw.ONE), "start": Start.BACKPROP, "population": 1}
"""What most genomes of the zoo were learned with: one setting a meta-step, one member."""
