"""The published formulation, written straightforwardly, as the yardstick of speed and memory.

Run as `python benchmarks/yardstick.py`. The state axis comes last; the synapses between two layers
are one square over all units of both, the bias unit among them, `[in + 1 + out, in + 1 + out, k]`,
of which the sweeps read one block each; steps are unrolled in Python. It computes the same numbers
as the library (checked first) and is timed in turns with it.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from rich.console import Console
from rich.table import Table
from sizes import SIZES, Size
from timing import compiled, in_turns

from blurax import genome as genomes
from blurax import inner
from blurax.genome import Genome
from blurax.network import NetworkState
from blurax.tasks import EpisodeSpec, Split

TOLERANCE = 1e-4
"""Of the relative difference between the two, in float32 after some steps."""


def squares(state: NetworkState) -> list[Array]:
    """The synapses of a network as squares; only the block from below to above is read."""
    found = []
    for between in state.synapses:
        block = jnp.moveaxis(jnp.concatenate([between.forward, between.bias], axis=1), 0, -1)
        i, j, k = block.shape
        found.append(jnp.zeros((i + j, i + j, k)).at[:i, i:].set(block))
    return found


def pair(a_i: Array, a_j: Array) -> Array:
    """All units of two layers, `[batch, in + 1 + out, k]`."""
    return jnp.concatenate([a_i, jnp.ones_like(a_i[:, :1]), a_j], axis=1)


def sweep(genome: Genome, w: list[Array], x: Array) -> list[Array]:
    """(5) for all layers, with zeroed neurons above the input."""
    g, k = genome.neuron, w[0].shape[-1]
    layers = [jnp.zeros((*x.shape, k)).at[..., 0].set(x)]
    for l, square in enumerate(w):
        n = layers[l].shape[1] + 1
        a_j = jnp.zeros((x.shape[0], square.shape[0] - n, k))
        units = pair(layers[l], a_j)
        z = g.f * units + g.eta * jnp.einsum("nmc,cd,bnd->bmc", square, g.nu, units)
        layers.append(z[:, n:] if l == len(w) - 1 else jnp.tanh(z[:, n:]))
    return layers


def step(genome: Genome, w: list[Array], x: Array, y: Array) -> list[Array]:
    """One inner step of a plain rule with symmetric synapses."""
    g, s = genome.neuron, genome.synapse
    layers = sweep(genome, w, x)
    last = jnp.zeros_like(layers[-1]).at[..., 0].set(layers[-1][..., 0]).at[..., 1].set(y)
    layers[-1] = last
    for l in reversed(range(1, len(w))):
        n = layers[l].shape[1]
        units = pair(layers[l], layers[l + 1])
        inputs = jnp.einsum("nmc,cd,bmd->bnc", w[l], g.mu, units.at[:, : n + 1].set(0.0))
        layers[l] = jnp.tanh((g.f * units + g.eta * inputs)[:, :n])
    new = []
    for l, square in enumerate(w):
        units = pair(layers[l], layers[l + 1])
        products = jnp.einsum("bne,ec,cd,bmd->nmc", units, s.nu_tilde, s.mu_tilde, units)
        new.append(s.f_tilde * square + s.eta_tilde * products / x.shape[0])
    return new


def unroll(genome: Genome, w: list[Array], x: Array, y: Array) -> list[Array]:
    """Steps unrolled in Python."""
    for one_x, one_y in zip(x, y, strict=True):
        w = step(genome, w, one_x, one_y)
    return w


def compare(size: Size, seconds: float) -> list[dict[str, Any]]:
    """Time and memory of both, for an unroll and for its meta-gradient."""
    rule = size.rule("plain")
    genome = genomes.random(jax.random.key(0), rule)
    genome = jax.tree.map(lambda number: 0.3 * number, genome)  # far from overflow
    state = size.network.init(jax.random.key(1), rule, size.batch)
    spec = EpisodeSpec(steps=size.steps, batch=size.batch, query=size.batch)
    episode = size.task().sample(jax.random.key(2), spec, Split.TRAIN)
    w, data = squares(state), (episode.x, episode.y)

    def ours(genome: Genome, state: NetworkState, x: Array, y: Array) -> Array:
        state = inner.unroll(genome, state, x, y)[0]
        return jnp.mean((inner.predict(genome, state, episode.query_x) - episode.query_y) ** 2)

    def theirs(genome: Genome, w: list[Array], x: Array, y: Array) -> Array:
        prediction = sweep(genome, unroll(genome, w, x, y), episode.query_x)[-1][..., 0]
        return jnp.mean((prediction - episode.query_y) ** 2)

    rows = []
    for what, turn in (("episode", lambda f: f), ("meta-gradient", jax.value_and_grad)):
        programs = [
            compiled("blurax", 0, turn(ours), genome, state, *data),
            compiled("yardstick", 0, turn(theirs), genome, w, *data),
        ]
        _check(programs[0].run(), programs[1].run())
        times = in_turns(programs, seconds)
        rows.append(
            {
                "size": size.name,
                "what": what,
                "blurax_ms": 1e3 * float(np.median(times[:, 0])),
                "yardstick_ms": 1e3 * float(np.median(times[:, 1])),
                "times_faster": float(np.median(times[:, 1] / times[:, 0])),
                "blurax_mb": programs[0].memory / 1e6,
                "yardstick_mb": programs[1].memory / 1e6,
                "memory_ratio": programs[0].memory / programs[1].memory,
            }
        )
    return rows


def _check(ours: Any, theirs: Any) -> None:
    """Both compute the same."""
    one, other = (np.concatenate([np.ravel(a) for a in jax.tree.leaves(t)]) for t in (ours, theirs))
    difference = np.linalg.norm(one - other) / np.linalg.norm(other)
    if not difference < TOLERANCE:
        raise SystemExit(f"The yardstick computes something else: {difference:.2g} apart.")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="*", default=["toy", "MNIST10", "MNIST28"])
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = [row for s in SIZES if s.name in options.sizes for row in compare(s, options.seconds)]
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in rows[0]:
        table.add_column(name, no_wrap=True)
    for row in rows:
        table.add_row(*(v if isinstance(v, str) else f"{v:.3g}" for v in row.values()))
    Console(width=120).print(table)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
