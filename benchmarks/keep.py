"""Takes a genome or learner into the zoo: its file, and a card of what it reached in comparisons.

python benchmarks/keep.py default runs/best/best.safetensors --about "..." --recipe "..." DIR...

Then it writes docs/reference/zoo-cells.md from all cards. Without a name it does only that, after
all cards have met further baselines: python benchmarks/keep.py --meet DIR..., or after new
measurements have replaced old ones in them: python benchmarks/keep.py --again DIR...
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import tyro
from cards import (
    alone,
    card_of,
    measured_again,
    with_baselines,
    with_known_baselines,
)
from zoo_page import cells_page

from blurax import io, zoo
from blurax.errors import require
from blurax.experiments import compare
from blurax.experiments.compare import Compared
from blurax.frozen import to_json
from blurax.zoo.keeper import HOME, LEARNERS

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "zoo-cells.md"


def page() -> str:
    """The page of all cells, from the cards."""
    return cells_page((name, zoo.card(name)) for name in zoo.names() + zoo.learners())


def keep(
    name: tyro.conf.Positional[str] = "",
    genome: tyro.conf.Positional[Path] = Path(),
    comparisons: tyro.conf.Positional[tuple[Path, ...]] = (),
    about: str = "",
    recipe: str = "",
    learner: str = "",
    baselines: str = "",
    lasting: tuple[Path, ...] = (),
    meet: tuple[Path, ...] = (),
    again: tuple[Path, ...] = (),
) -> None:
    """Put a genome or learner file into the zoo, with the card of finished comparisons.

    Args:
        name: In the zoo; none to write the page only.
        genome: Its file.
        comparisons: Directories of finished comparisons.
        about: One line that says what it is.
        recipe: What to type to make it anew.
        learner: Its name in the comparisons, if another.
        baselines: A genome of the zoo whose card fills rows without baselines, where task,
            network and budgets are the same.
        lasting: Directories of comparisons over far more steps, of this genome alone.
        meet: Without a name: directories of comparisons whose baselines join those of the same
            cells in all cards.
        again: Without a name: directories of comparisons that replace the rows of the same task,
            network and budgets in the cards of the genomes that took part, baselines and all.
    """
    if not name:
        _change(again, measured_again)
        _change(meet, lambda card, _, compared: with_baselines(card, compared))
        io.write_text(PAGE, page())
        return
    require(genome != Path(), f"keep.py {name} takes the file of the genome as well.")
    require(
        not (meet or again),
        f"keep.py {name} takes neither --meet nor --again, which are for all cards at once.",
    )
    home = LEARNERS if io.is_learner(genome) else HOME
    _ = io.load_learner(genome) if home == LEARNERS else io.load_genome(genome)
    found = tuple(compare.read(directory) for directory in comparisons)
    card = (
        card_of(found, learner or genome.stem, about, recipe)
        if found
        else zoo.Card(about, recipe, 0, ())
    )
    if baselines:
        card = with_known_baselines(card, zoo.card(baselines))
    if lasting:
        long = tuple(compare.read(directory) for directory in lasting)
        late = card_of(long, learner or genome.stem, about, recipe)
        require(late.seeds == card.seeds, "--lasting has other seeds than the comparisons.")
        card = dataclasses.replace(card, lasting=tuple(map(alone, late.rows)))
    io.write_bytes(home / f"{name}.safetensors", genome.read_bytes())
    io.write_json(home / f"{name}.json", to_json(card))
    for known in (zoo.names, zoo.learners):
        known.cache_clear()  # this one may be new
    io.write_text(PAGE, page())
    print(f"{name}: {len(card.rows)} cells")


def _change(
    directories: tuple[Path, ...],
    changed: Callable[[zoo.Card, str, tuple[Compared, ...]], zoo.Card],
) -> None:
    """All cards after what these comparisons change in them."""
    compared = tuple(compare.read(directory) for directory in directories)
    for name in zoo.names() + zoo.learners() if compared else ():
        card = zoo.card(name)
        if card.rows:
            path = zoo.genome_file(name).with_suffix(".json")
            io.write_json(path, to_json(changed(card, name, compared)))


if __name__ == "__main__":
    tyro.cli(keep)
