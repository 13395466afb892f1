"""The demo as a person sees it."""

import shutil
from pathlib import Path

from rich.console import Console
from rich.text import Text

from blurax import io
from blurax.analysis.demo_view import demo_tables, draw_demo, verdict
from blurax.analysis.genome_view import genome_panel
from blurax.analysis.run_view import draw_run
from blurax.cli.progress import RunProgress, resumable
from blurax.cli.terminal import Terminal
from blurax.errors import require
from blurax.experiments import demo as experiment
from blurax.experiments.demo_rivals import rivals_file
from blurax.outer import run
from blurax.outer.config import MetaTrain
from blurax.outer.progress import Progress


def demo(directory: Path = Path("runs/demo"), seeds: int = 5, redo: bool = False) -> None:
    """Learn two rules on handwritten digits, then see what they can teach that they never met.

    Three minutes on two cores. Interrupted, it goes on where it was.

    Args:
        directory: Where the run and its results go.
        seeds: Random seeds to average over in each comparison, and to tune the optimisers by.
        redo: Start anew, and forget what the directory holds of an earlier demo.
    """
    words = ("demo", "--directory", directory, "--seeds", seeds)
    with resumable(*words), io.writing(directory, "demo"):
        run_demo(Terminal(), directory, seeds, redo)


def run_demo(console: Console, directory: Path, seeds: int, redo: bool) -> None:
    """Learn, compare, print and draw; each part is skipped that the directory already holds.

    Raises:
        BluraxError: if the directory holds a run that is not the demo's.
    """
    require(seeds >= 2, f"--seeds is {seeds}; a spread takes at least 2.")
    experiment.check_memory(seeds)
    kept = rivals_file(directory, seeds)
    io.check_directory(directory, (experiment.RESULT, experiment.PICTURE, kept.name))
    second = directory / experiment.SECOND
    runs = {directory: experiment.CONFIG, second: experiment.SECOND_CONFIG}
    for place, config in runs.items():
        _check(place, config)
    if redo:
        kept.unlink(missing_ok=True)
    for place, config in runs.items():
        if redo and run.is_under_way(place):
            _forget(place)
        run.start_unless_under_way(config, place, "name another directory")
    with experiment.rivals(directory, seeds) as rivals:
        measured = _measured(console, directory, second, rivals)
    experiment.write(directory, measured)
    _show(console, measured, directory)


def _measured(
    console: Console, directory: Path, second: Path, rivals: experiment.Rivals
) -> experiment.DemoResult:
    """Learn both rules, then compare them with the optimisers, tuned in the meantime."""
    console.print(
        "1. A learning rule is evolved from random numbers, on handwritten digits; in the\n"
        "   background optimisers are tuned, which are needed for the third part.\n"
        f"   Everything goes to {directory}; stop with Ctrl-C, the same command goes on.",
        soft_wrap=True,
    )
    random = _learn(console, directory, rivals)
    console.print(
        "2. A second one is evolved from back-propagation, on digits. Its rule has more terms:\n"
        "   examples are told apart, rates follow the input and the errors.",
        soft_wrap=True,
    )
    backprop = _learn(console, second, rivals)
    console.print(
        "3. They teach networks, next to five optimisers, whose learning rates, relu or tanh,\n"
        "   and batch normalisation are tuned for each number of steps. Accuracy on test\n"
        f"   examples in %: mean and standard deviation over {rivals.plan.seeds} seeds.",
        soft_wrap=True,
    )
    with console.status("measuring") as status:

        def log(text: str) -> None:
            status.update(Text(f"measuring: {text}"))
            if not console.is_terminal:  # a log shows no spinner
                console.print(f"   measuring: {text}")

        genomes = {
            experiment.FROM_BACKPROP: backprop.genome,
            experiment.FROM_RANDOM: random.genome,
        }
        return experiment.measure(genomes, random.score, rivals, log=log)


def _check(directory: Path, config: MetaTrain) -> None:
    """Refuse a directory with a run that is another one, before anything is forgotten."""
    is_other = run.is_under_way(directory) and run.read_config(directory)[0] != config
    require(
        not is_other,
        f"{directory} holds a run that is not this demo's, but that of an earlier one perhaps; "
        "name another directory, or remove it.",
    )


def _learn(console: Console, directory: Path, rivals: experiment.Rivals) -> run.Result:
    """What a run ends with, its genome shown; an optimiser's error ends it early."""
    with RunProgress(console, "meta-training") as progress:

        def told(how_far: Progress) -> None:
            progress(how_far)
            rivals.check()

        result = run.advance(directory, told)
    draw_run(directory)
    console.print(genome_panel(*io.load_genome(directory / "best.safetensors")))
    return result


def _show(console: Console, measured: experiment.DemoResult, directory: Path) -> None:
    """Tables, picture and verdict."""
    panels, long = measured.panels, measured.long
    for table in demo_tables(panels, long):
        console.print(table)
    picture, second = directory / experiment.PICTURE, directory / experiment.SECOND
    runs = {
        f"From random numbers: {experiment.FROM_RANDOM}": directory,
        f"From back-propagation: {experiment.FROM_BACKPROP}": second,
    }
    draw_demo(panels, long, runs, picture)
    console.print(verdict(panels))
    genome = second / "best.safetensors"
    console.print(f"Picture: {picture}\nGenome: {genome}", soft_wrap=True)


def _forget(directory: Path) -> None:
    """Remove what an earlier demo wrote, and nothing else."""
    shutil.rmtree(directory / "checkpoints", ignore_errors=True)
    for name in ("config.json", "metrics.jsonl", "best.safetensors", "run.png", experiment.RESULT):
        (directory / name).unlink(missing_ok=True)
