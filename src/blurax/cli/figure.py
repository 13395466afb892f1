"""`blurax figure`: the experiments of the paper."""

from pathlib import Path

from rich.console import Console
from rich.markup import escape

from blurax.analysis.findings_table import claims_table
from blurax.analysis.findings_view import draw_findings
from blurax.cli.progress import resumable
from blurax.experiments.figures import FIGURES, Budget, Figure
from blurax.experiments.figures import figure as find
from blurax.experiments.figures.catalogue import TOGETHER
from blurax.experiments.figures.make import forget, make

PICTURE = "figure.png"


def make_figures(
    console: Console, number: str, budget: Budget, directory: Path, redo: bool
) -> None:
    """Make one figure, or all of them; what is there already is only drawn.

    Raises:
        BluraxError: for an unknown figure, missing data, or a folder of other settings.
    """
    wanted = tuple(FIGURES.values()) if number == "all" else (find(number),)
    if number in TOGETHER:
        console.print(f"Figure {number} is measured and drawn with figure {TOGETHER[number]}.")
    fresh: frozenset[str] = frozenset()
    with resumable(f"blurax figure {number} --budget {budget.value} --directory {directory}"):
        for each in wanted:
            if redo:
                fresh |= forget(each, budget, directory, fresh)
            _make(console, each, budget, directory)


def _make(console: Console, figure: Figure, budget: Budget, directory: Path) -> None:
    console.print(f"[bold]Figure {figure.name}[/]. {figure.title}")
    with console.status("") as status:

        def say(text: str) -> None:
            status.update(escape(text))
            if not console.is_terminal and ": " not in text:  # in a log a line for each part
                console.print(f"  {text}", markup=False, highlight=False)

        found, folder = make(figure, budget, directory, say)
        picture = draw_findings(found, folder / PICTURE)
    console.print(escape(found.setting), style="dim")
    if budget is Budget.SMOKE:
        console.print("Everything runs; the numbers of budget smoke mean nothing.")
    else:
        console.print(claims_table(figure.claims(found)))
    console.print(f"Picture: {escape(str(picture))}", end="\n\n")
