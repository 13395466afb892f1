"""The commands, their arguments, and how a mistake is told."""

import contextlib
import itertools
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import tyro
from rich.console import Console
from rich.table import Table

from blurax import io, teach, zoo
from blurax.analysis.curve_view import curve_table, draw_curve
from blurax.analysis.run_view import draw_run
from blurax.analysis.runs_view import find_runs, runs_table
from blurax.cli.compare import compare
from blurax.cli.demo import run_demo
from blurax.cli.export import export
from blurax.cli.figure import make_figures
from blurax.cli.progress import RunProgress, resumable
from blurax.cli.report import report
from blurax.cli.show import look_inside, show_genome
from blurax.cli.tasks import file_name, list_tasks, show_tasks
from blurax.cli.tensorboard import TensorBoard
from blurax.cli.zoo import show_zoo
from blurax.errors import BluraxError, require
from blurax.experiments.figures import Budget
from blurax.outer import run
from blurax.outer.config import MetaTrain
from blurax.outer.recipes import RECIPES, get_recipe
from blurax.tasks import EpisodeSpec, get, score_name

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


def meta_train_from(default: MetaTrain) -> Callable[..., None]:
    """The command meta-train, its options starting from a configuration: a recipe's, say."""

    def meta_train(
        config: Annotated[MetaTrain, tyro.conf.arg(name="")] = default,
        recipe: str | None = None,
        directory: Path | None = None,
        resume: Path | None = None,
        tensorboard: bool = False,
    ) -> None:
        """Find a rule: by gradient, evolution strategies, CMA-ES or random search.

        Args:
            config: The configuration of the run.
            recipe: Start from a named configuration; further options change it. blurax recipes
                lists them.
            directory: Where the run goes; the default is a new folder under runs/.
            resume: Go on with the run in this directory, as it was started.
            tensorboard: Also write a log for TensorBoard; takes the extra tensorboard.
        """
        console = Console()
        if resume is not None:
            alone = config == MetaTrain() and directory is None and recipe is None
            require(alone, f"--resume {resume} goes with no other option: a run keeps its own.")
            found = resume
        else:
            found = _started(config) if directory is None else directory
            if directory is not None:
                run.start(config, directory)
        _advance(console, found, tensorboard)

    return meta_train


def _advance(console: Console, directory: Path, tensorboard: bool) -> None:
    """Take a run to its end, in sight of the user."""
    config = run.read_config(directory)[0]
    what = score_name(config.tasks)
    console.print(f"Run directory: {directory} ({config.meta_steps} meta-steps)")
    board = TensorBoard(directory) if tensorboard else None
    with (
        resumable(f"blurax meta-train --resume {directory}"),
        RunProgress(console, "meta-training", what) as progress,
    ):

        def watch(step: run.Progress) -> None:
            progress(step)
            if board is not None:
                board(step)

        result = run.advance(directory, watch)
    if board is not None:
        board.close()
    picture = draw_run(directory)
    console.print(
        f"Best validation {what} {100 * result.score:.1f} % after the last inner step.\n"
        f"Genome: {directory / 'best.safetensors'}\nPicture: {picture}"
    )


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


def train(
    genome: tyro.conf.Positional[Path],
    task: str = "digits",
    hidden: str = "128",
    steps: int = 100,
    batch: int = 128,
    seeds: int = 5,
    seed: int = 0,
    directory: Path | None = None,
) -> None:
    """Let a genome teach newborn networks on a task; writes their curve as JSON and PNG.

    Args:
        genome: A genome file, or the name of one that blurax zoo lists.
        task: The task, by name, with options: wine, or mnist:size=10. blurax tasks lists all.
        hidden: The sizes of the hidden layers, such as 128 or 256-128; 0 for none.
        steps: Inner steps.
        batch: Examples in each step.
        seeds: Networks side by side, each with a birth and batches of its own.
        seed: Of the births and batches.
        directory: Where the curve goes, as JSON and PNG; the default is the genome's folder, or
            this one for a genome of the zoo.
    """
    console, out = Console(), directory or genome.parent
    require(seeds >= 1, f"--seeds is {seeds}; it takes a whole number >= 1.")
    learned, _ = zoo.genome(genome)
    data, spec = get(task), EpisodeSpec(steps=steps, batch=batch)
    network = teach.network_for(data, teach.parse_hidden(hidden))
    keys = jax.random.split(jax.random.key(seed), seeds)
    title = f"{genome.name} teaches {task}, network {'-'.join(map(str, network.sizes))}"
    with console.status(title):
        _, curve = teach.teach(learned, network, data, keys, spec)
    accuracy = jnp.asarray(curve.accuracy)
    stem = f"curve-{file_name(task)}-{file_name(hidden)}"
    io.write_json(
        out / f"{stem}.json",
        {
            "genome": str(genome),
            "task": task,
            "sizes": list(network.sizes),
            "batch": batch,
            "seed": seed,
            "score": data.kind.score,
            "accuracy": accuracy.tolist(),
        },
    )
    draw_curve(accuracy, out / f"{stem}.png", title, data.kind.score)
    console.print(title, curve_table(accuracy, what=data.kind.score))
    console.print(f"Curve: {out / stem}.json\nPicture: {out / stem}.png")


def show(
    genome: tyro.conf.Positional[Path],
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


def _new_directory(config: MetaTrain) -> Path:
    """Make the first of runs/TASKS-1, runs/TASKS-2, ... that does not exist.

    Made at once, so that two runs started together do not take the same.
    """
    stem = file_name("+".join(config.tasks))
    Path("runs").mkdir(exist_ok=True)
    for number in itertools.count(1):
        found = Path("runs") / f"{stem}-{number}"
        with contextlib.suppress(FileExistsError):
            found.mkdir()
            return found
    raise AssertionError("itertools.count ends never")


def _started(config: MetaTrain) -> Path:
    """Start a run in a new directory, which goes again if the run cannot be started."""
    directory = _new_directory(config)
    try:
        run.start(config, directory)
    except BluraxError:
        directory.rmdir()
        with contextlib.suppress(OSError):  # there are other runs in it
            directory.parent.rmdir()
        raise
    return directory


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
        "meta-train": meta_train_from(_recipe_in(args)),
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


def _recipe_in(args: list[str]) -> MetaTrain:
    """The configuration of the recipe that the arguments name; the usual one if they name none."""
    for word, following in zip(args, [*args[1:], ""], strict=True):
        if word == "--recipe" and following:
            return get_recipe(following).config
        if word.startswith("--recipe="):
            return get_recipe(word.removeprefix("--recipe=")).config
    return MetaTrain()


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
