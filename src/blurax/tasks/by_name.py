"""Tasks from their names: a name with options becomes a task, a mixture or a sequence."""

import dataclasses
import difflib
from typing import Any

from blurax.errors import BluraxError, require
from blurax.tasks import grammar
from blurax.tasks.augment import Augment, Augmented, no_option
from blurax.tasks.base import Task
from blurax.tasks.catalogue import TASKS
from blurax.tasks.entries import Entry
from blurax.tasks.mixture import Mixture
from blurax.tasks.staged import SequenceOptions, from_sequence


def get(text: str, **options: Any) -> Task:
    """The task or mixture of tasks that a text names.

    Args:
        text: a name such as `xor`, with options such as `mnist:size=10,classes=0-4`, or a mixture
            such as `xor@2+and`. The weight of a task alone says nothing here.
        options: more options of every task named, as numbers or as in the text.

    Raises:
        BluraxError: for an unknown task or option, or a value it does not take; for data that is
            neither at hand nor downloadable, or damaged.
    """
    items = grammar.parse(text)
    tasks = tuple(_task(item, options) for item in items)
    if len(items) == 1:
        return tasks[0]
    weights = tuple(item.weight for item in items)
    return Mixture(name=text, tasks=tasks, weights=weights)


def weight(text: str) -> float:
    """The weight of a task among others, `mnist@3`; that of a mixture is 1.

    Raises:
        BluraxError: if the text is no name of a task.
    """
    items = grammar.parse(text)
    return items[0].weight if len(items) == 1 else 1.0


def score_name(texts: tuple[str, ...]) -> str:
    """What the mean score over some tasks is called: accuracy, say.

    Raises:
        BluraxError: for an unknown task.
    """
    items = [item for text in texts for item in grammar.parse(text)]
    names = {entry(item.name).target_of(item).score_name for item in items}
    return names.pop() if len(names) == 1 else "score"


def entry(name: str) -> Entry:
    """What is known of the task called `name`.

    Raises:
        BluraxError: if there is none, naming those there are.
    """
    if name not in TASKS:
        near = difflib.get_close_matches(name.lower(), list(TASKS), n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(TASKS))}."
        raise BluraxError(f"There is no task {name!r}; {hint}")
    return TASKS[name]


def _task(item: grammar.Item, options: dict[str, Any]) -> Task:
    found = entry(item.name)
    called = {key.replace("-", "_"): value for key, value in options.items() if value is not None}
    said = dict(item.options)
    twice = sorted(set(said) & set(called))
    require(not twice, f"The task {item.name!r} has the option {', '.join(twice)} twice.")
    given = {**said, **called}
    name = grammar.spelled(item.full_name, given)
    if item.stages:
        task, augment = _sequence(item, given, name)
    else:
        own, augment = _options(found, given)
        task = found.make(own, name)
    return task if augment == Augment() else Augmented(name=name, task=task, augment=augment)


def _options(found: Entry, given: dict[str, Any]) -> list[Any]:
    """A task's own options, and how it is augmented."""
    unfit = found.unfit
    for key in given:
        if key in unfit:
            raise no_option(found.name, key)
    return grammar.build((found.options, Augment), given, found.name, unfit)


def _sequence(item: grammar.Item, given: dict[str, Any], name: str) -> tuple[Task, Augment]:
    """A sequence, and how it is augmented: alike in all stages of an episode."""
    mine = {field.name for field in dataclasses.fields(SequenceOptions)}
    theirs = {f.name for o in (entry(item.name).options, Augment) for f in dataclasses.fields(o)}
    theirs -= {*entry(item.name).unfit}
    for key in given.keys() - mine - theirs:
        near = difflib.get_close_matches(key, [*mine, *theirs], n=1)
        if mine & {*near}:
            raise BluraxError(f"Task {name} has no option {key}; did you mean {near[0]}?")
    rest = {key: value for key, value in given.items() if key not in mine}
    (how,) = grammar.build(
        (SequenceOptions,), {key: value for key, value in given.items() if key in mine}, name
    )
    tasks, augment = [], Augment()
    for each in item.stages:
        alone, word = grammar.own_options(each)
        twice = sorted(word.keys() & rest.keys())
        require(not twice, f"Task {name} has the option {', '.join(twice)} twice.")
        found, all_of_it = entry(alone), word | rest
        own, augment = _options(found, all_of_it)
        tasks.append(found.make(own, grammar.spelled(alone, all_of_it)))
    made = from_sequence(
        tasks, by=how.by, stages=how.stages, steps=how.steps, repeat=how.repeat, name=name
    )
    return made, augment
