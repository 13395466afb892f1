"""Every task by name, with its entry."""

import dataclasses
from typing import Any

from blurax.errors import BluraxError
from blurax.targets import Classes, Regression, Signals, Target
from blurax.tasks import (
    class_tables,
    coordinates,
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
from blurax.tasks.base import Task
from blurax.tasks.entries import Entry, Family
from blurax.tasks.sources import OMNIGLOT_FILES, SOURCES, Source


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
