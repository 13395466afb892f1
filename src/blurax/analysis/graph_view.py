"""Graphs of a task, drawn: nodes by their label, edges, and the class of each."""

import numpy as np
from jaxtyping import Int

from blurax.analysis import style
from blurax.links import Indexed
from blurax.links.by_rule import DISTANCE, LABEL
from blurax.tasks import Episode

MOST = 8
"""Graphs side by side and below each other, in two rows."""


def is_drawn(episode: Episode) -> bool:
    """Whether the inputs of an episode are graphs."""
    return isinstance(episode.x, Indexed) and {LABEL, DISTANCE} <= {*episode.x.index}


def draw_graphs(part: style.Canvas, episode: Episode) -> None:
    """A panel of graphs, first one of each class, then others."""
    labels, distances = (np.asarray(episode.x.index[n][0]) for n in (LABEL, DISTANCE))
    classes = np.asarray(episode.y[0]).argmax(-1)
    first = np.unique(classes, return_index=True)[1]
    order = [*first, *np.setdiff1d(np.arange(len(classes)), first)][:MOST]
    panels = part.subplots(2, MOST // 2, squeeze=False).ravel()
    for axes in panels:
        axes.set_axis_off()
        axes.set_aspect("equal")
    for axes, n in zip(panels, order, strict=False):
        there = labels[n] >= 0
        own, apart = labels[n][there], distances[n][there][:, there]
        places = _places(apart)
        for edge in np.argwhere(np.triu(apart == 1)):
            axes.plot(*places[edge].T, color="0.6", linewidth=0.7, zorder=1)
        colours = [style.PALETTE[label % len(style.PALETTE)] for label in own]
        axes.scatter(*places.T, c=colours, s=12, zorder=2)
        axes.set_title(f"class {classes[n]}", loc="left", fontsize=style.SMALL)


def _places(apart: Int[np.ndarray, "n n"]) -> np.ndarray:
    """Where nodes are drawn: by classical scaling of their distances."""
    far = np.where(apart < 0, apart.max() + 1, apart).astype(float)
    centred = -0.5 * (far**2 - (far**2).mean(0) - (far**2).mean(1)[:, None] + (far**2).mean())
    values, vectors = np.linalg.eigh(centred)
    kept = np.sqrt(np.maximum(values[-2:], 0)) * vectors[:, -2:]
    return np.pad(kept, ((0, 0), (0, 2 - kept.shape[1])))
