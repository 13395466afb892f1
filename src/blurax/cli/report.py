"""`blurax report`: a run as one page."""

from pathlib import Path

import tyro
from rich.console import Console
from rich.text import Text

from blurax import io
from blurax.analysis.plain import message, printable
from blurax.analysis.report import write_report
from blurax.cli.terminal import Terminal
from blurax.experiments.inside import look
from blurax.findings import Findings
from blurax.outer.repair import PICTURE
from blurax.outer.run import read_config
from blurax.tasks import get

LONGEST, SEEDS = 50, 3
"""Steps at most (but for sequences), and seeds, of the episode in which the genome is watched."""


def report(run: tyro.conf.Positional[Path], html: Path | None = None, inside: bool = True) -> None:
    """Write one self-contained HTML page about a meta-training run: it can be mailed as it is.

    Args:
        run: The run's directory.
        html: Where the page goes; the default is report.html in the run's directory.
        inside: Also watch the kept genome teach the run's first task: the angle of its updates to
            the gradient, the growth of synapses, what is lost without each number. It takes half a
            minute or so.
    """
    console, page = Terminal(), html or run / "report.html"
    read_config(run)
    io.check_file(page)
    io.check_file(run / PICTURE)
    seen = _seen(console, run) if inside else None
    write_report(run, page, seen)
    console.print(f"Report: {printable(str(page))}", soft_wrap=True)


def _seen(console: Console, directory: Path) -> Findings | None:
    """The kept genome at work; None for a learner, or one with genes for each layer or step."""
    config, _ = read_config(directory)
    if config.learner:
        return None
    genome, _ = io.load_genome(directory / "best.safetensors")
    if genome.rule.gene_sets is not None or genome.rule.steps is not None:
        return None
    name, networks = config.validated_pairs()[0]
    task = get(name)
    few = min(LONGEST, config.validation_steps or config.episode.steps)
    steps = None if task.stages else few  # a sequence is seen whole
    with console.status(Text(message(f"watching the genome teach {name}"))):
        return look(genome, task, networks[0], steps, SEEDS, config.episode)
