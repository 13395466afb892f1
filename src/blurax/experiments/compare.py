"""Genomes next to tuned baselines on tasks and networks, in a directory that can be resumed.

A cell is one learner on one task with one network. Each is written whole when it is finished, and
its random numbers depend on the seed, the task and the network alone: a comparison that is
interrupted anywhere goes on to the same bits.
"""

import dataclasses
import hashlib
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
from jaxtyping import PRNGKeyArray

from blurax import io
from blurax.baselines import Record, record_baseline, record_genome
from blurax.curves import check_memory
from blurax.errors import BluraxError, require
from blurax.experiments.compare_cells import CELLS, cell_path, read_cell, write_cell
from blurax.experiments.compare_plan import GenomeFile, Plan
from blurax.fit import network_for, parse_hidden
from blurax.frozen import check_types, from_json, to_json
from blurax.genome import Genome
from blurax.network import Network
from blurax.tasks import Split, Task, get
from blurax.version import __version__

PLAN, RESULT, GENOMES = "plan.json", "comparison.json", "genomes"
PICTURE = "comparison.png"
COMPARISON = "comparison"
"""What a directory of ours holds, for the sentence to a second writer."""


@dataclasses.dataclass(frozen=True)
class Panel:
    """What all learners reached on one task with one network."""

    task: str
    net: str
    score: str
    """What the score is called: accuracy, say."""
    records: tuple[Record, ...]

    def __post_init__(self) -> None:
        check_types(self)


