"""Genomes next to each other on settings of many kinds, by validation examples.

    python benchmarks/judge.py quick mine.safetensors --set hidden.batch_size=0.5 --seeds 4

The first genome is what the others are told next to: for each setting its accuracy, or explained
variance, after 10, 20, 50, 100 and 300 steps, and what each other genome has more, in points; last
the mean gain in hundredths of the logarithm of the error (plus .01), over settings and steps. No
test example is looked at, so genomes may be chosen by what it prints. Searches had some of the
settings (14x14 with 16 neurons among them), and none of the seeds. With `--set` the last genome
named is tried with numbers put in by hand, in hidden layers, the readout or both.
"""

import argparse
import dataclasses
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import blurax
from blurax import Blur, tasks, zoo
from blurax.curves import learning_curve
from blurax.errors import BluraxError, require
from blurax.fit import network_for
from blurax.genome import Genome
from blurax.tasks import EpisodeSpec, Split
from blurax.widen import widen

LAYERS = {"hidden": [0], "readout": [1], "both": [0, 1]}
GATES = ("f", "eta", "f_tilde", "eta_tilde")
STOPS = (10, 20, 50, 100, 300)
FLOOR = 0.01
SETTINGS: dict[str, tuple[str, str, int]] = {
    "MNIST, 256-128": ("mnist", "256-128", 128),
    "MNIST, 512-256": ("mnist", "512-256", 128),
    "MNIST, 256": ("mnist", "256", 128),
    "14x14, 128-64": ("mnist:size=14", "128-64", 128),
    "MNIST, four of 128": ("mnist", "128-128-128-128", 128),
    "14x14, six of 48": ("mnist:size=14", "48-48-48-48-48-48", 128),
    "14x14, 16": ("mnist:size=14", "16", 128),
    "MNIST, 16": ("mnist", "16", 128),
    "14x14, 24-24": ("mnist:size=14", "24-24", 128),
    "digits, 128-64": ("digits", "128-64", 128),
    "40 classes, 128-64": ("clusters:features=60,classes=40,rows=8000", "128-64", 128),
    "14x14, noise 1": ("mnist:size=14,noise=1", "128-64", 128),
    "a class of 1 %": ("clusters:features=20,classes=4,rarest=0.01", "64-32", 128),
    "squares, 32-32": ("squares", "32-32", 128),
    "sines, 64-32": ("sines", "64-32", 128),
    "friedman, 64-32": ("friedman-like", "64-32", 128),
    "14x14, b 32": ("mnist:size=14", "128-64", 32),
    "digits, b 32": ("digits", "64-32", 32),
    "180 rows, b 32": ("clusters:rows=180,features=13,classes=3", "128-64", 32),
    "570 rows, b 32": ("clusters:rows=570,features=30,classes=2", "128-64", 32),
    "400 rows of steps-levels, b 32": ("steps-levels:rows=400", "128-64", 32),
    "friedman, b 32": ("friedman-like", "64-32", 32),
    "14x14, b 16": ("mnist:size=14", "128-64", 16),
    "14x14, b 512": ("mnist:size=14", "128-64", 512),
}
"""Task, network and batch size of each."""


def read(name: str) -> Genome:
    """A genome of the zoo, or of a file."""
    return blurax.load(zoo.find(name))


def with_numbers(genome: Genome, assignments: list[str]) -> Genome:
    """A genome with numbers put in: layer.gene=value, layer.gene*factor; layer: hidden, readout
    or both. Terms of the update that it lacks are added first."""
    require(genome.rule.readout, "--set takes a genome whose readout has genes of its own.")
    for assignment in assignments:
        times = "*" in assignment
        where, _, value = assignment.partition("*" if times else "=")
        layer, _, gene = where.partition(".")
        require(
            layer in LAYERS and gene != "" and value != "",
            f"--set has {assignment}; it takes layer.gene=value or layer.gene*factor, the layer "
            f"one of {', '.join(LAYERS)}.",
        )
        if gene in ("batch_size", "layer_size"):
            update = dataclasses.replace(genome.rule.update, **{gene: True})
            genome = widen(genome, dataclasses.replace(genome.rule, update=update))
        try:
            number = float(value)
        except ValueError:
            raise BluraxError(f"--set has {assignment}; {value} is not a number.") from None
        genome = _put(genome, layer, gene, number, times)
    return genome


def _put(genome: Genome, layer: str, gene: str, value: float, times: bool) -> Genome:
    def put(old: Any) -> Any:
        new = jnp.asarray(old)
        for index in LAYERS[layer]:
            new = new.at[index].set(new[index] * value if times else value)
        return new

    for part in ("neuron", "synapse"):
        genes = getattr(genome, part)
        if gene in genes.terms:
            terms = genes.terms | {gene: put(genes.terms[gene])}
            return dataclasses.replace(genome, **{part: dataclasses.replace(genes, terms=terms)})
        if gene in GATES and hasattr(genes, gene):
            new = dataclasses.replace(genes, **{gene: put(getattr(genes, gene))})
            return dataclasses.replace(genome, **{part: new})
    raise BluraxError(f"--set names {gene}, which the genome has not.")


def scores(genome: Genome, where: tuple[str, str, int], seeds: int) -> np.ndarray:
    """The mean score after each of the stops, by validation examples."""
    name, hidden, batch = where
    task = tasks.get(name)
    learner = Blur(genome, network_for(task, hidden))
    sizes = EpisodeSpec(batch=batch, query=1024)
    keys = jax.random.split(jax.random.key(1000), seeds)
    _, curve = learning_curve(learner, task, keys, STOPS, Split.VALIDATE, sizes=sizes)
    return np.asarray(curve.accuracy).mean(axis=0)


def gain(new: np.ndarray, old: np.ndarray) -> float:
    """In hundredths of the logarithm of the error."""
    errors = [np.log(1 - np.clip(s, 0, 1) + FLOOR) for s in (new, old)]
    return float(100 * (errors[1] - errors[0]).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("genomes", nargs="+")
    parser.add_argument("--set", nargs="*", default=[], dest="numbers")
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--only", nargs="*", default=[], help="settings whose name has a word")
    given = parser.parse_args()
    genomes = [read(name) for name in given.genomes]
    if given.numbers:
        genomes.append(with_numbers(genomes[-1], given.numbers))
    require(len(genomes) > 1, "judge.py takes two genomes or more, or one with --set.")
    chosen = [t for t in SETTINGS if not given.only or any(word in t for word in given.only)]
    require(chosen != [], f"--only has {given.only}; the settings are {', '.join(SETTINGS)}.")
    found: list[list[float]] = []
    for title in chosen:
        where = SETTINGS[title]
        start = time.monotonic()
        first, *others = (scores(genome, where, given.seeds) for genome in genomes)
        cells = [" / ".join(f"{100 * s:.1f}" for s in first)]
        cells += [" / ".join(f"{100 * s:+.1f}" for s in other - first) for other in others]
        found.append([gain(other, first) for other in others])
        print(f"| {title} | {' | '.join(cells)} | {time.monotonic() - start:.0f} s", flush=True)
    means = np.mean(found, axis=0)
    print(f"| mean, hundredths of log error | | {' | '.join(f'{m:+.1f}' for m in means)} |")


if __name__ == "__main__":
    try:
        main()
    except BluraxError as error:
        raise SystemExit(f"judge: {error}") from None
