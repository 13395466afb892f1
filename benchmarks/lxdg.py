"""Learned gates at the size of their paper (Tilley et al. 2023), on five orders of MNIST.

Run as `python benchmarks/lxdg.py`, with MNIST downloaded or at `BLURAX_DATA`. As in the paper:
784-2000-2000-10, gates of 400-400, Adam at 1e-3, batches of 256, all strengths 1,000. Cut for two
cores: one epoch a task (`--epochs`), not 20, one seed (`--seeds`), no dropout. Nothing is tuned.
"""

import argparse
import dataclasses
import time

import jax
import numpy as np

from blurax.baselines import Arrangement, baseline
from blurax.baselines.descent import Setting
from blurax.curves import learning_curve
from blurax.fit import network_for
from blurax.forgetting import measures
from blurax.spec import Activation
from blurax.tasks import Split, get

RATE, BATCH, STRENGTH = 1e-3, 256, 1000.0
METHODS = {
    "adam": ("adam", {}),
    "ewc": ("ewc", {"strength": STRENGTH}),
    "lxdg": ("lxdg", {"gate_strength": STRENGTH, "strength": 0.0}),
    "lxdg with ewc": ("lxdg", {"gate_strength": STRENGTH, "strength": STRENGTH}),
}


def main() -> None:
    """Each method in turn: average accuracy, accuracy when learned, forgetting, seconds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=float, default=1.0)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--hidden", default="2000-2000")
    given = parser.parse_args()
    steps = round(given.epochs * 60_000 / BATCH)
    options = "" if given.epochs <= 0.8 else ",repeat"  # a fifth of the examples validates
    task = get(f"sequence:mnist:by=permute,stages=5,steps={steps}{options}")
    network = network_for(task, given.hidden)
    for name, (kind, settings) in METHODS.items():
        chosen = tuple(Setting(key, value) for key, value in settings.items())
        learner = baseline(kind).make(Arrangement(Activation.RELU, False, chosen), network, task)
        if kind == "lxdg":
            learner = dataclasses.replace(learner, hidden=(400, 400))
        begun = time.perf_counter()
        keys = jax.random.split(jax.random.key(0), given.seeds)
        _, curve = learning_curve(
            learner, task, keys, task.stages.ends, Split.TEST, rate=RATE, batch=BATCH
        )
        found = measures(np.asarray(curve.stages), task.target.chance)
        numbers = ", ".join(f"{key} {100 * value.mean():.1f}" for key, value in found.items())
        print(f"{name}: {numbers}; {time.perf_counter() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    main()
