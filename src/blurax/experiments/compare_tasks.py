"""Tasks of a comparison that are given as they are, and known by no name."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import FunctionType, MappingProxyType

import equinox as eqx
import jax
import numpy as np

from blurax.baselines import code_digest
from blurax.errors import BluraxError, require
from blurax.experiments.compare_plan import CodeVersion, Plan
from blurax.tasks import EpisodeSpec, Split, Task, check_task, get

OwnTasks = Mapping[str, Task]
"""Tasks of the user's own by their names."""
NONE: OwnTasks = MappingProxyType({})


def own_tasks(tasks: tuple[str | Task, ...]) -> dict[str, Task]:
    """Those that are given as they are and that no name stands for.

    Raises:
        BluraxError: for a task whose name stands for another one, or one that does not draw what
            the protocol says.
    """
    found = {}
    for task in tasks:
        if isinstance(task, str):
            continue
        for split in Split:
            check_task(task, EpisodeSpec(steps=2, batch=2, query=2), split)
        try:
            known = get(task.name)
        except BluraxError:
            found[task.name] = task
            continue
        require(
            known is task or (type(known) is type(task) and bool(eqx.tree_equal(known, task))),
            f"The name {task.name} stands for another task than the one given; call yours "
            "otherwise.",
        )
    return found


def task_sources(own: OwnTasks) -> tuple[CodeVersion, ...]:
    """Which tasks of the user's own they are; those are missing of which that cannot be said."""
    found = (CodeVersion(_label(name), _digest(task)) for name, task in own.items())
    return tuple(each for each in found if each.sha256)


def check_tasks(plan: Plan, own: OwnTasks, directory: Path) -> None:
    """Raise `BluraxError` if the tasks are not those with which a directory was started."""
    for name in plan.tasks:
        wanted = plan.source(_label(name))
        require(
            not wanted or name in own,
            f"{directory} compares the task {name}, which was given in Python; go on with the call "
            "of blurax.compare with which it was started.",
        )
        require(
            wanted == (_digest(own[name]) if name in own else ""),
            f"The task {name} is not the one that {directory} was started with, or its source "
            "cannot be found; name another directory.",
        )


def same_task(name: str, one: Plan, other: Plan) -> bool:
    """Whether two comparisons mean the same by the name of a task."""
    return one.source(_label(name)) == other.source(_label(name))


def _label(name: str) -> str:
    """Under which name the source of a task stands beside those of learners."""
    return f"task {name}"


def _digest(task: Task) -> str:
    """The SHA-256 of a task's data and of the user's code behind it; empty if that is not found."""
    values = vars(task).values()
    parts = [type(task), type(task.target), *(v for v in values if isinstance(v, FunctionType))]
    codes = [code_digest(part) for part in parts if not part.__module__.startswith("blurax.")]
    plain = [repr(value) for value in values if not isinstance(value, FunctionType)]
    if not all(codes) or any(" at 0x" in text for text in plain):
        return ""  # an address is another one in the next process
    found = hashlib.sha256(repr((codes, plain)).encode())
    for leaf in jax.tree.leaves(eqx.filter(task, eqx.is_array)):
        found.update(np.asarray(leaf).tobytes())
    return found.hexdigest()
