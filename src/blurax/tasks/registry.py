"""Tasks by name."""

import dataclasses
import difflib
import enum
import re
from collections.abc import Callable
from typing import Any

from blurax.errors import BluraxError, require
from blurax.targets import TARGETS, Classes, Regression, Signals, Target
from blurax.tasks import (
    class_tables,
    coordinates,
    grammar,
    images,
    made_graphs,
    omniglot,
    regressions,
    sequences,
    tabular,
    toys,
    uci,
    worlds,
)
from blurax.tasks.augment import OF_LABELS, Augment, Augmented, no_option
from blurax.tasks.base import EpisodeSpec, Split, Task, check_kind, check_task
from blurax.tasks.mixture import Mixture
from blurax.tasks.sources import OMNIGLOT_FILES, SOURCES, Source
from blurax.tasks.staged import SequenceOptions, from_sequence


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


def _always() -> str:
    return "yes"


def _toys() -> list[Entry]:
    def toy(
        name: str, about: str, outputs: int, make: Any, options: type = toys.ToyOptions
    ) -> Entry:
        inputs, target = ("1", Regression) if name == "sine" else ("2", Classes)
        shape = (inputs, str(outputs), "endless", "-")
        return Entry(name, Family.TOY, about, *shape, options, make, _always, target)

    def plain(name: str, world: worlds.World) -> Entry:
        return toy(name, world.about, world.classes, lambda _, text: toys.Toy(text, world))

    def blobs(options: toys.BlobsOptions, text: str) -> Task:
        return toys.Toy(text, worlds.blobs(options.classes))

    def spiral(options: toys.SpiralOptions, text: str) -> Task:
        return toys.Toy(text, worlds.spiral(options.arms, options.turns))

    def checkerboard(options: toys.CheckerboardOptions, text: str) -> Task:
        return toys.Toy(text, worlds.checkerboard(options.squares))

    about = "a sine of random amplitude: regression"
    return [
        *(plain(name, world) for name, world in worlds.WORLDS.items()),
        toy("blobs", "round clouds at random places", 5, blobs, toys.BlobsOptions),
        toy("spiral", "arms that wind around each other", 3, spiral, toys.SpiralOptions),
        toy(
            *("checkerboard", "squares of two classes in turn", 2),
            *(checkerboard, toys.CheckerboardOptions),
        ),
        toy("sine", about, 1, lambda _, text: toys.Sine(text)),
    ]


_TABLES = {
    "digits": ("1,797 digits of 8x8 pixels", "64", "10", "1,797"),
    "wine": ("three cultivars by chemistry", "13", "3", "178"),
    "breast-cancer": ("tumours by their cell nuclei", "30", "2", "569"),
    "iris": ("three species by four lengths", "4", "3", "150"),
}


def _tables() -> list[Entry]:
    def bundled(name: str) -> Entry:
        def make(options: Any, text: str) -> Task:
            return tabular.load(name, options, text)

        shape = (*_TABLES[name], "CC BY 4.0")
        options = tabular.DigitsOptions if name == "digits" else tabular.TableOptions
        return Entry(name, Family.TABLE, *shape, options, make, _always)

    def own(options: Any, text: str) -> Task:
        return dataclasses.replace(tabular.of_options(options), name=text)

    shape = ("your own table: csv:path=my.csv", "any", "any", "yours", "yours")
    csv = Entry("csv", Family.TABLE, *shape, tabular.CsvOptions, own, _always)
    return [*map(bundled, _TABLES), csv, _uci()]


def _uci() -> Entry:
    return Entry(
        "uci",
        Family.TABLE,
        "nine tables of the UCI repository: uci:abalone",
        "5 to 61",
        "1 to 8",
        "208 to 5,404",
        "CC BY 4.0",
        uci.UciOptions,
        uci.load,
        uci.at_hand,
        target_by=uci.target_of,
    )


def _class_tables() -> list[Entry]:
    def made(name: str, about: str, family: class_tables.Family) -> Entry:
        def make(options: Any, text: str) -> Task:
            return class_tables.ClassTable(text, family, options)

        shape, options = ("8", "2", "1,000 rows", "-"), class_tables.ClassTableOptions
        return Entry(name, Family.MADE, about, *shape, options, make, _always)

    return [made(name, *found) for name, found in class_tables.CLASS_FAMILIES.items()]


