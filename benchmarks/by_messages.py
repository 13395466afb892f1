"""A learner by messages on the network's graph, beside a genome learned for as long.

Run as `python benchmarks/by_messages.py --directory runs/messages`. Both learn with the tasks,
networks and objective of the recipe `per-parameter` until they have used so many seconds of a
processor, compiling included, the genome from back-propagation; then they are evaluated on data
sets that neither met. Interrupted, the run that was going on gets its seconds anew; one whose time
is over is taken as it is.
"""

import argparse
import contextlib
import dataclasses
import time
from pathlib import Path

import jax
import numpy as np

import blurax
from blurax.curves import learning_curve
from blurax.fit import blur_for, for_task, network_for
from blurax.learned.by_messages import ByMessages
from blurax.learner import Learner
from blurax.outer import run
from blurax.outer.config import MetaTrain
from blurax.outer.recipes import RECIPES
from blurax.outer.start import Start
from blurax.tasks import Split, get

TASKS = ("fashion-mnist:size=14", "kmnist:train=0,size=14", "wine", "breast-cancer")
STOPS = (10, 20, 50, 100)
NETWORK = "64-32"
BEST = "best.safetensors"


class _TimeOverError(Exception):
    """The run has had its seconds."""


def trained(config: MetaTrain, learner: Learner | None, where: Path, seconds: float) -> Path:
    """Meta-train for so long, and return the file of the best; a checkpoint comes with each
    validation, so the run ends at the first one after its time."""
    start = time.process_time()

    def watch(step: run.Progress) -> None:
        over = time.process_time() - start > seconds
        if over and (where / BEST).exists() and step.step % config.validate_every == 1:
            raise _TimeOverError

    over = where.with_suffix(".over")
    if over.exists():
        return where / BEST
    run.start_unless_under_way(config, where, "take another --directory", learner)
    with contextlib.suppress(_TimeOverError):
        run.advance(where, watch, learner=learner)
    over.touch()
    return where / BEST


def accuracies(learner: Learner, task: str, seeds: int) -> np.ndarray:
    """On test examples after each stop, in per cent, `[seeds, stops]`."""
    keys = jax.random.split(jax.random.key(1), seeds)
    _, curve = learning_curve(learner, get(task), keys, STOPS, Split.TEST, rate=0.01)
    return 100 * np.asarray(curve.accuracy)


def main() -> None:
    """Learn both, then a line for each learner and task, and their means."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, default=Path("runs/messages"))
    parser.add_argument("--seconds", type=float, default=590.0)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tasks", nargs="*", default=TASKS)
    given = parser.parse_args()
    recipe = RECIPES["per-parameter"].config
    by_messages = ByMessages(blurax.Network((64, 32, 10)))
    config = dataclasses.replace(recipe, learner="ByMessages")
    file = trained(config, by_messages, given.directory / "messages", given.seconds)
    rule = blurax.load("default").rule
    config = dataclasses.replace(recipe, learner="", rule=rule, start=Start.BACKPROP)
    genome = blurax.load(str(trained(config, None, given.directory / "genome", given.seconds)))
    means: dict[str, list[np.ndarray]] = {}
    for name in given.tasks:
        task = get(name)
        network = network_for(task, NETWORK)
        learners = {
            "by messages": for_task(blurax.load_learner(file, like=ByMessages(network)), task),
            "genome": blur_for(genome, network, task),
            "default": blur_for(blurax.load("default"), network, task),
        }
        for learner, one in learners.items():
            found = accuracies(one, name, given.seeds)
            cells = zip(found.mean(axis=0), found.std(axis=0), strict=True)
            print(f"{learner} | {name} | {' | '.join(f'{m:.1f} ± {s:.1f}' for m, s in cells)}")
            means.setdefault(learner, []).append(found.mean(axis=0))
    for learner, each in means.items():
        print(f"{learner} | mean | {' | '.join(f'{m:.1f}' for m in np.mean(each, axis=0))}")


if __name__ == "__main__":
    main()
