"""How near the machine's matrix product the inner and the outer loop come.

Run as `python benchmarks/speed.py`; `--sizes MNIST10 toy` for some, `--json FILE` keeps the
figures. Each row is timed in turns with a float32 matrix product of 2048 x 2048, and the ratio is
that of their rates: useful operations a second (see `sizes.py`) over the matrix product's.
"""

import argparse
import dataclasses
import json
import os
import platform
from pathlib import Path
from typing import Any

import jax
import numpy as np
from rich.console import Console
from rich.table import Table
from sizes import RULES, SIZES, Size
from timing import Program, compiled, in_turns, peak

from blurax import genome as genomes
from blurax import inner
from blurax.outer.descent import Descent
from blurax.outer.jobs import Losses, candidate_losses
from blurax.outer.methods.gradient import FullGradient
from blurax.outer.objective import Loss, Objective
from blurax.outer.optimiser import Optimiser
from blurax.outer.problem import Problem
from blurax.outer.space import GenomeSpace
from blurax.tasks import EpisodeSpec, Split


def programs(size: Size, rule_name: str) -> list[Program]:
    """The inner step, the unroll, and what the outer loop does with it."""
    rule, network, task = size.rule(rule_name), size.network, size.task()
    spec = EpisodeSpec(steps=size.steps, batch=size.batch, query=size.batch)
    keys = jax.random.split(jax.random.key(0), size.population)
    genome = jax.vmap(lambda key: genomes.random(key, rule))(keys)
    state = jax.vmap(lambda key: network.init(key, rule, size.batch))(keys)
    episode = task.sample(jax.random.key(1), spec, Split.TRAIN)

    def step(genome: Any, state: Any, x: Any, y: Any) -> Any:
        return jax.vmap(lambda g, s: inner.step(g, s, x, y)[0])(genome, state)

    def unroll(genome: Any, state: Any, x: Any, y: Any) -> Any:
        return jax.vmap(lambda g, s: inner.unroll(g, s, x, y)[0])(genome, state)

    flops = size.unroll_flops(1)
    rows = [
        compiled("inner step", flops, step, genome, state, episode.x[0], episode.y[0]),
        compiled("unroll", size.unroll_flops(), unroll, genome, state, episode.x, episode.y),
    ]
    if size.population <= 8:
        rows.append(_gradient(size, rule, task, spec))
    else:
        rows.append(_generation(size, rule, task, spec))
    return rows


def _gradient(size: Size, rule: Any, task: Any, spec: EpisodeSpec) -> Program:
    problem = Problem((task,), ((size.network,),), GenomeSpace(rule), spec, Objective())
    estimator = FullGradient(problem)
    trainer = Descent(problem, estimator, size.population, 100, Optimiser())
    key = jax.random.key(2)
    state = trainer.init(key)
    return compiled(
        "meta-gradient step", size.gradient_flops(), lambda s, k: trainer.step(s, k), state, key
    )


def _generation(size: Size, rule: Any, task: Any, spec: EpisodeSpec) -> Program:
    space, objective = GenomeSpace(rule), Objective(loss=Loss.ACCURACY)
    problem = Problem((task,), ((size.network,),), space, spec, objective)
    keys = jax.random.split(jax.random.key(3), size.population)
    vectors = jax.vmap(lambda key: genomes.flatten(genomes.random(key, rule)))(keys)
    return compiled(
        "CMA-ES generation",
        size.episode_flops(),
        lambda v, k: candidate_losses(Losses(problem, 8), None, v, k, 0, 1),
        vectors,
        jax.random.key(4),
    )


def measure(size: Size, rule_name: str, seconds: float) -> list[dict[str, Any]]:
    """The rows of the table for one size and rule."""
    matrix, rows = peak(), programs(size, rule_name)
    times = in_turns([matrix, *rows], seconds)
    found = []
    for row, taken in zip(rows, times[:, 1:].T, strict=True):
        ratio = np.median((row.flops / taken) / (matrix.flops / times[:, 0]))
        found.append(
            {
                "size": size.name,
                "rule": rule_name,
                "what": row.name,
                "ms": 1e3 * float(np.median(taken)),
                "useful_gflop": row.flops / 1e9,
                "gflop_s": row.flops / float(np.median(taken)) / 1e9,
                "peak_gflop_s": matrix.flops / float(np.median(times[:, 0])) / 1e9,
                "ratio": float(ratio),
                "compile_s": row.compile_s,
                "memory_mb": row.memory / 1e6,
                "rounds": len(times),
            }
        )
    return found


def table_of(rows: list[dict[str, Any]]) -> Table:
    """The rows for a person."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("size", "rule", "what"):
        table.add_column(name, no_wrap=True)
    for name in ("ms", "useful GFLOP", "GFLOP/s", "of the peak", "compile s", "memory MB"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            row["size"],
            row["rule"],
            row["what"],
            f"{row['ms']:.3g}",
            f"{row['useful_gflop']:.3g}",
            f"{row['gflop_s']:.3g}",
            f"{100 * row['ratio']:.0f} %",
            f"{row['compile_s']:.1f}",
            f"{row['memory_mb']:.1f}",
        )
    return table


def machine() -> dict[str, Any]:
    """What it ran on."""
    device = jax.devices()[0]
    return {
        "device": device.device_kind,
        "platform": device.platform,
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "jax": jax.__version__,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="*", default=[size.name for size in SIZES])
    parser.add_argument("--rules", nargs="*", default=list(RULES))
    parser.add_argument("--seconds", type=float, default=15.0, help="of timing for each size")
    parser.add_argument("--population", type=int, help="of every size, to fill a GPU")
    parser.add_argument(
        "--precision",
        default="float32",
        help="of matrix products, the peak's among them: float32, tensorfloat32 or bfloat16",
    )
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    jax.config.update("jax_default_matmul_precision", options.precision)
    console, rows = Console(width=120), []
    for size in SIZES:
        if options.population:
            size = dataclasses.replace(size, population=options.population)
        for rule in options.rules:
            if size.name in options.sizes:
                rows += measure(size, rule, options.seconds)
                console.print(f"{size.name} {rule}")
    console.print(table_of(rows))
    if options.json:
        found = {"machine": machine(), "precision": options.precision, "rows": rows}
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
