"""Mean leads of a genome of the zoo over the best tuned optimisers, from its card.

    python benchmarks/card_leads.py quick [OTHER GENOME ...]

Rows of a Markdown table: for all cells, those of images, each network and each task the lead in
points after each number of steps, the mean over the cells, and in brackets in how many it is ahead;
with further genomes also the lead over each of them. The best tuned is that of each cell and
column, picked on the test examples, which favours the optimisers.
"""

import sys
from collections.abc import Callable, Iterator

import numpy as np
from leads import told

from blurax import zoo
from blurax.errors import BluraxError, require
from blurax.zoo import Row

TITLES = {
    "fashion-mnist": "Fashion-MNIST",
    "kmnist:train=0": "KMNIST",
    "emnist-letters:train=0,test=14800,classes=10-19": "EMNIST letters 10-19",
    "emnist-byclass:train=0": "EMNIST, 62 classes",
    "cifar10:train=8000,test=2000,grey": "CIFAR-10, grey",
    "wine": "wine",
    "breast-cancer": "breast cancer",
}
"""The tasks of the cells that all genomes are compared in."""
TABLES = ("wine", "breast-cancer")


def rows(name: str, others: tuple[str, ...]) -> Iterator[str]:
    """The rows of the table."""
    cells = _cells(name)
    for title, chosen in _groups(cells):
        yield _row(title, [leads(row) for row in chosen])
    for other in others:
        theirs = {(row.task, row.net): row for row in _cells(other)}
        yield _row(
            f"all {len(cells)}, next to `{other}`",
            [100 * (np.array(r.genome) - theirs[r.task, r.net].genome) for r in cells],
        )


def leads(row: Row) -> np.ndarray:
    """Over the best tuned optimiser of a cell, after each number of steps."""
    return 100 * (np.array(row.genome) - row.best_mean)


def apart(name: str) -> tuple[np.ndarray, np.ndarray]:
    """In how many cells it is ahead, and behind, by more than the larger standard deviation."""
    cells = _cells(name)
    wide = [100 * np.maximum(row.genome_std, row.best_std) for row in cells]
    far = np.stack([leads(row) for row in cells]) / np.stack(wide)
    return np.sum(far > 1, axis=0), np.sum(far < -1, axis=0)


def _cells(name: str) -> list[Row]:
    found = [row for row in zoo.card(name).rows if row.task in TITLES and row.best]
    require(bool(found), f"The card of {name} has no cell with baselines on {', '.join(TITLES)}.")
    return found


def _groups(cells: list[Row]) -> Iterator[tuple[str, list[Row]]]:
    """Cells under their titles."""

    def those(title: str, kept: Callable[[Row], bool]) -> tuple[str, list[Row]]:
        found = [row for row in cells if kept(row)]
        return f"{title} ({len(found)})", found

    images = [row for row in cells if row.task not in TABLES]
    yield f"**all {len(cells)}**", cells
    yield f"the {len(images)} of images", images
    for net in dict.fromkeys(row.net for row in cells):
        yield those(f"images with {net}", lambda r, n=net: r in images and r.net == n)
    for task, title in TITLES.items():
        yield those(title, lambda row, task=task: row.task == task)


def _row(title: str, found: list[np.ndarray]) -> str:
    return f"| {title} | {' | '.join(map(told, np.stack(found).T))} |"


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit("usage: card_leads.py GENOME [OTHER GENOME ...]")
    try:
        print("\n".join(rows(sys.argv[1], tuple(sys.argv[2:]))))
        ahead, behind = apart(sys.argv[1])
        print(f"\nBy more than the larger deviation ahead in {ahead}, behind in {behind}.")
    except BluraxError as error:
        raise SystemExit(f"card_leads: {error}") from None
