"""What is known of each task by name: its family, its sizes, its options."""

import dataclasses
import enum
from collections.abc import Callable
from typing import Any

from blurax.targets import TARGETS, Classes, Target
from blurax.tasks import grammar
from blurax.tasks.augment import OF_LABELS, Augment
from blurax.tasks.base import Task


class Family(enum.StrEnum):
    """What tasks have in common."""

    TOY = "toy"
    TABLE = "table"
    MADE = "made table"
    REGRESSION = "regression"
    COORDINATES = "coordinates"
    IMAGE = "image"
    FEW_SHOT = "few-shot"
    SEQUENCE = "sequence"
    GRAPH = "graph"
    OWN = "own"


@dataclasses.dataclass(frozen=True)
class Entry:
    """A task, or a family of them that options choose from."""

    name: str
    family: Family
    about: str
    inputs: str
    """The number of inputs, or what they are."""
    outputs: str
    examples: str
    licence: str
    options: type
    """The frozen dataclass of its own options; those of `Augment` go with every task,
    where they apply."""
    make: Callable[[Any, str], Task]
    """The task with these options, and a name."""
    at_hand: Callable[[], str]
    """Whether the data is there, in a few words; nothing is read or downloaded for it."""
    target: type[Target] = Classes
    """What is asked for, unless options say otherwise."""
    target_by: Callable[[dict[str, str]], type[Target]] | None = None
    """What is asked for by options as written; None: the option kind may say it."""
    augmentable: bool = True
    """Whether the options of `Augment` that change inputs apply; those of labels always do."""

    @property
    def unfit(self) -> tuple[str, ...]:
        """The options of `Augment` that do not apply."""
        fields = [field.name for field in dataclasses.fields(Augment)]
        return () if self.augmentable else tuple(f for f in fields if f not in OF_LABELS)

    def target_of(self, item: grammar.Item) -> type[Target]:
        """What the task that an item names asks for."""
        if self.target_by is not None:
            return self.target_by(item.said)
        said = item.said.get("kind")
        own = {field.name for field in dataclasses.fields(self.options)}
        return TARGETS.get(said or "", self.target) if "kind" in own else self.target
