"""When a run has nothing more to hope for, and what is said then."""

from pathlib import Path

import numpy as np

from blurax.outer.config import MetaTrain
from blurax.outer.protocol import MetaInfo

LOST = 20
"""Meta-steps in a row in which all members diverge or have no gradient, after which a run is given
up."""


def lost_words(directory: Path, config: MetaTrain, step: int, in_a_row: int, diverged: bool) -> str:
    """What is said of a run whose members have all been lost for some meta-steps in a row."""
    stage = config.curriculum.stage(step)
    steps = config.curriculum.steps(config.episode.steps, stage)
    newest = step // config.validate_every * config.validate_every
    what, remedy = "diverged", "a smaller learning rate, rule.stabilise or objective.growth"
    if not diverged:
        what = "had no gradient"
        remedy = "another start, other non-linearities (rule.sigma) or rule.stabilise"
    return (
        f"{directory}: all {config.population} members {what} in {in_a_row} meta-steps in a row, "
        f"up to {step + 1}, in episodes of {steps} steps; the last good state is that of meta-step "
        f"{newest}, and the genome kept so far stays in best.safetensors; try {remedy}."
    )


def is_lost(config: MetaTrain, info: MetaInfo) -> bool:
    """Whether all members diverged, or have an exact gradient of 0, which moves nothing."""
    norms = info.gradient_norm
    if norms is None or not config.method.needs_gradient:
        return bool(np.all(info.diverged))
    return bool(np.all(info.diverged | (np.asarray(norms) == 0)))
