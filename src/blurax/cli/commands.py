"""The commands, their arguments, and how a mistake is told."""

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import tyro
from rich.console import Console
from rich.table import Table

from blurax.analysis.runs_view import find_runs, runs_table
from blurax.cli.compare import compare
from blurax.cli.demo import run_demo
from blurax.cli.export import export
from blurax.cli.figure import make_figures
from blurax.cli.meta_train import meta_train_from, recipe_in
from blurax.cli.progress import resumable
from blurax.cli.report import report
from blurax.cli.show import check_lesson, look_inside, show_both, show_genome
from blurax.cli.tasks import list_tasks, show_tasks
from blurax.cli.train import train
from blurax.cli.zoo import show_zoo
from blurax.errors import BluraxError, require
from blurax.experiments.figures import Budget
from blurax.outer.recipes import RECIPES

STYLE = (tyro.conf.EnumChoicesFromValues,)
"""How arguments are written: choices by their values, such as `random`."""


def demo(directory: Path = Path("runs/demo"), seeds: int = 5, redo: bool = False) -> None:
    """Learn a rule on handwritten digits, then see what it can teach that it never met.

    About three minutes on two cores. Interrupted, it goes on where it was.

    Args:
        directory: Where the run and its results go.
        seeds: Newborn networks to average over in each comparison.
        redo: Start anew, and forget what the directory holds of an earlier demo.
    """
    with resumable(f"blurax demo --directory {directory}"):
        run_demo(Console(), directory, seeds, redo)


def recipes() -> None:
    """List the recipes: named configurations for blurax meta-train --recipe."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("recipe", no_wrap=True)
    table.add_column("what it does")
    table.add_column("what it took")
    for name, recipe in RECIPES.items():
        table.add_row(f"{name} (v{recipe.version})", recipe.about, recipe.cost)
    Console().print(table)


def runs(folder: tyro.conf.Positional[Path] = Path("runs")) -> None:
    """List the runs below a folder, the best first.

    Args:
        folder: Where to look.
    """
    found = find_runs(folder)
    require(bool(found), f"{folder} holds no run.")
    Console().print(runs_table(found))


def tasks(
    words: tyro.conf.Positional[tuple[str, ...]] = (),
    directory: Path = Path("."),
) -> None:
    """List all tasks, or draw some: blurax tasks show xor mnist:size=10.

    Args:
        words: Nothing to list all tasks; show and the names of tasks, with their options, to draw a
            contact sheet of each.
        directory: Where the pictures go.
    """
    if words[:1] == ("show",):
        show_tasks(Console(), words[1:], directory)
    else:
        require(
            words in ((), ("list",)),
            f"blurax tasks {' '.join(words)} is not understood; blurax tasks lists all tasks, and "
            "blurax tasks show NAME draws one.",
        )
        list_tasks(Console())


def show(
    genome: tyro.conf.Positional[Path],
    other: tyro.conf.Positional[Path | None] = None,
    png: Path | None = None,
    canonical: bool = False,
    task: str | None = None,
    hidden: str = "64",
    steps: int = 50,
    seeds: int = 5,
) -> None:
    """Draw a genome's matrices and gates in the terminal and as a picture; look inside it at work.

    Args:
        genome: A genome file, or the name of one that blurax zoo lists.
        other: A second one: show how they differ, both in their canonical form.
        png: Where the picture goes; the default is beside the genome file, or in this folder.
        canonical: Show the genome without what only renames or rescales, so that two genomes can be
            compared.
        task: Also watch it teach this task: the angle of its updates to the gradient, the growth of
            synapses, and what is lost without each number.
        hidden: The hidden layers of the networks it teaches.
        steps: Inner steps of these lessons.
        seeds: Networks to average over.
    """
    require(seeds >= 1, f"--seeds is {seeds}; it takes a whole number >= 1.")
    if other is not None:
        require(task is None, "--task watches one genome at work; name one alone.")
        show_both(Console(), (genome, other), png)
        return
    if task is not None:  # a mistake is told before anything is printed
        check_lesson(task, hidden, steps)
    show_genome(Console(), genome, png, canonical)
    if task is not None:
        look_inside(Console(), genome, png, task, hidden, steps, seeds)


def figure(
    number: tyro.conf.Positional[str],
    budget: Budget = Budget.CPU,
    directory: Path = Path("runs/figures"),
    redo: bool = False,
) -> None:
    """Repeat a figure of the paper: meta-train, measure, draw, and judge what the paper says.

    What is there already is not computed again; interrupted, it goes on where it was.

    Args:
        number: 2 to 17, or all.
        budget: smoke takes seconds and means nothing, cpu minutes, paper an accelerator and hours.
        directory: Where the figures and the genomes they share go.
        redo: Forget what the directory holds of this figure, and begin anew.
    """
    make_figures(Console(), number, budget, directory, redo)


def _use_compilation_cache() -> None:
    """Keep compiled programs between runs, so that the second start is quick."""
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        jax.config.update("jax_compilation_cache_dir", str(Path(home) / "blurax" / "xla"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)


def dispatch(args: list[str]) -> None:
    """Parse the arguments and run the command they name.

    Raises:
        BluraxError: for a mistake of the user's.
        SystemExit: for --help, and for arguments that cannot be parsed.
    """
    commands: dict[str, Callable[..., Any]] = {
        "demo": demo,
        "meta-train": meta_train_from(recipe_in(args)),
        "recipes": recipes,
        "runs": runs,
        "tasks": tasks,
        "train": train,
        "show": show,
        "compare": compare,
        "zoo": show_zoo,
        "export": export,
        "figure": figure,
        "report": report,
    }
    tyro.extras.subcommand_cli_from_dict(commands, prog="blurax", args=args, config=STYLE)


def main(args: list[str] | None = None) -> int:
    """Run the command line; returns the exit status: 2 for a mistake, 130 for Ctrl-C."""
    _use_compilation_cache()
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    try:
        dispatch(sys.argv[1:] if args is None else args)
    except BluraxError as error:
        print(f"blurax: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0
