"""Takes a finished bench into the documentation: its page, its pictures, and its cells.

    blurax bench ... --suite bench-1:quick --directory runs/bench
    python benchmarks/keep_bench.py runs/bench

Others take the cells over: `blurax bench my_rules.py:MyRule --reuse docs/reference/bench-1-quick`.

Of a bench that did so, and adds learners, it keeps the cells alone that the other lacks:

    python benchmarks/keep_bench.py runs/learned bench-1-quick-learned docs/reference/bench-1-quick
"""

import re
import sys
from pathlib import Path

from blurax.analysis.bench_view import bench_rows
from blurax.experiments import bench, compare
from blurax.experiments.compare_cells import CELLS, cell_path
from blurax.io import write_bytes, write_text

DOCS = Path(__file__).parent.parent / "docs" / "reference"
ABOUT = """This page shows how the zoo's genomes and {rivals} rivals rank on the suite `{suite}`.
It is for those who choose a learner, or want to see a rule of their own among them:
[Rank on a fixed suite](../../how-to/bench.md) tells how, and what all numbers mean. The page is
what `blurax bench` wrote; its cells lie beside it, for `--reuse`.
"""
MORE = """This page shows how {learners} rank on the suite `{suite}`, among all that are measured in
[{other}](../{other}/index.md). It is for those who choose a learner, or want more than optimisers
and genomes to compare with: [Rank on a fixed suite](../../how-to/bench.md) tells what all numbers
mean. The page is what `blurax bench` wrote; the cells of these learners lie beside it, those of the
others there.
"""


def kept(name: str) -> Path:
    """The folder of a suite's results in the documentation."""
    return DOCS / name.replace(":", "-")


def page(written: str, name: str, rivals: int) -> str:
    """What a bench wrote, with a word on what it is."""
    title, rest = written.split("\n", 1)
    return f"{title}\n\n{ABOUT.format(suite=name, rivals=rivals)}{rest}"


def main(directory: Path) -> None:
    """Copy what the page, its check and `--reuse` need."""
    found = bench.read(directory)
    target = kept(found.suite.name)
    files = [directory / bench.PLAN, directory / bench.PICTURE]
    for part in found.suite.parts:
        folder = directory / part.name
        files += [directory / f"{part.name}.png", folder / compare.PLAN, folder / compare.RESULT]
        files += sorted((folder / CELLS).glob("*.json"))
    for file in files:
        write_bytes(target / file.relative_to(directory), file.read_bytes())
    written = (directory / bench.TEXT).read_text(encoding="utf-8")
    write_text(target / "index.md", page(written, found.suite.name, len(found.suite.rivals)))
    print(f"{len(bench_rows(found.standing)[1])} learners, {len(files)} files: {target}")


def keep_more(directory: Path, name: str, other: Path) -> None:
    """Copy the cells that another kept bench lacks, their plans, the ranks, and the page.

    Curves are of the best learners, which the other shows; they are left out.
    """
    found, target = bench.read(directory), DOCS / name
    files, new = [directory / bench.PLAN, directory / bench.PICTURE], []
    for part, result in zip(found.suite.parts, found.parts, strict=True):
        known = compare.read_plan(other / part.name).learners
        new = [learner for learner in result.plan.learners if learner not in known]
        files.append(directory / part.name / compare.PLAN)
        files += [
            cell_path(directory / part.name, result.plan, task, net, learner)
            for task in part.tasks
            for net in part.nets
            for learner in new
        ]
    for file in files:
        write_bytes(target / file.relative_to(directory), file.read_bytes())
    title, rest = (directory / bench.TEXT).read_text(encoding="utf-8").split("\n", 1)
    learners = ", ".join(f"`{learner}`" for learner in new)
    about = MORE.format(learners=learners, suite=found.suite.name, other=other.name)
    ranks = re.sub(r"## Curves: .*\n\n!.*\n\n", "", rest)
    write_text(target / "index.md", f"{title}\n\n{about}{ranks}")
    print(f"{learners}, {len(files)} files: {target}")


if __name__ == "__main__":
    if len(sys.argv) == 2:
        main(Path(sys.argv[1]))
    else:
        keep_more(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
