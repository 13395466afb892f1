"""Takes figures into the documentation: pictures, their data, and the page.

    blurax figure all --budget cpu
    python benchmarks/keep_figures.py runs/figures/cpu

Of a folder of budget night the page shows what becomes of the claims. Without a folder it only
draws and writes anew from the data that are there.
"""

import sys
from pathlib import Path

from figures_page import figures_page

from blurax import findings
from blurax.analysis.findings_view import draw_findings
from blurax.experiments.figures import Budget
from blurax.experiments.figures.catalogue import FIGURES, TOGETHER
from blurax.experiments.figures.make import RESULT
from blurax.io import write_text

DOCS = Path(__file__).parent.parent / "docs" / "reference"


def page() -> str:
    """The page, from the data in the documentation."""
    return figures_page(_judged("figure"), _judged("night"), TOGETHER)


def _judged(kind: str) -> dict[str, tuple[findings.Findings, tuple[findings.Claim, ...]]]:
    """Of each figure whose data are there its findings and its claims, by its number."""
    paths = {name: DOCS / "figures" / f"{kind}-{name}.json" for name in FIGURES}
    found = {name: findings.read(path) for name, path in paths.items() if path.exists()}
    return {name: (each, FIGURES[name].claims(each)) for name, each in found.items()}


def main(folder: Path | None) -> None:
    for name in FIGURES:
        data = DOCS / "figures" / f"figure-{name}.json"
        if folder is not None and (made := folder / f"figure-{name}" / RESULT).exists():
            new = findings.read(made)
            night = new.budget == Budget.NIGHT
            findings.write(data.with_name(f"night-{name}.json") if night else data, new)
        if data.exists():
            draw_findings(findings.read(data), data.with_suffix(".png"))
    write_text(DOCS / "figures.md", page())


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
