"""What a task looks like: a table of all tasks for the terminal, a contact sheet of one."""

import math
import os
from collections.abc import Iterable
from pathlib import Path

import equinox as eqx
import jax
import numpy as np
from matplotlib.axes import Axes
from rich.table import Table
from sklearn.decomposition import PCA

from blurax.analysis import style
from blurax.tasks import (
    Augmented,
    Entry,
    Episode,
    EpisodeSpec,
    Kind,
    Mixture,
    Split,
    Task,
    Toy,
)

GRID = 300
"""Points of a side of the dense grid beside a toy's data."""
REACH = {False: 1.0, True: 1.3}
"""Half the side of a toy's picture: of the square points are drawn in, or with clouds around it."""
COLUMNS, ROWS = 12, 21
"""Images of a class side by side, classes below each other."""
SPEC = EpisodeSpec(steps=1, batch=3000, query=1)
WIDE = 120
"""Characters of a terminal with room for descriptions."""
EXAMPLES = 500
"""Points in a scatter plot."""


def task_table(entries: Iterable[Entry], width: int) -> Table:
    """All tasks with their shapes, sizes and licences, and whether the data is at hand.

    Args:
        width: of the terminal, in characters; a narrow one gets no descriptions.
    """
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("task", no_wrap=True)
    if width >= WIDE:
        table.add_column("what it is")
    table.add_column("inputs", justify="right", no_wrap=True)
    table.add_column("outputs", justify="right", no_wrap=True)
    for name in ("examples", "licence", "at hand"):
        table.add_column(name)
    family = None
    for entry in entries:
        if family not in (None, entry.family):
            table.add_row()
        family = entry.family
        table.add_row(
            f"[bold]{entry.name}[/bold]",
            *([entry.about] if width >= WIDE else []),
            entry.inputs,
            entry.outputs,
            entry.examples,
            entry.licence,
            entry.at_hand(),
        )
    return table


def draw_task(task: Task, path: str | os.PathLike[str], seed: int = 0) -> Path:
    """Draw a contact sheet of a task's training examples, as its episodes show them.

    Raises:
        BluraxError: if the file cannot be written.
    """
    keys = [jax.random.fold_in(jax.random.key(seed), n) for n in range(_episodes(task))]
    sample = eqx.filter_jit(lambda task, key: task.sample(key, SPEC, Split.TRAIN))
    episodes = [sample(task, key) for key in keys]
    side, colours = _image(task)
    if side:
        return style.save(_image_sheets(task, episodes, side, colours), path)
    if task.kind is Kind.NUMBERS:
        return style.save(_curves(task, episodes), path)
    figure = style.new_figure(900, 40 + 400 * len(keys), _title(task))
    parts = style.stacked(figure, *[1.0] * len(keys))
    for part, key, episode in zip(parts, keys, episodes, strict=True):
        _points(part, task, key, episode)
    return style.save(figure, path)


def _title(task: Task) -> str:
    words = {Kind.CLASSES: "classes", Kind.NUMBERS: "number to predict"}
    inputs = "1 input" if task.features == 1 else f"{task.features} inputs"
    return f"{task.name}: {inputs}, {task.outputs} {words[task.kind]}"


def _episodes(task: Task) -> int:
    """How many episodes show what differs between them."""
    varies = task.kind is Kind.NUMBERS or (isinstance(task, Toy) and task.world.varies)
    return 3 if varies or isinstance(task, Augmented | Mixture) else 1


