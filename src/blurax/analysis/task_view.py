"""What a task looks like: a table of all tasks for the terminal, a contact sheet of one."""

import dataclasses
import math
import os
from collections.abc import Iterable
from pathlib import Path

import equinox as eqx
import jax
import numpy as np
from matplotlib.axes import Axes
from rich.table import Table
from rich.text import Text

from blurax.analysis import style
from blurax.analysis.graph_view import draw_graphs, is_drawn
from blurax.analysis.plain import message
from blurax.analysis.sequence_view import draw_sequences
from blurax.capacity import check_drawing
from blurax.tasks import (
    ArrayTask,
    Augmented,
    Entry,
    Episode,
    EpisodeSpec,
    Mixture,
    SequenceTask,
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
WIDE = 132
"""Characters of a terminal with room for descriptions."""
LEGEND = 36
"""Classes that a legend names."""
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
            Text(entry.name, "bold"),
            *([entry.about] if width >= WIDE else []),
            entry.inputs,
            entry.outputs,
            entry.examples,
            entry.licence,
            entry.at_hand(),
        )
    return table


@dataclasses.dataclass(frozen=True)
class _Shown:
    """One episode to draw."""

    task: Task
    title: str
    key: jax.Array
    episode: Episode


def draw_task(task: Task, path: str | os.PathLike[str]) -> Path:
    """Draw a contact sheet of a task's training examples, as its episodes show them.

    A mixture shows each of its parts; a task whose episodes differ shows three of them.

    Raises:
        BluraxError: if the file cannot be written.
    """
    shown = _shown(task, jax.random.key(0))
    if not task.target.classes and task.time is None:
        return style.save(_curves(task, shown), path)
    looks = [_image(one.task) for one in shown]
    heights = [
        60 + _rows(one.task)[1] * 1000 / COLUMNS if side else 420.0
        for one, (side, _) in zip(shown, looks, strict=True)
    ]
    width = 1100 if any(side for side, _ in looks) else 900
    figure = style.new_figure(width, round(40 + sum(heights)), _title(task))
    parts = style.stacked(figure, *heights)
    for part, one, (side, colours) in zip(parts, shown, looks, strict=True):
        if len(shown) > 1:
            style.heading(part, one.title)
        if one.task.time is not None:
            draw_sequences(part, one.episode, one.task.target, _names(one.task), 420.0)
        elif is_drawn(one.episode):
            draw_graphs(part, one.episode)
        elif side:
            _image_sheet(part, one, side, colours)
        else:
            _points(part, one)
    return style.save(figure, path)


def _shown(task: Task, key: jax.Array) -> list[_Shown]:
    """The episodes that show what a task is."""

    def draw(one: Task, number: int) -> Episode:
        check_drawing(one, SPEC, Split.TRAIN)
        sample = eqx.filter_jit(lambda task, key: task.sample(key, SPEC, Split.TRAIN))
        return sample(one, jax.random.fold_in(key, number))

    if isinstance(task, Mixture):
        named = [(part, part.name) for part in task.tasks]
    elif isinstance(task, ArrayTask | SequenceTask) or (task.target.classes and not _varies(task)):
        named = [(task, "")]
    else:
        named = [(task, f"episode {number}") for number in range(1, 4)]
    return [
        _Shown(one, title, jax.random.fold_in(key, number), draw(one, number))
        for number, (one, title) in enumerate(named)
    ]


def _varies(task: Task) -> bool:
    """Whether its episodes differ in more than their examples."""
    return isinstance(task, Augmented) or (isinstance(task, Toy) and task.world.varies)


def _title(task: Task) -> str:
    inputs = "1 input" if task.features == 1 else f"{task.features} inputs"
    outputs = "1 output" if task.outputs == 1 else f"{task.outputs} outputs"
    time = "" if task.time is None else f", {task.time} time steps"
    return f"{task.name}: {inputs}, {outputs}{time}"


