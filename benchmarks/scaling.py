"""How the cost of a meta-gradient grows: with batch, unroll, population, synapses and states.

Run as `python benchmarks/scaling.py --json FILE --picture FILE`. Each is varied alone from the same
base; the slope on log-log axes over the larger half says the power: 1 is linear.
"""

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
from sizes import Size
from timing import Program, compiled, in_turns

from blurax import genome as genomes
from blurax.analysis.style import new_figure, save, tidy
from blurax.learner import Blur
from blurax.outer.objective import Objective, episode_loss
from blurax.tasks import EpisodeSpec

BASE = Size("base", (128, 256, 10), states=4, batch=128, steps=8)
WIDTHS = (64, 128, 256, 512, 1024, 2048)
VARIED: dict[str, list[Size]] = {
    "batch": [dataclasses.replace(BASE, batch=n) for n in (32, 64, 128, 256, 512)],
    "unroll": [dataclasses.replace(BASE, steps=n) for n in (4, 8, 16, 32, 64)],
    "population": [dataclasses.replace(BASE, population=n) for n in (1, 2, 4, 8, 16)],
    "synapses": [dataclasses.replace(BASE, layers=(128, n, 10)) for n in WIDTHS],
    "k": [dataclasses.replace(BASE, states=n) for n in (2, 4, 8, 16, 32)],
}


def value(size: Size, what: str) -> int:
    """What is varied."""
    return {
        "batch": size.batch,
        "unroll": size.steps,
        "population": size.population,
        "synapses": size.network.synapse_count,
        "k": size.states,
    }[what]


def meta_gradient(size: Size) -> Program:
    """The gradient of an episode for each member of the population."""
    rule, task = size.rule("plain"), size.task()
    spec = EpisodeSpec(steps=size.steps, batch=size.batch, query=size.batch)
    keys = jax.random.split(jax.random.key(0), size.population)
    genome = jax.vmap(lambda key: genomes.random(key, rule))(keys)

    def loss(genome: Any, key: jax.Array) -> jax.Array:
        return episode_loss(Blur(genome, size.network), task, spec, Objective(), key)

    def gradients(genome: Any, keys: jax.Array) -> Any:
        return jax.vmap(jax.value_and_grad(loss))(genome, keys)

    return compiled(size.name, size.gradient_flops(), gradients, genome, keys)


def slope(x: np.ndarray, y: np.ndarray) -> float:
    """The power with which y grows with x, over the larger half."""
    half = len(x) // 2
    return float(np.polyfit(np.log(x[half:]), np.log(y[half:]), 1)[0])


def main() -> None:
    """Measure, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    found: dict[str, Any] = {}
    for what, sizes in VARIED.items():
        times = np.median(in_turns([meta_gradient(s) for s in sizes], options.seconds), axis=0)
        x = np.array([value(size, what) for size in sizes], float)
        found[what] = {"x": x.tolist(), "ms": (1e3 * times).tolist(), "slope": slope(x, times)}
        print(f"{what}: {x.astype(int)} {np.round(1e3 * times, 1)} ms, slope {slope(x, times):.2f}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if options.picture:
        draw(found, options.picture)


def draw(found: dict[str, Any], path: Path) -> None:
    """One panel for each quantity, with a line of slope 1 through the base."""
    figure = new_figure(1400, 420, "Cost of a meta-gradient; dotted: linear")
    for axes, (what, row) in zip(figure.subplots(1, len(found)), found.items(), strict=True):
        x, y = np.array(row["x"]), np.array(row["ms"])
        axes.loglog(x, y, marker="o")
        axes.loglog(x, y[-1] * x / x[-1], linestyle=":", color="grey")
        axes.set_title(f"slope {row['slope']:.2f}")
        few = x if what != "synapses" else x[::2]
        axes.set_xticks(few, [f"{n / 1000:.0f}k" if n >= 1000 else f"{n:.0f}" for n in few])
        ticks = [n for n in (10, 20, 50, 100, 200, 500) if y.min() / 1.5 < n < 1.5 * y.max()]
        axes.set_yticks(ticks, map(str, ticks))
        axes.minorticks_off()
        tidy(axes, what, "ms a meta-gradient" if what == "batch" else "")
    save(figure, path)


if __name__ == "__main__":
    main()
