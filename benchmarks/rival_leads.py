"""Mean leads of genomes of the zoo over several sets of tuned optimisers, in the cells of images.

    python benchmarks/rival_leads.py default quick

Rows of a Markdown table: by the depth of the networks, for each genome over the best of each set
of rivals, and at last over each rival alone in all cells. What the rivals reached stands in
docs/reference/rivals: a comparison for each network, and the best of SGD, momentum, Adam and
RMSprop, which were tuned before, in four.json. The best is that of each cell and column, picked on
the test examples, which favours the optimisers.
"""

import functools
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from leads import told

from blurax import io, zoo
from blurax.errors import BluraxError, require
from blurax.experiments import compare

RIVALS = Path(__file__).parent.parent / "docs" / "reference" / "rivals"
NETS = ("256-128", "512-256", "256", "128-128-128-128")
FOUR = "four"
FIRST_ORDER = ("nesterov", "adamw", "nadam", "lion", "schedule-free", "muon")
SETS = {
    "four of first order": (FOUR,),
    "all ten of first order": (FOUR, *FIRST_ORDER),
    "all eleven": (FOUR, *FIRST_ORDER, "foof"),
}
Place = tuple[str, str]
"""A task and a network."""


@functools.cache
def reached() -> dict[str, dict[Place, np.ndarray]]:
    """The mean test accuracy of each rival in each cell, `[budgets]`, the best of four as one."""
    found: dict[str, dict[Place, np.ndarray]] = {name: {} for name in (FOUR, *FIRST_ORDER, "foof")}
    (four,) = io.read_json(RIVALS / "four.json").values()
    for task, net, best in four:
        found[FOUR][task, net] = np.asarray(best)
    for net in NETS:
        for panel in compare.read(RIVALS / net).panels:
            for record in panel.records:
                if record.learner in found:
                    place = panel.task, panel.net
                    found[record.learner][place] = np.mean(record.accuracy, axis=1)
    return found


def leads(name: str, against: tuple[str, ...]) -> dict[Place, np.ndarray]:
    """Of a genome over the best of some rivals, in points."""
    rivals = reached()
    mine = {(row.task, row.net): np.asarray(row.genome) for row in zoo.card(name).rows}
    places = rivals["foof"]
    require(set(places) <= set(mine), f"The card of {name} lacks some of the cells of images.")
    best = {place: np.max([rivals[each][place] for each in against], axis=0) for place in places}
    return {place: 100 * (mine[place] - best[place]) for place in places}


def rows(names: tuple[str, ...]) -> Iterator[str]:
    """The rows of the table."""
    parts = {"one or two hidden layers": NETS[:3], "four": NETS[3:], "all": NETS}
    for title, nets in parts.items():
        for name in names:
            for rivals, against in SETS.items():
                yield _row(f"{title} | `{name}` | {rivals}", leads(name, against), nets)
    for name in names:
        for rival in (*FIRST_ORDER, "foof"):
            yield _row(f"all | `{name}` | `{rival}`", leads(name, (rival,)), NETS)


def _row(title: str, found: dict[Place, np.ndarray], nets: tuple[str, ...]) -> str:
    chosen = np.stack([lead for (_, net), lead in found.items() if net in nets])
    return f"| {title} | {' | '.join(map(told, chosen.T))} |"


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit("usage: rival_leads.py GENOME [GENOME ...]")
    try:
        print("\n".join(rows(tuple(sys.argv[1:]))))
    except BluraxError as error:
        raise SystemExit(f"rival_leads: {error}") from None
