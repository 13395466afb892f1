"""What an optimiser's step costs when nothing else is paid for, and what ours and genomes cost.

Run as `python benchmarks/rivals.py [--network 784-256-128-10]`; `--only rmsprop foof default` for
some: optimisers, further baselines, genomes by their name in the zoo or their file.
Each optimiser is written here once more, lean: `jax.grad` and optax on lists of weights, without
blurax. Every program is 20 steps in one compiled scan, and all run in turns. "of lean" compares a
baseline with its lean form, and a genome with lean RMSprop with batch normalisation; it is the
median over rounds of the quotient within a round.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from rich.console import Console
from rich.table import Table
from timing import Program, compiled, in_turns

import blurax
from blurax import inner
from blurax.baselines.catalogue import BASELINES, baseline
from blurax.baselines.descent import Arrangement
from blurax.baselines.optimisers import OPTIMISERS
from blurax.learner import Batch
from blurax.network import Network
from blurax.spec import Activation
from blurax.tasks import Task, from_arrays

STEPS, RATE, EPSILON = 20, 0.01, 1e-5
YARDSTICK = "lean rmsprop + batch norm"
GENOMES = ("backprop", "steady", "quick", "default", "general", "images", "mlp-fast")


def lean(
    optimiser: optax.GradientTransformation, sizes: tuple[int, ...], normalise: bool, x: Any, y: Any
) -> Program:
    """An optimiser as one would write it for this network alone."""
    keys = jax.random.split(jax.random.key(1), len(sizes) - 1)
    weights = [
        {
            "w": jax.random.normal(key, (i, j)) * (2 / i) ** 0.5,
            "b": jnp.zeros(j),
            "scale": jnp.ones(j),
        }
        for key, i, j in zip(keys, sizes[:-1], sizes[1:], strict=True)
    ]
    if not normalise:
        weights = [{name: v for name, v in layer.items() if name != "scale"} for layer in weights]

    def loss(weights: list[dict], x: Any, y: Any) -> Any:
        a = x
        for layer in weights[:-1]:
            z = a @ layer["w"]
            if normalise:
                mean, variance = jnp.mean(z, axis=0), jnp.var(z, axis=0)
                z = (z - mean) * lax.rsqrt(variance + EPSILON) * layer["scale"]
            a = jax.nn.relu(z + layer["b"])
        outputs = a @ weights[-1]["w"] + weights[-1]["b"]
        return jnp.mean(optax.softmax_cross_entropy(outputs, (y + 1) / 2))

    def run(weights: Any, memory: Any, x: Any, y: Any) -> Any:
        def step(carry: tuple, batch: tuple) -> tuple[tuple, None]:
            weights, memory = carry
            gradient = jax.grad(loss)(weights, *batch)
            updates, memory = optimiser.update(gradient, memory, weights)
            return (optax.apply_updates(weights, updates), memory), None

        return lax.scan(step, (weights, memory), (x, y))[0]

    return compiled("lean", 0, run, weights, optimiser.init(weights), x, y)


def ours(name: str, network: Network, task: Task, normalise: bool, x: Any, y: Any) -> Program:
    """The baseline of this name."""
    learner = baseline(name).make(Arrangement(Activation.RELU, normalise), network, task)
    key = jax.random.key(1)

    def run(state: Any, x: Any, y: Any) -> Any:
        def step(state: Any, batch: tuple) -> tuple[Any, None]:
            index, x, y = batch
            rate = jnp.asarray(RATE)
            return learner.step(state, Batch(x, y), rate=rate, key=key, index=index)[0], None

        return lax.scan(step, state, (jnp.arange(STEPS), x, y))[0]

    return compiled("ours", 0, run, learner.init(key, x.shape[1]), x, y)


def genome(name: str, network: Network, x: Any, y: Any) -> Program:
    """A genome of the zoo, or that of back-propagation."""
    exact = name == "backprop"
    found = blurax.backprop(blurax.Rule.backprop(), RATE) if exact else blurax.load(name)
    state = network.init(jax.random.key(1), found, x.shape[1])
    return compiled(name, 0, lambda s, x, y: inner.unroll(found, s, x, y)[0], state, x, y)


def programs(sizes: tuple[int, ...], batch: int, only: list[str]) -> dict[str, Program]:
    """All, by what the table calls them; the yardstick first."""
    network, classes = Network(sizes), sizes[-1]
    keys = jax.random.split(jax.random.key(0))
    x = jax.random.normal(keys[0], (STEPS, batch, sizes[0]))
    labels = jax.random.randint(keys[1], (STEPS, batch), 0, classes)
    y = 2 * jax.nn.one_hot(labels, classes) - 1
    task = from_arrays(np.asarray(x[0]), np.asarray(labels[0]))
    found = {YARDSTICK: lean(optax.rmsprop(RATE), sizes, True, x, y)}
    for name in OPTIMISERS:
        for normalise in (False, True):
            if name in only:
                words = name + (" + batch norm" if normalise else "")
                if f"lean {words}" not in found:
                    found[f"lean {words}"] = lean(OPTIMISERS[name](RATE), sizes, normalise, x, y)
                found[words] = ours(name, network, task, normalise, x, y)
    for name in only:
        if name not in OPTIMISERS:
            known = name in BASELINES
            made = ours(name, network, task, True, x, y) if known else genome(name, network, x, y)
            found[name] = made
    return found


def measure(found: dict[str, Program], seconds: float) -> list[dict[str, Any]]:
    """The rows of the table."""
    times, names = in_turns([*found.values()], seconds), [*found]
    rows = []
    for name, taken in zip(names, times.T, strict=True):
        other = f"lean {name}" if f"lean {name}" in found else YARDSTICK
        ratio = float(np.median(taken / times[:, names.index(other)]))
        ms = 1e3 * float(np.median(taken)) / STEPS
        rows.append({"what": name, "ms": ms, "of": other, "ratio": ratio, "rounds": len(times)})
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="784-256-128-10")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--only", nargs="*", default=[*OPTIMISERS, *GENOMES])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    sizes = tuple(map(int, asked.network.split("-")))
    rows = measure(programs(sizes, asked.batch, asked.only), asked.seconds)
    table = Table(title=f"{asked.network}, batch {asked.batch}", box=None, header_style="dim")
    for heading in ("", "ms a step", "of lean"):
        table.add_column(heading, justify="right" if heading else "left")
    for row in rows:
        table.add_row(row["what"], f"{row['ms']:.2f}", f"{row['ratio']:.2f}")
    Console().print(table)
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
