"""What a run tells whoever watches it."""

import dataclasses
from collections.abc import Callable

import numpy as np

from blurax.outer.protocol import MetaInfo


@dataclasses.dataclass(frozen=True)
class Progress:
    """What a run tells whoever watches it."""

    step: int
    meta_steps: int
    loss: float
    """The lowest loss among the members at this step."""
    score: float
    """The validation accuracy of the genome that is kept so far, -1 before the first."""
    idle: int
    """Members without any gradient at this step: their networks are dead, and stay so."""
    members: int
    validated: bool
    """Whether this step ended with a validation and a checkpoint."""


Callback = Callable[[Progress], None]


def progress(step: int, meta_steps: int, score: float, info: MetaInfo, validated: bool) -> Progress:
    """What is known after a meta-step."""
    norms = np.ones(1) if info.gradient_norm is None else np.asarray(info.gradient_norm)
    return Progress(
        step,
        meta_steps,
        float(np.nanmin(np.append(info.loss, np.inf))),
        score,
        idle=int(np.sum(norms == 0)),
        members=len(info.loss),
        validated=validated,
    )