@dataclasses.dataclass(frozen=True)
class Compared:
    """A finished comparison."""

    plan: Plan
    panels: tuple[Panel, ...]

    def __post_init__(self) -> None:
        check_types(self)


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a comparison is."""

    done: int
    """Finished cells."""
    cells: int
    where: str
    """The cell at work."""
    doing: str
    """What is done in it; empty when it is finished."""


Watch = Callable[[Progress], None]
Say = Callable[[str], None]


def named(
    genomes: tuple[Path, ...], names: tuple[str, ...] = ()
) -> tuple[tuple[GenomeFile, ...], tuple[Genome, ...]]:
    """Read genomes.

    Args:
        names: what each is called; if none are given, as its file without the ending.

    Raises:
        BluraxError: if a file is missing, damaged or no genome file.
    """
    learned = tuple(io.load_genome(path)[0] for path in genomes)
    files = tuple(
        GenomeFile(name, hashlib.sha256(path.read_bytes()).hexdigest())
        for name, path in zip(names or [path.stem for path in genomes], genomes, strict=True)
    )
    return files, learned


def start(plan: Plan, genomes: tuple[Path, ...], directory: Path) -> None:
    """Make the directory of a comparison, or check that it holds this very one.

    Args:
        genomes: the files of `plan.genomes`; they are copied, so that the directory holds all it
            needs; a copy that is lost or damaged is made again.

    Raises:
        BluraxError: if the directory holds a comparison with other settings of which something is
            measured, another process writes into it, a task, a network and a genome do not fit
            each other, or there is too little memory; nothing is written then.
    """
    learned = named(genomes)[1]
    for _, task, network in _places(plan):
        for genome in learned:
            network.check(genome.rule)
        _check_memory(plan, task, network, learned)
    with io.writing(directory, COMPARISON):
        # A plan of which nothing is measured holds nothing to lose.
        begun = io.exists(directory / CELLS)
        require(
            not begun or read_plan(directory) == plan,
            f"{directory} holds a comparison with other settings; name another with --directory.",
        )
        _check_places(directory)
        for file, path in zip(plan.genomes, genomes, strict=True):
            copy, data = _genome_path(directory, file), path.read_bytes()
            if not (copy.is_file() and copy.read_bytes() == data):
                io.write_bytes(copy, data)
        if not begun:
            io.write_json(directory / PLAN, to_json(plan))  # last: where it is, the rest is too


def _check_memory(plan: Plan, task: Task, network: Network, genomes: tuple[Genome, ...]) -> None:
    """Raise `BluraxError` if a cell would not fit in memory."""
    where = {"stops": plan.budgets, "batch": plan.batch}
    for genome in genomes:
        check_memory(network, task, plan.seeds, split=Split.TEST, rule=genome.rule, **where)
    if plan.baselines:
        tuned = max(plan.tuning.seeds, plan.tuning.long_seeds)
        check_memory(network, task, plan.seeds, split=Split.TEST, **where)
        check_memory(network, task, tuned, split=Split.VALIDATE, **where)


def read_plan(directory: Path) -> Plan:
    """The plan of the comparison in a directory.

    Raises:
        BluraxError: if there is none, or it is damaged.
    """
    path = directory / PLAN
    require(path.exists(), f"{directory} holds no comparison.")
    return _read(Plan, path, f"{path} is damaged: it is not the plan of a comparison.")


def advance(directory: Path, watch: Watch = lambda progress: None) -> Compared:
    """Take a comparison to its end, cell by cell; cells that are there already are kept.

    Args:
        watch: told what is done in each cell, and that it is finished.

    Raises:
        BluraxError: if the directory holds no comparison, or a damaged one, or another process
            writes into it.
    """
    read_plan(directory)  # before a lock makes the directory
    with io.writing(directory, COMPARISON):
        return _advance(directory, watch)


def _advance(directory: Path, watch: Watch) -> Compared:
    plan = read_plan(directory)
    require(
        plan.version == __version__,
        f"{directory} was started by blurax {plan.version}, this is {__version__}; "
        "name another directory.",
    )
    _check_places(directory)
    work = _Work(plan, _genomes(plan, directory), directory, watch)
    panels = []
    for (t, n), task, network in _places(plan):
        records = tuple(work.cell(t, n, l, task, network) for l in range(len(plan.learners)))
        panels.append(Panel(plan.tasks[t], plan.nets[n], task.target.score_name, records))
    result = Compared(plan, tuple(panels))
    io.write_json(directory / RESULT, to_json(result))
    return result


def read(directory: Path) -> Compared:
    """Read what `advance` wrote at its end.

    Raises:
        BluraxError: if there is no such file, or not such a one.
    """
    path = directory / RESULT
    return _read(Compared, path, f"{path} is not the result of a comparison.")


@dataclasses.dataclass(frozen=True)
class _Work:
    """What measuring a cell takes."""

    plan: Plan
    genomes: dict[str, Genome]
    directory: Path
    watch: Watch

    def cell(self, t: int, n: int, l: int, task: Task, network: Network) -> Record:
        """The record of a learner on a task with a network, measured unless it is there already."""
        plan, learner = self.plan, self.plan.learners[l]
        done = (t * len(plan.nets) + n) * len(plan.learners) + l
        cells = len(plan.tasks) * len(plan.nets) * len(plan.learners)
        where = f"{plan.tasks[t]}, {plan.nets[n]}, {learner}"
        path = cell_path(self.directory, plan, plan.tasks[t], plan.nets[n], learner)
        if not io.exists(path):

            def say(text: str) -> None:
                self.watch(Progress(done, cells, where, text))

            record = self._measured(learner, task, network, _key(plan, t, n), say)
            write_cell(path, record)
        # Read back, so that a resumed comparison cannot differ from one that ran through.
        record = read_cell(path, plan, learner)
        self.watch(Progress(done + 1, cells, where, ""))
        return record

    def _measured(
        self, learner: str, task: Task, network: Network, key: PRNGKeyArray, say: Say
    ) -> Record:
        plan = self.plan
        size = {"seeds": plan.seeds, "batch": plan.batch}
        if learner in self.genomes:
            say("measuring on test examples")
            genome = self.genomes[learner]
            return record_genome(genome, network, task, key, plan.budgets, learner=learner, **size)
        return record_baseline(
            learner, network, task, key, plan.budgets, tuning=plan.tuning, say=say, **size
        )


def _check_places(directory: Path) -> None:
    io.check_directory(directory, (PLAN, RESULT, PICTURE), (CELLS, GENOMES))


def _places(plan: Plan) -> Iterator[tuple[tuple[int, int], Task, Network]]:
    """Every task with every network, and their numbers in the plan."""
    for t, name in enumerate(plan.tasks):
        task = get(name)
        for n, net in enumerate(plan.nets):
            yield (t, n), task, network_for(task, parse_hidden(net))


def _key(plan: Plan, t: int, n: int) -> PRNGKeyArray:
    """One key for all learners of a task and network, whatever else the plan compares."""
    name = zlib.crc32(f"{plan.tasks[t]} {plan.nets[n]}".encode())
    return jax.random.fold_in(jax.random.key(plan.seed), name)


def _genomes(plan: Plan, directory: Path) -> dict[str, Genome]:
    """The genomes of a comparison by name.

    Raises:
        BluraxError: if a copy is missing, or not what the plan says.
    """
    paths = tuple(_genome_path(directory, file) for file in plan.genomes)
    files, learned = named(paths)
    for file, found, path in zip(plan.genomes, files, paths, strict=True):
        require(file == found, f"{path} is not the genome that {directory} was started with.")
    return {file.name: genome for file, genome in zip(files, learned, strict=True)}


def _genome_path(directory: Path, file: GenomeFile) -> Path:
    return directory / GENOMES / f"{file.name}.safetensors"


def _read(kind: type, path: Path, message: str) -> Any:
    try:
        return from_json(kind, io.read_json(path))
    except BluraxError as error:
        raise BluraxError(message) from error
