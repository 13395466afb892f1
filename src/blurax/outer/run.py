"""The run loop: a run directory that can be killed at any moment and resumed to the same bits.

A run directory holds
    config.json      the resolved configuration, the library's version, the date of the start
    start.safetensors what the run started from, if that was given
    metrics.jsonl    one line for each meta-step, and one for each validation
    checkpoints/     the newest two states
    best.safetensors the genome with the best validation score so far, or the last one
    poisoned-*       the genomes of a job that failed wherever it was tried, if there was one
    .blurax-lock     while a process writes: its id, and the lock that keeps others off

Everything random comes from the seed and the number of the meta-step, and everything written
belongs to a checkpoint: lines beyond the newest one are dropped and computed again, and so is
whatever is missing before it (`repair`).
"""

import contextlib
import dataclasses
import datetime
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from blurax import io
from blurax.engine import LOCAL, Evaluator
from blurax.errors import BluraxError, require
from blurax.frozen import to_json
from blurax.genome import Genome
from blurax.learner import Learner
from blurax.outer import journal
from blurax.outer.config import MetaTrain
from blurax.outer.header import Result, load_best, read_config
from blurax.outer.jobs import Scores
from blurax.outer.journal import provenance
from blurax.outer.lost import LOST, is_lost, lost_words
from blurax.outer.methods import Method
from blurax.outer.needs import check_memory
from blurax.outer.numbers import name_of
from blurax.outer.progress import Callback, Progress, progress
from blurax.outer.protocol import MetaInfo, MetaTrainer
from blurax.outer.repair import (
    CONFIG,
    START,
    Log,
    check_places,
    config_of,
    is_under_way,
    mend_best,
    read_log,
    restore,
)
from blurax.outer.space import Space
from blurax.outer.start import Given
from blurax.outer.state import RunState, first_state, validated
from blurax.version import __version__

__all__ = [
    "RUN",
    "Callback",
    "Progress",
    "Result",
    "RunState",
    "advance",
    "is_under_way",
    "load_best",
    "members",
    "read_config",
    "start",
    "start_unless_under_way",
]

RUN = "run"
"""What a directory of ours holds, for the sentence to a second writer."""


def start(config: MetaTrain, directory: Path, learner: Learner | None = None) -> None:
    """Make a new run directory; `advance` does the work.

    A configuration for which nothing has been computed yet is replaced: that of a start that
    failed, say.

    Args:
        learner: whose numbers are learned, in the place of a genome.

    Raises:
        BluraxError: if the directory already holds a run, another process writes into it, or the
            configuration cannot be run: an unknown task, say, or too little memory. Nothing is
            written then.
    """
    config = named_after(config, learner)
    if config.learner:
        config.check_learner()
    check_memory(config, learner)
    config.trainer(config.last_stage, learner=learner)
    config.validation(learner)
    with io.writing(directory, RUN):
        require(
            not is_under_way(directory),
            f"{directory} already holds a run; resume it, or name another directory.",
        )
        check_places(directory)
        if isinstance(config.start, Given):
            io.write_bytes(directory / START, config.start.bytes())
        io.write_json(
            directory / CONFIG,
            {
                "library_version": __version__,
                "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                "config": to_json(config),
            },
        )


def named_after(config: MetaTrain, learner: Learner | None) -> MetaTrain:
    """The configuration with the name of its learner."""
    return config if learner is None else dataclasses.replace(config, learner=name_of(learner))


def start_unless_under_way(
    config: MetaTrain, directory: Path, remedy: str, learner: Learner | None = None
) -> None:
    """Make a new run directory, or find that it holds this very run, to go on with.

    Args:
        remedy: what the user can do about a run of another configuration.

    Raises:
        BluraxError: if it holds a run of another configuration, or `start` refuses.
    """
    config = named_after(config, learner)
    if not is_under_way(directory):
        with contextlib.suppress(BluraxError):  # what cannot be read is replaced
            if read_config(directory, type(config.method))[0] == config:
                return
        start(config, directory, learner)
        return
    require(
        read_config(directory, type(config.method))[0] == config,
        f"{directory} holds a run of another configuration; {remedy}.",
    )


