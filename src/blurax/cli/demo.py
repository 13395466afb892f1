"""The demo as a person sees it."""

import shutil
from pathlib import Path

from rich.console import Console

from blurax import io
from blurax.analysis.demo_view import demo_tables, draw_demo, verdict
from blurax.analysis.genome_view import genome_panel
from blurax.analysis.run_view import draw_run
from blurax.cli.progress import RunProgress
from blurax.errors import require
from blurax.experiments import demo
from blurax.outer import run


def run_demo(console: Console, directory: Path, seeds: int, redo: bool) -> None:
    """Learn, compare, print and draw; each part is skipped that the directory already holds.

    Raises:
        BluraxError: if the directory holds a run that is not the demo's.
    """
    require(seeds >= 2, f"--seeds is {seeds}; a spread takes at least 2.")
    if (directory / "config.json").exists():
        is_demo = run.read_config(directory)[0] == demo.CONFIG
        require(is_demo, f"{directory} holds a run that is not the demo's; name another directory.")
        if redo:
            _forget(directory)
    if not (directory / "config.json").exists():
        run.start(demo.CONFIG, directory)
    console.print(
        "1. A learning rule is learned from random numbers, on handwritten digits.\n"
        f"   Everything goes to {directory}; stop with Ctrl-C, the same command goes on."
    )
    with RunProgress(console, "meta-training") as progress:
        result = run.advance(directory, progress)
    draw_run(directory)
    console.print(genome_panel(*io.load_genome(directory / "best.safetensors")))
    console.print(
        "2. It teaches networks, next to SGD, momentum and Adam, whose learning rates\n"
        "   are tuned for each number of steps. Accuracy on test examples in %: mean\n"
        f"   and standard deviation over {seeds} seeds."
    )
    with console.status("measuring") as status:

        def say(text: str) -> None:
            status.update(f"measuring: {text}")
            if not console.is_terminal:  # a log shows no spinner
                console.print(f"   measuring: {text}")

        measured = demo.measure(result.genome, result.score, seeds=seeds, say=say)
    demo.write(directory, measured)
    for table in demo_tables(measured):
        console.print(table)
    picture = directory / "demo.png"
    draw_demo(measured, directory, picture)
    console.print(verdict(measured))
    console.print(f"Picture: {picture}\nGenome: {directory / 'best.safetensors'}")


def _forget(directory: Path) -> None:
    """Remove what an earlier demo wrote, and nothing else."""
    shutil.rmtree(directory / "checkpoints", ignore_errors=True)
    for name in ("config.json", "metrics.jsonl", "best.safetensors", "run.png", demo.RESULT):
        (directory / name).unlink(missing_ok=True)
