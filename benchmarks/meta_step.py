"""What a meta-step over many settings and horizons costs: compilation, memory and time.

Run as `python benchmarks/meta_step.py [tasks] [draw] [steps]`; 5 networks learn each task. One
process without compilation cache. It prints the seconds and the gigabytes that the first meta-step
took, nearly all of it compilation, and the seconds of a meta-step after that.
"""

import resource
import sys
import time

import jax

from blurax.outer.config import MetaTrain
from blurax.outer.objective import Objective, When
from blurax.outer.start import Start
from blurax.outer.variants import STABLE
from blurax.outer.vary import Draw, Vary
from blurax.tasks import EpisodeSpec

TASKS = ("digits", "mnist:size=7", "mnist:size=10")
HIDDEN = ("32", "64-32", "24-24-24", "100", "48-48")
HORIZONS = (2, 5, 10, 20, 30)


def peak() -> float:
    """The most memory that this process has held, in gigabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main(tasks: int = len(TASKS), draw: str = "all", steps: int = 3) -> None:
    """Print what the first meta-step took, and those after it."""
    jax.config.update("jax_enable_compilation_cache", False)
    config = MetaTrain(
        tasks=TASKS[:tasks],
        hidden=HIDDEN,
        rule=STABLE,
        start=Start.BACKPROP,
        episode=EpisodeSpec(steps=HORIZONS[-1], batch=32, query=128),
        objective=Objective(when=When.HORIZONS, horizons=HORIZONS),
        vary=Vary(draw=Draw(draw)),
        population=1,
        meta_steps=100,
    )
    trainer = config.trainer()
    state = jax.block_until_ready(trainer.init(jax.random.key(0)))
    before, start = peak(), time.perf_counter()
    state, info = jax.block_until_ready(trainer.step(state, jax.random.key(1)))
    print(f"first meta-step: {time.perf_counter() - start:.1f} s, {peak() - before:.2f} GB")
    start = time.perf_counter()
    for n in range(steps):
        state, info = trainer.step(state, jax.random.key(2 + n))
    jax.block_until_ready(state)
    print(f"{(time.perf_counter() - start) / steps:.3f} s a meta-step; loss {info.loss}")


if __name__ == "__main__":
    main(*(kind(word) for kind, word in zip((int, str, int), sys.argv[1:], strict=False)))
