"""Mean leads of genomes over the best of all tuned optimisers, from stored cells.

    python benchmarks/leads.py docs/reference/bench-1 default quick images
    python benchmarks/leads.py docs/reference/rivals/16 default quick

Rows of a Markdown table: for each part of a bench (its regression apart) the lead in points after
each number of steps of the suite, the mean over its places, and in brackets in how many it is
ahead. Of a comparison: over all its cells, and over those without each of its tasks. The best is
that of each column, picked on the test examples, which favours the optimisers.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from blurax import io
from blurax.errors import BluraxError, require
from blurax.experiments import bench, compare
from blurax.experiments.bench_suites import OPTIMISERS
from blurax.experiments.compare import Panel


def rows(directory: Path, names: tuple[str, ...]) -> Iterator[str]:
    """The rows, a part and a genome each."""
    found = bench.read(directory)
    steps = sorted({steps for part in found.suite.parts for steps in part.budgets})
    for part, result in zip(found.suite.parts, found.parts, strict=True):
        for score in sorted({panel.score for panel in result.panels}):
            panels = [panel for panel in result.panels if panel.score == score]
            where = part.name if score == "accuracy" else f"{part.name}, {score}"
            for name in names:
                leads = 100 * np.stack([lead(panel, name) for panel in panels])
                by_budget = dict(zip(part.budgets, leads.T, strict=True))
                cells = [told(by_budget[n]) if n in by_budget else "" for n in steps]
                yield f"| {where} ({len(panels)}) | `{name}` | {' | '.join(cells)} |"


def rows_of_comparison(directory: Path, names: tuple[str, ...]) -> Iterator[str]:
    """The rows of a comparison, a genome and what it is a mean over each."""
    require(io.exists(directory / compare.RESULT), f"There is no comparison in {directory}.")
    panels = compare.read(directory).panels
    nets, scores = {panel.net for panel in panels}, {panel.score for panel in panels}
    require(
        len(nets) == len(scores) == 1,
        f"{directory} has {len(nets)} networks and {len(scores)} kinds of score; a mean is of one.",
    )
    for name in names:
        found = {panel.task: lead(panel, name) for panel in panels}
        yield _row(f"all ({len(found)}) | `{name}`", list(found.values()))
        for left_out in found if len(found) > 1 else ():
            rest = [leads for task, leads in found.items() if task != left_out]
            yield _row(f"without `{left_out}` | `{name}`", rest)


def _row(title: str, leads: list[np.ndarray]) -> str:
    return f"| {title} | {' | '.join(map(told, 100 * np.stack(leads).T))} |"


def lead(panel: Panel, name: str) -> np.ndarray:
    """Of its mean over seeds, after each number of steps."""
    scores = {record.learner: np.mean(record.accuracy, axis=1) for record in panel.records}
    require(name in scores, f"There is no {name!r}; there are {', '.join(scores)}.")
    lacks = [each for each in OPTIMISERS if each not in scores]
    require(not lacks, f"{panel.task}, {panel.net}: {', '.join(lacks)} were not measured there.")
    return scores[name] - np.max([scores[each] for each in OPTIMISERS], axis=0)


def told(leads: np.ndarray) -> str:
    """The mean over places, and in how many it is ahead."""
    return f"{leads.mean():+.1f} ({np.sum(leads > 0)})"


if __name__ == "__main__":
    if len(sys.argv) < 3:
        raise SystemExit("usage: leads.py DIRECTORY GENOME [GENOME ...]")
    where = Path(sys.argv[1])
    told_of = rows if io.exists(where / bench.PLAN) else rows_of_comparison
    try:
        print("\n".join(told_of(where, tuple(sys.argv[2:]))))
    except BluraxError as error:
        raise SystemExit(f"leads: {error}") from None