def _regressions() -> list[Entry]:
    def made(name: str, about: str, family: regressions.Family) -> Entry:
        def make(options: Any, text: str) -> Task:
            return regressions.TableFamily(text, family, options)

        shape, options = ("8", "1", "1,000 rows", "-"), regressions.RegressionOptions
        return Entry(name, Family.REGRESSION, about, *shape, options, make, _always, Regression)

    return [made(name, *found) for name, found in regressions.FAMILIES.items()]


def _coordinates() -> list[Entry]:
    def waves(options: Any, text: str) -> Task:
        return coordinates.Waves(text, options)

    family = Family.COORDINATES
    about = "a picture, by pixels: picture:china"
    shape = ("2", "3", "4,096 pixels", "CC BY 2.0", coordinates.PictureOptions)
    sines = ("1", "1", "256 points", "-", coordinates.WavesOptions)
    return [
        Entry("picture", family, about, *shape, coordinates.picture, _always, Signals),
        Entry("waves", family, "a sum of sines on a grid", *sines, waves, _always, Signals),
    ]


def _image(source: Source) -> Entry:
    first, last = source.labels
    side = f"{source.side}x{source.side}" + ("x3" if source.colour else "")
    return Entry(
        source.name,
        Family.IMAGE,
        source.about,
        side,
        str(last - first + 1),
        f"{source.train:,} + {source.test:,}",
        source.licence,
        images.ImageOptions,
        lambda options, text: images.load(source, options, text),
        lambda: _image_at_hand(source),
    )


def _image_at_hand(source: Source) -> str:
    try:
        found = images.at_hand(source)
    except BluraxError:
        return "damaged"
    if found == f"train={source.train},test={source.test}":
        return "yes"
    missing = found == "train=0,test=0"
    return _download(source.files) if missing else f"in part: {found.replace(',', ', ')}"


def _omniglot_at_hand() -> str:
    here = all(omniglot.find(number) for number in (0, 1))
    return "yes" if here else _download(OMNIGLOT_FILES)


def _download(files: tuple[Any, ...]) -> str:
    return f"no: {sum(file.megabytes for file in files):.0f} MB to download"


def _few_shot() -> Entry:
    return Entry(
        "omniglot",
        Family.FEW_SHOT,
        "10 of 1,623 handwritten characters",
        "28x28",
        "10",
        "19,280 + 13,180",
        "MIT",
        omniglot.OmniglotOptions,
        omniglot.load,
        _omniglot_at_hand,
    )


_SEQUENCES = {
    "delayed-bit": ("a bit to remember through noise", "1", "2", sequences.DelayedBit, Classes),
    "adding": ("the sum of two marked numbers: regression", "2", "1", sequences.Adding, Regression),
    "text": ("the next character of plain English", "33", "33", sequences.Text, Classes),
}


def _sequences() -> list[Entry]:
    def made(
        name: str, about: str, inputs: str, outputs: str, options: type, target: type[Target]
    ) -> Entry:
        stored = name == "text"
        return Entry(
            name,
            Family.SEQUENCE,
            about,
            f"{inputs} in time",
            outputs,
            "521 of 20" if stored else "endless",
            "Apache-2.0" if stored else "-",
            options,
            lambda options, text: options.task(text),
            _always,
            target,
        )

    return [made(name, *found) for name, found in _SEQUENCES.items()]


def _graphs() -> Entry:
    return Entry(
        "graphs",
        Family.GRAPH,
        "five made sets of graphs to tell apart: graphs:csl",
        "16 to 132 nodes",
        "2 to 10",
        "150 to 1,200",
        "-",
        made_graphs.GraphOptions,
        made_graphs.load,
        _always,
        augmentable=False,
    )


TASKS: dict[str, Entry] = {
    entry.name: entry
    for entry in (
        *_toys(),
        *_tables(),
        *_class_tables(),
        *_regressions(),
        *_coordinates(),
        *(_image(source) for source in SOURCES.values()),
        _few_shot(),
        *_sequences(),
        _graphs(),
    )
}
"""Every task by name."""


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
        _always,
        type(task.target),
    )


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
