"""Which normalisation serves a learned rule: over the batch, the layer, all, or crosses.

Run as `python benchmarks/normalise_over.py --directory runs/over`. One rule, four times, each
normalised otherwise, is learned from back-propagation on MNIST at 14x14 and digits, for as many
meta-steps, and then evaluated on data sets and batches that it never met, down to single examples.
Interrupted, the runs go on where they were.
"""

import argparse
import dataclasses
from pathlib import Path

import jax
import numpy as np

import blurax
from blurax.curves import learning_curve
from blurax.fit import network_for
from blurax.outer import run
from blurax.outer.config import MetaTrain
from blurax.outer.objective import Objective, When
from blurax.outer.recipes.recipe import CLIPPED, ONE_BY_ONE
from blurax.outer.variants import SWIFT, slowing
from blurax.spec import Over, Rule
from blurax.tasks import EpisodeSpec, Split, get

BATCHES = {128: 100, 16: 200, 1: 1000}
"""Examples in a step, and the steps."""
TASKS = ("fashion-mnist:size=14", "kmnist:train=0,size=14", "wine")


def over(rule: Rule, what: Over) -> Rule:
    """The rule, normalised otherwise."""
    stabilise = dataclasses.replace(rule.stabilise, normalise_over=what)
    return dataclasses.replace(rule, stabilise=stabilise)


def training(what: Over, meta_steps: int) -> MetaTrain:
    """How each of the four is learned."""
    return MetaTrain(
        tasks=("mnist:size=14", "digits"),
        hidden=("128-64",),
        rule=over(slowing(SWIFT), what),
        episode=EpisodeSpec(steps=20, batch=128, query=256),
        objective=Objective(when=When.MEAN),
        start_rate=0.5,
        optimiser=CLIPPED,
        meta_steps=meta_steps,
        validate_every=max(1, meta_steps // 6),
        **ONE_BY_ONE,
    )


def taught(genome: blurax.Genome, task: str, batch: int, seeds: int) -> str:
    """Its test accuracy after the last step, in per cent."""
    found = get(task)
    learner = blurax.Blur(genome, network_for(found, "128-64"))
    keys = jax.random.split(jax.random.key(1), seeds)
    stop = BATCHES[batch]
    _, curve = learning_curve(learner, found, keys, (stop,), Split.TEST, batch=batch)
    last = 100 * np.asarray(curve.accuracy[:, -1])
    return f"{last.mean():.1f} ± {last.std():.1f}"


def main() -> None:
    """Learn the four, then one line for each of them, task and batch; also two of the zoo's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, default=Path("runs/over"))
    parser.add_argument("--meta-steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    genomes = {}
    for what in Over:
        where = given.directory / what.value
        if not run.is_under_way(where):
            blurax.meta_train(training(what, given.meta_steps), where)
        else:
            run.advance(where)
        genomes[what.value] = blurax.load(str(where / "best.safetensors"))
        print(f"{what.value} is learned", flush=True)
    for name in ("steady", "images"):
        zoo = blurax.load(name)
        genomes[name] = zoo
        layer = over(zoo.rule, Over.LAYER)
        genomes[f"{name}, over the layer"] = dataclasses.replace(zoo, rule=layer)
    for name, genome in genomes.items():
        for task in TASKS:
            cells = [f"{b}: {taught(genome, task, b, given.seeds)}" for b in BATCHES]
            print(f"{name} | {task} | {' | '.join(cells)}", flush=True)


if __name__ == "__main__":
    main()
