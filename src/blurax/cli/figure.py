"""`blurax figure`: the experiments of the paper."""

from pathlib import Path

import tyro
from rich.console import Console
from rich.text import Text

from blurax.analysis.findings_table import claims_table
from blurax.analysis.findings_view import draw_findings
from blurax.cli.progress import Seldom, resumable
from blurax.cli.terminal import Terminal
from blurax.experiments.figures import FIGURES, Budget, Figure
from blurax.experiments.figures import figure as find
from blurax.experiments.figures.catalogue import TOGETHER
from blurax.experiments.figures.make import PICTURE, forget, make


def figure(
    number: tyro.conf.Positional[str],
    budget: Budget = Budget.CPU,
    directory: Path = Path("runs/figures"),
    redo: bool = False,
) -> None:
    """Repeat a figure of the paper, or one of a related paper: measure, draw, judge what is said.

    What is there already is not computed again; interrupted, it goes on where it was.

    Args:
        number: 2 to 17 of the paper; branches, convergence, coordinates, graphs, length and
            neural-graphs of related ones; or all.
        budget: smoke takes seconds and means nothing, cpu minutes, night at most eight hours,
            paper an accelerator and hours.
        directory: Where the figures and the genomes they share go.
        redo: Forget what the directory holds of this figure, and begin anew.
    """
    make_figures(Terminal(), number, budget, directory, redo)


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
    with resumable("figure", number, "--budget", budget.value, "--directory", directory):
        for each in wanted:
            if redo:
                fresh |= forget(each, budget, directory, fresh)
            _make(console, each, budget, directory)


def _make(console: Console, figure: Figure, budget: Budget, directory: Path) -> None:
    console.print(Text.assemble((f"Figure {figure.name}", "bold"), f". {figure.title}"))
    seldom = Seldom()
    with console.status("") as status:

        def log(text: str) -> None:
            status.update(Text(text))
            # in a log a line for each part, and one a minute
            if not console.is_terminal and (": " not in text or seldom()):
                console.print(f"  {text}", highlight=False)

        found, folder = make(figure, budget, directory, log)
        picture = draw_findings(found, folder / PICTURE)
    console.print(found.setting, style="dim")
    if budget is Budget.SMOKE:
        console.print("Everything runs; the numbers of budget smoke mean nothing.")
    else:
        console.print(claims_table(figure.claims(found)))
    console.print(f"Picture: {picture}", end="\n\n", soft_wrap=True)
