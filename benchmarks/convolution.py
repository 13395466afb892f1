"""The products of a convolution inside a scan: ours against those that JAX derives.

Run as `python benchmarks/convolution.py`. Milliseconds of processor time, the least of a few
rounds in turns, batch 128. FLOPs are not counted: both compute the same sums.
"""

import time
from collections.abc import Callable

import jax
from jax import lax
from rich.console import Console
from rich.table import Table

from blurax.links import Conv

BATCH, TIMES, ROUNDS = 128, 4, 5
CASES = (
    (Conv(5), 16, 3, 6),
    (Conv(5), 8, 6, 16),
    (Conv(3), 14, 8, 8),
    (Conv(3, 2), 14, 8, 16),
    (Conv(3), 32, 16, 16),
)
"""The link, the side of the image, and the features below and above."""


def plain(link: Conv, a: jax.Array, w: jax.Array) -> jax.Array:
    """XLA's convolution, as `jax.grad` differentiates it."""
    kernel = w.reshape(link.kernel, link.kernel, -1, w.shape[-1])
    strides, layout = (link.stride, link.stride), ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(
        a, kernel, strides, link.padding.upper(), dimension_numbers=layout
    )


def products(forward: Callable) -> dict[str, Callable]:
    """The convolution and its two transposes."""

    def back(a: jax.Array, w: jax.Array, y: jax.Array) -> jax.Array:
        return jax.linear_transpose(lambda a: forward(a, w), a)(y)[0]

    def hebbian(a: jax.Array, w: jax.Array, y: jax.Array) -> jax.Array:
        return jax.linear_transpose(lambda w: forward(a, w), w)(y)[0]

    return {
        "forward": lambda a, w, y: forward(a, w),
        "back": back,
        "Hebbian": hebbian,
    }


def main() -> None:
    """Measure and print."""
    table = Table(title=f"batch {BATCH}, ms, in a scan: JAX's / ours")
    for heading in ("", "forward", "back", "Hebbian"):
        table.add_column(heading, justify="right")
    for link, side, features, above in CASES:
        keys = jax.random.split(jax.random.key(0), 3)
        pre = (side, side, features)
        post = link.post_shape(pre, above)
        a = jax.random.normal(keys[0], (TIMES, BATCH, *pre))
        w = jax.random.normal(keys[1], (TIMES, link.count(pre, post), above))
        y = jax.random.normal(keys[2], (TIMES, BATCH, *post))
        ways = {
            "JAX's": products(lambda a, w, link=link: plain(link, a, w)),
            "ours": products(
                lambda a, w, link=link, post=post: link.transmit(w[None], a[None], post)[0]
            ),
        }
        row = []
        for name in ("forward", "back", "Hebbian"):
            programs = {
                way: jax.jit(lambda a, w, y, f=found[name]: lax.map(lambda e: f(*e), (a, w, y)))
                for way, found in ways.items()
            }
            least = dict.fromkeys(programs, float("inf"))
            for n in range(ROUNDS + 1):
                for way, program in programs.items():
                    start = time.process_time()
                    jax.block_until_ready(program(a, w, y))
                    if n:  # the first one compiles
                        least[way] = min(least[way], (time.process_time() - start) / TIMES * 1e3)
            row.append(" / ".join(f"{ms:.2f}" for ms in least.values()))
        table.add_row(f"{link.kernel}/{link.stride}, {pre} to {above}", *row)
    Console().print(table)


if __name__ == "__main__":
    main()
