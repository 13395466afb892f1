"""A bench: ranks in the terminal, as a picture, and as a page in HTML and Markdown."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from rich.table import Table
from rich.text import Text

from blurax.analysis import style
from blurax.analysis.page import escaped, image, numbers, pairs, whole_page
from blurax.analysis.plain import message
from blurax.analysis.tables_view import draw_scores, ranks_and_scores
from blurax.baselines.reached import Ranking
from blurax.baselines.standing import Standing
from blurax.baselines.step_time import machine
from blurax.io import write_text
from blurax.version import __version__

MOST = 8
"""Learners whose curves can be told apart in one picture."""
LEGEND = (
    "rank: 1 is the best; mean and standard deviation over the places, a place being a task with a "
    "network, by the mean test score over its numbers of steps. Then the mean rank after so many "
    "steps, and in each part. p: Wilcoxon's signed-rank test over the places against {against}, "
    "with Holm's correction. Two mean ranks differ at 5 % if they are {apart:.2f} apart (Nemenyi)."
)
SCORES = "Mean test score over the numbers of steps (%): accuracy, or variance explained"

Rows = list[tuple[str, ...]]


def bench_rows(standing: Standing) -> tuple[tuple[str, ...], Rows]:
    """What is said of each learner, the best first, and the names of the columns."""
    overall = standing.overall()
    columns = {f"{budget:,} steps": standing.at(budget) for budget in standing.budgets}
    if standing.timed:
        columns["by time"] = standing.by_time()
    columns |= {part: standing.of(part) for part in standing.parts}
    means = {
        head: dict(zip(each.methods, each.mean, strict=True)) for head, each in columns.items()
    }
    rows = []
    for m, name in enumerate(overall.methods):
        rank = f"{overall.mean[m]:.1f} ± {overall.spread[m]:.1f}"
        p = "-" if np.isnan(overall.p[m]) else f"{overall.p[m]:.3f}"
        rows.append((name, rank, p, *(f"{mean[name]:.1f}" for mean in means.values())))
    return ("learner", "rank", "p", *means), rows


def leaders(standing: Standing) -> tuple[str, ...]:
    """Whose curves are drawn: the first by their ranks, whom all are tested against, and one's own.

    Of one's own, where they are many, the first by their ranks.
    """
    ranked = standing.overall().methods
    own = [name for name in ranked if name in standing.own][:MOST]
    return tuple(dict.fromkeys((*ranked[:MOST], standing.against, *own)))


def legend(standing: Standing) -> str:
    """What the columns mean."""
    apart = standing.overall().critical_difference()
    return LEGEND.format(against=message(standing.against), apart=apart)


def bench_table(standing: Standing) -> Table:
    """A row for each learner, the best first."""
    head, rows = bench_rows(standing)
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column(head[0], no_wrap=True)
    for name in head[1:]:
        table.add_column(Text(message(name)), justify="right")
    for name, *cells in rows:
        table.add_row(Text(message(name)), *cells)
    return table


def draw_bench(standing: Standing, path: str | os.PathLike[str]) -> Path:
    """Draw mean ranks with half the critical difference, and all scores; written as PNG.

    Raises:
        BluraxError: if the file cannot be written.
    """
    overall = standing.overall()
    title = f"{standing.suite}: ranks, and what was reached"
    figure, upper, lower = ranks_and_scores(title, overall, 34)
    _draw_ranks(upper, overall)
    draw_scores(lower, overall, standing.reached(), SCORES)
    return style.save(figure, path)


def _draw_ranks(canvas: style.SubFigure, found: Ranking) -> None:
    half = found.critical_difference() / 2
    words = "Mean rank ± half the critical difference at 5 %; blue: not told from the best"
    style.heading(canvas, words)
    axes, rows = canvas.subplots(), np.arange(len(found.methods))
    axes.axvspan(found.mean[0] - half, found.mean[0] + half, color=style.PALETTE[0], alpha=0.12)
    near = found.mean - half <= found.mean[0] + half
    for row, mean in zip(rows, found.mean, strict=True):
        colour = style.PALETTE[0] if near[row] else style.INK
        axes.plot([mean - half, mean + half], [row, row], color=colour, linewidth=2)
        axes.plot([mean], [row], "o", color=colour, markersize=7)
    axes.set_yticks(rows, [message(name) for name in found.methods], parse_math=False)
    axes.set_ylim(len(rows) - 0.5, -0.5)  # the best at the top
    style.tidy(axes, "rank", "")


def write_pages(standing: Standing, pictures: Sequence[Path], html: Path, markdown: Path) -> None:
    """Write what was measured as a page of HTML, and the same in Markdown.

    Args:
        pictures: the ranks, then the curves of each part; PNG files beside the pages.

    Raises:
        BluraxError: if a page cannot be written.
    """
    head, rows = bench_rows(standing)
    title = f"{standing.suite}: {len(rows)} learners"
    drawn = leaders(standing)
    words = ", ".join([f"the {MOST} best ranks", *drawn[MOST:]])
    shown = "" if len(rows) == len(drawn) else f" ({words})"
    titles = ["Ranks and scores", *(f"Curves: {part}{shown}" for part in standing.parts)]
    files = zip(titles, pictures, strict=True)
    body = [
        f"<h1>{escaped(title)}</h1>",
        pairs(_words(standing)),
        numbers(head, rows),
        f"<p>{escaped(legend(standing))}</p>",
        "<h2>Scores</h2>",
        numbers(*_scores(standing)),
        *(f"<h2>{escaped(words)}</h2>{image(file.read_bytes(), words)}" for words, file in files),
    ]
    write_text(html, whole_page(title, "\n".join(body)))
    write_text(markdown, "\n".join(_markdown(standing, title, head, rows, titles, pictures)))


def _words(standing: Standing) -> dict[str, str]:
    seeds = len(standing.places[0].records[0].accuracy[0])
    return {
        "suite": f"{standing.suite}, {standing.about}",
        "places": f"{len(standing.places)}, each with {seeds} initial networks",
        "parts": ", ".join(standing.parts),
        "blurax": __version__,
        "page made on": machine(),
    }


def _scores(standing: Standing) -> tuple[tuple[str, ...], Rows]:
    """The test score of every learner in every place, at each number of steps."""
    rows: Rows = []
    for place in standing.places:
        for record in place.records:
            said = [
                f"{budget:,}: {100 * record.mean(budget):.1f} ± {100 * record.std(budget):.1f}"
                for budget in record.budgets
            ]
            rows.append((record.learner, place.name, "; ".join(said)))
    return ("learner", "place", "test score (%) after steps"), rows


def _markdown(
    standing: Standing,
    title: str,
    head: tuple[str, ...],
    rows: Rows,
    titles: Sequence[str],
    pictures: Sequence[Path],
) -> Iterator[str]:
    yield f"# {_cell(title)}\n"
    yield from (f"- {about}: {_cell(text)}" for about, text in _words(standing).items())
    yield ""
    yield from _grid(head, rows)
    yield f"\n{_cell(legend(standing))}\n"
    for words, file in zip(titles, pictures, strict=True):
        yield f"## {_cell(words)}\n\n![{_cell(words)}]({file.name})\n"
    yield "## Scores\n"
    yield from _grid(*_scores(standing))


def _grid(head: tuple[str, ...], rows: Rows) -> Iterator[str]:
    yield f"| {' | '.join(map(_cell, head))} |"
    yield f"|{'---|' * len(head)}"
    yield from (f"| {' | '.join(map(_cell, row))} |" for row in rows)


def _cell(text: str) -> str:
    """A text in Markdown: printable, and no markup."""
    found = message(text)
    for sign in "\\`*_[]<>|#":
        found = found.replace(sign, f"\\{sign}")
    return found
