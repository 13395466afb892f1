"""The run loop: a run directory that can be killed at any moment and resumed to the same bits.

A run directory holds
    config.json      the resolved configuration, the library's version, the date of the start
    metrics.jsonl    one line for each meta-step, and one for each validation
    checkpoints/     the newest two states
    best.safetensors the genome with the best validation score so far

Everything random comes from the seed and the number of the meta-step, and everything written
belongs to a checkpoint: lines beyond the newest one are dropped and computed again.
"""

import dataclasses
import datetime
import importlib.metadata
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax import io
from blurax.errors import BluraxError, require
from blurax.frozen import from_json, to_json
from blurax.genome import Genome, template
from blurax.outer.config import MetaTrain
from blurax.outer.protocol import MetaInfo, MetaTrainer
from blurax.spec import Rule


class RunState(eqx.Module):
    """All that a run needs to go on."""

    trainer: Any
    best: Genome
    """The genome with the best validation score so far."""
    best_score: Float[Array, ""]
    """Its accuracy, the mean over tasks and networks; -1 before the first validation."""


@dataclasses.dataclass(frozen=True)
class Progress:
    """What a run tells whoever watches it."""

    step: int
    meta_steps: int
    loss: float
    """The lowest loss among the members at this step."""
    score: float
    """The best validation accuracy so far, -1 before the first."""
    idle: int
    """Members without any gradient at this step: their networks are dead, and stay so."""
    members: int
    validated: bool
    """Whether this step ended with a validation and a checkpoint."""


Watch = Callable[[Progress], None]


@dataclasses.dataclass(frozen=True)
class Result:
    """What a run found."""

    directory: Path
    genome: Genome
    score: float
    """Validation accuracy after the last inner step, the mean over tasks and networks."""


def start(config: MetaTrain, directory: Path) -> None:
    """Make a new run directory; `advance` does the work.

    Raises:
        BluraxError: if the directory already holds a run, or the configuration cannot be run: an
            unknown task, say. Nothing is written then.
    """
    config.trainer()
    require(
        not (directory / "config.json").exists(),
        f"{directory} already holds a run; resume it, or name another directory.",
    )
    directory.mkdir(parents=True, exist_ok=True)
    io.write_json(
        directory / "config.json",
        {
            "library_version": importlib.metadata.version("blurax"),
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "config": to_json(config),
        },
    )


def read_config(directory: Path) -> tuple[MetaTrain, dict[str, Any]]:
    """The configuration of a run, and the header it stands in.

    Raises:
        BluraxError: if the directory holds no run, or one that this version cannot read.
    """
    path = directory / "config.json"
    require(path.is_file(), f"{directory} holds no run: there is no config.json in it.")
    try:
        header = json.loads(path.read_text())
        return from_json(MetaTrain, header["config"]), header
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise BluraxError(f"{path} is not the configuration of a run.") from error


def advance(directory: Path, watch: Watch = lambda progress: None) -> Result:
    """Take a run from its newest checkpoint (or its start) to its end.

    Args:
        watch: called after each meta-step. An exception it raises, KeyboardInterrupt say, stops
            the run, which can be resumed.

    Raises:
        BluraxError: if the directory holds no run, or none of its checkpoints can be read.
    """
    config, header = read_config(directory)
    trainer, key = config.trainer(), jax.random.key(config.seed)
    state, first = _restore(directory, trainer, config, key)
    _drop_lines(directory / "metrics.jsonl", first)
    lines: list[dict[str, Any]] = []
    for step in range(first, config.meta_steps):
        state, info = _step(trainer, state, key, jnp.asarray(step, jnp.int32))
        lines.append(_step_line(step + 1, info))
        due = (step + 1) % config.validate_every == 0 or step + 1 == config.meta_steps
        if due:
            state, scores = _validate(trainer, state, key)
            lines.append({"step": step + 1, "accuracy": np.asarray(scores).tolist()})
            _save(directory, step + 1, state, lines, config, header)
            lines = []
        best_loss = float(np.nanmin(np.append(info.loss, np.inf)))
        watch(
            Progress(
                step + 1,
                config.meta_steps,
                best_loss,
                float(state.best_score),
                idle=int(np.sum(np.asarray(info.gradient_norm) == 0)),
                members=len(info.loss),
                validated=due,
            )
        )
    return Result(directory, state.best, float(state.best_score))


