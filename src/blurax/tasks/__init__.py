"""Tasks: data sets and episodes."""

from blurax.tasks.base import (
    ArrayTask,
    Episode,
    EpisodeSpec,
    Split,
    Task,
    from_arrays,
    signed_one_hot,
)
from blurax.tasks.registry import TASKS, get

__all__ = [
    "TASKS",
    "ArrayTask",
    "Episode",
    "EpisodeSpec",
    "Split",
    "Task",
    "from_arrays",
    "get",
    "signed_one_hot",
]
