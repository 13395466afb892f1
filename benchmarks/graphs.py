"""An inner step of a convolutional network against the same network under `jax.grad` and SGD.

Run as `python benchmarks/graphs.py [--network c8k5s2-c16k3s2 --side 14 --batch 64]`. Each program
is 20 steps in one compiled scan; they run in turns, and the least processor time of a few rounds
counts, so the ratios do not depend on the machine's load. The plain network is written here, with
`lax.conv_general_dilated`, without blurax; `sgd` is blurax's baseline, whose convolutions are as
fast in a scan as those of a genome, and what the ratios are of. The last column is what a
meta-gradient through 10 steps took to compile, processor seconds.
"""

import argparse
import dataclasses
import time
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from rich.console import Console
from rich.table import Table

import blurax
from blurax import inner
from blurax.baselines.descent import Arrangement, GradientDescent
from blurax.baselines.optimisers import OPTIMISERS
from blurax.graphs import network as named
from blurax.learner import Batch
from blurax.links import After, Conv
from blurax.network import Network
from blurax.spec import Activation
from blurax.targets import Classes
from blurax.widen import widen

STEPS, CLASSES, ROUNDS = 20, 10, 7


def plain(network: Network, x: jax.Array, y: jax.Array) -> Callable[[], Any]:
    """Gradient descent on a chain of convolutions, poolings and full connections."""
    key, weights = jax.random.key(1), []
    for edge in network.edges:
        pre, post = network.groups[edge.pre], network.groups[edge.post]
        shape = edge.link.count(pre, post), edge.link.features(post)
        weights.append((0.1 * jax.random.normal(key, shape), jnp.zeros(shape[1])))

    def outputs(weights: list, a: jax.Array) -> jax.Array:
        for n, (edge, (w, b)) in enumerate(zip(network.edges, weights, strict=True)):
            link = edge.link
            if isinstance(link, After):
                size = getattr(link.first, "size", None) or a.shape[1]
                side = a.shape[1] // size
                a = a[:, : side * size, : side * size]
                a = a.reshape(len(a), side, size, side, size, -1).mean(axis=(2, 4))
                link = link.link
            if isinstance(link, Conv):
                kernel = w.reshape(link.kernel, link.kernel, -1, w.shape[-1])
                strides, layout = (link.stride, link.stride), ("NHWC", "HWIO", "NHWC")
                a = lax.conv_general_dilated(
                    a, kernel, strides, link.padding.upper(), dimension_numbers=layout
                )
            else:
                a = a.reshape(len(a), -1) @ w
            a = a + b if n == len(weights) - 1 else jnp.tanh(a + b)
        return a

    def loss(weights: list, x: jax.Array, y: jax.Array) -> jax.Array:
        out = outputs(weights, x)
        return jnp.mean(jax.nn.logsumexp(out, axis=1) - jnp.sum(jnp.where(y > 0, out, 0), axis=1))

    def step(weights: list, batch: tuple) -> tuple[list, None]:
        gradient = jax.grad(loss)(weights, *batch)
        return jax.tree.map(lambda w, g: w - 0.01 * g, weights, gradient), None

    program = jax.jit(lambda weights: lax.scan(step, weights, (x, y))[0])
    return lambda: program(weights)


def blur(genome: blurax.Genome, network: Network, x: jax.Array, y: jax.Array) -> Callable[[], Any]:
    """The same steps by a genome."""
    state = network.init(jax.random.key(0), genome, x.shape[1])
    program = jax.jit(lambda state: inner.unroll(genome, state, x, y)[0])
    return lambda: program(state)


def descent(network: Network, x: jax.Array, y: jax.Array) -> Callable[[], Any]:
    """The same steps by the baseline `sgd`."""
    chosen = Arrangement(Activation.TANH)
    learner = GradientDescent(network, OPTIMISERS["sgd"], chosen, Classes(CLASSES))
    state, key = learner.init(jax.random.key(0), x.shape[1]), jax.random.key(0)

    def step(state: Any, batch: tuple) -> tuple[Any, None]:
        rate, index = jnp.asarray(0.01), jnp.asarray(0)
        return learner.step(state, Batch(*batch), rate=rate, key=key, index=index)[0], None

    program = jax.jit(lambda state: lax.scan(step, state, (x, y))[0])
    return lambda: program(state)


def compiling(genome: blurax.Genome, network: Network, x: jax.Array, y: jax.Array) -> float:
    """Processor seconds until the meta-gradient through 10 steps is there for the first time."""
    state = network.init(jax.random.key(0), genome, x.shape[1])

    @eqx.filter_jit
    @eqx.filter_grad
    def gradient(genome: blurax.Genome) -> jax.Array:
        after, _ = inner.unroll(genome, state, x[:10], y[:10])
        return jnp.mean((inner.predict(genome, after, x[0]) - y[0]) ** 2)

    start = time.process_time()
    jax.block_until_ready(gradient(genome))
    return time.process_time() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="c8k5s2-c16k3s2")
    parser.add_argument("--side", type=int, default=14)
    parser.add_argument("--batch", type=int, default=64)
    asked = parser.parse_args()
    network = named(asked.network, (asked.side, asked.side, 1), CLASSES)
    keys = jax.random.split(jax.random.key(0))
    x = jax.random.normal(keys[0], (STEPS, asked.batch, *network.groups[0]))
    labels = jax.random.randint(keys[1], (STEPS, asked.batch), 0, CLASSES)
    y = 2 * jax.nn.one_hot(labels, CLASSES) - 1
    exact = blurax.backprop(blurax.Rule.backprop(), learning_rate=0.01)
    images = blurax.load("images")
    wide = dataclasses.replace(images.rule.update, fan_in=True)
    rule = dataclasses.replace(images.rule, update=wide)
    genomes = {"backprop": exact, "images": images, "images + fan-in": widen(images, rule)}
    programs = {"jax.grad + SGD": plain(network, x, y), "sgd": descent(network, x, y)}
    programs |= {name: blur(genome, network, x, y) for name, genome in genomes.items()}
    least = dict.fromkeys(programs, float("inf"))
    for program in programs.values():
        jax.block_until_ready(program())
    for _ in range(ROUNDS):
        for name, program in programs.items():
            start = time.process_time()
            jax.block_until_ready(program())
            least[name] = min(least[name], time.process_time() - start)
    table = Table(title=f"{asked.network}, {asked.side} x {asked.side}, batch {asked.batch}")
    for heading in ("", "ms a step", "ratio", "compiling s"):
        table.add_column(heading, justify="right")
    first = least["sgd"]
    for name, seconds in least.items():
        compiled = f"{compiling(genomes[name], network, x, y):.1f}" if name in genomes else ""
        table.add_row(name, f"{seconds / STEPS * 1e3:.2f}", f"{seconds / first:.2f}", compiled)
    Console().print(table)


if __name__ == "__main__":
    main()
