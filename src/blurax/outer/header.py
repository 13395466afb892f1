"""What a run directory says: its configuration, and the best that it found."""

import dataclasses
from pathlib import Path
from typing import Any

from blurax import io
from blurax.errors import BluraxError, require
from blurax.genome import Genome
from blurax.learner import Learner
from blurax.outer.config import MetaTrain
from blurax.outer.journal import provenance
from blurax.outer.methods import Method
from blurax.outer.repair import BEST, CONFIG, START, config_of
from blurax.outer.start import Given


@dataclasses.dataclass(frozen=True)
class Result:
    """What a run found."""

    directory: Path
    numbers: Any
    """The meta-parameters with the best validation score, or the last (`MetaTrain.keep_last`)."""
    score: float
    """Validation accuracy after the last inner step, the mean over tasks and networks."""
    learner: Learner | None = None
    """The learner with these numbers, where the run was one of a learner."""

    @property
    def genome(self) -> Genome:
        """The best genome.

        Raises:
            BluraxError: of a run of a learner, which has none.
        """
        require(
            self.learner is None, f"{self.directory} is a run of a learner: see Result.learner."
        )
        return self.numbers


def read_config(
    directory: Path, method: type[Method] | None = None
) -> tuple[MetaTrain, dict[str, Any]]:
    """The configuration of a run, and the header it stands in.

    Args:
        method: the class of its method, if that is the user's own.

    Raises:
        BluraxError: if the directory holds no run, or one that this version cannot read.
    """
    path = directory / CONFIG
    require(io.exists(path), f"{directory} holds no run: there is no config.json in it.")
    try:
        header = io.read_json(path)
        require("config" in header, f"{path} has no field config.")
    except BluraxError as error:
        raise BluraxError(f"{path} is not the configuration of a run: {error}") from error
    found = config_of(header["config"], method)
    if isinstance(found.start, Given):
        found = dataclasses.replace(found, start=found.start.found(directory / START))
    _check_header(path, found, header)
    return found, header


def _check_header(path: Path, config: MetaTrain, header: dict[str, Any]) -> None:
    """Refuse now what genomes cannot say of themselves, not when the first one is saved."""
    for name in ("library_version", "created"):
        require(name in header, f"{path} lacks {name}, which every run has; put it back.")
        value = header[name]
        require(isinstance(value, str), f"{path} has {name} {value!r}; it takes a text.")
    try:
        provenance(config, header, 0, None)
    except BluraxError as error:
        raise BluraxError(f"{path} is damaged: {error}") from error


def load_best(directory: Path, config: MetaTrain) -> tuple[Any, io.Provenance]:
    """The best meta-parameters of a run, a genome or arrays by name, and where they come from.

    Raises:
        BluraxError: if there are none, or their file is damaged.
    """
    if config.learner:
        _, tensors, where = io.load_learner(directory / BEST)
        return tensors, where
    return io.load_genome(directory / BEST)
