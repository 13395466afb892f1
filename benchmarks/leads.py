"""Mean leads of genomes over the best of all tuned optimisers, from stored cells.

    python benchmarks/leads.py docs/reference/bench-1 default quick images
    python benchmarks/leads.py docs/reference/rivals/16 default quick
    python benchmarks/leads.py docs/reference/bench-1 quick --picked validation

Rows of a Markdown table: for each part of a bench (its regression apart) the lead in points after
each number of steps of the suite, the mean over its places, and in brackets in how many it is
ahead. Of a comparison: over all its cells, and over those without each of its tasks. The best is
that of each column, picked on the test examples, which favours the optimisers: the best of eleven
draws is above their mean where tests are small. Or it is picked on the validation examples by which
its rate was chosen, as somebody does who has no test examples; or it is `one` for all places of a
part or comparison, the best in the mean over them, with hindsight.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from blurax import io
from blurax.baselines import strongest
from blurax.errors import BluraxError, require
from blurax.experiments import bench, compare
from blurax.experiments.bench_suites import OPTIMISERS
from blurax.experiments.compare import Panel

TEST, VALIDATION, ONE = "test", "validation", "one"
"""How the best optimiser is picked."""


def rows(directory: Path, names: tuple[str, ...], picked: str = TEST) -> Iterator[str]:
    """The rows, a part and a genome each."""
    found = bench.read(directory)
    steps = sorted({steps for part in found.suite.parts for steps in part.budgets})
    for part, result in zip(found.suite.parts, found.parts, strict=True):
        for score in sorted({panel.score for panel in result.panels}):
            panels = [panel for panel in result.panels if panel.score == score]
            where = part.name if score == "accuracy" else f"{part.name}, {score}"
            for name in names:
                ahead = 100 * np.stack(over_best(panels, name, picked))
                by_budget = dict(zip(part.budgets, ahead.T, strict=True))
                cells = [told(by_budget[n]) if n in by_budget else "" for n in steps]
                yield f"| {where} ({len(panels)}) | `{name}` | {' | '.join(cells)} |"


def rows_of_comparison(
    directory: Path, names: tuple[str, ...], picked: str = TEST
) -> Iterator[str]:
    """The rows of a comparison, a genome and what it is a mean over each."""
    require(io.exists(directory / compare.RESULT), f"There is no comparison in {directory}.")
    panels = compare.read(directory).panels
    nets, scores = {panel.net for panel in panels}, {panel.score for panel in panels}
    require(
        len(nets) == len(scores) == 1,
        f"{directory} has {len(nets)} networks and {len(scores)} kinds of score; a mean is of one.",
    )
    tasks = [panel.task for panel in panels]
    for name in names:
        found = dict(zip(tasks, over_best(panels, name, picked), strict=True))
        yield _row(f"all ({len(found)}) | `{name}`", list(found.values()))
        for left_out in found if len(found) > 1 else ():
            rest = [leads for task, leads in found.items() if task != left_out]
            yield _row(f"without `{left_out}` | `{name}`", rest)


def _row(title: str, leads: list[np.ndarray]) -> str:
    return f"| {title} | {' | '.join(map(told, 100 * np.stack(leads).T))} |"


def over_best(panels: Sequence[Panel], name: str, picked: str = TEST) -> list[np.ndarray]:
    """Of its mean over seeds, in each place after each number of steps."""
    scores = [_means(panel, name) for panel in panels]
    if picked == ONE:
        whole = np.mean([[place[each] for each in OPTIMISERS] for place in scores], axis=0)
        best = [OPTIMISERS[i] for i in np.argmax(whole, axis=0)]
        return [place[name] - [place[each][i] for i, each in enumerate(best)] for place in scores]
    if picked == VALIDATION:
        return [place[name] - _chosen(panel) for panel, place in zip(panels, scores, strict=True)]
    return [place[name] - np.max([place[each] for each in OPTIMISERS], axis=0) for place in scores]


def _means(panel: Panel, name: str) -> dict[str, np.ndarray]:
    """The mean over seeds of each learner, checked to be there."""
    scores = {record.learner: np.mean(record.accuracy, axis=1) for record in panel.records}
    require(name in scores, f"There is no {name!r}; there are {', '.join(scores)}.")
    lacks = [each for each in OPTIMISERS if each not in scores]
    require(not lacks, f"{panel.task}, {panel.net}: {', '.join(lacks)} were not measured there.")
    return scores


def _chosen(panel: Panel) -> np.ndarray:
    """What the optimiser with the best validation reached at each number of steps."""
    rivals = [record for record in panel.records if record.learner in OPTIMISERS]
    budgets = rivals[0].budgets
    return np.asarray([strongest(rivals, budget).mean(budget) for budget in budgets])


def told(leads: np.ndarray) -> str:
    """The mean over places, and in how many it is ahead."""
    return f"{leads.mean():+.1f} ({np.sum(leads > 0)})"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("directory", type=Path)
    parser.add_argument("names", nargs="+", metavar="GENOME")
    parser.add_argument("--picked", choices=(TEST, VALIDATION, ONE), default=TEST)
    asked = parser.parse_args()
    told_of = rows if io.exists(asked.directory / bench.PLAN) else rows_of_comparison
    try:
        print("\n".join(told_of(asked.directory, tuple(asked.names), asked.picked)))
    except BluraxError as error:
        raise SystemExit(f"leads: {error}") from None
