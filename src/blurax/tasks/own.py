"""Tasks of the user's own, by name among the others."""

import dataclasses
import re

from blurax.errors import require
from blurax.tasks.base import EpisodeSpec, Split, Task, check_kind, check_task
from blurax.tasks.catalogue import TASKS
from blurax.tasks.entries import Entry, Family


@dataclasses.dataclass(frozen=True)
class OwnOptions:
    """A task of one's own has no options but the augmentations that go with every task."""


def add_task(task: Task) -> None:
    """Give a task of one's own its name among the others, for this process.

    From then on `blurax.task`, `MetaTrain.tasks` and mixtures take the name. A run that is
    continued in another process takes the same call there first.

    Raises:
        BluraxError: if the name is taken or cannot stand in a list of tasks, or the task does not
            draw what the protocol says.
    """
    check_kind(task)
    name = task.name
    require(
        re.fullmatch(r"[a-z0-9][a-z0-9-]*", name) is not None,
        f"The task is called {name!r}; a name takes small letters, digits and hyphens.",
    )
    require(
        name not in TASKS or TASKS[name].family is Family.OWN,
        f"There is a task {name!r} already; give yours another name.",
    )
    for split in Split:
        check_task(task, EpisodeSpec(steps=2, batch=2, query=2), split)
    TASKS[name] = Entry(
        name,
        Family.OWN,
        "your own",
        str(task.features),
        str(task.outputs),
        "yours",
        "yours",
        OwnOptions,
        lambda options, text: task,
        lambda: "yes",
        type(task.target),
    )
