"""What a run writes down: lines, genomes, checkpoints."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Array

from blurax import io
from blurax.engine import PoisonedJobError
from blurax.errors import BluraxError
from blurax.outer.config import MetaTrain
from blurax.outer.jobs import numbers_of_job
from blurax.outer.protocol import MetaInfo
from blurax.outer.repair import BEST, CHECKPOINTS, METRICS, meta
from blurax.outer.space import Space


def step_line(step: int, info: MetaInfo) -> dict[str, Any]:
    """One meta-step as JSON; numbers that are not finite become null."""

    def plain(values: Array) -> list[Any]:
        array = np.asarray(values)
        return [v if np.isfinite(v) else None for v in array.tolist()]

    return {
        "step": step,
        "loss": plain(info.loss),
        "gradient_norm": None if info.gradient_norm is None else plain(info.gradient_norm),
        "diverged": int(np.sum(info.diverged)),
    }


def save(
    directory: Path,
    step: int,
    state: Any,
    lines: list[dict[str, Any]],
    config: MetaTrain,
    header: dict[str, Any],
    space: Space,
) -> None:
    """Metrics first, the checkpoint last: what is behind a checkpoint is always complete."""
    log = directory / METRICS
    io.append_lines(log, lines)
    where = provenance(config, header, step, float(state.best_score))
    space.save(directory / BEST, state.best, where)
    io.save_checkpoint(directory / CHECKPOINTS, step, state, meta(config, log))


def provenance(
    config: MetaTrain, header: dict[str, Any], step: int, score: float | None
) -> io.Provenance:
    """Where a genome of this run comes from."""
    return io.Provenance(
        library_version=header["library_version"],
        created=header["created"],
        seed=config.seed,
        tasks=config.tasks,
        meta_steps=step,
        score=score,
        config=header["config"],
    )


@contextlib.contextmanager
def poison_kept(
    directory: Path, config: MetaTrain, header: dict[str, Any], step: int, space: Space
) -> Iterator[None]:
    """Save the genomes of a job that fails wherever it is tried, and say where they are.

    Args:
        step: the meta-steps behind the genomes.
    """
    try:
        yield
    except PoisonedJobError as error:
        names = []
        for n, genome in enumerate(numbers_of_job(error.job, space)):
            names.append(f"poisoned-{error.job.id}-{n}.safetensors")
            where = provenance(config, header, step, None)
            space.save(directory / names[-1], genome, where)
        raise BluraxError(
            f"{error} The run stops after meta-step {step} and can be resumed; the genomes that "
            f"the job was about are kept in {directory}: {', '.join(names)}."
        ) from error
