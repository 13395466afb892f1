"""Takes a finished bench into the documentation: its page, its pictures, and its cells.

    blurax bench ... --suite bench-1:quick --directory runs/bench
    python benchmarks/keep_bench.py runs/bench

Others take the cells over: `blurax bench my_rules.py:MyRule --reuse docs/reference/bench-1-quick`.
"""

import sys
from pathlib import Path

from blurax.analysis.bench_view import bench_rows
from blurax.experiments import bench, compare
from blurax.experiments.compare_cells import CELLS
from blurax.io import write_bytes, write_text

DOCS = Path(__file__).parent.parent / "docs" / "reference"
ABOUT = """This page shows how the zoo's genomes and {rivals} rivals rank on the suite `{suite}`.
It is for those who choose a learner, or want to see a rule of their own among them:
[Rank on a fixed suite](../../how-to/bench.md) tells how, and what all numbers mean. The page is
what `blurax bench` wrote; its cells lie beside it, for `--reuse`.
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


if __name__ == "__main__":
    main(Path(sys.argv[1]))
