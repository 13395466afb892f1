"""The run loop: a run directory that can be killed at any moment and resumed to the same bits.

A run directory holds
    config.json      the resolved configuration, the library's version, the date of the start
    metrics.jsonl    one line for each meta-step, and one for each validation
    checkpoints/     the newest two states
    best.safetensors the genome with the best validation score so far
    poisoned-*       the genomes of a job that failed wherever it was tried, if there was one

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
from blurax.engine import LOCAL, Evaluate, Evaluator
from blurax.errors import BluraxError, require
from blurax.frozen import from_json, to_json
from blurax.genome import Genome, template
from blurax.outer import journal
from blurax.outer.config import MetaTrain
from blurax.outer.jobs import Scores, cut, joined
from blurax.outer.lost import LOST, is_lost, lost_words
from blurax.outer.needs import check_memory
from blurax.outer.protocol import MetaInfo, MetaTrainer
from blurax.spec import Rule


class RunState(eqx.Module):
    """All that a run needs to go on."""

    trainer: Any
    best: Genome
    """The genome with the best validation score so far."""
    best_score: Float[Array, ""]
    """Its score, the mean over tasks and networks; -1 before the first validation."""
    leader: Int[Array, ""]
    """The member that did best in the latest validation."""
    stale: Int[Array, ""]
    """Validations since the best one."""
    lost: Int[Array, ""]
    """Meta-steps in a row in which all members diverged or had no gradient."""


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
            unknown task, say, or too little memory. Nothing is written then.
    """
    check_memory(config)
    config.trainer(config.last_stage)
    config.validation()
    require(
        not has_begun(directory),
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


def has_begun(directory: Path) -> bool:
    """Whether a run has left anything there but its configuration, which a start may replace."""
    found = (directory / "checkpoints", directory / "metrics.jsonl", directory / "best.safetensors")
    return any(path.exists() for path in found)


def read_config(directory: Path) -> tuple[MetaTrain, dict[str, Any]]:
    """The configuration of a run, and the header it stands in.

    Raises:
        BluraxError: if the directory holds no run, or one that this version cannot read.
    """
    path = directory / "config.json"
    require(path.is_file(), f"{directory} holds no run: there is no config.json in it.")
    try:
        header = json.loads(path.read_text("utf-8"))
        return from_json(MetaTrain, header["config"]), header
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise BluraxError(f"{path} is not the configuration of a run.") from error


def advance(
    directory: Path,
    watch: Watch = lambda progress: None,
    evaluator: Evaluator = LOCAL,
) -> Result:
    """Take a run from its newest checkpoint (or its start) to its end.

    Args:
        watch: called after each meta-step. An exception it raises, KeyboardInterrupt say, stops
            the run, which can be resumed.
        evaluator: the engine that does the work; another one changes no result.

    Raises:
        BluraxError: if the directory holds no run, it would not fit in memory, none of its
            checkpoints can be read, all
            members diverge and go on diverging (then the last good state is kept), the engine has
            no workers, or a job fails wherever it is tried (then its genomes are kept).
    """
    config, header = read_config(directory)
    check_memory(config)
    key = jax.random.key(config.seed)
    trainer = config.trainer(0, evaluator)
    validate = evaluator.prepare(Scores(config.validation(), config.validation_episodes))
    state, first = _restore(directory, trainer, config, key)
    if config.curriculum.stage(first) > 0:
        trainer = config.trainer(config.curriculum.stage(first), evaluator)
    journal.drop_lines(directory / "metrics.jsonl", first)
    lines: list[dict[str, Any]] = []
    for step in range(first, config.meta_steps):
        if config.patience is not None and int(state.stale) >= config.patience:
            break
        if config.curriculum.begins(step):
            trainer = config.trainer(config.curriculum.stage(step), evaluator)
            state = _synchronised(trainer, state, jax.random.fold_in(key, 3), step)
        with journal.poison_kept(directory, config, header, step):
            state, info = _step(trainer, state, key, step, config)
        lines.append(journal.step_line(step + 1, info))
        due = (step + 1) % config.validate_every == 0 or step + 1 == config.meta_steps
        if due:
            with journal.poison_kept(directory, config, header, step + 1):
                state, scores = _validate(trainer, validate, state, key, config.share)
            lines.append({"step": step + 1, "accuracy": np.asarray(scores).tolist()})
            journal.save(directory, step + 1, state, lines, config, header)
            lines = []
        watch(_progress(step + 1, config, state, info, due))
        if int(state.lost) >= LOST:
            diverged = bool(np.all(info.diverged))
            raise BluraxError(lost_words(directory, config, step, int(state.lost), diverged))
    return Result(directory, state.best, float(state.best_score))


def members(directory: Path) -> Genome:
    """All genomes at the newest checkpoint of a run, every leaf with a leading axis `members`.

    Raises:
        BluraxError: if the directory holds no run, or one before its first checkpoint.
    """
    config, _ = read_config(directory)
    trainer = config.trainer(config.last_stage)
    state, step = _restore(directory, trainer, config, jax.random.key(config.seed))
    require(step > 0, f"{directory} has no checkpoint yet.")
    return trainer.genomes(state.trainer)


def _progress(
    step: int, config: MetaTrain, state: RunState, info: MetaInfo, validated: bool
) -> Progress:
    norms = np.ones(1) if info.gradient_norm is None else np.asarray(info.gradient_norm)
    return Progress(
        step,
        config.meta_steps,
        float(np.nanmin(np.append(info.loss, np.inf))),
        float(state.best_score),
        idle=int(np.sum(norms == 0)),
        members=len(info.loss),
        validated=validated,
    )


def _first_state(trainer: MetaTrainer, rule: Rule, key: PRNGKeyArray) -> RunState:
    blank = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), template(rule))
    state = trainer.init(jax.random.fold_in(key, 0))
    zeros = [jnp.zeros((), jnp.int32) for _ in range(3)]  # each a buffer of its own
    return RunState(state, blank, jnp.full((), -1.0, float), *zeros)


