"""Takes a genome into the zoo: its file, and a sheet of what it reached in comparisons.

python benchmarks/keep.py default runs/best/best.safetensors --about "..." --recipe "..." DIR...

Then it writes docs/reference/zoo-cells.md from all sheets. Without a name it does only that, after
all sheets have met further baselines: python benchmarks/keep.py --meet DIR..., or after new
measurements have replaced old ones in them: python benchmarks/keep.py --again DIR...
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import tyro

from blurax import io, zoo
from blurax.analysis.zoo_page import cells_page
from blurax.errors import require
from blurax.experiments import compare
from blurax.experiments.compare import Compared
from blurax.experiments.sheets import (
    alone,
    measured_again,
    sheet_of,
    with_baselines,
    with_rivals,
)
from blurax.frozen import to_json
from blurax.zoo.keeper import HOME

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "zoo-cells.md"


def page() -> str:
    """The page of all cells, from the sheets."""
    return cells_page((name, zoo.sheet(name)) for name in zoo.names())


def keep(
    name: tyro.conf.Positional[str] = "",
    genome: tyro.conf.Positional[Path] = Path(),
    comparisons: tyro.conf.Positional[tuple[Path, ...]] = (),
    about: str = "",
    recipe: str = "",
    learner: str = "",
    rivals: str = "",
    lasting: tuple[Path, ...] = (),
    meet: tuple[Path, ...] = (),
    again: tuple[Path, ...] = (),
) -> None:
    """Put a genome file into the zoo, with the sheet of finished comparisons.

    Args:
        name: In the zoo; none to write the page only.
        genome: Its file.
        comparisons: Directories of finished comparisons.
        about: One line that says what it is.
        recipe: What to type to make it anew.
        learner: Its name in the comparisons, if another.
        rivals: A genome of the zoo with whose sheet rows without baselines are filled, where task,
            network and budgets are the same.
        lasting: Directories of comparisons over far more steps, of this genome alone.
        meet: Without a name: directories of comparisons whose baselines join the rivals of the same
            cells in all sheets.
        again: Without a name: directories of comparisons that replace the rows of the same task,
            network and budgets in the sheets of the genomes that took part, rivals and all.
    """
    if not name:
        _change(again, measured_again)
        _change(meet, lambda sheet, _, compared: with_baselines(sheet, compared))
        io.write_text(PAGE, page())
        return
    require(genome != Path(), f"keep.py {name} takes the file of the genome as well.")
    require(
        not (meet or again),
        f"keep.py {name} takes neither --meet nor --again, which are for all sheets at once.",
    )
    io.load_genome(genome)
    found = tuple(compare.read(directory) for directory in comparisons)
    sheet = (
        sheet_of(found, learner or genome.stem, about, recipe)
        if found
        else zoo.Sheet(about, recipe, 0, ())
    )
    if rivals:
        sheet = with_rivals(sheet, zoo.sheet(rivals))
    if lasting:
        long = tuple(compare.read(directory) for directory in lasting)
        late = sheet_of(long, learner or genome.stem, about, recipe)
        require(late.seeds == sheet.seeds, "--lasting has other seeds than the comparisons.")
        sheet = dataclasses.replace(sheet, lasting=tuple(map(alone, late.rows)))
    io.write_bytes(HOME / f"{name}.safetensors", genome.read_bytes())
    io.write_json(HOME / f"{name}.json", to_json(sheet))
    zoo.names.cache_clear()  # this one may be new
    io.write_text(PAGE, page())
    print(f"{name}: {len(sheet.rows)} cells")


def _change(
    directories: tuple[Path, ...],
    changed: Callable[[zoo.Sheet, str, tuple[Compared, ...]], zoo.Sheet],
) -> None:
    """All sheets after what these comparisons change in them."""
    compared = tuple(compare.read(directory) for directory in directories)
    for name in zoo.names() if compared else ():
        sheet = zoo.sheet(name)
        if sheet.rows:
            io.write_json(HOME / f"{name}.json", to_json(changed(sheet, name, compared)))


if __name__ == "__main__":
    tyro.cli(keep)
