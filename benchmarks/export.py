"""How fast `numpy_blur.py` learns beside blurax: one inner step of each, timed in turns.

Run as `python benchmarks/export.py`; `--genome` and `--layers` for another genome or network.
blurax's step is one of a compiled unroll, so that nothing is lost between steps; both take the same
batches in float32. NumPy runs twice, with all threads of its BLAS and with one: where other
processes hold the cores, its threads wait for each other, and one is several times faster than two.
"""

import argparse
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from threadpoolctl import threadpool_limits
from timing import Program, compiled, in_turns

from blurax import inner, zoo
from blurax.export import numpy_blur
from blurax.network import Network

STEPS = 10


def batches(layers: tuple[int, ...], batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs, and labels of +1 and -1, of some steps."""
    rng = np.random.default_rng(0)
    right = rng.integers(layers[-1], size=(STEPS, batch))
    x = rng.normal(size=(STEPS, batch, layers[0]))
    return x.astype(np.float32), (2 * np.eye(layers[-1])[right] - 1).astype(np.float32)


def blurax_steps(name: str, layers: tuple[int, ...], x: np.ndarray, y: np.ndarray) -> Program:
    """An unroll of all batches."""
    genome = zoo.genome(name)[0]
    state = Network(layers).init(jax.random.key(0), genome.rule, x.shape[1])

    def unroll(genome: Any, state: Any, x: Any, y: Any) -> Any:
        return inner.unroll(genome, state, x, y, remat=inner.Remat.NONE)[0]

    return compiled("blurax", 0, unroll, genome, state, jnp.asarray(x), jnp.asarray(y))


def numpy_steps(
    name: str, layers: tuple[int, ...], x: np.ndarray, y: np.ndarray, threads: int | None
) -> Program:
    """The same in NumPy, with so many threads; None for all."""
    rule, genes = numpy_blur.load_genome(zoo.genome_file(name))
    made = numpy_blur.init(rule, layers, np.random.default_rng(0))

    def run() -> None:
        network = made
        with threadpool_limits(threads, user_api="blas"):
            for inputs, labels in zip(x, y, strict=True):
                network = numpy_blur.step(rule, genes, network, inputs, labels)

    return Program("NumPy", run, 0)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--genome", nargs="*", default=["default", "steady", "toys"])
    parser.add_argument("--layers", type=int, nargs="*", default=[784, 256, 128, 10])
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--seconds", type=float, default=15.0, help="of timing for each genome")
    options = parser.parse_args()
    layers = tuple(options.layers)
    x, y = batches(layers, options.batch)
    for name in options.genome:
        data = name, layers, x, y
        programs = [blurax_steps(*data), numpy_steps(*data, None), numpy_steps(*data, 1)]
        times = in_turns(programs, options.seconds) / STEPS
        ours, threaded, single = 1e3 * np.median(times, axis=0)
        ratios = np.median(times[:, 1:] / times[:, :1], axis=0)
        print(
            f"{name}: blurax {ours:.2f} ms a step; NumPy {threaded:.2f} ms, {ratios[0]:.2f} times "
            f"that; on one thread {single:.2f} ms, {ratios[1]:.2f} times"
        )


if __name__ == "__main__":
    main()
