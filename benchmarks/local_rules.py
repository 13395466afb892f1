"""Local rules at the size of their papers, on MNIST, beside Adam on the same networks.

Run as `python benchmarks/local_rules.py --directory runs/local`, with MNIST downloaded or at
`BLURAX_DATA`. The networks are the papers', but 4 x 500 neurons for forward-forward (there
4 x 2000): equilibrium propagation 784-500-10 for 25 epochs in batches of 20 (Scellier and Bengio
2017), predictive coding 784-600-600-10 for 10 in batches of 128 (Whittington and Bogacz 2017),
forward-forward for 60 in batches of 128 (Hinton 2022). A fifth of the training examples validates:
rates and settings are chosen on it, three after an epoch and one of these after ten, with one
seed. What is printed is about all 10,000 test examples and other seeds, after every epoch. Started
again in the same directory, it goes on where it was.
"""

import argparse
import dataclasses
import itertools
import json
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from blurax.baselines import Arrangement, baseline
from blurax.baselines.descent import Setting
from blurax.curves import learning_curve
from blurax.fit import network_for
from blurax.io import write_text
from blurax.learner import Learner
from blurax.network import Network
from blurax.spec import Activation
from blurax.tasks import EpisodeSpec, Split, Task, get

EXAMPLES = 48_000
"""Of an epoch: what validates is not learned from."""
FINALISTS = 3


@dataclasses.dataclass(frozen=True)
class Run:
    """A rule on the network of its paper."""

    hidden: str
    epochs: int
    rates: tuple[float, ...]
    """What its own is chosen from."""
    settings: dict[str, tuple[float, ...]] = dataclasses.field(default_factory=dict)
    """And its settings."""
    batch: int = 128

    def options(self) -> list[tuple[float, tuple[Setting, ...]]]:
        """Every rate with every combination of settings."""
        values = itertools.product(*self.settings.values())
        chosen = [tuple(map(Setting, self.settings, each)) for each in values]
        return [(rate, each) for each in chosen for rate in self.rates]


ADAM = (3e-4, 1e-3, 3e-3)
RUNS = {
    "equilibrium-propagation": Run("500", 25, (0.01, 0.03, 0.1), {"beta": (0.5, 1.0)}, 20),
    "predictive-coding": Run(
        "600-600", 10, (3e-4, 1e-3), {"variance": (1.0, 10.0), "inference": (0.03, 0.1)}
    ),
    "forward-forward": Run(
        "500-500-500-500", 60, (1e-3, 3e-3, 1e-2), {"threshold": (1.0, 2.0), "label": (1.0, 4.0)}
    ),
}
COMMON = {"steps": 20, "epsilon": 0.5}
"""Settings of which nothing is chosen, where a rule has them."""


def made(name: str, network: Network, task: Task, chosen: tuple[Setting, ...]) -> Learner:
    """The rule with its settings."""
    usual = {
        "predictive-coding": ("steps",),
        "equilibrium-propagation": ("epsilon",),
    }.get(name, ())
    given = (*(Setting(key, COMMON[key]) for key in usual), *chosen)
    return baseline(name).make(Arrangement(Activation.RELU, False, given), network, task)


def curve(
    learner: Learner, task: Task, key: Any, epochs: int, split: Split, rate: float, batch: int
) -> np.ndarray:
    """Accuracy after every epoch, `[epochs]`."""
    stops = tuple(EXAMPLES // batch * (n + 1) for n in range(epochs))
    sizes = EpisodeSpec(batch=batch, held_out=10_000)
    _, found = learning_curve(learner, task, key[None], stops, split, rate=rate, sizes=sizes)
    return np.asarray(found.accuracy)[0]


def chosen_of(name: str, run: Run, network: Network, task: Task) -> tuple[float, Any]:
    """Rate and settings: the best after an epoch, then of these the best after ten."""
    left, key = run.options(), jax.random.key(1)
    for epochs, kept in ((1, FINALISTS), (min(10, run.epochs), 1)):
        scores = []
        for rate, chosen in left:
            learner = made(name, network, task, chosen)
            found = curve(learner, task, key, epochs, Split.VALIDATE, rate, run.batch)[-1]
            scores.append(float(np.nan_to_num(found)))
            values = [each.value for each in chosen]
            print(f"  {name} {rate:g} {values}, {epochs}: {100 * scores[-1]:.1f}", flush=True)
        left = [left[n] for n in np.argsort(scores)[::-1][:kept]]
    return left[0]


def measured(name: str, run: Run, seeds: int) -> dict[str, Any]:
    """What was chosen, and accuracies with it."""
    task = get("mnist")
    network = network_for(task, run.hidden)
    rate, chosen = chosen_of(name, run, network, task)
    begun = time.perf_counter()
    learner = made(name, network, task, chosen)
    keys = jax.random.split(jax.random.key(0), seeds)
    found = np.stack(
        [curve(learner, task, key, run.epochs, Split.TEST, rate, run.batch) for key in keys]
    )
    return {
        "hidden": run.hidden,
        "rate": rate,
        "settings": {each.name: each.value for each in chosen},
        "accuracy": found.tolist(),
        "seconds": round((time.perf_counter() - begun) / seeds),
    }


def main() -> None:
    """Each rule in turn, then Adam on its network for as many epochs."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=list(RUNS))
    given = parser.parse_args()
    for name in given.only:
        rule = RUNS[name]
        rival = Run(rule.hidden, rule.epochs, ADAM, batch=rule.batch)
        for kind, run in ((name, rule), ("adam", rival)):
            file = given.directory / f"{name}-{kind}.json"
            if not file.exists():
                write_text(file, json.dumps(measured(kind, run, given.seeds)) + "\n")
            told(kind, json.loads(file.read_text(encoding="utf-8")))


def told(name: str, found: dict[str, Any]) -> None:
    """A line of what was reached: test error in per cent at some epochs."""
    error = 100 * (1 - np.asarray(found["accuracy"]))
    at = sorted({1, 2, 5, 10, 25, error.shape[1]} & set(range(1, error.shape[1] + 1)))
    numbers = ", ".join(
        f"{n}: {error[:, n - 1].mean():.2f} ± {error[:, n - 1].std(ddof=1):.2f}" for n in at
    )
    print(f"{name} {found['hidden']} rate {found['rate']:g} {found['settings']}: {numbers}")


if __name__ == "__main__":
    main()