@eqx.filter_jit
def _first_state(trainer: MetaTrainer, rule: Rule, key: PRNGKeyArray) -> RunState:
    blank = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), template(rule))
    state = trainer.init(jax.random.fold_in(key, 0))
    return RunState(state, blank, jnp.full((), -1.0, float))


@eqx.filter_jit
def _step(
    trainer: MetaTrainer, state: RunState, key: PRNGKeyArray, number: Int[Array, ""]
) -> tuple[RunState, MetaInfo]:
    drawn = jax.random.fold_in(jax.random.fold_in(key, 1), number)
    moved, info = trainer.step(state.trainer, drawn)
    return RunState(moved, state.best, state.best_score), info


@eqx.filter_jit
def _validate(
    trainer: MetaTrainer, state: RunState, key: PRNGKeyArray
) -> tuple[RunState, Float[Array, "members pairs"]]:
    """Score all candidates, always on the same episodes, and keep the best genome ever seen."""
    scores = trainer.validate(state.trainer, jax.random.fold_in(key, 2))
    means = jnp.mean(scores, axis=1)
    winner = jnp.argmax(means)
    better = means[winner] > state.best_score
    candidate = jax.tree.map(lambda leaf: leaf[winner], trainer.genomes(state.trainer))
    best, best_score = jax.tree.map(
        lambda new, old: jnp.where(better, new, old),
        (candidate, means[winner]),
        (state.best, state.best_score),
    )
    return RunState(state.trainer, best, best_score), scores


def _restore(
    directory: Path, trainer: MetaTrainer, config: MetaTrain, key: PRNGKeyArray
) -> tuple[RunState, int]:
    """The newest checkpoint, or the start, and the number of meta-steps behind it."""
    like = eqx.filter_eval_shape(_first_state, trainer, config.rule, key)
    found = io.load_checkpoint(directory / "checkpoints", like)
    if found is None:
        return _first_state(trainer, config.rule, key), 0
    step, state, meta = found
    require(
        meta == to_json(config),
        f"{directory} holds checkpoints of another configuration than its config.json.",
    )
    return state, step


def _step_line(step: int, info: MetaInfo) -> dict[str, Any]:
    """One meta-step as JSON; numbers that are not finite become null."""

    def plain(values: Array) -> list[Any]:
        array = np.asarray(values)
        return [v if np.isfinite(v) else None for v in array.tolist()]

    return {
        "step": step,
        "loss": plain(info.loss),
        "gradient_norm": plain(info.gradient_norm),
        "diverged": int(np.sum(info.diverged)),
    }


def _save(
    directory: Path,
    step: int,
    state: RunState,
    lines: list[dict[str, Any]],
    config: MetaTrain,
    header: dict[str, Any],
) -> None:
    """Metrics first, the checkpoint last: what is behind a checkpoint is always complete."""
    io.append_lines(directory / "metrics.jsonl", lines)
    provenance = io.Provenance(
        library_version=header["library_version"],
        created=header["created"],
        seed=config.seed,
        tasks=config.tasks,
        meta_steps=step,
        score=float(state.best_score),
        config=header["config"],
    )
    io.save_genome(directory / "best.safetensors", state.best, provenance)
    io.save_checkpoint(directory / "checkpoints", step, state, to_json(config))


def _drop_lines(metrics: Path, step: int) -> None:
    """Drop the lines beyond a checkpoint: they are computed again."""
    if metrics.exists():
        io.truncate_lines(metrics, lambda line: line["step"] <= step)
