"""Takes a finished comparison on tables into the documentation: its page, picture and numbers.

    blurax tables default general regressor --directory runs/tables
    python benchmarks/keep_tables.py runs/tables

Without a directory it only writes and draws anew from the numbers that are there.
"""

import sys
from pathlib import Path

import numpy as np

from blurax.analysis.tables_view import draw_ranking
from blurax.baselines.reached import Ranking, ranking
from blurax.experiments import tables
from blurax.frozen import to_json
from blurax.io import write_json, write_text

KEPT = Path(__file__).parent.parent / "docs" / "reference" / "uci-tables"
NUMBERS = ("uci:abalone", "uci:winequality-red")
"""The tables of which a number is predicted; of the others a class is."""
PAGE = """# Genomes and regularisers on tables

This page shows what `blurax tables` wrote for the nine tables of the UCI repository. It is for
those who choose what learns a small table; [Compare on tables](../../how-to/tables.md) tells the
protocol, and what follows from the numbers. They lie beside this page in `tables.json`.

```sh
blurax tables {genomes} --directory runs/tables
```

Each fold of {folds} has {seeds} initial network. `rank`: by the mean loss over the folds, 1 is the
best; mean and standard deviation over the tables. `p`: Wilcoxon's signed-rank test against
`{against}`, with Holm's correction. `classes` and `numbers`: the mean rank on the {classes} tables
of classes and the {numbers} of numbers. Then for each table the mean score over the folds (%),
accuracy or variance explained, and the mean loss.

{rows}

![Ranks on nine tables, and scores](tables.png)
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


def page(found: tables.Result) -> str:
    """The page."""
    head, *others = rows(found)
    lines = [head, ["---"] * len(head), *others]
    count = sum(task in NUMBERS for task in found.plan.tables)
    return PAGE.format(
        genomes=" ".join(each.name for each in found.plan.genomes),
        seeds=found.plan.seeds,
        folds=found.plan.folds,
        against=found.plan.against,
        classes=len(found.plan.tables) - count,
        numbers=count,
        rows="\n".join(f"| {' | '.join(cells)} |" for cells in lines),
    )


def main(directory: Path | None) -> None:
    """Keep, draw and write."""
    if directory is not None:
        write_json(KEPT / tables.RESULT, to_json(tables.read(directory)))
    found = tables.read(KEPT)
    draw_ranking(found.ranking(), found.reached, KEPT / tables.PICTURE)
    write_text(KEPT / "index.md", page(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
