"""Compile time and memory of the meta-gradient against the length of the unroll.

Run as `python benchmarks/unroll.py`. One process, no compilation cache; memory is what XLA plans
for temporaries, which does not depend on the machine's load. Times are ratios inside this run.
"""

import time

import jax
import jax.numpy as jnp
from rich.console import Console
from rich.table import Table

from blurax import genome as genomes
from blurax.inner import Remat
from blurax.learner import Blur
from blurax.network import Network
from blurax.outer.objective import Objective, episode_loss
from blurax.spec import Reduction, Rule, Update
from blurax.tasks import EpisodeSpec, get

LENGTHS = (10, 30, 100, 300)
NETWORK = Network((64, 128, 64, 10))
RULE = Rule(states=4, update=Update(batch=Reduction.MEAN))


def compiled(steps: int, remat: Remat) -> tuple[float, int]:
    """Seconds to compile the gradient of one unroll, and its temporary memory in bytes."""
    task, spec = get("digits"), EpisodeSpec(steps=steps)
    genome = genomes.random(jax.random.key(0), RULE)

    def loss(genome: genomes.Genome, key: jax.Array) -> jax.Array:
        return episode_loss(Blur(genome, NETWORK), task, spec, Objective(remat=remat), key)

    lowered = jax.jit(jax.grad(loss)).lower(genome, jax.random.key(1))
    start = time.perf_counter()
    program = lowered.compile()
    seconds = time.perf_counter() - start
    analysis = program.memory_analysis()
    assert analysis is not None, "this backend does not tell its memory"
    return seconds, analysis.temp_size_in_bytes


def main() -> None:
    """Print one row for each way to rematerialise and each length."""
    jax.config.update("jax_enable_compilation_cache", False)
    compiled(5, Remat.STEP)  # what only the first compilation pays
    state = 4 * sum(
        (i + 1) * j + i * j for i, j in zip(NETWORK.sizes, NETWORK.sizes[1:], strict=False)
    )
    state_bytes = state * jnp.zeros(()).itemsize
    table = Table("remat", "steps", "compile s", "÷ 10 steps", "memory MB", "MB a step")
    for remat in Remat:
        first = None
        for steps in LENGTHS:
            seconds, size = compiled(steps, remat)
            first = first or seconds
            table.add_row(
                remat.value,
                str(steps),
                f"{seconds:.2f}",
                f"{seconds / first:.2f}",
                f"{size / 1e6:.1f}",
                f"{size / steps / 1e6:.2f}",
            )
    Console(width=100).print(
        f"network {NETWORK.sizes}, k = 4, batch 128; all synapses: {state_bytes / 1e6:.2f} MB",
        table,
    )


if __name__ == "__main__":
    main()
