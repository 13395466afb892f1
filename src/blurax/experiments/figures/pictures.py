"""Figure 11: the data sets, at the two sizes."""

import dataclasses
import math
from typing import Any, ClassVar

import jax
import numpy as np

from blurax.experiments.figures.figure import Budget, Figure
from blurax.experiments.figures.work import Work, keyed
from blurax.findings import Claim, Findings, Image
from blurax.outer.config import MetaTrain
from blurax.tasks import EpisodeSpec, Split, get


@dataclasses.dataclass(frozen=True)
class Setting:
    """Figure 11."""

    sets: tuple[tuple[str, str], ...]
    """Each at its full size, and small."""
    across: int = 8


SETS = (
    ("mnist", "mnist:crop=20,size=10"),
    ("fashion-mnist", "fashion-mnist:size=10"),
    ("kmnist:train=0", "kmnist:train=0,size=10"),
    (
        "emnist-letters:train=0,test=14800,classes=10-19",
        "emnist-letters:train=0,test=14800,classes=10-19,size=10",
    ),
    ("emnist-byclass:train=0", "emnist-byclass:train=0,size=10"),
    ("cifar10:train=8000,test=2000,grey", "cifar10:train=8000,test=2000,grey,size=10"),
    ("omniglot", "omniglot:size=10"),
)


class Pictures(Figure):
    """A row of examples of every set."""

    name = "11"
    title = "The data sets at full size and small"
    settings: ClassVar[dict[Budget, Any]] = {
        Budget.SMOKE: Setting((("digits", "digits"),), 4),
        Budget.CPU: Setting(SETS),
        Budget.PAPER: Setting(SETS),
    }

    def trainings(self, setting: Setting) -> dict[str, MetaTrain]:
        """Nothing is learned."""
        return {}

    def measure(self, setting: Setting, work: Work) -> Findings:
        """The first test examples of each set."""
        images = tuple(
            Image(name, tuple(tuple(row) for row in _strip(name, setting.across).tolist()))
            for pair in setting.sets
            for name in pair
        )
        return self.found(work, f"{setting.across} test examples of each.", images=images)

    def claims(self, found: Findings) -> tuple[Claim, ...]:
        """Nothing is claimed but that there is something to see."""
        sizes = [len(image.values) for image in found.images]
        contrast = [float(np.std(np.asarray(image.values))) for image in found.images]
        return (
            Claim(
                "Every set can be seen at both sizes.",
                min(contrast) > 0.05,
                f"{len(sizes)} rows, {min(sizes)} to {max(sizes)} pixels high",
            ),
        )


def _strip(name: str, across: int) -> np.ndarray:
    """Examples side by side, from 0 to 1."""
    task = get(name)
    episode = task.sample(keyed(name.split(":")[0]), EpisodeSpec(1, across, across), Split.TEST)
    x = np.asarray(jax.device_get(episode.x[0]))
    side = math.isqrt(task.features)  # digits are rows
    low, high = x.min(), x.max()
    grey = np.round((x.reshape(across, side, side) - low) / (high - low), 2)
    return np.concatenate(list(grey), axis=1)
