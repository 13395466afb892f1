"""A meta-training run as a picture: how each member learned, and the genome that was kept."""

from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from blurax.analysis import style
from blurax.analysis.genome_parts import parts
from blurax.analysis.genome_picture import LINE, draw_gates, draw_grid
from blurax.analysis.numbers_view import count, draw_numbers
from blurax.genome import Genome
from blurax.outer.metrics import Metrics, read_metrics
from blurax.outer.repair import PICTURE
from blurax.outer.run import load_best, read_config
from blurax.targets import labelled, shown_as
from blurax.tasks import score_name

NAMED = len(style.PALETTE) + 1
"""The largest population whose members have colours and names of their own."""

MOST_NAMED = 4
"""Tasks that a title names; of more it says how many there are."""


def draw_run(directory: Path) -> Path:
    """Draw a run directory as `run.png` in it.

    Raises:
        BluraxError: if the directory holds no run, one before its first validation, or a damaged
            one.
    """
    config, _ = read_config(directory)
    metrics = read_metrics(directory, config.keep_last)
    best, provenance = load_best(directory, config)
    what = score_name(config.tasks)
    name, unit = shown_as(what)
    some = len(config.tasks) > MOST_NAMED
    on = f"{len(config.tasks)} settings" if some else ", ".join(config.tasks)
    title = (
        f"Learning a rule of {count(best)} numbers on {on}: "
        f"{len(metrics.steps):,} of {config.meta_steps:,} meta-steps"
    )
    if provenance.score is not None:
        title += f", kept at validation {name} {100 * provenance.score:.1f} {unit}"
    gates = len(parts(best)[0].gates) if isinstance(best, Genome) else 0
    more = max(0, LINE * gates - 150)  # 150 pixels are there without them
    figure = style.new_figure(1500, 900 + more, title)
    above, below = style.stacked(figure, 520.0, 312.0 + more)
    left, right = style.side_by_side(above, 1.0, 1.0)
    style.heading(left, "The loss that each member minimises")
    style.heading(right, "How well each member teaches")
    losses = left.subplots()
    draw_losses(losses, metrics)
    draw_validations(right.subplots(), metrics, legend=False, what=what)
    style.legend_below(above, losses, min(6, len(losses.get_legend_handles_labels()[1])))
    if isinstance(best, Genome):
        _draw_genome(below, best)
    else:
        draw_numbers(below, best, "The numbers that were kept")
    return style.save(figure, directory / PICTURE)


def draw_losses(axes: Axes, metrics: Metrics) -> None:
    """The query loss of every member: raw and faint, smoothed and bold."""
    window = max(1, len(metrics.steps) // 40)
    bold = np.stack([smoothed(loss, window) for loss in metrics.loss.T], axis=1)
    for member, (colour, label) in enumerate(_members(metrics)):
        axes.plot(metrics.steps, metrics.loss[:, member], color=colour, alpha=0.2, linewidth=1.0)
        kept = member == metrics.kept
        axes.plot(
            metrics.steps,
            bold[:, member],
            color=colour,
            linewidth=style.BOLD if kept else style.THIN,
            marker="o" if len(metrics.steps) == 1 else "",
            zorder=3 if kept else 2,
            label=label,
        )
    _mark_diverged(axes, metrics)
    _limit(axes, metrics.loss, bold)
    style.tidy(axes, "meta-step", "query loss")
    style.whole_steps(axes, metrics.steps.tolist())


def draw_validations(
    axes: Axes, metrics: Metrics, legend: bool = True, what: str = "accuracy"
) -> None:
    """The validation score of every member, the mean over tasks and networks."""
    for member, (colour, label) in enumerate(_members(metrics)):
        kept = member == metrics.kept
        axes.plot(
            metrics.validated,
            100 * metrics.scores[:, member],
            "-o",
            color=colour,
            linewidth=style.BOLD if kept else style.THIN,
            markersize=7 if kept else 5,
            zorder=3 if kept else 2,
            label=label,
        )
    style.tidy(axes, "meta-step", f"validation {labelled(what)}")
    style.whole_steps(axes, metrics.validated.tolist())
    if legend:
        axes.legend(loc="lower right", fontsize=style.SMALL, framealpha=0.85, edgecolor="white")


def smoothed(values: Float[np.ndarray, " steps"], window: int) -> Float[np.ndarray, " steps"]:
    """A centred running mean that passes over NaN; NaN only where a whole window is."""
    known = np.isfinite(values)
    box = np.ones(window)
    total = np.convolve(np.where(known, values, 0.0), box, "same")
    count = np.convolve(known.astype(float), box, "same")
    return np.where(count > 0.5, total / np.maximum(count, 1.0), np.nan)


def _members(metrics: Metrics) -> list[tuple[str, str]]:
    """The colour and label of each member; a label that starts with _ stays out of the legend."""
    population = metrics.loss.shape[1]
    colours, found = iter(style.PALETTE), []
    for member in range(population):
        if member == metrics.kept:
            found.append((style.EMPHASIS, f"member {member + 1}, kept"))
        elif population <= NAMED:
            found.append((next(colours, style.QUIET), f"member {member + 1}"))
        else:
            first = 1 if metrics.kept == 0 else 0
            others = f"{population - 1} others" if member == first else "_"
            found.append((style.PALE, others))
    return found


def _mark_diverged(axes: Axes, metrics: Metrics) -> None:
    where = metrics.steps[metrics.diverged > 0]
    if where.size:
        total = int(metrics.diverged.sum())
        axes.plot(
            where,
            np.full(where.shape, 0.98),
            "|",
            color=style.QUIET,
            markersize=9,
            transform=axes.get_xaxis_transform(),
            label=f"a member diverged ({total} times)",
        )


def _limit(axes: Axes, raw: np.ndarray, bold: np.ndarray) -> None:
    """Show all of the smooth curves but for wild starts, and no single outlier of the raw ones."""
    finite = bold[np.isfinite(bold)]
    if finite.size:
        low, high = np.nanmin(raw), np.quantile(finite, 0.99)
        margin = 0.08 * (high - low) or 0.1
        axes.set_ylim(low - margin, high + 2.5 * margin)


def _draw_genome(canvas: style.SubFigure, genome: Genome) -> None:
    """The first part of a genome, in one row."""
    part = parts(genome)[0]
    decimals = next((n for limit, n in ((2, 2), (4, 1)) if genome.rule.states <= limit), None)
    places = canvas.subplots(1, len(part.grids) + 1, squeeze=False)[0]
    for axes, grid in zip(places, part.grids, strict=False):
        draw_grid(axes, grid, decimals)
    draw_gates(places[-1], part.gates)
    style.heading(canvas, f"The genome that was kept ({part.title})")
