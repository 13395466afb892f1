"""Mean leads of genomes over the best of all tuned optimisers, from the cells of a bench.

    python benchmarks/leads.py docs/reference/bench-1 default quick images

Rows of a Markdown table: for each part (of its regression apart) the lead in points after each
number of steps, the mean over its places, and in brackets in how many it is ahead. The best is that
of each column, picked on the test examples, which favours the optimisers.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from blurax.errors import require
from blurax.experiments import bench
from blurax.experiments.bench_suites import OPTIMISERS
from blurax.experiments.compare import Panel


def rows(directory: Path, names: tuple[str, ...]) -> Iterator[str]:
    """The rows, a part and a genome each."""
    found = bench.read(directory)
    for part, result in zip(found.suite.parts, found.parts, strict=True):
        for score in sorted({panel.score for panel in result.panels}):
            panels = [panel for panel in result.panels if panel.score == score]
            where = part.name if score == "accuracy" else f"{part.name}, {score}"
            for name in names:
                leads = 100 * np.stack([lead(panel, name) for panel in panels])
                yield row(where, len(leads), name, part.budgets, leads)


def lead(panel: Panel, name: str) -> np.ndarray:
    """Of its mean over seeds, after each number of steps."""
    scores = {record.learner: np.mean(record.accuracy, axis=1) for record in panel.records}
    require(name in scores, f"There is no {name!r}; there are {', '.join(scores)}.")
    return scores[name] - np.max([scores[each] for each in OPTIMISERS], axis=0)


def row(part: str, places: int, name: str, budgets: tuple[int, ...], leads: np.ndarray) -> str:
    """One of the table, whose columns are steps: 10, 20, 50, 100, 250, 1,000."""
    by_budget = dict(zip(budgets, leads.T, strict=True))
    cells = [
        f"{by_budget[steps].mean():+.1f} ({np.sum(by_budget[steps] > 0)})"
        if steps in by_budget
        else ""
        for steps in (10, 20, 50, 100, 250, 1000)
    ]
    return f"| {part} ({places}) | `{name}` | {' | '.join(cells)} |"


if __name__ == "__main__":
    print("\n".join(rows(Path(sys.argv[1]), tuple(sys.argv[2:]))))
