"""What figures compute with: runs and measurements that are kept, so that nothing is done twice."""

import dataclasses
import io as memory
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from blurax import io
from blurax.errors import BluraxError, require
from blurax.frozen import to_json
from blurax.genome import Genome
from blurax.outer import run
from blurax.outer.config import MetaTrain
from blurax.version import __version__

Log = Callable[[str], None]
Arrays = dict[str, np.ndarray]

SETTING, GENOMES, CELLS = "setting.json", "genomes", "cells"


@dataclasses.dataclass(frozen=True)
class Work:
    """The directory of a figure's measurements, and that of the genomes all figures share."""

    figure: str
    budget: str
    home: Path
    """Of all figures of a budget."""
    setting: Any
    """All that decides the figure's numbers."""
    trainings: Mapping[str, MetaTrain]
    log: Log = lambda text: None
    finished: set[str] = dataclasses.field(default_factory=set)
    """The runs that are known to be at their end."""

    @property
    def directory(self) -> Path:
        """Of this figure."""
        return self.home / f"figure-{self.figure}"

    def begin(self) -> None:
        """Make the directory, or check that it holds this very figure.

        Raises:
            BluraxError: if it holds one of other settings or another version.
        """
        path = self.directory / SETTING
        runs = {name: to_json(config) for name, config in self.trainings.items()}
        wanted = {"version": __version__, "setting": to_json(self.setting), "trainings": runs}
        if not io.exists(path):
            io.write_json(path, wanted)
            return
        try:
            same = io.read_json(path) == wanted
        except BluraxError:
            same = False
        require(
            same,
            f"{self.directory} holds figure {self.figure} of another version or other settings; "
            "--redo computes it anew, --directory takes another place.",
        )

    def trained(self, name: str) -> Path:
        """The directory of a finished run: found, continued or begun.

        Raises:
            BluraxError: if there is a run of this name with another configuration, or another
                process trains it.
        """
        directory, config = self.home / GENOMES / name, self.trainings[name]
        if name in self.finished:
            return directory
        new = not run.is_under_way(directory)
        run.start_unless_under_way(config, directory, "--redo begins it anew")
        if new:
            self.log(f"meta-training {name}")

        def callback(step: run.Progress) -> None:
            best = f", best {100 * step.score:.1f} %" if step.score >= 0 else ""
            self.log(f"meta-training {name}: {step.step} of {step.meta_steps}{best}")

        run.advance(directory, callback)
        self.finished.add(name)
        return directory

    def genome(self, name: str) -> Genome:
        """The best genome of a run."""
        return io.load_genome(self.trained(name) / "best.safetensors")[0]

    def score(self, name: str, compute: Callable[[], np.ndarray]) -> np.ndarray:
        """A cell of one array."""
        return self.cell(name, lambda: {"score": compute()})["score"]

    def cell(self, name: str, compute: Callable[[], Arrays]) -> Arrays:
        """Arrays that are computed once and kept.

        Raises:
            BluraxError: if the file that keeps them is damaged.
        """
        path = self.directory / CELLS / f"{name}.npz"
        if not io.exists(path):
            self.log(name)
            buffer = memory.BytesIO()
            np.savez_compressed(buffer, allow_pickle=False, **compute())
            io.write_bytes(path, buffer.getvalue())
        try:
            return io.read_arrays(path)
        except BluraxError as error:
            raise BluraxError(f"{path} is damaged; remove it, and it is measured again.") from error


def keyed(*names: str) -> jax.Array:
    """A random key that depends on names alone: all learners of a task meet the same episodes."""
    return jax.random.key(zlib.crc32(" ".join(names).encode()))


def cell_name(*parts: object) -> str:
    """The name of a cell, as a file can have it."""
    return "--".join(
        str(part).replace(":", "_").replace("=", "").replace("/", "_") for part in parts
    )
