"""Leads of genomes of the zoo, as they are and tuned as their rivals are, over the best of eleven.

    python benchmarks/tuned_leads.py thorough quick

Rows of a Markdown table: for each kind of place the mean lead in points after 10, 20, 50, 100 and
1,000 steps, and in brackets in how many places it is ahead; a genome's own row, and that of
`tuned-` and its name. The best optimiser is picked on the test examples. The cells lie in
docs/reference/rivals (`blurax compare ... --tuning.seeds 3 --baselines tuned-quick tuned-thorough`)
and docs/reference/bench-1-tuned (`blurax bench ... --baselines ... tuned-quick tuned-thorough`).
"""

import dataclasses
import sys
from collections.abc import Iterator

import numpy as np
from card_leads import TABLES, TITLES
from keep_bench import DOCS
from leads import over_best, told
from rival_leads import NETS, RIVALS

from blurax import zoo
from blurax.baselines.catalogue import TUNED
from blurax.errors import BluraxError, require
from blurax.experiments import bench, compare
from blurax.experiments.compare import Panel
from blurax.experiments.compare_cells import cell_path, read_cell

BUDGETS = (10, 20, 50, 100, 1000)
BENCH, MORE = DOCS / "bench-1", DOCS / "bench-1-tuned"
PARTS = {"images": "images of `bench-1`", "convolution": "convolutions of it"}
PARTS |= {"tables": "tables of classes of it", "toys": "toys of it"}
Leads = list[np.ndarray]


def rows(names: tuple[str, ...]) -> Iterator[str]:
    """The rows of the table."""
    for where, found in _everywhere(names):
        for name in names:
            for title, leads in (
                (f"`{name}`", found[name]),
                (f"tuned `{name}`", found[TUNED + name]),
            ):
                cells = [*map(told, 100 * np.stack(leads).T)]
                blank = [""] * (len(BUDGETS) - len(cells))
                yield f"| {where} ({len(leads)}) | {title} | {' | '.join([*cells, *blank])} |"


def _everywhere(names: tuple[str, ...]) -> Iterator[tuple[str, dict[str, Leads]]]:
    both = (*names, *(TUNED + name for name in names))
    images = [task for task in TITLES if task not in TABLES]
    yield "the 20 cells of images", _over_cards(names, images, "")
    yield "16 neurons, images", _over(_stored("16"), both)
    yield "rare classes", _over(_stored("rare"), both)
    yield "wine and breast cancer", _over_cards(names, TABLES, "tables-")
    found = bench.read(BENCH)
    for part, result in zip(found.suite.parts, found.parts, strict=True):
        if part.name in PARTS:
            panels = [panel for panel in result.panels if panel.score == "accuracy"]
            yield (
                PARTS[part.name],
                _over([_with_tuned(panel, part.name, names) for panel in panels], both),
            )


def _stored(folder: str) -> list[Panel]:
    return list(compare.read(RIVALS / folder).panels)


def _over(panels: list[Panel], names: tuple[str, ...]) -> dict[str, Leads]:
    return {name: over_best(panels, name) for name in names}


def _with_tuned(panel: Panel, part: str, names: tuple[str, ...]) -> Panel:
    """A panel of the bench, with the cells that lie elsewhere."""
    plan = compare.read_plan(MORE / part)
    records = [
        read_cell(
            cell_path(MORE / part, plan, panel.task, panel.net, TUNED + name), plan, TUNED + name
        )
        for name in names
    ]
    return dataclasses.replace(panel, records=(*panel.records, *records))


def _over_cards(
    names: tuple[str, ...], tasks: list[str] | tuple[str, ...], kind: str
) -> dict[str, Leads]:
    """In the cells of the zoo's cards, whose best met all eleven."""
    cards = {name: {(row.task, row.net): row for row in zoo.card(name).rows} for name in names}
    found: dict[str, Leads] = {name: [] for name in (*names, *(TUNED + name for name in names))}
    for net in NETS:
        for panel in _stored(f"{kind}{net}"):
            if panel.task not in tasks:
                continue
            records = {record.learner: record for record in panel.records}
            for name in names:
                tuned_name = TUNED + name
                require(
                    tuned_name in records and (panel.task, panel.net) in cards[name],
                    f"{panel.task}, {panel.net}: {name} or {tuned_name} was not measured there.",
                )
                row = cards[name][panel.task, panel.net]
                best = np.asarray(row.best_mean)
                found[name].append(np.asarray(row.genome) - best)
                found[tuned_name].append(np.mean(records[tuned_name].accuracy, axis=1) - best)
    return found


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit("usage: tuned_leads.py GENOME [GENOME ...]")
    try:
        print("\n".join(rows(tuple(sys.argv[1:]))))
    except BluraxError as error:
        raise SystemExit(f"tuned_leads: {error}") from None
