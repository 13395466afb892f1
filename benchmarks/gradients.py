"""Bias and variance of every estimator of the meta-gradient, against the exact one.

One episode is fixed (its networks, batches and query), so the meta-objective is a plain function of
the genome, with one exact gradient. What an estimator says of it differs only by its own noise.

    JAX_ENABLE_X64=1 python benchmarks/gradients.py

prints the table of docs/notes/meta-training-runs.md and draws its picture.
"""

import dataclasses
import os
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from jaxtyping import Array, Float, PRNGKeyArray
from matplotlib.axes import Axes

from blurax.analysis import style
from blurax.genome import Genome, flatten
from blurax.outer.config import MetaTrain
from blurax.outer.methods.es import PersistentES
from blurax.outer.methods.gradient import TruncatedGradient
from blurax.outer.objective import Objective, When
from blurax.outer.ongoing import advance, begin
from blurax.outer.problem import Problem
from blurax.outer.protocol import Estimator
from blurax.outer.variants import STABLE
from blurax.tasks import EpisodeSpec

STEPS = 20
CONFIG = MetaTrain(
    tasks=("two-moon",),
    hidden=("8",),
    rule=dataclasses.replace(STABLE, states=2),
    episode=EpisodeSpec(STEPS, 32, 128),
    objective=Objective(when=When.MEAN),
)
"""An episode that is long for its size: 20 steps, two moons, 8 hidden neurons, 2 states."""

PAIRS = 16
WINDOWS = (1, 2, 5, 10, 20)
SIGMAS = (0.01, 0.1)

LOOKS = {
    "truncated": (style.EMPHASIS, "o", "truncated gradient"),
    "es": (style.BLACK, "X", "ES, the whole episode"),
    "pes": (style.BLUE, "s", "persistent ES"),
    "nres": (style.GREEN, "^", "noise-reuse ES"),
}


@dataclasses.dataclass(frozen=True)
class Measured:
    """What one estimator said, all lengths in units of the exact gradient's."""

    name: str
    window: int
    sigma: float
    """0 for gradients."""
    bias: float
    """The length of the mean estimate's difference from the exact gradient."""
    bias_error: float
    """What the noise alone would give for it, with so many draws."""
    deviation: float
    """The root mean square length of an estimate's difference from the mean one."""
    cosine: float
    """Between the mean estimate and the exact gradient."""


@dataclasses.dataclass(frozen=True)
class Result:
    """All estimators on one episode."""

    draws: int
    pairs: int
    steps: int
    measured: tuple[Measured, ...]


def measure(draws: int = 400, seed: int = 0) -> Result:
    """Measure every estimator.

    Args:
        draws: estimates of each; those without noise of their own are computed once.
    """
    problem = CONFIG.problem()
    genome = problem.space.start(jax.random.key(seed))
    key = jax.random.key(seed + 1)
    exact = jax.jit(jax.grad(lambda v: _whole(problem, v, key)))(genome)
    measured = [
        _measured("truncated", w, 0.0, _truncated(problem, genome, key, w), flatten(exact))
        for w in WINDOWS
    ]
    for sigma in SIGMAS:
        # At a fixed genome noise-reuse ES is ES whatever the window: one window shows it.
        for name, windows in (("es", (STEPS,)), ("pes", WINDOWS[:-1]), ("nres", (5,))):
            for window in windows:
                estimator = PersistentES(problem, PAIRS, sigma, window, name == "nres")
                found = _drawn(estimator, problem, genome, key, window, draws)
                measured.append(_measured(name, window, sigma, found, flatten(exact)))
    return Result(draws, PAIRS, STEPS, tuple(measured))


def _whole(problem: Problem, genome: Genome, key: PRNGKeyArray) -> Array:
    return advance(problem, genome, begin(problem, key), STEPS)[0]


def _windows(
    estimator: Estimator, genome: Genome, carry: Any, window: int, key: PRNGKeyArray
) -> Float[Array, " size"]:
    """The mean of an estimator's windows over the episode, the genome held fixed."""

    def one(carry: Any, number: Array) -> tuple[Any, Array]:
        drawn = jax.random.fold_in(key, number)
        _, gradient, carry = estimator.estimate(genome, carry, drawn, None)
        return carry, flatten(gradient)

    _, found = jax.lax.scan(one, carry, jnp.arange(STEPS // window))
    return jnp.mean(found, axis=0)


def _truncated(problem: Problem, genome: Genome, key: PRNGKeyArray, window: int) -> np.ndarray:
    estimator = TruncatedGradient(problem, window)
    found = jax.jit(lambda: _windows(estimator, genome, estimator.init(key), window, key))()
    return np.asarray(found)[None]


def _drawn(
    estimator: PersistentES,
    problem: Problem,
    genome: Genome,
    key: PRNGKeyArray,
    window: int,
    draws: int,
) -> np.ndarray:
    """`[draws, size]`: estimates that differ by their noise alone."""
    begun = jax.tree.map(
        lambda leaf: jnp.broadcast_to(leaf, (PAIRS, *leaf.shape)), begin(problem, key)
    )
    carry = dataclasses.replace(estimator.init(key), up=begun, down=begun)

    def one(key: PRNGKeyArray) -> Array:
        return _windows(estimator, genome, carry, window, key)

    keys = jax.random.split(jax.random.fold_in(key, 2), draws)
    return np.asarray(jax.jit(lambda keys: jax.lax.map(one, keys))(keys))


def _measured(name: str, window: int, sigma: float, found: np.ndarray, exact: Array) -> Measured:
    wanted = np.asarray(exact, float)
    length, mean = float(np.linalg.norm(wanted)), found.mean(axis=0)
    spread = float(np.sqrt(np.mean(np.sum((found - mean) ** 2, axis=1))))
    cosine = float(mean @ wanted / np.linalg.norm(mean) / length)
    bias = float(np.linalg.norm(mean - wanted)) / length
    return Measured(
        name, window, sigma, bias, spread / length / len(found) ** 0.5, spread / length, cosine
    )


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


def main(draws: int = 60, picture: Path = Path("docs/notes/estimators.png")) -> None:
    found = measure(draws)
    draw_estimators(found, picture)
    print(estimators_markdown(found))


if __name__ == "__main__":
    tyro.cli(main)
