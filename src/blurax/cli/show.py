"""`blurax show`: a genome as numbers, as a picture, and at work."""

from pathlib import Path

from rich.console import Console
from rich.markup import escape

from blurax import zoo
from blurax.analysis.findings_view import draw_findings
from blurax.analysis.genome_compare import comparison_panel, draw_comparison, matched
from blurax.analysis.genome_view import draw_genome, genome_panel
from blurax.experiments.inside import ANGLE, look
from blurax.genome import canonical as canonical_form
from blurax.tasks import EpisodeSpec, get
from blurax.teach import network_for, parse_hidden


def show_genome(console: Console, path: Path, png: Path | None, canonical: bool) -> None:
    """Print and draw a genome."""
    genome, provenance = zoo.genome(path)
    shown = canonical_form(genome) if canonical else genome
    console.print(genome_panel(shown, provenance))
    suffix = "-canonical" if canonical else ""
    picture = png or path.with_name(f"{path.stem}{suffix}.png")
    draw_genome(shown, picture, f"{path.name}{', canonical form' if canonical else ''}")
    console.print(f"Picture: {escape(str(picture))}", soft_wrap=True)


def show_both(console: Console, paths: tuple[Path, Path], png: Path | None) -> None:
    """Print and draw how two genomes differ, both in their canonical form."""
    genomes = matched(*(zoo.genome(path)[0] for path in paths))
    names = paths[0].name, paths[1].name
    console.print(comparison_panel(names, genomes))
    picture = png or paths[0].with_name(f"{paths[0].stem}-and-{paths[1].stem}.png")
    draw_comparison(names, genomes, picture)
    console.print(f"Picture: {escape(str(picture))}", soft_wrap=True)


def check_lesson(task: str, hidden: str, steps: int) -> None:
    """Raise `BluraxError` for an unknown task, or layers or steps that are none."""
    network_for(get(task), parse_hidden(hidden))
    EpisodeSpec(steps=steps)


def look_inside(
    console: Console, path: Path, png: Path | None, task: str, hidden: str, steps: int, seeds: int
) -> None:
    """Watch a genome teach a task, and draw what is seen."""
    genome, _ = zoo.genome(path)
    with console.status(f"watching it teach {escape(task)}"):
        found = look(genome, get(task), hidden, steps, seeds)
    whole = found.fact("accuracy of the whole genome")
    console.print(f"\n{found.setting} Score after the last step: {100 * whole:.1f} %.")
    angles = found.chart(ANGLE).curves
    for curve in angles:
        console.print(
            f"{curve.label}: updates {curve.mean[0]:.0f}° from the loss's negative gradient in "
            f"the first step, {curve.mean[-1]:.0f}° in the last"
        )
    base = png or path
    picture = base.with_name(f"{base.stem}-inside.png")
    draw_findings(found, picture)
    console.print(f"Picture: {escape(str(picture))}", soft_wrap=True)
