"""`blurax show`: a genome as numbers, as a picture, and at work; a learner's numbers; a network."""

from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from rich.text import Text

from blurax import io, zoo
from blurax.analysis.findings_table import measures_table
from blurax.analysis.findings_view import draw_findings
from blurax.analysis.genome_compare import comparison_panel, draw_comparison, matched
from blurax.analysis.genome_view import draw_genome, genome_panel
from blurax.analysis.network_picture import draw_network
from blurax.analysis.network_words import network_table
from blurax.analysis.numbers_view import draw_learner, numbers_panel
from blurax.analysis.plain import message, printable
from blurax.bounds import check_count
from blurax.cli.learner import load_learner_class
from blurax.cli.tasks import file_name
from blurax.cli.terminal import Terminal
from blurax.errors import require
from blurax.experiments.compare_entrants import BEST
from blurax.experiments.inside import ANGLE, SPECIALISATION, STEPS, WHOLE, check_look, look
from blurax.experiments.tangent import TANGENT
from blurax.fit import network_for
from blurax.gauge import canonical as canonical_form
from blurax.learned import learned
from blurax.network import Network
from blurax.outer.numbers import load_numbers, named, numbers_of
from blurax.stages import steps_of
from blurax.targets import shown_as
from blurax.tasks import EpisodeSpec, Task, get


def show(
    genome: tyro.conf.Positional[Path | None] = None,
    other: tyro.conf.Positional[Path | None] = None,
    png: Path | None = None,
    canonical: bool = False,
    learner: Annotated[str | None, tyro.conf.arg(metavar="FILE.py:CLASS")] = None,
    task: str | None = None,
    hidden: str | None = None,
    steps: int | None = None,
    batch: int = 128,
    seeds: int = 5,
) -> None:
    """Draw a genome's matrices and gates in the terminal and as a picture; look inside it at work.

    Without a genome, --network and --task draw that network for that task.

    Args:
        genome: A genome or learner file, the directory of a run, or the name of a genome that
            blurax zoo lists.
        other: A second one: show how they differ, both in their canonical form.
        png: Where the picture goes; the default is beside the genome file, or in this folder.
        canonical: Show the genome without what only renames or rescales, so that two genomes can be
            compared.
        learner: Of a learner file the class, my_rules.py:MyRule: also show from where each number
            was learned.
        task: Also watch it teach this task: the angle of its updates to the gradient, the growth of
            synapses, the tangent kernel, and what is lost without each number.
        hidden: The networks it teaches by their hidden layers, such as 64, the default, or
            c8k5s2-16; --network is the same.
        steps: Inner steps of these episodes; 50, or all the stages of a sequence.
        batch: Examples in each step.
        seeds: Networks to average over.
    """
    check_count("--seeds", seeds)
    console = Terminal()
    if png is not None:
        io.check_file(png)
    if genome is None:
        require(
            hidden is not None and task is not None and not canonical and learner is None,
            "blurax show takes a genome, such as default; or --network and --task, such as lenet "
            "and mnist, without other options than --png, to draw a network.",
        )
        show_network(console, str(hidden), str(task), png)
        return
    if io.exists(genome / BEST):
        genome = genome / BEST
    if io.is_learner(zoo.find(genome)):
        require(
            other is None and task is None and not canonical,
            f"{genome} is a learner file, whose numbers its class alone understands; it is shown "
            "without other options than --learner and --png.",
        )
        show_learner(console, genome, learner, png)
        return
    require(learner is None, f"--learner is the class of a learner file; {genome} is none.")
    if other is not None:
        require(task is None, "--task watches one genome at work; name one alone.")
        show_both(console, (genome, other), png)
        return
    hidden = "64" if hidden is None else hidden
    if task is not None:  # a mistake is reported before anything is printed
        data, sizes = get(task), EpisodeSpec(batch=batch)
        steps = steps_of(data.stages, steps, STEPS, task, "--steps")
        check_look(zoo.genome(genome)[0], data, hidden, steps, seeds, sizes)
        io.check_file(_inside(png or genome))
        show_genome(console, genome, png, canonical)
        look_inside(console, genome, png, data, hidden, steps, seeds, sizes)
        return
    show_genome(console, genome, png, canonical)