def advance(
    directory: Path,
    callback: Callback = lambda progress: None,
    evaluator: Evaluator = LOCAL,
    learner: Learner | None = None,
    method: type[Method] | None = None,
) -> Result:
    """Take a run from its newest checkpoint (or its start) to its end.

    Args:
        callback: called after each meta-step. An exception it raises, KeyboardInterrupt say, stops
            the run, which can be resumed.
        evaluator: the engine that does the work; another one changes no result.
        learner: that the run was started with, if it was one.
        method: the class of the method that the run was started with, if that is the user's own.

    Raises:
        BluraxError: if the directory holds no run, or one of another learner or method, another
            process writes into it, it would not fit in memory, none of its checkpoints can be read,
            all members diverge and go on diverging (then the last good state is kept), the engine
            has no workers, or a job fails wherever it is tried (then its genomes are kept).
    """
    read_config(directory, method)  # before a lock makes the directory
    with io.writing(directory, RUN):
        return _advance(directory, callback, evaluator, learner, method)


def _advance(
    directory: Path,
    callback: Callback,
    evaluator: Evaluator,
    learner: Learner | None,
    method: type[Method] | None,
) -> Result:
    config, header = read_config(directory, method)
    learner = config.taught(learner)
    check_memory(config, learner)
    check_places(directory)
    key = jax.random.key(config.seed)
    space, trainer = config.space(learner), config.trainer(0, evaluator, learner)
    validate = evaluator.prepare(Scores(config.validation(learner), config.validation_episodes))
    log = read_log(directory, config)
    state, first = _restore(directory, trainer, config, space, key, log)
    log.cut(first)
    if first > 0:
        where = provenance(config, header, first, float(state.best_score))
        mend_best(directory, space, state.best, where)
    if config.curriculum.stage(first) > 0:
        trainer = config.trainer(config.curriculum.stage(first), evaluator, learner)
    lines: list[dict[str, Any]] = []
    for step in range(first, config.meta_steps):
        if config.patience is not None and int(state.stale) >= config.patience:
            break
        if config.curriculum.begins(step):
            trainer = config.trainer(config.curriculum.stage(step), evaluator, learner)
            state = _synchronised(trainer, state, jax.random.fold_in(key, 3), step)
        with journal.poison_kept(directory, config, header, step, space):
            state, info = _step(trainer, state, key, step, config)
        lines.append(journal.step_line(step + 1, info))
        due = (step + 1) % config.validate_every == 0 or step + 1 == config.meta_steps
        if due:
            with journal.poison_kept(directory, config, header, step + 1, space):
                state, scores = validated(
                    trainer, validate, state, key, config.job_size, config.keep_last
                )
            lines.append({"step": step + 1, "accuracy": np.asarray(scores).tolist()})
            journal.save(directory, step + 1, state, lines, config, header, space)
            lines = []
        callback(progress(step + 1, config.meta_steps, float(state.best_score), info, due))
        if int(state.lost) >= LOST:
            diverged = bool(np.all(info.diverged))
            raise BluraxError(lost_words(directory, config, step, int(state.lost), diverged))
    best = None if learner is None else space.learner(state.best, learner.network)
    return Result(directory, state.best, float(state.best_score), best)


def members(directory: Path) -> Genome:
    """All genomes at the newest checkpoint of a run, every leaf with a leading axis `members`.

    Raises:
        BluraxError: if the directory holds no run, or one before its first checkpoint.
    """
    config, _ = read_config(directory)
    trainer = config.trainer(config.last_stage)
    state, step = _restore(directory, trainer, config, config.space(), jax.random.key(config.seed))
    require(step > 0, f"{directory} has no checkpoint yet.")
    return trainer.genomes(state.trainer)


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


def _restore(
    directory: Path,
    trainer: MetaTrainer,
    config: MetaTrain,
    space: Space,
    key: PRNGKeyArray,
    log: Log | None = None,
) -> tuple[RunState, int]:
    """The newest checkpoint that a log covers, or the start, and the meta-steps behind it."""
    like = first_state(trainer, space, key)
    found = restore(directory, like, log)
    if found is None:
        return like, 0
    step, state, meta = found
    require(
        config_of(meta.get("config", meta), type(config.method)) == config,
        f"{directory} holds checkpoints of another configuration than its config.json.",
    )
    return state, step