def _image(task: Task) -> tuple[int, int]:
    """Pixels of a side and colours, if the inputs can be an image; else 0 and 0."""
    for colours in (1, 3):
        side = math.isqrt(task.features // colours)
        if side >= 5 and side * side * colours == task.features:
            return side, colours
    return 0, 0


def _labels(episode: Episode) -> np.ndarray:
    y = np.asarray(episode.y[0])
    return (y[:, 0] > 0).astype(int) if y.shape[1] == 1 else y.argmax(1)


def _image_sheets(task: Task, episodes: list[Episode], side: int, colours: int) -> style.Figure:
    blocks = -(-task.outputs // ROWS)
    rows = -(-task.outputs // blocks)
    figure = style.new_figure(1100, 80 + round(len(episodes) * rows * 1000 / COLUMNS), _title(task))
    sheets = style.stacked(figure, *[1.0] * len(episodes))
    for part, episode in zip(sheets, episodes, strict=True):
        axes = np.atleast_1d(part.subplots(1, blocks))
        for block, place in enumerate(axes):
            outputs = range(block * rows, min((block + 1) * rows, task.outputs))
            _sheet(place, episode, outputs, COLUMNS // blocks, side, colours)
    return figure


def _sheet(
    axes: Axes, episode: Episode, outputs: range, columns: int, side: int, colours: int
) -> None:
    """A row of images for each output, with a pixel of paper between them."""
    x, labels = np.asarray(episode.x[0], np.float64), _labels(episode)
    low, high = np.quantile(x, (0.001, 0.999))
    shades = np.clip((x - low) / max(high - low, 1e-9), 0, 1)
    paper = np.ones((len(outputs) * (side + 1), columns * (side + 1), colours))
    for row, output in enumerate(outputs):
        for column, example in enumerate(np.flatnonzero(labels == output)[:columns]):
            top, left = row * (side + 1), column * (side + 1)
            image = shades[example].reshape(side, side, colours)
            paper[top : top + side, left : left + side] = image
    axes.imshow(paper if colours == 3 else paper[..., 0], cmap="gray", vmin=0, vmax=1)
    axes.set_yticks([(row + 0.5) * (side + 1) for row in range(len(outputs))], map(str, outputs))
    axes.tick_params(labelsize=style.SMALL, length=0)
    axes.set_xticks([])
    axes.spines[:].set_visible(False)
    axes.set_ylabel("output", fontsize=style.TEXT, color=style.INK)


def _curves(task: Task, episodes: list[Episode]) -> style.Figure:
    """The numbers to predict against the first input, each episode in a colour of its own."""
    figure = style.new_figure(900, 440, _title(task))
    axes = figure.subplots()
    for number, episode in enumerate(episodes):
        x, y = np.asarray(episode.x[0])[:EXAMPLES], np.asarray(episode.y[0])[:EXAMPLES]
        colour, marker = _look(number)
        axes.plot(x[:, 0], y[:, 0], marker, color=colour, markersize=4, label=f"episode {number}")
    axes.legend(fontsize=style.SMALL, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    style.tidy(axes, "input", "number to predict")
    return figure


def _points(part: style.Canvas, task: Task, key: jax.Array, episode: Episode) -> None:
    """A panel of an episode's examples, and for a toy the class of every point beside it."""
    x = np.asarray(episode.x[0])[:EXAMPLES]
    labels = _labels(episode)[:EXAMPLES]
    if task.features != 2:
        axes = part.subplots(1, 1)
        _scatter(axes, PCA(2).fit_transform(x), labels)
        style.tidy(axes, "first principal component", "second")
        return
    left, right = part.subplots(1, 2)
    _scatter(left, x, labels)
    style.tidy(left, "input 1", "input 2")
    left.set_title("examples", loc="left", fontsize=style.SMALL)
    if not isinstance(task, Toy):
        right.remove()
        return
    reach = REACH[task.world.cloud is not None]
    line = (np.arange(GRID) + 0.5) / GRID * 2 * reach - reach
    points = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    classes = np.asarray(task.grid(key, jax.numpy.asarray(points, float)))
    colours = np.array([style.rgb(_look(c)[0]) for c in range(task.outputs)])
    picture = colours[classes].reshape(GRID, GRID, 3)
    right.imshow(picture, origin="lower", extent=(-reach, reach, -reach, reach))
    style.tidy(right, "input 1", "input 2")
    right.grid(False)
    right.set_title("the class of every point", loc="left", fontsize=style.SMALL)
    for axes in (left, right):
        axes.set_xlim(-reach, reach)
        axes.set_ylim(-reach, reach)
        axes.set_aspect("equal")


def _scatter(axes: Axes, points: np.ndarray, labels: np.ndarray) -> None:
    for label in np.unique(labels):
        colour, marker = _look(int(label))
        mine = points[labels == label]
        axes.plot(
            mine[:, 0], mine[:, 1], marker, color=colour, markersize=5, label=f"class {label}"
        )
    axes.legend(fontsize=style.SMALL, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _look(label: int) -> tuple[str, str]:
    """Colour and marker of a class; beyond the palette a colour returns with another marker."""
    size = len(style.PALETTE)
    return style.PALETTE[label % size], style.MARKERS[(label + label // size) % size]