def show_network(console: Console, name: str, task: str, png: Path | None) -> None:
    """Print and draw the network of a name."""
    network = network_for(get(task), name)
    picture = png or Path(f"{file_name(name)}.png")
    io.check_file(picture)
    console.print(network_table(network))
    draw_network(network, picture, f"{name} for {task}")
    console.print(f"Picture: {printable(str(picture))}", soft_wrap=True)


def show_learner(console: Console, path: Path, code: str | None, png: Path | None) -> None:
    """Print and draw the numbers of a learner; of its class, if given, print where they started."""
    picture = png or path.with_name(f"{path.stem}.png")
    io.check_file(picture)
    file = zoo.find(path)
    name, tensors, provenance = io.load_learner(file)
    start = None
    like = learned(name) if code is None else load_learner_class(code, _network(provenance))
    if like is not None:
        load_numbers(file, like)  # which checks that they belong together
        start = named(numbers_of(like))
    console.print(numbers_panel(name, tensors, provenance, start))
    draw_learner(name, tensors, picture)
    console.print(f"Picture: {printable(str(picture))}", soft_wrap=True)


def _network(provenance: io.Provenance) -> Network:
    """The first network that a run learned with; a small one where that is not known."""
    hidden = provenance.config.get("hidden")
    if not (provenance.tasks and isinstance(hidden, list) and hidden):
        return Network((2, 2))
    return network_for(get(provenance.tasks[0]), str(hidden[0]))


def show_genome(console: Console, path: Path, png: Path | None, canonical: bool) -> None:
    """Print and draw a genome."""
    genome, provenance = zoo.genome(path)
    shown = canonical_form(genome) if canonical else genome
    suffix = "-canonical" if canonical else ""
    picture = png or path.with_name(f"{path.stem}{suffix}.png")
    io.check_file(picture)
    console.print(genome_panel(shown, provenance))
    draw_genome(shown, picture, f"{path.name}{', canonical form' if canonical else ''}")
    console.print(f"Picture: {printable(str(picture))}", soft_wrap=True)


def show_both(console: Console, paths: tuple[Path, Path], png: Path | None) -> None:
    """Print and draw how two genomes differ, both in their canonical form."""
    genomes = matched(*(zoo.genome(path)[0] for path in paths))
    names = paths[0].name, paths[1].name
    picture = png or paths[0].with_name(f"{paths[0].stem}-and-{paths[1].stem}.png")
    io.check_file(picture)
    console.print(comparison_panel(names, genomes))
    draw_comparison(names, genomes, picture)
    console.print(f"Picture: {printable(str(picture))}", soft_wrap=True)


def look_inside(
    console: Console,
    path: Path,
    png: Path | None,
    task: Task,
    hidden: str,
    steps: int,
    seeds: int,
    sizes: EpisodeSpec,
) -> None:
    """Watch a genome teach a task, and draw what is seen."""
    genome, _ = zoo.genome(path)
    with console.status(Text(message(f"watching it teach {task.name}"))):
        found = look(genome, task, hidden, steps, seeds, sizes)
    name, unit = shown_as(task.target.score_name)
    said = f"{100 * found.fact(WHOLE.format(name)):.1f} {unit}"
    console.print(f"\n{message(found.setting)} After the last step: {message(name)} {said}.")
    angles = found.chart(ANGLE).curves
    for curve in angles:
        console.print(
            f"{curve.label}: updates {curve.mean[0]:.0f}° from the loss's negative gradient in "
            f"the first step, {curve.mean[-1]:.0f}° in the last"
        )
    for table in found.tables:
        if table.title in (SPECIALISATION, TANGENT):
            console.print(measures_table(table))
    picture = _inside(png or path)
    draw_findings(found, picture)
    console.print(f"Picture: {printable(str(picture))}", soft_wrap=True)


def _inside(path: Path) -> Path:
    """Where the picture of a genome at work goes, beside this file."""
    return path.with_name(f"{path.stem}-inside.png")
