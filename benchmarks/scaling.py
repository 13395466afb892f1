"""How the cost of a meta-gradient grows: with batch, unroll, population, synapses and states.

Run as `python benchmarks/scaling.py --json FILE --picture FILE`. Each is varied alone from the same
base; the slope on log-log axes over the larger half says the power: 1 is linear.

`--steps` measures single steps of genomes of the zoo in its place: of networks of one matrix of up
to 8192 x 8192 synapses, and on batches of up to 65,536 examples.
"""

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from sizes import Size
from timing import Program, compiled, in_turns

import blurax
from blurax import genome as genomes
from blurax.analysis.style import new_figure, save, tidy
from blurax.learner import Batch, Blur
from blurax.network import Network
from blurax.outer.objective import Objective, episode_loss
from blurax.tasks import EpisodeSpec

BASE = Size("base", (128, 256, 10), states=4, batch=128, steps=8)
WIDTHS = (64, 128, 256, 512, 1024, 2048)
WIDE = (256, 512, 1024, 2048, 4096, 8192)
BATCHES = (512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536)
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


def single_step(name: str, network: Network, batch: int) -> Program:
    """One step of a genome of the zoo."""
    learner = Blur(blurax.load(name), network)
    x = jax.random.normal(jax.random.key(0), (batch, network.sizes[0]))
    y = jnp.eye(network.sizes[-1])[jnp.arange(batch) % network.sizes[-1]]
    state = jax.jit(learner.init, static_argnums=1)(jax.random.key(1), batch)
    given = {"rate": jnp.zeros(()), "key": jax.random.key(0), "index": jnp.zeros((), jnp.int32)}

    def step(state: Any, x: jax.Array, y: jax.Array) -> Any:
        return learner.step(state, Batch(x, y), **given)[0]

    return compiled(name, 0, step, state, x, y)


def steps(seconds: float) -> None:
    """Measure and print single steps."""
    for name in ("default", "steady"):
        for what, values in (("batch", BATCHES), ("width", WIDE)):
            programs = [
                single_step(name, Network((n, n)), 128)
                if what == "width"
                else single_step(name, BASE.network, n)
                for n in values
            ]
            times = np.median(in_turns(programs, seconds, 3), axis=0)
            x = np.array(values, float) ** (2 if what == "width" else 1)
            found = f"{np.round(1e3 * times, 1)} ms, slope {slope(x, times):.2f}"
            print(f"{name}, {what}: {values} {found}", flush=True)


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
    parser.add_argument("--steps", action="store_true")
    options = parser.parse_args()
    if options.steps:
        steps(options.seconds)
        return
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
