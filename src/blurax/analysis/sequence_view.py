"""What sequences look like: time runs downwards, inputs across, and the answer stands above."""

import numpy as np

from blurax.analysis import style
from blurax.tasks import Episode, Target

SEQUENCES = 8
"""Side by side."""
LABELLED = 40
"""Time steps that are labelled one by one."""


def draw_sequences(
    part: style.Canvas, episode: Episode, target: Target, names: list[str], height: float
) -> None:
    """The first examples of an episode, each as a picture `[time, inputs]`.

    What is asked for at the last time step stands above it; where every time step has a target,
    they stand beside it, each at its own.

    Args:
        names: of the classes.
        height: of the part, in pixels.
    """
    x, y = np.asarray(episode.x[0], float), np.asarray(episode.y[0])
    x = x.reshape(*x.shape[:2], -1)[:, :SEQUENCES]
    low, high = np.quantile(x, (0.01, 0.99))
    for example, axes in enumerate(part.subplots(1, x.shape[1], squeeze=False)[0]):
        shade = {"vmin": low, "vmax": max(high, low + 1e-9), "cmap": "gray", "aspect": "auto"}
        axes.imshow(x[:, example], interpolation="nearest", **shade)
        said = [_answer(one, target, names) for one in y[:, example]]
        axes.set_title(said[-1] if len(said) == 1 else "", fontsize=style.SMALL, parse_math=False)
        said = said if len(said) == len(x) <= LABELLED else []
        axes.set_yticks(range(len(said)), said, parse_math=False)
        axes.tick_params(labelsize=min(style.SMALL, 0.5 * height / len(x)), length=0)
        axes.set_xticks([])
        axes.spines[:].set_visible(False)


def _answer(y: np.ndarray, target: Target, names: list[str]) -> str:
    """What one example is to be answered with, in a word."""
    if target.classes:
        return names[int(y.argmax()) if len(y) > 1 else int(y[0] > 0)]
    return ", ".join(f"{value:.2f}" for value in y.ravel()[:2])
