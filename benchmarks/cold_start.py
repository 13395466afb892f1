"""Seconds until the first meta-gradient step is done, without and with the compilation cache.

Run as `python benchmarks/cold_start.py`. Each measurement is a process of its own, and counts from
the call of the first step: tracing, compiling (or reading the cache) and running it.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

CODE = """
import sys, time, dataclasses
sys.path.insert(0, sys.argv[5])
import jax
jax.config.update("jax_compilation_cache_dir", sys.argv[1])
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
from blurax.outer.descent import Descent
from blurax.outer.methods.gradient import FullGradient
from blurax.outer.objective import Objective
from blurax.outer.optimiser import Optimiser
from blurax.outer.problem import Problem
from blurax.outer.space import GenomeSpace
from blurax.tasks import EpisodeSpec
from sizes import SIZES
size = next(size for size in SIZES if size.name == "MNIST10")
rule, spec = size.rule(sys.argv[4]), EpisodeSpec(steps=int(sys.argv[2]), batch=size.batch)
problem = Problem((size.task(),), ((size.network,),), GenomeSpace(rule), spec, Objective())
trainer = Descent(
    problem, FullGradient(problem), int(sys.argv[3]), 100, Optimiser()
)
state = jax.block_until_ready(trainer.init(jax.random.key(0)))
start = time.perf_counter()
jax.block_until_ready(trainer.step(state, jax.random.key(1)))
first = time.perf_counter() - start
start = time.perf_counter()
jax.block_until_ready(trainer.step(state, jax.random.key(1)))
print(first, time.perf_counter() - start)
"""


def seconds(cache: str, steps: int, population: int, rule: str) -> tuple[float, float]:
    """Of the first step, and of the second."""
    here = str(Path(__file__).parent)
    words = [sys.executable, "-c", CODE, cache, str(steps), str(population), rule, here]
    done = subprocess.run(words, capture_output=True, encoding="utf-8", check=True)
    first, second = map(float, done.stdout.split())
    return first, second


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rules", nargs="*", default=["plain", "stable"])
    options = parser.parse_args()
    print("| rule | steps | population | cold s | from the cache s | a step after that s |")
    print("|---|---|---|---|---|---|")
    for rule in options.rules:
        for steps, population in ((10, 1), (10, 4), (50, 1)):
            with tempfile.TemporaryDirectory() as cache:
                cold, _ = seconds(cache, steps, population, rule)
                warm, step = seconds(cache, steps, population, rule)
            print(f"| {rule} | {steps} | {population} | {cold:.1f} | {warm:.1f} | {step:.2f} |")


if __name__ == "__main__":
    main()
