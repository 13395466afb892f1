"""Bias and variance of the estimators of the meta-gradient, as a picture and a table."""

import os
from pathlib import Path

from matplotlib.axes import Axes

from blurax.analysis import style
from blurax.outer.estimates import Measured, Result

LOOKS = {
    "truncated": (style.EMPHASIS, "o", "truncated gradient"),
    "es": (style.BLACK, "X", "ES, the whole episode"),
    "pes": (style.BLUE, "s", "persistent ES"),
    "nres": (style.GREEN, "^", "noise-reuse ES"),
}


def draw_estimators(result: Result, path: str | os.PathLike[str]) -> Path:
    """Draw bias (left) and deviation (right) against the window.

    Raises:
        BluraxError: if the file cannot be written.
    """
    title = (
        f"Estimates of the meta-gradient of one episode of {result.steps} steps, "
        f"in lengths of the exact gradient ({result.draws} draws of {result.pairs} pairs)"
    )
    figure = style.new_figure(1400, 640, title)
    left, right = figure.subplots(1, 2)
    for axes, field, words in ((left, "bias", "bias"), (right, "deviation", "deviation")):
        for name, sigma in dict.fromkeys((m.name, m.sigma) for m in result.measured):
            of_one = [m for m in result.measured if (m.name, m.sigma) == (name, sigma)]
            _draw(axes, of_one, field)
        style.tidy(axes, "steps of a window", words)
        axes.set_xscale("log")
        windows = sorted({m.window for m in result.measured})
        axes.set_xticks(windows, [str(window) for window in windows])
        axes.minorticks_off()
        axes.set_ylim(bottom=0)
    left.set_title("grey: what the noise alone would give", loc="left", fontsize=style.SMALL)
    handles, names = left.get_legend_handles_labels()
    figure.legend(
        handles, names, loc="outside lower center", ncols=4, fontsize=style.SMALL, frameon=False
    )
    return style.save(figure, path)


def _draw(axes: Axes, measured: list[Measured], field: str) -> None:
    one = measured[0]
    colour, marker, label = LOOKS[one.name]
    windows = [m.window for m in measured]
    values = [getattr(m, field) for m in measured]
    if max(values) <= 1e-6:
        return
    shown = [(w, v) for w, v in zip(windows, values, strict=True) if v > 1e-6]
    small = one.sigma and one.sigma < 0.05
    axes.plot(
        *zip(*shown, strict=True),
        marker=marker,
        color=colour,
        linestyle="--" if small else "-",
        linewidth=style.THIN,
        markersize=8,
        label=f"{label}, σ = {one.sigma}" if one.sigma else label,
    )
    if field == "bias" and one.sigma:
        axes.plot(windows, [m.bias_error for m in measured], "_", color=style.PALE, markersize=14)


def estimators_markdown(result: Result) -> str:
    """The table of a page of the docs."""
    lines = [
        "| estimator | σ | window | bias | noise of it | deviation | cosine |",
        "|---|---|---|---|---|---|---|",
    ]
    for m in result.measured:
        sigma = f"{m.sigma}" if m.sigma else "-"
        lines.append(
            f"| {LOOKS[m.name][2]} | {sigma} | {m.window} | {m.bias:.3f} | {m.bias_error:.3f} | "
            f"{m.deviation:.2f} | {m.cosine:.3f} |"
        )
    return "\n".join(lines) + "\n"
