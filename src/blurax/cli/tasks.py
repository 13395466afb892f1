"""`blurax tasks`: what there is to learn from, and what it looks like."""

import dataclasses
import enum
import zlib
from pathlib import Path

import docstring_parser
import tyro
from rich.console import Console
from rich.table import Table
from rich.text import Text

from blurax import io
from blurax.analysis.plain import message, printable
from blurax.analysis.task_view import draw_task, task_table
from blurax.cli.terminal import Terminal
from blurax.errors import BluraxError, require
from blurax.tasks import TASKS, Augment, Entry, entry, get
from blurax.tasks.augment import OF_LABELS
from blurax.tasks.fetch import VARIABLE, cache_folder, data_folder
from blurax.tasks.grammar import parse

LONGEST = 80
"""Characters of a task's name in the name of a file."""


def tasks(words: tyro.conf.Positional[tuple[str, ...]] = (), directory: Path = Path(".")) -> None:
    """List all tasks, or draw some: blurax tasks show xor mnist:size=10.

    Args:
        words: Nothing to list all tasks; show and the names of tasks, with their options, to draw a
            contact sheet of each.
        directory: Where the pictures go.
    """
    if words[:1] == ("show",):
        show_tasks(Terminal(), words[1:], directory)
    else:
        require(
            words in ((), ("list",)),
            f"blurax tasks {' '.join(words)} is not understood; blurax tasks lists all tasks, and "
            "blurax tasks show NAME draws one.",
        )
        list_tasks(Terminal())


def list_tasks(console: Console) -> None:
    """Print all tasks."""
    console.print(task_table(list(TASKS.values()), console.width))
    named = data_folder()
    console.print(
        f"\nData is looked for in {VARIABLE} ({named or 'not set'}), then in {cache_folder()}, and "
        "else downloaded there.\nA task takes options, such as mnist:size=10,classes=0-4; "
        "xor@2+and is a mixture; blurax tasks show NAME draws one and lists its options."
    )


def show_tasks(console: Console, names: tuple[str, ...], directory: Path) -> None:
    """Draw a contact sheet of each task, and print what it is and takes.

    Raises:
        BluraxError: for no name or an unknown one; for a task that cannot be had, after the others
            have been drawn.
    """
    require(len(names) > 0, "blurax tasks show takes the name of a task, such as xor.")
    entries = {item.name: entry(item.name) for name in names for item in parse(name)}
    for found in entries.values():
        console.print(Text.assemble((found.name, "bold"), f": {_about(found)}"))
        if dataclasses.fields(found.options):
            console.print(_options(found.options))
    unfit = [found.unfit for found in entries.values()]
    console.print(Text.assemble(("Every task", "bold"), " can be augmented, anew in each episode:"))
    console.print(_options(Augment, min(unfit, key=len, default=())))
    if any(unfit) and not all(unfit):
        known = " and ".join(name.replace("_", "-") for name in OF_LABELS)
        console.print(f"Of these, tasks of graphs take {known} alone.")
    io.check_directory(directory, [f"{file_name(name)}.png" for name in names])
    failed: list[BluraxError] = []
    for name in names:
        try:
            task = get(name)
            picture = draw_task(task, directory / f"{file_name(name)}.png")
        except BluraxError as error:
            failed.append(error)
            continue
        image = f" ({'x'.join(map(str, task.input_shape))})" if len(task.input_shape) > 1 else ""
        shape = f"inputs {task.features}{image}, outputs {task.outputs}"
        shape += "" if task.time is None else f", time steps {task.time}"
        console.print(
            f"{message(name)}: {shape}; picture: {printable(str(picture))}", soft_wrap=True
        )
    for error in failed[:-1]:
        console.print(message(str(error)))
    if failed:
        raise failed[-1]


def _about(found: Entry) -> str:
    return f"{found.about}; examples: {found.examples}; licence: {found.licence}"


def _options(kind: type, unfit: tuple[str, ...] = ()) -> Table:
    """Every option with its default and, from the docstring, its meaning.

    Args:
        unfit: fields that are none here.
    """
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("option", no_wrap=True)
    table.add_column("default", no_wrap=True)
    table.add_column("meaning")
    says = {p.arg_name: p.description for p in docstring_parser.parse_from_object(kind).params}
    for field in (field for field in dataclasses.fields(kind) if field.name not in unfit):
        meaning = " ".join((says.get(field.name) or "").split())
        if isinstance(field.default, enum.Enum):
            choices = ", ".join(str(choice.value) for choice in type(field.default))
            meaning += f" One of {choices}."
        table.add_row(field.name.replace("_", "-"), _default(field.default), meaning)
    return table


def _default(value: object) -> str:
    if value is None or value in ((), ""):
        return "-"
    return str(value).lower() if isinstance(value, bool) else str(value)


def file_name(name: str) -> str:
    """A task's name as part of a file's name: only letters, digits and - + . = stay.

    A long one ends in a checksum, so that no two that differ late share a file.
    """
    kept = "".join(c if c.isalnum() or c in "-+.=" else "_" for c in name)
    if len(kept) > LONGEST:
        kept = f"{kept[: LONGEST - 9]}-{zlib.crc32(name.encode()):08x}"
    return kept.strip("._-") or "task"