def _step(
    trainer: MetaTrainer, state: RunState, key: PRNGKeyArray, number: int, config: MetaTrain
) -> tuple[RunState, MetaInfo]:
    drawn = jax.random.fold_in(jax.random.fold_in(key, 1), jnp.asarray(number, jnp.int32))
    moved, info = trainer.step(state.trainer, drawn)
    lost = jnp.asarray(int(state.lost) + 1 if is_lost(config, info) else 0, jnp.int32)
    return dataclasses.replace(state, trainer=moved, lost=lost), info


def _synchronised(
    trainer: MetaTrainer, state: RunState, key: PRNGKeyArray, number: int
) -> RunState:
    """All members go on from the one that did best in the validation that ended the stage."""
    drawn = jax.random.fold_in(key, jnp.asarray(number, jnp.int32))
    moved = trainer.synchronise(state.trainer, state.leader, drawn)
    return dataclasses.replace(state, trainer=moved)


def _validate(
    trainer: MetaTrainer, evaluate: Evaluate, state: RunState, key: PRNGKeyArray, share: int
) -> tuple[RunState, Float[Array, "members pairs"]]:
    """Score all genomes, always on the same episodes, and keep the best one ever seen."""
    genomes, episodes = trainer.genomes(state.trainer), jax.random.fold_in(key, 2)
    leaves = jax.tree.leaves(genomes)
    jobs = cut("scores", episodes, share, leaves, jax.random.key_data(episodes))
    scores = joined(evaluate(jobs))
    means = jnp.mean(scores, axis=1)
    leader = jnp.argmax(means).astype(jnp.int32)
    better = bool(means[leader] > state.best_score)
    best = jax.tree.map(lambda leaf: leaf[leader], genomes) if better else state.best
    return RunState(
        state.trainer,
        best,
        jnp.asarray(means[leader], float) if better else state.best_score,
        leader,
        jnp.asarray(0 if better else int(state.stale) + 1, jnp.int32),
        state.lost,
    ), scores


def _restore(
    directory: Path, trainer: MetaTrainer, config: MetaTrain, key: PRNGKeyArray
) -> tuple[RunState, int]:
    """The newest checkpoint, or the start, and the number of meta-steps behind it."""
    like = _first_state(trainer, config.rule, key)
    found = io.load_checkpoint(directory / "checkpoints", like)
    if found is None:
        return like, 0
    step, state, meta = found
    require(
        from_json(MetaTrain, meta) == config,
        f"{directory} holds checkpoints of another configuration than its config.json.",
    )
    return state, step
