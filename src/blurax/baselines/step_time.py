"""What a step takes: all learners of a task and network in turns, on the machine at hand."""

import dataclasses
import os
import platform
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from blurax.baselines.catalogue import baseline
from blurax.baselines.record import Record
from blurax.batch import at
from blurax.fit import for_task
from blurax.frozen import Checked
from blurax.learner import Batch, Learner
from blurax.network import Network
from blurax.tasks import EpisodeSpec, Split, Task

STEPS = 20
"""Steps of each run that is timed."""
ROUNDS = 9
LEAST = 0.03
"""Seconds that a turn lasts at least; short runs are repeated in it."""


@dataclasses.dataclass(frozen=True)
class StepTime(Checked):
    """What a step of one learner took."""

    learner: str
    arrangement: str
    """What the tuner chose, in words; empty for what is not tuned."""
    rounds: tuple[float, ...]
    """Seconds of a step in each round; in a round each learner has its turn."""
    machine: str
    """Its processor, or its accelerator."""

    @property
    def seconds(self) -> float:
        """The median over the rounds."""
        return float(np.median(self.rounds))


Entry = tuple[str, str, Learner, float]
"""A learner's name, its arrangement in words, the learner and its learning rate."""


def entries(
    records: Sequence[Record], learned: dict[str, Learner], network: Network, task: Task
) -> list[Entry]:
    """What is to be timed: each learner as it is, and each baseline as it was chosen.

    Args:
        learned: those that are not tuned, by name.
    """
    found: dict[tuple[str, str], Entry] = {}
    for record in records:
        if not record.choices:
            found[record.learner, ""] = (record.learner, "", learned[record.learner], 0.0)
        for choice in record.choices:
            words = str(choice.arrangement)
            made = baseline(record.learner).make(choice.arrangement, network, task)
            found[record.learner, words] = (record.learner, words, made, choice.rate or 0.0)
    return list(found.values())


def time_steps(
    several: Sequence[Entry], task: Task, key: PRNGKeyArray, batch: int, rounds: int = ROUNDS
) -> tuple[StepTime, ...]:
    """The whole step of each of several learners, for a single network and batches at hand.

    All are compiled and have run before the first round; in each round they take turns.
    """
    runs = [_run(for_task(each[2], task), each[3], task, key, batch) for each in several]
    repeats = [max(1, round(LEAST / _seconds(run))) for run in runs]
    taken = [
        [_seconds(run, many) / (many * STEPS) for run, many in zip(runs, repeats, strict=True)]
        for _ in range(rounds)
    ]
    return tuple(
        StepTime(name, words, tuple(column), machine())
        for (name, words, _, _), column in zip(several, zip(*taken, strict=True), strict=True)
    )


def machine() -> str:
    """The accelerator, or the processor and how many cores of it there are for this process."""
    device = jax.devices()[0]
    if device.platform != "cpu":
        return device.device_kind
    name, about = platform.processor() or platform.machine(), Path("/proc/cpuinfo")
    if about.is_file():  # Linux says no more than x86_64 otherwise
        found = re.search(r"^model name\s*: (.+)$", about.read_text(encoding="utf-8"), re.MULTILINE)
        name = found.group(1) if found else name
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{name}, {cores} cores"


def _run(
    learner: Learner, rate: float, task: Task, key: PRNGKeyArray, batch: int
) -> Callable[[], Any]:
    """A function that lets a learner learn, which has been called once."""
    spec = EpisodeSpec(steps=STEPS, batch=batch)
    batches = jax.vmap(learner.takes)(task.sample(key, spec, Split.TEST).support)
    state = learner.init(key, batch)

    def run() -> Any:
        return _learned(learner, state, batches, jnp.asarray(rate, float), key)

    jax.block_until_ready(run())
    return run


def _seconds(run: Callable[[], Any], many: int = 1) -> float:
    start = time.perf_counter()
    for _ in range(many):
        jax.block_until_ready(run())
    return time.perf_counter() - start


@eqx.filter_jit
def _learned(
    learner: Learner, state: Any, batches: Batch, rate: Float[Array, ""], key: PRNGKeyArray
) -> Any:
    def body(index: Array, state: Any) -> Any:
        drawn = jax.random.fold_in(key, index)
        return learner.step(state, at(batches, index), rate=rate, key=drawn, index=index)[0]

    return jax.lax.fori_loop(0, STEPS, body, state)
