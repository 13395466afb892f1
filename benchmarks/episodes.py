"""What drawing an episode costs, as a share of the inner unroll that it feeds.

Run as `python benchmarks/episodes.py`; it uses the real files where they are at hand, and random
bytes of the same shape where not. Both programs are compiled, and timed in turns: the median ratio
does not depend on the machine's load.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console
from rich.table import Table

from blurax import genome as genomes
from blurax.errors import BluraxError
from blurax.inner import Remat, unroll
from blurax.network import Network
from blurax.spec import Reduction, Rule, Update
from blurax.tasks import ArrayTask, Augment, Augmented, Classes, EpisodeSpec, Split, Task, get

RULE = Rule(states=4, update=Update(batch=Reduction.MEAN))
SPEC = EpisodeSpec(steps=10, batch=128, query=128)

ROWS = (
    ("mnist", (784, 512, 256, 10)),
    ("mnist:size=10", (100, 256, 128, 10)),
    ("mnist:permute-inputs,permute-labels", (784, 512, 256, 10)),
    ("mnist:noise=0.1", (784, 512, 256, 10)),
    ("mnist:project=100", (100, 256, 128, 10)),
    ("omniglot", (784, 512, 256, 10)),
    ("digits", (64, 128, 64, 10)),
    ("xor", (2, 20, 2)),
)
"""Tasks and the networks that learn them."""


def task_of(name: str, features: int) -> Task:
    """The task, or one of its shape where its files are not at hand."""
    try:
        return get(name)
    except BluraxError:
        rng = np.random.default_rng(0)
        side = features if "project" not in name else 784
        x = rng.integers(0, 256, (70_000, side), dtype=np.uint8)
        plain = ArrayTask(
            x=jnp.asarray(x),
            labels=jnp.asarray(rng.integers(0, 10, 70_000), jnp.int32),
            shift=jnp.asarray(128.0),
            scale=jnp.asarray(1 / 74),
            name=f"random bytes for {name}",
            target=Classes(10),
            bounds=(50_000, 60_000),
        )
        if "permute" in name:
            return Augmented(plain, Augment(permute_inputs=True, permute_labels=True), plain.name)
        if "noise" in name:
            return Augmented(plain, Augment(noise=0.1), plain.name)
        return Augmented(plain, Augment(project=100), plain.name) if "project" in name else plain


def seconds(program: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    jax.block_until_ready(program())
    return time.perf_counter() - start


def measure(name: str, sizes: tuple[int, ...], rounds: int) -> tuple[str, float, float, float]:
    """Milliseconds to draw and to unroll, and the median ratio."""
    task, network = task_of(name, sizes[0]), Network(sizes)
    genome = genomes.random(jax.random.key(0), RULE)
    key = jax.random.key(1)

    @eqx.filter_jit
    def draw(task: Task, key: jax.Array) -> tuple[jax.Array, jax.Array, object]:
        episode = task.sample(key, SPEC, Split.TRAIN)
        return episode.x.reshape(SPEC.steps, SPEC.batch, -1), episode.y, episode.query  # as rows

    @eqx.filter_jit
    def learn(genome: genomes.Genome, state: object, x: jax.Array, y: jax.Array) -> object:
        return unroll(genome, state, x, y, remat=Remat.NONE)[0]

    x, y, _ = draw(task, key)
    state = network.init(key, RULE, SPEC.batch)
    learn(genome, state, x, y)
    drawn, learned = [], []
    for _ in range(rounds):
        drawn.append(seconds(lambda: draw(task, key)))
        learned.append(seconds(lambda: learn(genome, state, x, y)))
    ratio = statistics.median(d / u for d, u in zip(drawn, learned, strict=True))
    return task.name, 1e3 * statistics.median(drawn), 1e3 * statistics.median(learned), ratio


def main() -> None:
    """Print one row for each task."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    table = Table("task", "network", "draw ms", "unroll ms", "draw / unroll")
    for name, sizes in ROWS:
        task, draw, learn, ratio = measure(name, sizes, rounds)
        network = "-".join(map(str, sizes))
        table.add_row(task, network, f"{draw:.2f}", f"{learn:.1f}", f"{100 * ratio:.1f} %")
    Console(width=110).print(
        f"{jax.devices()[0].device_kind}; 10 steps of batch 128, k = 4, float32, no gradient", table
    )


if __name__ == "__main__":
    main()
