"""Methods on the folds of tables, in a directory that can be resumed.

A cell is one method on one table. Each is written whole when it is finished, and its random numbers
depend on the seed and the table alone.
"""

import dataclasses
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax

from blurax import io
from blurax.baselines.reached import Ranking, Reached, any_of, ranking
from blurax.errors import BluraxError, require
from blurax.experiments.compare_cells import checked, read_as, stamped
from blurax.experiments.compare_entrants import GENOMES, Entrant, copy_path, read_entrant
from blurax.experiments.tables_folds import Folds, Log, folds_of, measured, protocol_network, tuned
from blurax.experiments.tables_plan import Plan
from blurax.experiments.tables_references import REFERENCES, Make, referenced
from blurax.frozen import Checked, from_json, to_json
from blurax.genome import Genome
from blurax.version import __version__

PLAN, RESULT, PICTURE, CELLS = "plan.json", "tables.json", "tables.png", "cells"
TABLES = "comparison on tables"
"""What a directory of ours holds, for the sentence to a second writer."""


@dataclasses.dataclass(frozen=True)
class Result(Checked):
    """A finished comparison on tables."""

    plan: Plan
    reached: tuple[Reached, ...]

    def ranking(self) -> Ranking:
        """The ranks of all methods."""
        return ranking(self.reached, self.plan.against)


def start(
    plan: Plan,
    entrants: Sequence[Entrant],
    directory: Path,
    references: Mapping[str, Make] = REFERENCES,
) -> None:
    """Make the directory of a comparison, or check that it holds this very one.

    Args:
        entrants: those of `plan.genomes`, whose files are copied.
        references: the models that the plan may name.

    Raises:
        BluraxError: if a reference is unknown, the directory holds a comparison with other settings
            of which something is measured, another process writes into it, a table is missing, or a
            learner is no genome.
    """
    _check_references(plan, references)
    for each in entrants:
        require(
            isinstance(each.learned, Genome),
            f"{each.name} is a learner with code of its own; blurax tables takes genomes.",
        )
    for name in plan.tables:
        task = folds_of(name, plan.folds)
        for each in entrants:
            each.check(protocol_network(task), task)
    with io.writing(directory, TABLES):
        begun = io.exists(directory / CELLS)
        require(
            not begun or read_plan(directory) == plan,
            f"{directory} holds a comparison with other settings; name another with --directory.",
        )
        io.check_directory(directory, (PLAN, RESULT, PICTURE), (CELLS, GENOMES))
        for each in entrants:
            io.write_bytes(copy_path(directory, each.name), each.file)
        if not begun:
            io.write_json(directory / PLAN, to_json(plan))


def read_plan(directory: Path) -> Plan:
    """The plan of the comparison in a directory.

    Raises:
        BluraxError: if there is none, or it is damaged.
    """
    path = directory / PLAN
    require(path.exists(), f"{directory} holds no comparison on tables.")
    return read_as(Plan, path, f"{path} is damaged: it is not the plan of a comparison on tables.")


def read(directory: Path) -> Result:
    """Read what `advance` wrote at its end.

    Raises:
        BluraxError: if there is no such file, or not such a one.
    """
    return read_file(directory / RESULT)


def read_file(path: Path) -> Result:
    """Read such a file wherever it lies.

    Raises:
        BluraxError: if there is no such file, or not such a one.
    """
    return read_as(Result, path, f"{path} is not the result of a comparison on tables.")


def advance(
    directory: Path,
    log: Log = lambda text: None,
    references: Mapping[str, Make] = REFERENCES,
) -> Result:
    """Take a comparison to its end, cell by cell; cells that are there already are kept.

    Args:
        log: called with what is being done.
        references: the models that the plan may name.

    Raises:
        BluraxError: if the directory holds no comparison, one of another version or a damaged one,
            a reference is unknown, or another process writes into it.
    """
    plan = read_plan(directory)
    _check_references(plan, references)
    require(
        plan.version == __version__,
        f"{directory} was started by blurax {plan.version}, this is {__version__}; "
        "name another directory.",
    )
    with io.writing(directory, TABLES):
        entrants = {file.name: _entrant(directory, file.name, file) for file in plan.genomes}
        found = []
        for t, table in enumerate(plan.tables):
            task = folds_of(table, plan.folds)
            for method in plan.methods:
                path = directory / CELLS / f"{t}-{method}.json"
                if not io.exists(path):
                    where = f"{table}, {method}"
                    log(where)
                    new = _measured(plan, task, method, entrants, references, log)
                    io.write_json(path, stamped(to_json(new)))
                found.append(_cell(path, method, table))
            own = {each.method: each for each in found if each.task == table}
            for name, among in plan.choices.items():
                found.append(any_of(name, [own[method] for method in among]))
        result = Result(plan, tuple(found))
        io.write_json(directory / RESULT, to_json(result))
    return result


def _check_references(plan: Plan, references: Mapping[str, Make]) -> None:
    """Raise `BluraxError` if the plan names a model that there is not."""
    unknown = [name for name in plan.references if name not in references]
    require(
        not unknown,
        f"There is no reference {', '.join(unknown)}; there are {', '.join(references)}.",
    )


def _measured(
    plan: Plan,
    task: Folds,
    method: str,
    entrants: Mapping[str, Entrant],
    references: Mapping[str, Make],
    log: Log,
) -> Reached:
    key = jax.random.fold_in(jax.random.key(plan.seed), zlib.crc32(task.name.encode()))

    def within(text: str) -> None:
        log(f"{task.name}, {method}: {text}")

    if method in entrants:
        learner = entrants[method].learner(protocol_network(task), task)
        return measured(method, learner, task, key, plan, within)
    if method in plan.references:
        return referenced(method, task, plan.seeds, references)
    return tuned(method, task, key, plan, within)


def _cell(path: Path, method: str, table: str) -> Reached:
    """What a cell holds; read back, so that a resumed comparison ends with the same file."""
    damaged = f"{path} is damaged; remove it, and it is measured again."
    try:
        found: Reached = from_json(Reached, checked(io.read_json(path), damaged))
    except BluraxError as error:
        raise BluraxError(damaged) from error
    require((found.method, found.task) == (method, table), damaged)
    return found


def _entrant(directory: Path, name: str, file: Any) -> Entrant:
    path = copy_path(directory, name)
    found = read_entrant(name, path, {})
    require(file == found.stamp, f"{path} is not the genome that {directory} was started with.")
    return found
