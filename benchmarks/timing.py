"""Timing in turns: machines are noisy, so whatever is compared runs in the same round."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

PEAK_SIZE = 2048


@dataclasses.dataclass
class Program:
    """A compiled function with its arguments, and what compiling it took."""

    name: str
    run: Callable[[], Any]
    flops: int
    """Useful ones, of one run."""
    compile_s: float = 0.0
    memory: int = 0
    """Bytes that XLA plans for temporaries and results."""


def compiled(name: str, flops: int, function: Callable, *arguments: Any) -> Program:
    """Compile `function` for these arguments. It may return its own next first argument.

    The arguments are passed to the program rather than baked into it.
    """
    start = time.perf_counter()
    program = jax.jit(function).lower(*arguments).compile()
    seconds = time.perf_counter() - start
    analysis = program.memory_analysis()
    memory = analysis.temp_size_in_bytes + analysis.output_size_in_bytes if analysis else 0
    return Program(name, lambda: program(*arguments), flops, seconds, memory)


def peak() -> Program:
    """The machine's matrix product, float32: what all rates are compared with."""
    a = jax.random.normal(jax.random.key(0), (PEAK_SIZE, PEAK_SIZE), jnp.float32)
    return compiled("peak", 2 * PEAK_SIZE**3, jnp.matmul, a, a)


def in_turns(programs: list[Program], seconds: float = 20.0, least: int = 5) -> np.ndarray:
    """Seconds of each program in each round, `[rounds, programs]`.

    A round runs each program once, short ones several times; rounds go on until `seconds` are
    over.
    """
    for program in programs:
        _once(program)  # the first call is not like the others
    repeats = [max(1, int(0.02 / _once(program))) for program in programs]
    rounds, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(rounds) < least:
        rounds.append(
            [
                float(np.median([_once(program) for _ in range(n)]))
                for program, n in zip(programs, repeats, strict=True)
            ]
        )
    return np.array(rounds)


def _once(program: Program) -> float:
    start = time.perf_counter()
    jax.block_until_ready(program.run())
    return time.perf_counter() - start
