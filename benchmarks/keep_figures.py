"""Takes figures into the documentation: pictures, their data, and the page.

    blurax figure all --budget cpu
    python benchmarks/keep_figures.py runs/figures/cpu

Without a folder it only draws and writes anew from the data that are there.
"""

import sys
from pathlib import Path

from figures_page import figures_page

from blurax import findings
from blurax.analysis.findings_view import draw_findings
from blurax.experiments.figures.catalogue import FIGURES, TOGETHER
from blurax.experiments.figures.make import RESULT
from blurax.io import write_text

DOCS = Path(__file__).parent.parent / "docs" / "reference"


def page() -> str:
    """The page, from the data in the documentation."""
    rows = []
    for name, figure in FIGURES.items():
        path = DOCS / "figures" / f"figure-{name}.json"
        if path.exists():
            found = findings.read(path)
            rows.append((found, figure.claims(found)))
    return figures_page(rows, TOGETHER)


def main(folder: Path | None) -> None:
    for name in FIGURES:
        data = DOCS / "figures" / f"figure-{name}.json"
        if folder is not None and (made := folder / f"figure-{name}" / RESULT).exists():
            findings.write(data, findings.read(made))
        if data.exists():
            draw_findings(findings.read(data), data.with_suffix(".png"))
    write_text(DOCS / "figures.md", page())


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