def _image(task: Task) -> tuple[int, int]:
    """Pixels of a side and colours, if the inputs can be an image; else 0 and 0."""
    if task.time is not None or not task.augmentable:
        return 0, 0
    if isinstance(task, Augmented):
        hidden = task.augment.project is not None or task.augment.permute_inputs
        return (0, 0) if hidden else _image(task.task)
    for colours in (1, 3):
        side = math.isqrt(task.features // colours)
        if side >= 5 and side * side * colours == task.features:
            return side, colours
    return 0, 0


def _labels(episode: Episode) -> np.ndarray:
    y = np.asarray(episode.y[0])
    return (y[:, 0] > 0).astype(int) if y.shape[1] == 1 else y.argmax(1)


def _rows_of(one: _Shown) -> np.ndarray:
    x = np.asarray(one.episode.x[0])
    return x.reshape(len(x), -1)


def _names(task: Task) -> list[str]:
    """What the classes are called."""
    if isinstance(task, SequenceTask):
        return _names(task.task)
    if isinstance(task, ArrayTask) and task.class_names:
        return list(map(message, task.class_names))
    return [f"class {number}" for number in range(task.target.classes)]


def _rows(task: Task) -> tuple[int, int]:
    """How many blocks side by side hold the classes, and how many rows each has."""
    classes = task.target.classes
    blocks = -(-classes // ROWS)
    return blocks, -(-classes // blocks)


def _image_sheet(part: style.Canvas, one: _Shown, side: int, colours: int) -> None:
    """A row of images for each class, in blocks side by side."""
    blocks, rows = _rows(one.task)
    names = _names(one.task)
    for block, axes in enumerate(np.atleast_1d(part.subplots(1, blocks))):
        classes = range(block * rows, min((block + 1) * rows, len(names)))
        paper = _paper(one.episode, classes, COLUMNS // blocks, side, colours)
        axes.imshow(paper if colours == 3 else paper[..., 0], cmap="gray", vmin=0, vmax=1)
        middles = [(row + 0.5) * (side + 1) for row in range(len(classes))]
        axes.set_yticks(middles, [names[c] for c in classes], parse_math=False)
        axes.tick_params(labelsize=style.SMALL, length=0)
        axes.set_xticks([])
        axes.spines[:].set_visible(False)


def _paper(episode: Episode, classes: range, columns: int, side: int, colours: int) -> np.ndarray:
    """Images of some classes, no image twice, with a pixel of paper between them."""
    x, first = np.unique(np.asarray(episode.x[0], np.float64), axis=0, return_index=True)
    order = np.argsort(first)
    x, labels = x[order], _labels(episode)[first[order]]
    low, high = np.quantile(x, (0.02, 0.98))
    shades = np.clip((x - low) / max(high - low, 1e-9), 0, 1).reshape(-1, side, side, colours)
    paper = np.ones((len(classes) * (side + 1), columns * (side + 1), colours))
    for row, label in enumerate(classes):
        for column, example in enumerate(np.flatnonzero(labels == label)[:columns]):
            top, left = row * (side + 1), column * (side + 1)
            paper[top : top + side, left : left + side] = shades[example]
    return paper


def _curves(task: Task, shown: list[_Shown]) -> style.Figure:
    """The numbers to predict, each episode and each output in a colour of its own.

    Against the only input, or the first principal component of several.
    """
    figure = style.new_figure(900, 440, _title(task))
    axes = figure.subplots()
    series = [(one, output) for one in shown for output in range(task.outputs)]
    for number, (one, output) in enumerate(series[:LEGEND]):
        x, y = _rows_of(one)[:EXAMPLES], np.asarray(one.episode.y[0])[:EXAMPLES]
        place = _components(x, 1)[:, 0] if task.features > 1 else x[:, 0]
        colour, marker = style.look(number)
        several = f"output {output + 1}" if task.outputs > 1 else ""
        label = ", ".join(filter(None, (one.title, several)))
        axes.plot(place, y[:, output], marker, color=colour, markersize=4, label=label)
    if len(series) > 1:
        _legend(axes)
    across = "first principal component" if task.features > 1 else "input"
    style.tidy(axes, across, "number to predict")
    return figure


def _components(x: np.ndarray, most: int) -> np.ndarray:
    """The first principal components."""
    from sklearn.decomposition import PCA  # imported when used: it takes a second

    return PCA(most).fit_transform(x)


def _points(part: style.Canvas, one: _Shown) -> None:
    """A panel of an episode's examples, and for a toy the class of every point beside it."""
    task, names = one.task, _names(one.task)
    x, labels = _rows_of(one)[:EXAMPLES], _labels(one.episode)[:EXAMPLES]
    if not isinstance(task, Toy):
        axes, words = part.subplots(1, 1), ("input 1", "input 2")
        if task.features == 1:
            spread = np.random.default_rng(0).uniform(-1, 1, len(x))
            x, words = np.stack([x[:, 0], spread], axis=1), ("input", "spread at random")
        elif task.features > 2:
            x, words = _components(x, 2), ("first principal component", "second")
        _scatter(axes, x, labels, names)
        style.tidy(axes, *words)
        return
    left, right = part.subplots(1, 2)
    _scatter(left, x, labels, names)
    style.tidy(left, "input 1", "input 2")
    left.set_title("examples", loc="left", fontsize=style.SMALL)
    reach = REACH[task.world.cloud is not None]
    line = (np.arange(GRID) + 0.5) / GRID * 2 * reach - reach
    points = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    classes = np.asarray(task.grid(one.key, jax.numpy.asarray(points, float)))
    colours = np.array([style.rgb(style.look(c)[0]) for c in range(task.outputs)])
    picture = colours[classes].reshape(GRID, GRID, 3)
    right.imshow(picture, origin="lower", extent=(-reach, reach, -reach, reach))
    style.tidy(right, "input 1", "input 2")
    right.grid(False)
    right.set_title("the class of every point", loc="left", fontsize=style.SMALL)
    for axes in (left, right):
        axes.set_xlim(-reach, reach)
        axes.set_ylim(-reach, reach)
        axes.set_aspect("equal")


def _scatter(axes: Axes, points: np.ndarray, labels: np.ndarray, names: list[str]) -> None:
    for label in np.unique(labels):
        colour, marker = style.look(int(label))
        mine = points[labels == label]
        axes.plot(*mine.T, marker, color=colour, markersize=5, label=names[label])
    _legend(axes)


def _legend(axes: Axes) -> None:
    """Beside the axes, in as many columns as keep it as high as they are."""
    handles, names = axes.get_legend_handles_labels()
    axes.legend(
        handles[:LEGEND],
        [name[:20] for name in names[:LEGEND]],
        fontsize=style.SMALL,
        frameon=False,
        loc="upper left",
        bbox_to_anchor=(1.0, 1.0),
        ncols=-(-min(len(names), LEGEND) // 12),
    )
