"""Takes a finished comparison on tables into the documentation: its page, picture and numbers.

    blurax tables default general regressor --directory runs/tables
    python benchmarks/keep_tables.py runs/tables
    blurax tables default general regressor --temperature --choose --directory runs/tempered
    python benchmarks/keep_tables.py runs/tempered

Each goes where its plan says. Without a directory it only writes and draws anew from the numbers
that are there.
"""

import sys
from pathlib import Path

import numpy as np

from blurax.analysis.tables_view import TITLE, draw_ranking
from blurax.baselines.reached import Ranking, ranking
from blurax.experiments import tables
from blurax.frozen import to_json
from blurax.io import write_json, write_text

KEPT = Path(__file__).parent.parent / "docs" / "reference" / "uci-tables"
NAMES = "tables", "tempered"
"""What a comparison without a temperature is kept as, and one with it."""
NUMBERS = ("uci:abalone", "uci:winequality-red")
"""The tables of which a number is predicted; of the others a class is."""
PAGE = """# Genomes and regularisers on tables

This page shows what `blurax tables` wrote for the nine tables of the UCI repository. It is for
those who choose what learns a small table; [Compare on tables](../../how-to/tables.md) tells the
protocol, and what follows from the numbers. They lie beside this page in `tables.json` and
`tempered.json`.

`rank`: by the mean loss over the folds, 1 is the best; mean and standard deviation over the tables.
`p`: Wilcoxon's signed-rank test against `{against}`, with Holm's correction. `classes` and
`numbers`: the mean rank on the {classes} tables of classes and the {numbers} of numbers. Then for
each table the mean score over the {folds} folds (%), accuracy or variance explained, and the mean
loss. Each fold has {seeds} initial network.

## The protocol as published

```sh
blurax tables {genomes} --directory runs/tables
```

{rows}

![Ranks on nine tables, and scores](tables.png)
"""
TEMPERED = """
## With a temperature, and a choice

```sh
blurax tables {genomes} --temperature --choose --directory runs/tempered
```

The outputs of every network for classes are divided by a temperature that the validation rows of
its fold choose. `any-genome` and `any-baseline` are, in each fold, the one with the lowest
validation loss.

{rows}

![Ranks on nine tables with a temperature, and scores](tempered.png)
"""


def rows(found: tables.Result) -> list[list[str]]:
    """The table of the page: a head, and a row for each method."""
    whole = found.ranking()
    parts = [_part(found, numbers) for numbers in (False, True)]
    by = {(each.method, each.task): each for each in found.reached}
    short = [task.removeprefix("uci:") for task in whole.tasks]
    table = [["", "rank", "p", "classes", "numbers", *short]]
    for m, method in enumerate(whole.methods):
        p = "" if np.isnan(whole.p[m]) else f"{whole.p[m]:.2f}"
        rank = f"{whole.mean[m]:.1f} ± {whole.spread[m]:.1f}"
        means = [f"{each.mean[each.methods.index(method)]:.1f}" for each in parts]
        cells = [
            f"{100 * np.mean(by[method, task].score):.1f} / {np.mean(by[method, task].loss):.3f}"
            for task in whole.tasks
        ]
        table.append([f"`{method}`", rank, p, *means, *cells])
    return table


def _part(found: tables.Result, numbers: bool) -> Ranking:
    """The ranks on the tables of numbers, or on the others."""
    own = [each for each in found.reached if (each.task in NUMBERS) is numbers]
    return ranking(own, found.plan.against)


def page(found: tables.Result, tempered: tables.Result) -> str:
    """The page."""
    count = sum(task in NUMBERS for task in found.plan.tables)
    first = PAGE.format(
        genomes=_genomes(found),
        seeds=found.plan.seeds,
        folds=found.plan.folds,
        against=found.plan.against,
        classes=len(found.plan.tables) - count,
        numbers=count,
        rows=_written(found),
    )
    return first + TEMPERED.format(genomes=_genomes(tempered), rows=_written(tempered))


def _genomes(found: tables.Result) -> str:
    return " ".join(each.name for each in found.plan.genomes)


def _written(found: tables.Result) -> str:
    head, *others = rows(found)
    lines = [head, ["---"] * len(head), *others]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def main(directory: Path | None) -> None:
    """Keep, draw and write."""
    if directory is not None:
        new = tables.read(directory)
        write_json(KEPT / f"{NAMES[new.plan.temperature]}.json", to_json(new))
    both = [tables.read_file(KEPT / f"{name}.json") for name in NAMES]
    for name, found in zip(NAMES, both, strict=True):
        title = TITLE + ", with a temperature" * found.plan.temperature
        draw_ranking(found.ranking(), found.reached, KEPT / f"{name}.png", title)
    write_text(KEPT / "index.md", page(*both))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
