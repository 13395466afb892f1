"""When forward mode pays: time and memory of one exact meta-gradient, by either mode.

Run as `python benchmarks/forward_mode.py`. Times are the median of some calls, in turns, as a ratio
to reverse mode with `Remat.STEP`; memory is what XLA plans for temporaries.
"""

import dataclasses
import statistics
import time

import jax
from rich.console import Console
from rich.table import Table

from blurax import genome as genomes
from blurax.inner import Remat
from blurax.outer.config import MetaTrain
from blurax.outer.methods.gradient import ForwardGradient, FullGradient
from blurax.outer.objective import Objective, When
from blurax.outer.protocol import Estimator
from blurax.outer.variants import STABLE
from blurax.tasks import EpisodeSpec

CALLS = 3


def config(states: int, steps: int, remat: Remat) -> MetaTrain:
    """Digits in 64-64-10."""
    return MetaTrain(
        tasks=("digits",),
        hidden=("64",),
        rule=dataclasses.replace(STABLE, states=states),
        episode=EpisodeSpec(steps, 64, 64),
        objective=Objective(when=When.MEAN, remat=remat),
    )


def main() -> None:
    """Print a row for each number of states, length and way."""
    jax.config.update("jax_enable_compilation_cache", False)
    table = Table("k", "numbers", "steps", "mode", "ms", "÷ reverse, step", "memory MB")
    for states in (2, 4):
        for steps in (10, 100):
            ways: dict[str, Estimator] = {
                f"reverse, {remat.value}": FullGradient(config(states, steps, remat).problem())
                for remat in (Remat.STEP, Remat.SQRT)
            }
            for chunk in (4, 32):
                problem = config(states, steps, Remat.NONE).problem()
                ways[f"forward, chunk {chunk}"] = ForwardGradient(problem, chunk)
            _rows(table, states, steps, ways)
    Console(width=110).print("digits, 64-64-10, batch 64, symmetric, float32", table)


def _rows(table: Table, states: int, steps: int, ways: dict[str, Estimator]) -> None:
    rule = dataclasses.replace(STABLE, states=states)
    genome, key = genomes.random(jax.random.key(0), rule), jax.random.key(1)
    programs, memory = {}, {}
    for name, way in ways.items():
        lowered = jax.jit(lambda g, k, way=way: way.estimate(g, None, k, None)[1])
        programs[name] = lowered.lower(genome, key).compile()
        analysis = programs[name].memory_analysis()
        assert analysis is not None, "this backend does not tell its memory"
        memory[name] = analysis.temp_size_in_bytes / 1e6
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(CALLS):
        for name, program in programs.items():
            start = time.perf_counter()
            jax.block_until_ready(program(genome, key))
            times[name].append(time.perf_counter() - start)
    first = next(iter(ways))
    for name, found in times.items():
        ratio = statistics.median(t / r for t, r in zip(found, times[first], strict=True))
        table.add_row(
            str(states),
            str(genomes.flatten(genome).size),
            str(steps),
            name,
            f"{1e3 * statistics.median(found):.0f}",
            f"{ratio:.2f}",
            f"{memory[name]:.1f}",
        )


if __name__ == "__main__":
    main()
