"""Tasks: data sets and episodes."""

from blurax.batch import Batch
from blurax.scaling import ColumnMoments
from blurax.targets import Classes, Kind, Regression, Target, signed_one_hot
from blurax.tasks.arrays import ArrayTask, from_arrays
from blurax.tasks.augment import Augment, Augmented
from blurax.tasks.base import (
    Episode,
    EpisodeSpec,
    Split,
    Task,
    check_task,
)
from blurax.tasks.by_name import entry, get, score_name, weight
from blurax.tasks.catalogue import TASKS
from blurax.tasks.endless import FunctionTask, from_function
from blurax.tasks.entries import Entry
from blurax.tasks.graph_tasks import GraphTask, from_graphs
from blurax.tasks.in_time import SequenceTask
from blurax.tasks.mixture import Mixture, choice
from blurax.tasks.omniglot import Omniglot
from blurax.tasks.own import add_task
from blurax.tasks.staged import StagesBy, TaskSequence, from_sequence
from blurax.tasks.tabular import from_csv
from blurax.tasks.toys import Sine, Toy

__all__ = [
    "TASKS",
    "ArrayTask",
    "Augment",
    "Augmented",
    "Batch",
    "Classes",
    "ColumnMoments",
    "Entry",
    "Episode",
    "EpisodeSpec",
    "FunctionTask",
    "GraphTask",
    "Kind",
    "Mixture",
    "Omniglot",
    "Regression",
    "SequenceTask",
    "Sine",
    "Split",
    "StagesBy",
    "Target",
    "Task",
    "TaskSequence",
    "Toy",
    "add_task",
    "check_task",
    "choice",
    "entry",
    "from_arrays",
    "from_csv",
    "from_function",
    "from_graphs",
    "from_sequence",
    "get",
    "score_name",
    "signed_one_hot",
    "weight",
]
